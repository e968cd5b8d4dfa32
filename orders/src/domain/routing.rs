//! By which payment gateway an order is paid: of those that can, those that fare well first, of those the cheapest. Each choice says why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A payment gateway as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Its name: `stripe`.
    pub name: String,
    /// Currencies that it takes; empty = all.
    pub currencies: Vec<String>,
    /// Countries of delivery that it takes; empty = all.
    pub countries: Vec<String>,
    /// Payment methods that it takes; empty = all.
    pub methods: Vec<String>,
    /// What a payment costs, in basis points of its amount.
    pub cost_basis_points: i64,
    /// ... and in minor units.
    pub cost_fixed_minor: i64,
    /// Whether it takes promised money in several parts. One that does not is asked after those that do when an order leaves in several
    /// shipments: it takes all of it with the first.
    pub takes_parts: bool,
}

/// Changes of a gateway's terms, as they are configured; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsChange {
    /// As in [`Terms`].
    pub currencies: Option<Vec<String>>,
    /// As in [`Terms`].
    pub countries: Option<Vec<String>>,
    /// As in [`Terms`].
    pub methods: Option<Vec<String>>,
    /// As in [`Terms`].
    pub cost_basis_points: Option<i64>,
    /// As in [`Terms`].
    pub cost_fixed_minor: Option<i64>,
}

/// How a gateway fared in the last minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Calls that nobody knows the end of.
    pub unknown: i64,
    /// Calls that it refused for reasons of its own.
    pub failed: i64,
}

/// So many refusals for reasons of its own make a gateway sick; one call without an answer does.
const MANY: i64 = 3;

/// What is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// In which currency.
    pub currency: &'a str,
    /// Where the goods go.
    pub country: &'a str,
    /// How the customer pays.
    pub method: &'a str,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Whether it leaves in several shipments, each of which takes its part.
    pub in_parts: bool,
}

/// A gateway and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// The gateway.
    #[schema(example = "stripe")]
    pub gateway: String,
    /// Its place among those that can, from 1; absent = it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub rank: Option<usize>,
    /// Why.
    #[schema(example = "it costs 2.47 and fares well")]
    pub why: String,
}

impl Terms {
    /// With what is configured.
    #[must_use]
    pub fn changed(self, change: &TermsChange) -> Self {
        Self {
            currencies: change.currencies.clone().unwrap_or(self.currencies),
            countries: change.countries.clone().unwrap_or(self.countries),
            methods: change.methods.clone().unwrap_or(self.methods),
            cost_basis_points: change.cost_basis_points.unwrap_or(self.cost_basis_points),
            cost_fixed_minor: change.cost_fixed_minor.unwrap_or(self.cost_fixed_minor),
            ..self
        }
    }

    /// Why it cannot take the order.
    fn objection(&self, wish: Wish<'_>) -> Option<String> {
        let misfits = |list: &[String], value: &str| !list.is_empty() && !list.iter().any(|entry| entry == value);
        if misfits(&self.currencies, wish.currency) {
            return Some(format!("it does not take {}", wish.currency));
        }
        if misfits(&self.countries, wish.country) {
            return Some(format!("it does not serve {}", wish.country));
        }
        misfits(&self.methods, wish.method).then(|| format!("it does not take the method {}", wish.method))
    }

    /// What the payment costs, in ten-thousandths of a minor unit.
    fn cost(&self, wish: Wish<'_>) -> i128 {
        i128::from(wish.amount_minor) * i128::from(self.cost_basis_points) + i128::from(self.cost_fixed_minor) * 10_000
    }
}

