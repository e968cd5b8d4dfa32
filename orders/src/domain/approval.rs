//! Which orders another person has to allow, and who that may be.

use shared_events::outcome::Rejection;

use super::fraud::Band;

/// Why a person has to decide; each makes one task in the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The order is worth a lot.
    HighValueOrder,
    /// The order is suspicious.
    FraudReview,
    /// The quality check found something.
    QcException,
    /// A carrier has trouble with a parcel, or brings it back.
    CarrierException,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::HighValueOrder, Self::FraudReview, Self::QcException, Self::CarrierException];

    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HighValueOrder => "high_value_order",
            Self::FraudReview => "fraud_review",
            Self::QcException => "qc_exception",
            Self::CarrierException => "carrier_exception",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What has to be decided before an order goes on. `high_value_minor` is the same number in every currency.
pub fn needed(grand_minor: i64, high_value_minor: i64, band: Band) -> Vec<Kind> {
    let fraud = (band > Band::Pass).then_some(Kind::FraudReview);
    let value = (grand_minor >= high_value_minor).then_some(Kind::HighValueOrder);
    fraud.into_iter().chain(value).collect()
}

/// Whether these people may decide: nobody decides about what they asked for themselves.
///
/// # Errors
/// `self_approval_forbidden`.
pub fn check_decider(deciders: &[&str], requesters: &[&str]) -> Result<(), Rejection> {
    if deciders.iter().any(|decider| requesters.contains(decider)) {
        return Err(Rejection::new("self_approval_forbidden", "whoever placed an order may not decide about it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_needs_approval_and_a_cent_less_does_not() {
        assert_eq!(needed(99_999, 100_000, Band::Pass), []);
        assert_eq!(needed(100_000, 100_000, Band::Pass), [Kind::HighValueOrder]);
        assert_eq!(needed(100_000, 100_000, Band::Review), [Kind::FraudReview, Kind::HighValueOrder]);
        assert_eq!(needed(1, 100_000, Band::Hold), [Kind::FraudReview]);
    }

    #[test]
    fn four_eyes() {
        assert!(check_decider(&["ann"], &["bob", "carl"]).is_ok());
        assert_eq!(check_decider(&["ann", "bob"], &["bob"]).expect_err("refused").code, "self_approval_forbidden");
    }
}
