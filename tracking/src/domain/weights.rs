//! How the credit for one conversion is divided among clicks.

use shared_events::tracking::AttributionModel;

/// The whole credit, in basis points.
pub const WHOLE: u32 = 10_000;

/// The share of each of `clicks` clicks, earliest first. The shares always add up to [`WHOLE`]; what does not divide evenly goes, one
/// basis point each, to the earliest of those that share.
pub fn weights(model: AttributionModel, clicks: usize) -> Vec<u32> {
    let mut shares = vec![0; clicks];
    let (Some(last), Some(_)) = (clicks.checked_sub(1), shares.first()) else { return shares };
    match model {
        AttributionModel::LastClick => shares[last] = WHOLE,
        AttributionModel::FirstClick => shares[0] = WHOLE,
        AttributionModel::Linear => share_equally(WHOLE, &mut shares),
        AttributionModel::PositionBased if clicks <= 2 => share_equally(WHOLE, &mut shares),
        AttributionModel::PositionBased => {
            shares[0] = 4_000;
            shares[last] = 4_000;
            share_equally(2_000, &mut shares[1..last]);
        }
    }
    shares
}

fn share_equally(whole: u32, shares: &mut [u32]) {
    let count = shares.len() as u32;
    for (place, share) in (0_u32..).zip(shares) {
        *share = whole / count + u32::from(place < whole % count);
    }
}

#[cfg(test)]
mod tests {
    use AttributionModel::{FirstClick, LastClick, Linear, PositionBased};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_model_divides_as_its_name_says() {
        assert_eq!(weights(LastClick, 3), [0, 0, 10_000]);
        assert_eq!(weights(FirstClick, 3), [10_000, 0, 0]);
        assert_eq!(weights(Linear, 3), [3_334, 3_333, 3_333]);
        assert_eq!(weights(PositionBased, 1), [10_000]);
        assert_eq!(weights(PositionBased, 2), [5_000, 5_000]);
        assert_eq!(weights(PositionBased, 3), [4_000, 2_000, 4_000]);
        assert_eq!(weights(PositionBased, 5), [4_000, 667, 667, 666, 4_000]);
        assert_eq!(weights(Linear, 0), [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole(model in prop::sample::select(vec![LastClick, FirstClick, Linear, PositionBased]), clicks in 1_usize..300) {
            prop_assert_eq!(weights(model, clicks).iter().sum::<u32>(), WHOLE);
        }
    }
}
