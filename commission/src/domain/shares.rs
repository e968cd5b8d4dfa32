//! Dividing an amount among partners, and rounding.

use shared_events::tracking::Credit;
use shared_events::{PartnerId, TrackingEventId};

/// The weights of a conversion add up to this.
pub const WHOLE_BPS: u32 = 10_000;

/// One partner's part in a conversion, after credits of the same partner were put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share<'a> {
    /// The partner.
    pub partner: &'a PartnerId,
    /// Its weight in basis points.
    pub weight_bps: u32,
    /// The click that earned it; with several, the first named.
    pub click: Option<TrackingEventId>,
}

/// Why credits cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the weights of the credits add up to {0} instead of 10000")]
pub struct BadWeights(pub u64);

/// Puts together the credits of each partner (it may have brought the customer by several clicks), in order of first mention.
///
/// # Errors
/// [`BadWeights`] when they do not add up to the whole.
pub fn shares(credits: &[Credit]) -> Result<Vec<Share<'_>>, BadWeights> {
    let total: u64 = credits.iter().map(|credit| u64::from(credit.weight_bps)).sum();
    if total != u64::from(WHOLE_BPS) {
        return Err(BadWeights(total));
    }
    let mut shares: Vec<Share<'_>> = Vec::with_capacity(credits.len());
    for credit in credits {
        match shares.iter_mut().find(|share| share.partner == &credit.partner) {
            Some(share) => share.weight_bps += credit.weight_bps,
            None => shares.push(Share { partner: &credit.partner, weight_bps: credit.weight_bps, click: credit.click }),
        }
    }
    Ok(shares)
}

/// `value * numerator / denominator`, rounded half away from zero.
///
/// # Panics
/// When the denominator is not positive or the result leaves 64 bits: both are excluded by the callers' checks.
pub fn rounded_ratio(value: i64, numerator: i64, denominator: i64) -> i64 {
    assert!(denominator > 0, "a ratio needs a positive denominator");
    let product = i128::from(value) * i128::from(numerator);
    let denominator = i128::from(denominator);
    let magnitude = (product.abs() + denominator / 2) / denominator;
    // For an odd denominator half of it is never reached exactly, so adding its floor is right as well.
    i64::try_from(product.signum() * magnitude).expect("a share of an amount is no larger than the amount")
}

/// Divides `total` (not negative) by weights that add up to [`WHOLE_BPS`]: everybody gets the floor, the largest weight (the first of equals) the remainder.
pub fn split(total: i64, weights_bps: impl Iterator<Item = u32> + Clone) -> Vec<i64> {
    let whole = i128::from(WHOLE_BPS);
    let mut parts: Vec<i64> =
        weights_bps.clone().map(|weight| (i128::from(total) * i128::from(weight) / whole) as i64).collect();
    let remainder = total - parts.iter().sum::<i64>();
    let mut largest = (0, 0);
    for (index, weight) in weights_bps.enumerate() {
        if weight > largest.1 {
            largest = (index, weight);
        }
    }
    if let Some(part) = parts.get_mut(largest.0) {
        *part += remainder;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credit(partner: &str, weight_bps: u32) -> Credit {
        Credit { partner: PartnerId::try_new(partner).unwrap(), weight_bps, click: None }
    }

    #[test]
    fn halves_go_away_from_zero() {
        for (value, numerator, denominator, expected) in [
            (5, 1, 2, 3),
            (-5, 1, 2, -3),
            (4, 1, 3, 1),
            (5, 1, 3, 2),
            (25, 1_000, 10_000, 3),
            (24, 1_000, 10_000, 2),
            (0, 7, 9, 0),
        ] {
            assert_eq!(rounded_ratio(value, numerator, denominator), expected, "{value}*{numerator}/{denominator}");
        }
    }

    #[test]
    fn the_largest_weight_takes_the_remainder() {
        assert_eq!(split(100, [3_333, 3_334, 3_333].into_iter()), [33, 34, 33]);
        assert_eq!(split(1, [5_000, 5_000].into_iter()), [1, 0]);
        assert_eq!(split(10, [2_000, 6_000, 2_000].into_iter()), [2, 6, 2]);
    }

    #[test]
    fn two_clicks_of_a_partner_are_one_share() {
        let credits = [credit("a", 4_000), credit("b", 2_000), credit("a", 4_000)];
        let found: Vec<_> =
            shares(&credits).unwrap().iter().map(|share| (share.partner.to_string(), share.weight_bps)).collect();
        assert_eq!(found, [("a".to_owned(), 8_000), ("b".to_owned(), 2_000)]);
        assert_eq!(shares(&credits[..2]), Err(BadWeights(6_000)));
        assert_eq!(shares(&[]), Err(BadWeights(0)));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_in_dividing(total in 0..i64::MAX / 20_000, cuts in prop::collection::vec(0..=WHOLE_BPS, 0..6)) {
            let mut edges = cuts;
            edges.extend([0, WHOLE_BPS]);
            edges.sort_unstable();
            let weights: Vec<u32> = edges.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let parts = split(total, weights.iter().copied());
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            prop_assert!(parts.iter().all(|part| *part >= 0));
        }
    }
}
