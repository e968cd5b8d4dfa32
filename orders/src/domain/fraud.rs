//! How suspicious an order is: a score of 0 to 100 from factors, each with its points and what was seen.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Names the factors and points below; kept with every score.
pub const MODEL: &str = "factors-1";
/// The highest score.
pub const HIGHEST: i64 = 100;

/// So many orders of a kind are counted, the newest first: more would say nothing new, and a shop may have any number of them.
pub const SEEN_AT_MOST: i64 = 100;

/// What is known of an order and its likes, all counted before the order itself and up to
/// [`SEEN_AT_MOST`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Orders with the same card in the last hour.
    pub same_card_hour: i64,
    /// Orders to the same address in the last day, by other customers.
    pub same_address_day: i64,
    /// Orders from the same device in the last hour.
    pub same_device_hour: i64,
    /// How far billing and shipping address differ.
    pub addresses: Difference,
    /// What the order comes to, in minor units.
    pub amount_minor: i64,
    /// What the customer's last paid orders in the same currency came to in all.
    pub earlier_minor: i64,
    /// How many those were.
    pub earlier_orders: i64,
    /// Whether the mail address is of a service for throw-away addresses.
    pub disposable_mail: bool,
    /// How often a payment of the customer was charged back.
    pub chargebacks: i64,
}

/// How far two addresses differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Not at all, as far as it is known.
    #[default]
    None,
    /// The postcode.
    Postcode,
    /// The country.
    Country,
}

/// One reason of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Factor {
    /// Its stable name.
    #[schema(example = "velocity_card")]
    pub name: String,
    /// What it adds.
    #[schema(example = 40)]
    pub points: i64,
    /// What was seen.
    #[schema(example = "5 orders with the same card within an hour")]
    pub evidence: String,
}

/// From which score on something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// A person has to review; 65 unless said.
    pub review: i64,
    /// Held as highly suspicious; 75 unless said (seed 003).
    pub hold: i64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { review: 65, hold: 75 }
    }
}

/// What a score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// Goes on.
    Pass,
    /// A person has to review it.
    Review,
    /// Held.
    Hold,
}

impl Band {
    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Review => "review",
            Self::Hold => "hold",
        }
    }
}

/// A score with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// 0 to 100.
    pub score: i64,
    /// What it means.
    pub band: Band,
    /// Why.
    pub factors: Vec<Factor>,
}

/// Assesses an order.
pub fn assess(facts: &Facts, thresholds: Thresholds) -> Assessment {
    let factors: Vec<Factor> = [
        velocity("velocity_card", facts.same_card_hour, [(5, 45), (3, 25)], "with the same card within an hour"),
        velocity("velocity_device", facts.same_device_hour, [(5, 30), (3, 15)], "from the same device within an hour"),
        velocity(
            "velocity_address",
            facts.same_address_day,
            [(5, 25), (3, 15)],
            "of others to the same address within a day",
        ),
        address_mismatch(facts.addresses),
        amount_against_history(facts),
        facts
            .disposable_mail
            .then(|| factor("disposable_mail", 30, "the mail address is of a throw-away service".into())),
        chargebacks(facts.chargebacks),
    ]
    .into_iter()
    .flatten()
    .collect();
    let score = factors.iter().map(|factor| factor.points).sum::<i64>().min(HIGHEST);
    let band = match score {
        score if score >= thresholds.hold => Band::Hold,
        score if score >= thresholds.review => Band::Review,
        _ => Band::Pass,
    };
    Assessment { score, band, factors }
}

fn factor(name: &str, points: i64, evidence: String) -> Factor {
    Factor { name: name.to_owned(), points, evidence }
}

/// Points by how many there were; the highest step comes first.
fn velocity(name: &str, seen: i64, steps: [(i64, i64); 2], what: &str) -> Option<Factor> {
    let (_, points) = steps.into_iter().find(|(least, _)| seen >= *least)?;
    let more = if seen >= SEEN_AT_MOST { " or more" } else { "" };
    Some(factor(name, points, format!("{seen}{more} orders {what}")))
}

fn address_mismatch(difference: Difference) -> Option<Factor> {
    match difference {
        Difference::None => None,
        Difference::Postcode => {
            Some(factor("address_mismatch", 10, "billing and shipping address have different postcodes".into()))
        }
        Difference::Country => {
            Some(factor("address_mismatch", 25, "billing and shipping address are in different countries".into()))
        }
    }
}

