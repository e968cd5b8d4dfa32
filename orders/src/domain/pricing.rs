//! When an article costs another price than the catalogue's: a tenant's own rules, the first that fits counts. Plain arithmetic on what is
//! known here, nothing is predicted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared_events::Money;
use shared_events::orders::Pricing;
use shared_events::outcome::Rejection;
use utoipa::ToSchema;

use super::rates::WHOLE;

/// Most rules that a table may have.
const MOST_RULES: usize = 500;
/// A rule takes off or adds at most so much, in ten-thousandths: nothing is given away, and nothing costs more than double.
const FARTHEST: std::ops::RangeInclusive<i64> = -9_000..=10_000;
/// Longest name.
const LONGEST_NAME: usize = 64;

/// Rules of prices. None = every price is the catalogue's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceRules {
    /// In the order in which they are tried.
    pub rules: Vec<PriceRule>,
}

/// One rule. It fits when everything that it names holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceRule {
    /// What it is called; said with each price that it made.
    #[schema(example = "many-in-stock")]
    pub name: String,
    /// For this article alone, by the seller's number; absent = for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "WIDGET-001")]
    pub sku: Option<String>,
    /// From so many in one line on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub quantity_from: Option<i64>,
    /// While at least so many can be sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 500)]
    pub available_from: Option<i64>,
    /// While at most so many can be sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_to: Option<i64>,
    /// By how much the price changes, in ten-thousandths: -500 takes 5 % off.
    #[schema(example = -500)]
    pub basis_points: i64,
}

/// What a price may depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs<'a> {
    /// The seller's number.
    pub sku: &'a str,
    /// What the catalogue asks for one.
    pub list: Money,
    /// How many are ordered in the line.
    pub quantity: i64,
    /// How many can be sold now, in all warehouses.
    pub available: i64,
}

impl PriceRule {
    fn fits(&self, inputs: &Inputs<'_>) -> bool {
        self.sku.as_deref().is_none_or(|sku| sku == inputs.sku)
            && self.quantity_from.is_none_or(|from| inputs.quantity >= from)
            && self.available_from.is_none_or(|from| inputs.available >= from)
            && self.available_to.is_none_or(|to| inputs.available <= to)
    }
}

impl PriceRules {
    /// Checks a table that somebody wrote.
    ///
    /// # Errors
    /// `invalid_rates` that names the field.
    pub fn check(&self) -> Result<(), Rejection> {
        let refuse = |detail: String, field: String| Err(Rejection::new("invalid_rates", detail).at(&field));
        if self.rules.len() > MOST_RULES {
            return refuse(format!("at most {MOST_RULES} rules"), "rates.rules".into());
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let at = |name: &str| format!("rates.rules[{index}].{name}");
            let length = rule.name.chars().count();
            if length == 0 || length > LONGEST_NAME || rule.name.chars().any(char::is_control) {
                return refuse(format!("must have 1 to {LONGEST_NAME} characters"), at("name"));
            }
            if self.rules[..index].iter().any(|other| other.name == rule.name) {
                return refuse("is the name of another rule".into(), at("name"));
            }
            if !FARTHEST.contains(&rule.basis_points) {
                let detail = format!("must be from {} to {}", FARTHEST.start(), FARTHEST.end());
                return refuse(detail, at("basis_points"));
            }
            let bounds = [
                ("quantity_from", rule.quantity_from),
                ("available_from", rule.available_from),
                ("available_to", rule.available_to),
            ];
            for (name, bound) in bounds {
                if bound.is_some_and(|bound| bound < 0) {
                    return refuse("must not be negative".into(), at(name));
                }
            }
        }
        Ok(())
    }