/// The gateways to try, the best first, then those that cannot; each with why. `health` has those that had trouble lately; `barred` those that
/// must not be asked for this order, and why.
pub fn route(
    terms: &[Terms],
    wish: Wish<'_>,
    health: &BTreeMap<String, Health>,
    barred: &BTreeMap<String, String>,
) -> Vec<Candidate> {
    let (mut able, mut unable) = (Vec::new(), Vec::new());
    for gateway in terms {
        let objection = gateway.objection(wish).or_else(|| barred.get(&gateway.name).cloned());
        if let Some(why) = objection {
            unable.push(Candidate { gateway: gateway.name.clone(), rank: None, why });
            continue;
        }
        let health = health.get(&gateway.name).copied().unwrap_or_default();
        let is_sick = health.unknown > 0 || health.failed >= MANY;
        let is_clumsy = wish.in_parts && !gateway.takes_parts;
        let cost = gateway.cost(wish);
        // Rounded to whole minor units, half up; for people.
        let minor = (cost + 5_000) / 10_000;
        let mut why = format!("it costs {}.{:02}", minor / 100, minor % 100);
        if is_sick {
            let (unknown, failed) = (health.unknown, health.failed);
            why.push_str(&format!(", but lately {unknown} calls had no answer and {failed} failed"));
        } else {
            why.push_str(" and fares well");
        }
        if is_clumsy {
            why.push_str(", but takes all of it with the first shipment");
        }
        able.push(((is_sick, is_clumsy, cost, gateway.name.clone()), why));
    }
    able.sort();
    let able = able.into_iter().enumerate().map(|(at, ((_, _, _, gateway), why))| Candidate {
        gateway,
        rank: Some(at + 1),
        why,
    });
    able.chain(unable).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gateway(name: &str, currencies: &[&str], cost_basis_points: i64, takes_parts: bool) -> Terms {
        Terms {
            name: name.into(),
            currencies: currencies.iter().map(|code| (*code).to_owned()).collect(),
            countries: vec![],
            methods: vec![],
            cost_basis_points,
            cost_fixed_minor: 30,
            takes_parts,
        }
    }

    fn all() -> [Terms; 4] {
        [
            gateway("paypal", &[], 349, true),
            gateway("stripe", &["USD", "EUR"], 290, true),
            gateway("razorpay", &["INR"], 200, false),
            gateway("cheap", &["USD"], 1, true),
        ]
    }

    const WISH: Wish<'_> =
        Wish { currency: "USD", country: "US", method: "credit_card", amount_minor: 7_477, in_parts: false };

    fn ranked(found: &[Candidate]) -> Vec<&str> {
        found.iter().filter(|one| one.rank.is_some()).map(|one| one.gateway.as_str()).collect()
    }

    #[test]
    fn able_then_faring_well_then_cheap_and_each_says_why() {
        let health = BTreeMap::from([("cheap".to_owned(), Health { unknown: 1, failed: 0 })]);
        let found = route(&all(), WISH, &health, &BTreeMap::new());
        assert_eq!(ranked(&found), ["stripe", "paypal", "cheap"]);
        let why: Vec<&str> = found.iter().map(|one| one.why.as_str()).collect();
        assert_eq!(
            why,
            [
                "it costs 2.47 and fares well",
                "it costs 2.91 and fares well",
                "it costs 0.31, but lately 1 calls had no answer and 0 failed",
                "it does not take USD"
            ]
        );
        let barred = BTreeMap::from([("stripe".to_owned(), "it refused: card_declined".to_owned())]);
        assert_eq!(ranked(&route(&all(), WISH, &health, &barred)), ["paypal", "cheap"]);
        let few = BTreeMap::from([("cheap".to_owned(), Health { unknown: 0, failed: 2 })]);
        assert_eq!(ranked(&route(&all(), WISH, &few, &BTreeMap::new())), ["cheap", "stripe", "paypal"]);
    }

    #[test]
    fn what_leaves_in_parts_goes_to_one_that_takes_parts() {
        let rupees = Wish { currency: "INR", ..WISH };
        let none = (BTreeMap::new(), BTreeMap::new());
        assert_eq!(ranked(&route(&all(), rupees, &none.0, &none.1)), ["razorpay", "paypal"]);
        let parts = route(&all(), Wish { in_parts: true, ..rupees }, &none.0, &none.1);
        assert_eq!(ranked(&parts), ["paypal", "razorpay"]);
        assert_eq!(parts[1].why, "it costs 1.80 and fares well, but takes all of it with the first shipment");
    }

    #[test]
    fn terms_are_changed_by_configuration() {
        let change: TermsChange =
            serde_json::from_str(r#"{"countries": ["DE"], "cost_basis_points": 5}"#).expect("reads");
        let changed = gateway("paypal", &[], 349, true).changed(&change);
        assert_eq!((changed.cost_basis_points, changed.cost_fixed_minor), (5, 30));
        let found = route(&[changed], WISH, &BTreeMap::new(), &BTreeMap::new());
        assert_eq!((found[0].rank, found[0].why.as_str()), (None, "it does not serve US"));
        assert!(serde_json::from_str::<TermsChange>(r#"{"costs": 1}"#).is_err());
    }

    proptest! {
        #[test]
        fn every_gateway_is_named_once_and_a_barred_one_never_ranked(amount in 1_i64..1_000_000, unknown in 0_i64..3, bar in 0_usize..4, in_parts in any::<bool>()) {
            let all = all();
            let health = BTreeMap::from([("stripe".to_owned(), Health { unknown, failed: 0 })]);
            let barred = BTreeMap::from([(all[bar].name.clone(), "no".to_owned())]);
            let found = route(&all, Wish { amount_minor: amount, in_parts, ..WISH }, &health, &barred);
            let mut names: Vec<&str> = found.iter().map(|one| one.gateway.as_str()).collect();
            names.sort_unstable();
            prop_assert_eq!(names, ["cheap", "paypal", "razorpay", "stripe"]);
            prop_assert!(!ranked(&found).contains(&all[bar].name.as_str()));
            let ranks: Vec<usize> = found.iter().filter_map(|one| one.rank).collect();
            prop_assert_eq!(ranks.clone(), (1..=ranks.len()).collect::<Vec<_>>());
        }
    }
}