/// Far above what the customer usually spends. A first order says nothing: everybody has one.
fn amount_against_history(facts: &Facts) -> Option<Factor> {
    if facts.earlier_orders < 3 || facts.earlier_minor <= 0 {
        return None;
    }
    // amount / (earlier / orders) without dividing
    let scaled = i128::from(facts.amount_minor) * i128::from(facts.earlier_orders);
    let times = i64::try_from(scaled / i128::from(facts.earlier_minor)).unwrap_or(i64::MAX);
    let points = match times {
        10.. => 35,
        5.. => 20,
        _ => return None,
    };
    Some(factor("amount_against_history", points, format!("{times} times what the customer usually spends")))
}

fn chargebacks(count: i64) -> Option<Factor> {
    match count {
        ..=0 => None,
        1 => Some(factor("prior_chargebacks", 40, "one payment was charged back before".into())),
        _ => Some(factor("prior_chargebacks", 65, format!("{count} payments were charged back before"))),
    }
}

/// Services that give anybody a mail address for ten minutes; a list to begin with, not a complete one.
const DISPOSABLE: [&str; 12] = [
    "10minutemail.com",
    "dispostable.com",
    "getnada.com",
    "guerrillamail.com",
    "mailinator.com",
    "maildrop.cc",
    "sharklasers.com",
    "temp-mail.org",
    "tempmail.com",
    "throwawaymail.com",
    "trashmail.com",
    "yopmail.com",
];

/// Whether a mail address is of a service for throw-away addresses, or of a name under one.
pub fn is_disposable(email: &str) -> bool {
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain).trim_end_matches('.').to_ascii_lowercase();
    DISPOSABLE
        .iter()
        .any(|known| domain == *known || domain.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_known_is_nothing_suspicious() {
        let clean = assess(&Facts::default(), Thresholds::default());
        assert_eq!(clean, Assessment { score: 0, band: Band::Pass, factors: vec![] });
    }

    #[test]
    fn factors_add_up_and_the_bands_begin_at_their_thresholds() {
        let facts = Facts { chargebacks: 1, addresses: Difference::Country, ..Facts::default() };
        let review = assess(&facts, Thresholds::default());
        assert_eq!((review.score, review.band), (65, Band::Review));
        let hold =
            assess(&Facts { same_card_hour: 5, disposable_mail: true, ..Facts::default() }, Thresholds::default());
        assert_eq!((hold.score, hold.band), (75, Band::Hold));
        assert_eq!(hold.factors[0].evidence, "5 orders with the same card within an hour");
        let all = Facts { same_card_hour: 9, chargebacks: 3, ..facts };
        assert_eq!(assess(&all, Thresholds::default()).score, HIGHEST);
        let many = assess(&Facts { same_card_hour: SEEN_AT_MOST, ..Facts::default() }, Thresholds::default());
        assert_eq!(many.factors[0].evidence, "100 or more orders with the same card within an hour");
        let lenient = Thresholds { review: 90, hold: 101 };
        assert_eq!(assess(&all, lenient).band, Band::Review);
    }

    #[test]
    fn an_amount_is_compared_with_what_is_usual() {
        let usual = Facts { earlier_orders: 4, earlier_minor: 40_000, ..Facts::default() };
        let points = |amount_minor| assess(&Facts { amount_minor, ..usual.clone() }, Thresholds::default()).score;
        assert_eq!([points(49_999), points(50_000), points(100_000)], [0, 20, 35]);
    }

    #[test]
    fn throw_away_addresses_are_known_by_their_domain() {
        assert!(is_disposable("x@mailinator.com") && is_disposable("x@eu.Mailinator.com"));
        assert!(!is_disposable("x@notmailinator.com") && !is_disposable("mailinator.com"));
    }

    proptest! {
        #[test]
        fn more_of_anything_is_never_less_suspicious(card in 0_i64..8, device in 0_i64..8, charged in 0_i64..4, more in 0_usize..3) {
            let facts = Facts { same_card_hour: card, same_device_hour: device, chargebacks: charged, ..Facts::default() };
            let mut worse = facts.clone();
            match more {
                0 => worse.same_card_hour += 1,
                1 => worse.same_device_hour += 1,
                _ => worse.chargebacks += 1,
            }
            let (first, second) = (assess(&facts, Thresholds::default()), assess(&worse, Thresholds::default()));
            prop_assert!(second.score >= first.score && second.band >= first.band && second.score <= HIGHEST);
        }
    }
}