    /// What one costs, and why; nothing when no rule fits, or what fits does not change the price: then the catalogue's price counts.
    pub fn price(&self, inputs: Inputs<'_>) -> Option<(Money, Pricing)> {
        let rule = self.rules.iter().find(|rule| rule.fits(&inputs))?;
        let minor = changed(inputs.list.minor, rule.basis_points);
        if minor == inputs.list.minor {
            return None;
        }
        let pricing = Pricing {
            source: "table".into(),
            rule: rule.name.clone(),
            list_price: inputs.list.decimal(),
            inputs: BTreeMap::from([
                ("quantity".into(), inputs.quantity.to_string()),
                ("available".into(), inputs.available.to_string()),
                ("basis_points".into(), rule.basis_points.to_string()),
            ]),
        };
        Some((Money::new(minor, inputs.list.currency), pricing))
    }
}

/// Whether a price that somebody else names is no farther from the catalogue's than a rule may take it.
pub fn is_within_reach(minor: i64, list: i64) -> bool {
    let bound = |share: i64| i128::from(list) * i128::from(WHOLE + share);
    let named = i128::from(minor) * i128::from(WHOLE);
    (bound(*FARTHEST.start())..=bound(*FARTHEST.end())).contains(&named)
}

/// A price changed by a share, rounded half to even. What costs something goes on to cost at least one minor unit.
fn changed(list: i64, basis_points: i64) -> i64 {
    let whole = i128::from(WHOLE);
    let exact = i128::from(list) * (whole + i128::from(basis_points));
    let (down, rest) = (exact.div_euclid(whole), exact.rem_euclid(whole));
    let up = rest * 2 > whole || (rest * 2 == whole && down % 2 != 0);
    let rounded = i64::try_from(down + i128::from(up)).unwrap_or(list);
    if list > 0 { rounded.max(1) } else { rounded }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared_events::Currency;

    use super::*;

    fn rule(name: &str, basis_points: i64) -> PriceRule {
        PriceRule {
            name: name.into(),
            sku: None,
            quantity_from: None,
            available_from: None,
            available_to: None,
            basis_points,
        }
    }

    fn inputs(quantity: i64, available: i64) -> Inputs<'static> {
        Inputs { sku: "LAMP", list: Money::new(1_999, Currency::USD), quantity, available }
    }

    #[test]
    fn the_first_rule_that_fits_counts_and_says_why() {
        let rules = PriceRules {
            rules: vec![
                PriceRule { sku: Some("CHAIR".into()), ..rule("chairs", -5_000) },
                PriceRule { available_to: Some(3), ..rule("nearly-gone", 1_000) },
                PriceRule { quantity_from: Some(10), ..rule("ten", -500) },
            ],
        };
        rules.check().expect("sound");
        let (price, why) = rules.price(inputs(10, 2)).expect("nearly gone");
        assert_eq!((price.minor, why.rule.as_str(), why.list_price.as_str()), (2_199, "nearly-gone", "19.99"));
        let (price, why) = rules.price(inputs(10, 50)).expect("ten");
        assert_eq!((price.minor, why.inputs["available"].as_str()), (1_899, "50"));
        assert_eq!(rules.price(inputs(1, 50)), None);
        assert_eq!(PriceRules::default().price(inputs(1, 50)), None);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_named() {
        let field = |rules: Vec<PriceRule>| PriceRules { rules }.check().expect_err("bad").field.unwrap_or_default();
        assert_eq!(field(vec![rule("a", -9_001)]), "rates.rules[0].basis_points");
        assert_eq!(field(vec![rule("a", 1), rule("a", 2)]), "rates.rules[1].name");
        assert_eq!(field(vec![rule("", 1)]), "rates.rules[0].name");
        let negative = PriceRule { available_to: Some(-1), ..rule("a", 1) };
        assert_eq!(field(vec![negative]), "rates.rules[0].available_to");
    }

    proptest! {
        #[test]
        fn a_price_is_within_half_a_unit_of_its_share_and_never_nothing(list in 1_i64..1_000_000_000, share in -9_000_i64..=10_000) {
            let minor = changed(list, share);
            prop_assert!(minor >= 1);
            let off = (i128::from(minor) * 10_000 - i128::from(list) * i128::from(10_000 + share)).abs();
            prop_assert!(off <= 5_000 || minor == 1);
        }
    }
}
