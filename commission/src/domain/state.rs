//! Where a commission stands.

/// The amounts that decide about an approved commission; all negative for a claw-back, where they mirror.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// What it earned.
    pub earned: i64,
    /// What was reversed of it.
    pub reversed: i64,
    /// What is in payouts, paid, or set off against a claw-back.
    pub allocated: i64,
    /// Of that: what arrived or was set off.
    pub paid: i64,
}

impl Amounts {
    /// What no payout holds yet.
    pub const fn free(&self) -> i64 {
        self.earned - self.reversed - self.allocated
    }

    /// The state of an approved commission with these amounts, by its name in the database.
    pub const fn state(&self) -> &'static str {
        let remaining = self.earned - self.reversed;
        if remaining == 0 {
            "reversed"
        } else if self.allocated != remaining {
            "approved"
        } else if self.paid == remaining {
            "paid"
        } else {
            "in_payout"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_decide_the_state() {
        let cases = [
            ((100, 0, 0, 0), "approved", 100),
            ((100, 40, 30, 0), "approved", 30),
            ((100, 40, 60, 0), "in_payout", 0),
            ((100, 40, 60, 20), "in_payout", 0),
            ((100, 40, 60, 60), "paid", 0),
            ((100, 100, 0, 0), "reversed", 0),
            ((-30, 0, 0, 0), "approved", -30),
            ((-30, 0, -30, -30), "paid", 0),
        ];
        for ((earned, reversed, allocated, paid), state, free) in cases {
            let amounts = Amounts { earned, reversed, allocated, paid };
            assert_eq!((amounts.state(), amounts.free()), (state, free), "{amounts:?}");
        }
    }
}
