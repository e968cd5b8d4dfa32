//! What an order comes to: goods, tax and shipping, in whole minor units.

use shared_events::outcome::Rejection;
use shared_events::{Currency, Money};

use super::rates::{Rates, WHOLE};

/// What a customer takes of one article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// How many; positive.
    pub quantity: i64,
    /// Price of one, in minor units.
    pub unit_minor: i64,
}

/// Tax and shipping that the ordering system has reckoned itself (seed 003); what is absent comes from the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Given {
    /// Share of tax in basis points.
    pub tax_basis_points: Option<i64>,
    /// The tax itself; wins over the share.
    pub tax_minor: Option<i64>,
    /// What shipping costs.
    pub shipping_minor: Option<i64>,
}

/// What an order comes to, in minor units of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// The goods.
    pub subtotal: i64,
    /// Tax on the goods.
    pub tax: i64,
    /// Shipping.
    pub shipping: i64,
    /// All together; this is what is authorised.
    pub grand: i64,
}

/// `minor` times `share` of `whole`, rounded half up: 175.99 at 10 % is 17.60. `None` beyond 64 bits.
fn part(minor: i64, share: i64, whole: i64) -> Option<i64> {
    let exact = i128::from(minor) * i128::from(share);
    i64::try_from((2 * exact + i128::from(whole)).div_euclid(2 * i128::from(whole))).ok()
}

/// Adds an order up.
///
/// # Errors
/// `amount_out_of_range`, or `no_rate` from the table.
pub fn reckon(
    items: &[Item],
    currency: Currency,
    country: &str,
    method: &str,
    rates: &Rates,
    given: Given,
) -> Result<Totals, Rejection> {
    let too_much = || Rejection::new("amount_out_of_range", "the order comes to more than can be reckoned with");
    let line = |item: &Item| item.quantity.checked_mul(item.unit_minor);
    let subtotal = items
        .iter()
        .try_fold(0_i64, |sum, item| sum.checked_add(line(item)?))
        .filter(|sum| (0..=Money::LARGEST_MINOR).contains(sum))
        .ok_or_else(too_much)?;
    let tax = match (given.tax_minor, given.tax_basis_points) {
        (Some(tax), _) => tax,
        (None, Some(share)) => part(subtotal, share, WHOLE).ok_or_else(too_much)?,
        (None, None) => part(subtotal, rates.tax_for(country)?, WHOLE).ok_or_else(too_much)?,
    };
    let shipping = match given.shipping_minor {
        Some(shipping) => shipping,
        None => rates.shipping_for(method, Money::new(subtotal, currency))?.minor,
    };
    let grand = subtotal.checked_add(tax).and_then(|sum| sum.checked_add(shipping));
    let grand = grand.filter(|sum| *sum <= Money::LARGEST_MINOR).ok_or_else(too_much)?;
    Ok(Totals { subtotal, tax, shipping, grand })
}

/// Shares `total` out by weight, so that the parts add up to it exactly: whole shares first, what is left one by one to the largest
/// remainders, earlier lines first. Weights are not negative; without any weight the first part takes all.
pub fn share_out(total: i64, weights: &[i64]) -> Vec<i64> {
    let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if whole == 0 {
        return weights.iter().enumerate().map(|(index, _)| if index == 0 { total } else { 0 }).collect();
    }
    let exact: Vec<i128> = weights.iter().map(|weight| i128::from(total) * i128::from(*weight)).collect();
    // A share is never more than the total, which fits.
    let mut parts: Vec<i64> =
        exact.iter().map(|share| i64::try_from(share.div_euclid(whole)).unwrap_or_default()).collect();
    let mut left = total - parts.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(exact[*index].rem_euclid(whole)));
    for index in order {
        if left == 0 {
            break;
        }
        parts[index] += 1;
        left -= 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn totals(items: &[(i64, i64)], given: Given) -> (i64, i64, i64, i64) {
        let items: Vec<Item> =
            items.iter().map(|(quantity, unit_minor)| Item { quantity: *quantity, unit_minor: *unit_minor }).collect();
        let Totals { subtotal, tax, shipping, grand } =
            reckon(&items, Currency::USD, "US", "standard", &Rates::default(), given).expect("in range");
        (subtotal, tax, shipping, grand)
    }

    #[test]
    fn the_seeds_figures_come_out() {
        assert_eq!(totals(&[(1, 14_599), (2, 1_500)], Given::default()), (17_599, 1_760, 0, 19_359));
        assert_eq!(totals(&[(1, 1_500)], Given::default()), (1_500, 150, 1_000, 2_650));
        let own = Given { tax_basis_points: Some(800), shipping_minor: Some(999), ..Given::default() };
        assert_eq!(totals(&[(2, 2_999)], own), (5_998, 480, 999, 7_477));
        let own = Given { tax_minor: Some(480), shipping_minor: Some(999), ..Given::default() };
        assert_eq!(totals(&[(2, 2_999)], own), (5_998, 480, 999, 7_477));
    }

    #[test]
    fn what_cannot_be_added_up_is_refused() {
        let items = [Item { quantity: i64::MAX, unit_minor: 2 }];
        let refused = reckon(&items, Currency::USD, "US", "standard", &Rates::default(), Given::default());
        assert_eq!(refused.expect_err("refused").code, "amount_out_of_range");
    }

    proptest! {
        #[test]
        fn shares_add_up_and_are_never_more_than_a_unit_off(
            total in 0_i64..1_000_000_000, weights in prop::collection::vec(0_i64..1_000_000, 1..20)
        ) {
            let parts = share_out(total, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            let whole: i64 = weights.iter().sum();
            if whole > 0 {
                for (part, weight) in parts.iter().zip(&weights) {
                    let exact = i128::from(total) * i128::from(*weight);
                    prop_assert!((i128::from(*part) * i128::from(whole) - exact).abs() < i128::from(whole));
                }
            }
        }

        #[test]
        fn totals_add_up(items in prop::collection::vec((1_i64..1_000, 0_i64..1_000_000), 1..20)) {
            let (subtotal, tax, shipping, grand) = totals(&items, Given::default());
            prop_assert_eq!(subtotal + tax + shipping, grand);
            // 10 % within half a unit
            prop_assert!((10 * tax - subtotal).abs() <= 5);
        }
    }
}
