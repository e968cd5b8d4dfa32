//! A payout's way: requested > approved > submitted > completed or failed; requested or approved > rejected.

use chrono::TimeDelta;
use shared_events::outcome::Rejection;
use shared_events::{Currency, Money};

use super::ledger::Balance;

/// How long a second person has to decide about a payout.
pub const PATIENCE: TimeDelta = TimeDelta::hours(4);

/// Where a payout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for somebody's approval.
    Requested,
    /// May go out.
    Approved,
    /// Stands in a file.
    Submitted,
    /// Arrived.
    Completed,
    /// Did not arrive; the money is payable again.
    Failed,
    /// Refused; the money is payable again.
    Rejected,
}

/// What is done to a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Somebody else allows it.
    Approve,
    /// Somebody refuses it.
    Reject,
    /// It is written into a file.
    Submit,
    /// It arrived.
    Confirm,
    /// It did not arrive.
    Fail,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Requested, Self::Approved, Self::Submitted, Self::Completed, Self::Failed, Self::Rejected];

    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Submitted => "submitted",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Where a step leads.
    ///
    /// # Errors
    /// `payout_state_conflict` when the step is not possible from here.
    pub fn after(self, step: Step) -> Result<Self, Rejection> {
        match (self, step) {
            (Self::Requested, Step::Approve) => Ok(Self::Approved),
            (Self::Requested | Self::Approved, Step::Reject) => Ok(Self::Rejected),
            (Self::Approved, Step::Submit) => Ok(Self::Submitted),
            (Self::Submitted, Step::Confirm) => Ok(Self::Completed),
            (Self::Submitted, Step::Fail) => Ok(Self::Failed),
            _ => {
                let name = self.name();
                Err(Rejection::new(
                    "payout_state_conflict",
                    format!("the payout is {name}; this is not possible any more, or not yet"),
                ))
            }
        }
    }
}

/// Whether a payout may be asked for.
///
/// # Errors
/// `invalid_amount`, `below_minimum` or `insufficient_balance`, at the field `amount`.
pub fn check_request(amount: Money, balance: &Balance, minimum_minor: i64) -> Result<(), Rejection> {
    let refuse = |code, detail: String| Err(Rejection::new(code, detail).at("amount"));
    let money = |minor| Money::new(minor, amount.currency);
    let available = balance.available();
    if amount.minor <= 0 {
        refuse("invalid_amount", "the amount must be positive".to_owned())
    } else if amount.minor > available {
        refuse("insufficient_balance", format!("{amount} asked for, {} can be paid out", money(available.max(0))))
    } else if amount.minor < minimum_minor {
        refuse("below_minimum", format!("{amount} asked for, the smallest payout is {}", money(minimum_minor)))
    } else {
        Ok(())
    }
}

/// Whether somebody other than the requester has to approve first. `limit_minor` is the same number in every currency.
pub fn needs_approval(amount: Money, limit_minor: i64) -> bool {
    amount.minor > limit_minor
}

/// Takes up to `wanted` from the free parts in order: index and how much of each.
pub fn take(free: impl Iterator<Item = i64>, wanted: i64) -> Vec<(usize, i64)> {
    let mut left = wanted;
    let mut taken = Vec::new();
    for (index, free) in free.enumerate() {
        if left == 0 {
            break;
        }
        let part = free.clamp(0, left);
        if part > 0 {
            taken.push((index, part));
            left -= part;
        }
    }
    taken
}

/// The currency of a database row.
///
/// # Panics
/// When the row holds no ISO 4217 code, which the messages that made it exclude.
pub fn stored_currency(code: &str) -> Currency {
    Currency::try_new(code).expect("rows are written from valid currencies")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    #[test]
    fn every_other_step_is_refused() {
        use State::{Approved, Completed, Failed, Rejected, Requested, Submitted};
        let possible = [
            (Requested, Step::Approve, Approved),
            (Requested, Step::Reject, Rejected),
            (Approved, Step::Reject, Rejected),
            (Approved, Step::Submit, Submitted),
            (Submitted, Step::Confirm, Completed),
            (Submitted, Step::Fail, Failed),
        ];
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
            for step in [Step::Approve, Step::Reject, Step::Submit, Step::Confirm, Step::Fail] {
                let expected =
                    possible.iter().find(|(from, by, _)| *from == state && *by == step).map(|(_, _, to)| *to);
                assert_eq!(state.after(step).ok(), expected, "{state:?} {step:?}");
            }
        }
    }

    #[test]
    fn requests_stay_within_what_is_available_and_above_the_minimum() {
        let balance = Balance { payable: 10_000, clawback_receivable: -2_000, ..Balance::default() };
        let code = |minor| check_request(usd(minor), &balance, 5_000).map_err(|rejection| rejection.code);
        assert_eq!(code(8_000), Ok(()));
        assert_eq!(code(5_000), Ok(()));
        assert_eq!(code(8_001), Err("insufficient_balance".to_owned()));
        assert_eq!(code(4_999), Err("below_minimum".to_owned()));
        assert_eq!(code(0), Err("invalid_amount".to_owned()));
        assert_eq!(code(-1), Err("invalid_amount".to_owned()));
    }

    #[test]
    fn the_limit_itself_needs_nobody() {
        assert!(!needs_approval(usd(100), 100));
        assert!(needs_approval(usd(101), 100));
    }

    #[test]
    fn oldest_first() {
        assert_eq!(take([300, 0, 500, 900].into_iter(), 600), [(0, 300), (2, 300)]);
        assert_eq!(take([300].into_iter(), 600), [(0, 300)]);
        assert!(take([300].into_iter(), 0).is_empty());
    }
}
