//! The files of policy, embedded and checked.

use std::sync::LazyLock;

use chrono::{Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};
use shared_events::money::Money;
use utoipa::ToSchema;

use super::ClaimType;

/// How sure we are of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Read in an official page or announcement.
    Verified,
    /// Told by others who quote it.
    Secondary,
    /// Sources disagree; the current official page is still to be read.
    NeedsConfirmation,
    /// Our own cautious reading, where nothing was published.
    Assumed,
}

impl Certainty {
    /// Whether a window is to be marked as uncertain where it is shown.
    pub fn is_uncertain(self) -> bool {
        matches!(self, Self::NeedsConfirmation | Self::Assumed)
    }
}

/// A length of calendar time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Days.
    Days(u32),
    /// Calendar months.
    Months(u32),
}

impl Span {
    /// The day this long after another.
    pub fn after(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Days(days) => day + Days::new(u64::from(days)),
            Self::Months(months) => day + Months::new(months),
        }
    }
}

/// One rule about windows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Its name within the file.
    pub id: String,
    /// Country codes.
    pub marketplaces: Vec<String>,
    /// What it is about.
    pub claim_types: Vec<ClaimType>,
    /// The first day of the clock that it holds for; none: since ever.
    pub effective_from: Option<NaiveDate>,
    /// The first day that it no longer holds for.
    pub effective_until: Option<NaiveDate>,
    /// What starts the clock, in words.
    pub clock: String,
    /// From when on it may be filed, after the clock.
    pub opens: Span,
    /// The last day on which it may be filed, after the clock.
    pub closes: Span,
    /// Days in which Amazon mostly pays by itself, so that we wait.
    #[serde(default)]
    pub auto_grace_days: u32,
    /// Where it is written.
    pub source: String,
    /// How sure that is.
    pub certainty: Certainty,
    /// `<file's version>/<id>`.
    #[serde(skip_deserializing)]
    pub version: String,
}

#[derive(Debug, Deserialize)]
struct File {
    version: String,
    terms: Vec<Term>,
}

/// What amounts are worked out from.
#[derive(Debug, Deserialize)]
pub struct Valuation {
    /// Version of the file.
    pub version: String,
    /// Units lost before an order are worth their sourcing cost from this day on, and the estimated sale price before.
    pub sourcing_cost_from: NaiveDate,
    /// The most that is paid for one item, per currency for which it is known.
    pub caps: Vec<Money>,
    /// Amazon keeps this share of the referral fee of a refund, in basis points.
    pub refund_fee_share_bps: i64,
    /// But not more than this, per currency for which it is known.
    pub refund_fee_caps: Vec<Money>,
    /// Business days within which an approved amount has to arrive.
    pub payment_business_days: u32,
    /// Days within which a return has to appear in the ledger.
    pub restock_days: u32,
    /// Days of sales before a loss that its estimated sale price is taken from.
    pub price_days: u32,
}

/// All terms, and the rules of valuation.
#[derive(Debug)]
pub struct Policy {
    /// Terms of all files.
    pub terms: Vec<Term>,
    /// Rules of valuation.
    pub valuation: Valuation,
}

const FILES: [&str; 5] = [
    include_str!("../../data/policy/us.json"),
    include_str!("../../data/policy/eu.json"),
    include_str!("../../data/policy/mena.json"),
    include_str!("../../data/policy/in.json"),
    include_str!("../../data/policy/everywhere.json"),
];

static EMBEDDED: LazyLock<Policy> = LazyLock::new(|| {
    let mut terms = Vec::new();
    for file in FILES {
        let file: File = serde_json::from_str(file).expect("checked by a test");
        terms.extend(
            file.terms.into_iter().map(|term| Term { version: format!("{}/{}", file.version, term.id), ..term }),
        );
    }
    let valuation = serde_json::from_str(include_str!("../../data/valuation.json")).expect("checked by a test");
    Policy { terms, valuation }
});

impl Policy {
    /// The policy that this release knows.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// The term for a claim whose clock started on this day; none where nothing is known.
    pub fn term(&self, marketplace: &str, claim_type: ClaimType, clock: NaiveDate) -> Option<&Term> {
        self.terms.iter().find(|term| {
            term.claim_types.contains(&claim_type)
                && term.effective_from.is_none_or(|from| from <= clock)
                && term.effective_until.is_none_or(|until| clock < until)
                && term.marketplaces.iter().any(|place| place == marketplace || place == "*")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marketplace::Marketplace;

    #[test]
    fn no_day_has_two_terms_of_one_kind_and_every_place_is_known() {
        let policy = Policy::embedded();
        for (at, term) in policy.terms.iter().enumerate() {
            for place in &term.marketplaces {
                assert!(place == "*" || Marketplace::of_country(place).is_some(), "{}: {place}", term.id);
            }
            assert!(!term.source.is_empty() && !term.clock.is_empty());
            for other in &policy.terms[at + 1..] {
                let same_kind = term.claim_types.iter().any(|kind| other.claim_types.contains(kind));
                let same_place =
                    term.marketplaces.iter().any(|place| place != "*" && other.marketplaces.contains(place));
                let before = |one: &Term, two: &Term| {
                    one.effective_until.is_some_and(|until| two.effective_from.is_some_and(|from| until <= from))
                };
                let apart = before(term, other) || before(other, term);
                assert!(!(same_kind && same_place) || apart, "{} and {} overlap", term.version, other.version);
            }
        }
    }

    #[test]
    fn every_kind_of_claim_has_a_window_in_the_united_states_and_germany() {
        let today: NaiveDate = "2026-05-26".parse().expect("a date");
        for kind in ClaimType::ALL {
            for place in ["US", "DE"] {
                assert!(Policy::embedded().term(place, kind, today).is_some(), "{kind:?} in {place}");
            }
        }
    }
}
