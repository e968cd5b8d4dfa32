//! Signals of fraud: each holds a commission for review and says what was seen.

use shared_events::PartnerId;
use shared_events::tracking::Signals;

/// A conversion this soon after the click that brought it is looked at: people do not buy so fast, scripts do.
const TOO_FAST_MILLIS: i64 = 2_000;
/// More clicks of one visitor in an hour than this are looked at.
const MOST_CLICKS_PER_HOUR: u32 = 10;

/// A reason to look before paying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable name: `self_referral`, `duplicate_order`, `fast_conversion`, `click_velocity`.
    pub code: &'static str,
    /// What was seen, in one sentence.
    pub evidence: String,
}

/// The names alone, which is all that a calculation needs.
pub fn codes(signals: &Signals, partner: &PartnerId) -> impl Iterator<Item = &'static str> {
    [
        ("self_referral", signals.self_referral.contains(partner)),
        ("duplicate_order", signals.duplicate_of.is_some()),
        ("fast_conversion", signals.millis_from_click.is_some_and(|millis| (0..TOO_FAST_MILLIS).contains(&millis))),
        ("click_velocity", signals.clicks_last_hour > MOST_CLICKS_PER_HOUR),
    ]
    .into_iter()
    .filter_map(|(code, found)| found.then_some(code))
}

/// What a reviewer is shown.
pub fn findings(signals: &Signals, partner: &PartnerId, order_id: Option<&str>) -> Vec<Finding> {
    codes(signals, partner)
        .map(|code| {
            let evidence = match code {
                "self_referral" => format!("the customer is the partner {partner} itself: both have the same user id"),
                "duplicate_order" => {
                    let earlier = signals.duplicate_of.map(|id| id.to_string()).unwrap_or_default();
                    format!("order {} was already counted by conversion {earlier}", order_id.unwrap_or("(no id)"))
                }
                "fast_conversion" => {
                    let millis = signals.millis_from_click.unwrap_or_default();
                    format!("the conversion came {millis} ms after the click; under {TOO_FAST_MILLIS} ms is suspicious")
                }
                _ => {
                    let clicks = signals.clicks_last_hour;
                    format!("the visitor clicked {clicks} times in the hour before; more than {MOST_CLICKS_PER_HOUR} is suspicious")
                }
            };
            Finding { code, evidence }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use shared_events::ConversionId;
    use uuid::Uuid;

    use super::*;

    fn partner(name: &str) -> PartnerId {
        PartnerId::try_new(name).unwrap()
    }

    fn found(signals: &Signals) -> Vec<&'static str> {
        codes(signals, &partner("ann")).collect()
    }

    #[test]
    fn each_signal_is_found_at_its_edge() {
        let none = Signals::default();
        assert!(found(&none).is_empty());
        assert_eq!(found(&Signals { self_referral: vec![partner("ann")], ..none.clone() }), ["self_referral"]);
        assert!(
            found(&Signals { self_referral: vec![partner("bob")], ..none.clone() }).is_empty(),
            "another winner's own purchase"
        );
        assert_eq!(
            found(&Signals { duplicate_of: Some(ConversionId(Uuid::nil())), ..none.clone() }),
            ["duplicate_order"]
        );
        for (millis, held) in [(-1, false), (0, true), (1_999, true), (2_000, false)] {
            let seen = found(&Signals { millis_from_click: Some(millis), ..none.clone() });
            assert_eq!(seen == ["fast_conversion"], held, "{millis} ms");
        }
        for (clicks, held) in [(10, false), (11, true)] {
            let seen = found(&Signals { clicks_last_hour: clicks, ..none.clone() });
            assert_eq!(seen == ["click_velocity"], held, "{clicks} clicks");
        }
    }

    #[test]
    fn the_evidence_names_what_was_seen() {
        let signals = Signals { millis_from_click: Some(350), clicks_last_hour: 42, ..Signals::default() };
        let seen = findings(&signals, &partner("ann"), None);
        assert!(seen[0].evidence.contains("350 ms") && seen[1].evidence.contains("42 times"), "{seen:?}");
    }
}
