//! Taking back what was earned when the customer's money goes back.

use super::shares::rounded_ratio;

/// One refund or chargeback of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    /// What went back this time.
    pub amount_minor: i64,
    /// All that went back so far, this included.
    pub total_minor: i64,
    /// What was paid.
    pub purchase_minor: i64,
}

/// What a refund takes from a commission of `earned_minor` of which `taken_minor` was taken back before: in proportion,
/// rounded half away from zero, never more than is left; the refund that completes the purchase takes all that is left.
pub fn reversal(earned_minor: i64, taken_minor: i64, refund: Refund) -> i64 {
    let left = (earned_minor - taken_minor).max(0);
    if refund.total_minor >= refund.purchase_minor || refund.purchase_minor <= 0 {
        return left;
    }
    rounded_ratio(earned_minor, refund.amount_minor.clamp(0, refund.purchase_minor), refund.purchase_minor)
        .clamp(0, left)
}

/// How a reversal is carried: first by what no payout holds yet, the rest by a claw-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Taken from what is pending or payable.
    pub reversed_minor: i64,
    /// Owed by the partner from now on.
    pub clawed_back_minor: i64,
}

/// Divides a reversal of `minor` between the part of the commission that is still free and a claw-back.
pub fn carry(minor: i64, free_minor: i64) -> Carried {
    let reversed_minor = minor.min(free_minor.max(0));
    Carried { reversed_minor, clawed_back_minor: minor - reversed_minor }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a row of refunds takes, one by one.
    fn taken(earned: i64, purchase: i64, parts: &[i64]) -> Vec<i64> {
        let (mut total, mut taken) = (0, 0);
        parts
            .iter()
            .map(|amount| {
                total += amount;
                let now = reversal(
                    earned,
                    taken,
                    Refund { amount_minor: *amount, total_minor: total, purchase_minor: purchase },
                );
                taken += now;
                now
            })
            .collect()
    }

    #[test]
    fn the_last_part_takes_the_remainder() {
        assert_eq!(taken(100, 300, &[100, 100, 100]), [33, 33, 34]);
        assert_eq!(taken(101, 200, &[100, 100]), [51, 50]);
        assert_eq!(taken(1, 3, &[1, 1, 1]), [0, 0, 1]);
        assert_eq!(taken(1, 3, &[2, 1]), [1, 0]);
        assert_eq!(taken(1_000, 10_000, &[2_500]), [250]);
    }

    #[test]
    fn what_is_paid_out_becomes_a_claw_back() {
        assert_eq!(carry(300, 1_000), Carried { reversed_minor: 300, clawed_back_minor: 0 });
        assert_eq!(carry(300, 100), Carried { reversed_minor: 100, clawed_back_minor: 200 });
        assert_eq!(carry(300, 0), Carried { reversed_minor: 0, clawed_back_minor: 300 });
    }

    proptest! {
        #[test]
        fn any_split_of_a_full_refund_takes_everything(earned in 0..1_000_000_i64, parts in prop::collection::vec(1..100_000_i64, 1..20)) {
            let purchase = parts.iter().sum();
            let steps = taken(earned, purchase, &parts);
            prop_assert!(steps.iter().all(|step| *step >= 0));
            prop_assert_eq!(steps.iter().sum::<i64>(), earned);
        }

        #[test]
        fn part_refunds_never_take_more_than_was_earned(earned in 0..1_000_000_i64, parts in prop::collection::vec(1..1_000_i64, 1..200), rest in 0..1_000_i64) {
            let purchase = parts.iter().sum::<i64>() + rest;
            let steps = taken(earned, purchase, &parts);
            let total: i64 = steps.iter().sum();
            prop_assert!((0..=earned).contains(&total));
            let first = Refund { amount_minor: parts[0], total_minor: parts[0], purchase_minor: purchase };
            let exact = i128::from(earned) * i128::from(parts[0]);
            let off = (i128::from(reversal(earned, 0, first)) * i128::from(purchase) - exact).abs();
            prop_assert!(parts.len() == 1 && rest == 0 || off * 2 <= i128::from(purchase), "within half a cent of the proportion");
        }
    }
}
