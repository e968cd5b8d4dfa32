//! The success fee: a share of cash that our own case brought, and its credit when the marketplace takes cash back.

use shared_events::money::Money;

/// A fifth, unless the tenant's plan says otherwise.
pub const DEFAULT_RATE_BPS: i64 = 2_000;
/// The least fee of a claim that brought cash, in hundredths of the currency; never more than the cash itself (ADR 0028).
pub const LEAST_FEE_MINOR: i64 = 50;
/// The least that a card is charged. Fees of claims that brought less than this wait until together they reach it.
pub const LEAST_CHARGE_MINOR: i64 = 50;
const WHOLE: i128 = 10_000;

/// What the fee of a claim is: `rate_bps` of what was confirmed in cash less what was taken back, rounded down, at least
/// [`LEAST_FEE_MINOR`] and at most all of it; nothing where nothing is left, or the rate is none. `ours`: whether the reimbursement names
/// our case; what the marketplace pays by itself costs nothing.
pub fn owed(confirmed: Money, taken_back: Money, rate_bps: i64, ours: bool) -> Money {
    let net = i128::from(confirmed.minor) - i128::from(taken_back.minor);
    let cash = if ours && rate_bps > 0 { net.max(0) } else { 0 };
    let share = (cash * i128::from(rate_bps) / WHOLE).max(i128::from(LEAST_FEE_MINOR)).min(cash);
    Money::new(i64::try_from(share).unwrap_or(i64::MAX), confirmed.currency)
}

/// What has to be given back so that the fees of a claim, `accrued` so far, are `owed` again; none when nothing has to be.
pub fn credit(accrued: Money, owed: Money) -> Option<Money> {
    let too_much = accrued.minor - owed.minor;
    (too_much > 0).then(|| Money::new(-too_much, accrued.currency))
}

/// Days until a card that was declined is tried again.
const PAUSES: [i64; 3] = [1, 3, 7];

/// After how many days a card that was declined, and so often before that, is tried again; none: not this card.
pub fn pause(declined_before: i64) -> Option<i64> {
    usize::try_from(declined_before).ok().and_then(|before| PAUSES.get(before)).copied()
}

/// Whether so much is worth a charge.
pub const fn is_chargeable(total: Money) -> bool {
    total.minor >= LEAST_CHARGE_MINOR
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared_events::money::Currency;

    use super::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    #[test]
    fn a_fifth_of_our_own_cash_and_nothing_of_other_peoples() {
        assert_eq!(owed(usd(10_000), usd(0), DEFAULT_RATE_BPS, true), usd(2_000));
        assert_eq!(owed(usd(10_000), usd(0), DEFAULT_RATE_BPS, false), usd(0));
        assert_eq!(owed(usd(1_009), usd(0), DEFAULT_RATE_BPS, true), usd(201), "rounded down");
        assert_eq!(owed(usd(100), usd(0), DEFAULT_RATE_BPS, true), usd(50), "at least so much");
        assert_eq!(owed(usd(30), usd(0), DEFAULT_RATE_BPS, true), usd(30), "and never more than came");
        assert_eq!(owed(usd(100), usd(0), 0, true), usd(0), "a plan without a fee");
        assert_eq!(owed(usd(100), usd(100), DEFAULT_RATE_BPS, true), usd(0), "all of it was taken back");
        assert!(!is_chargeable(usd(49)) && is_chargeable(usd(50)));
    }

    #[test]
    fn scenario_nine_a_reversal_of_11_88_is_credited() {
        let accrued = owed(usd(5_940), usd(0), DEFAULT_RATE_BPS, true);
        let left = owed(usd(5_940), usd(1_188), DEFAULT_RATE_BPS, true);
        assert_eq!(
            credit(accrued, left),
            Some(usd(-238)),
            "a cent more than 20 % of 11.88, because fees are rounded down"
        );
        assert_eq!(credit(left, left), None);
    }

    proptest! {
        /// Whatever is paid and taken back, in whatever order: the fees less the credits never exceed the share of what is left, or the
        /// least fee where that is more, and never what is left.
        #[test]
        fn fees_never_exceed_the_share(moves in prop::collection::vec((any::<bool>(), 1_i64..1_000_000), 1..30), rate in 0_i64..5_000) {
            let (mut confirmed, mut taken, mut fees) = (0, 0, 0);
            for (is_payment, minor) in moves {
                if is_payment { confirmed += minor } else { taken = (taken + minor).min(confirmed) }
                let owed = owed(usd(confirmed), usd(taken), rate, true);
                match credit(usd(fees), owed) {
                    Some(credit) => fees += credit.minor,
                    None => fees = owed.minor,
                }
                let left = confirmed - taken;
                prop_assert!(fees >= 0 && fees <= left);
                prop_assert!(fees * 10_000 <= rate * left || fees <= LEAST_FEE_MINOR);
                prop_assert!(rate == 0 || fees >= LEAST_FEE_MINOR.min(left));
            }
        }
    }
}
