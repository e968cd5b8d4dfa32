//! Who sends a claim: the service by itself, a person, or a person after a second one has allowed it.

use serde::{Deserialize, Serialize};
use shared_events::money::Money;

/// From this probability on a match may count without a person.
pub const AUTOMATIC: f64 = 0.85;

/// The best match of a claim's documents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Whether a model decided, behind an open gate; otherwise a person did.
    pub by_model: bool,
    /// Calibrated probability, 0 to 1.
    pub probability: f64,
}

/// What the decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether the check-list is complete.
    pub complete: bool,
    /// The match of its documents; none: there is none.
    pub matched: Option<Match>,
    /// What is claimed.
    pub amount: Money,
    /// Up to which amount the tenant lets claims go; none: every claim needs a second person.
    pub limit: Option<Money>,
    /// Whether its window is open.
    pub open: bool,
    /// Whether the tenant's or the general switch stops sending.
    pub stopped: bool,
    /// Whether there is any channel that sends it; otherwise a person has to.
    pub allowed: bool,
}

/// Who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The service, by itself.
    Automatic,
    /// A second person has to allow it first.
    Approval,
    /// A person has to decide; the reason in words.
    Person(&'static str),
}

/// Whether a claim goes by itself. Everything has to hold; what does not is told.
pub fn decide(facts: &Facts) -> Decision {
    let Some(matched) = facts.matched else {
        return Decision::Person("no document was matched");
    };
    if !facts.complete {
        Decision::Person("something on the check-list is missing")
    } else if !facts.allowed {
        Decision::Person("the tenant does not let claims go by themselves")
    } else if facts.stopped {
        Decision::Person("sending is stopped")
    } else if !facts.open {
        Decision::Person("the window is not open")
    } else if !matched.by_model {
        Decision::Person("a person decided about the document, not a model behind an open gate")
    } else if matched.probability < AUTOMATIC {
        Decision::Person("the probability is below 0.85")
    } else if needs_approval(facts.amount, facts.limit) {
        Decision::Approval
    } else {
        Decision::Automatic
    }
}

/// Whether a second person has to allow it: over the limit, or in a currency that has none.
pub fn needs_approval(amount: Money, limit: Option<Money>) -> bool {
    limit.is_none_or(|limit| limit.currency != amount.currency || amount.minor > limit.minor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared_events::money::Currency;

    use super::*;

    fn good() -> Facts {
        let usd = |minor| Money::new(minor, Currency::USD);
        let matched = Some(Match { by_model: true, probability: 0.85 });
        let (amount, limit) = (usd(10_000), Some(usd(10_000)));
        Facts { complete: true, matched, amount, limit, open: true, stopped: false, allowed: true }
    }

    #[test]
    fn each_condition_alone_keeps_a_claim_from_going_by_itself() {
        assert_eq!(decide(&good()), Decision::Automatic);
        let low = Some(Match { by_model: true, probability: 0.849_999 });
        let person = Some(Match { by_model: false, probability: 0.99 });
        let cases = [
            Facts { complete: false, ..good() },
            Facts { matched: None, ..good() },
            Facts { matched: low, ..good() },
            Facts { matched: person, ..good() },
            Facts { open: false, ..good() },
            Facts { stopped: true, ..good() },
            Facts { allowed: false, ..good() },
        ];
        for facts in cases {
            assert!(matches!(decide(&facts), Decision::Person(_)), "{facts:?}");
        }
        let eur = Some(Money::new(1_000_000, Currency::try_new("EUR").expect("a currency")));
        for limit in [None, eur, Some(Money::new(9_999, Currency::USD))] {
            assert_eq!(decide(&Facts { limit, ..good() }), Decision::Approval, "{limit:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_below_the_line_or_over_the_limit_ever_goes_by_itself(
            probability in 0.0_f64..=1.0, minor in 1_i64..1_000_000, limit in 0_i64..1_000_000, flags in any::<[bool; 5]>(),
        ) {
            let [complete, by_model, open, stopped, allowed] = flags;
            let usd = |minor| Money::new(minor, Currency::USD);
            let matched = Some(Match { by_model, probability });
            let facts = Facts { complete, matched, amount: usd(minor), limit: Some(usd(limit)), open, stopped, allowed };
            if decide(&facts) == Decision::Automatic {
                prop_assert!(probability >= 0.85 && minor <= limit && complete && by_model && open && !stopped && allowed);
            }
        }
    }
}
