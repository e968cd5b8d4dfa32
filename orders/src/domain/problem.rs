//! Problems with orders: what they may be about, and until when each has to be answered.

use chrono::TimeDelta;
use shared_events::outcome::Rejection;

/// What a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Something did not arrive.
    NotArrived,
    /// Something is damaged.
    Damaged,
    /// Something else was sent than was ordered.
    WrongItem,
    /// Something is wrong with the money.
    Payment,
    /// Anything else.
    Other,
}

/// Problems of one order that may be open at the same time.
pub const MOST_OPEN: i64 = 5;

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 5] = [Self::NotArrived, Self::Damaged, Self::WrongItem, Self::Payment, Self::Other];

    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotArrived => "not_arrived",
            Self::Damaged => "damaged",
            Self::WrongItem => "wrong_item",
            Self::Payment => "payment",
            Self::Other => "other",
        }
    }

    /// The topic of this name.
    ///
    /// # Errors
    /// `invalid_kind`, at the field `kind`.
    pub fn from_name(name: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|topic| topic.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Rejection::new("invalid_kind", format!("must be one of {names}")).at("kind")
        })
    }

    /// How long there is to answer; after that it is a manager's.
    pub const fn patience(self) -> TimeDelta {
        match self {
            Self::Payment => TimeDelta::hours(8),
            Self::NotArrived | Self::Damaged | Self::WrongItem => TimeDelta::hours(24),
            Self::Other => TimeDelta::hours(48),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_money_is_most_urgent() {
        for topic in Topic::ALL {
            assert_eq!(Topic::from_name(topic.name()), Ok(topic));
            assert!(topic.patience() >= Topic::Payment.patience(), "{topic:?}");
        }
        let unknown = Topic::from_name("weather").expect_err("refused");
        assert_eq!((unknown.code.as_str(), unknown.field.as_deref()), ("invalid_kind", Some("kind")));
    }
}
