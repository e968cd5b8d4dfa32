//! The partner ledger: double entry, one transfer from one account to another at a time, so that it always sums to zero.

use std::ops::AddAssign;

/// An account of one partner in one currency. Positive on the partner's accounts is money that it has or will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Account {
    /// What commissions cost the tenant (the other side of all that partners earn).
    Expense,
    /// Earned, still on hold or in review.
    Accrued,
    /// Approved: may be asked for.
    Payable,
    /// Set aside for a payout.
    InPayout,
    /// Arrived at the partner.
    Paid,
    /// What the partner owes after a claw-back; zero or negative.
    ClawbackReceivable,
}

impl Account {
    /// Every account, in the order in which money flows.
    pub const ALL: [Self; 6] =
        [Self::Expense, Self::Accrued, Self::Payable, Self::InPayout, Self::Paid, Self::ClawbackReceivable];

    /// The name in the database and in statements.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expense => "expense",
            Self::Accrued => "accrued",
            Self::Payable => "payable",
            Self::InPayout => "in_payout",
            Self::Paid => "paid",
            Self::ClawbackReceivable => "clawback_receivable",
        }
    }
}

/// Why money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Movement {
    /// A commission was worked out.
    Calculated,
    /// Its hold ended, or a manager freed it.
    Approved,
    /// It was refused while on hold.
    RejectedPending,
    /// It was refused after approval.
    RejectedPayable,
    /// A refund or another attribution took from it while on hold.
    ReversedPending,
    /// A refund took from it after approval.
    ReversedPayable,
    /// A refund took from it after it went into a payout.
    ClawedBack,
    /// A refund that took from it while on hold was not paid after all.
    RestoredPending,
    /// The same for what is approved, and for what had been clawed back.
    RestoredPayable,
    /// A claw-back was settled from what was payable.
    Netted,
    /// A payout was asked for.
    Requested,
    /// It arrived.
    Completed,
    /// It was refused or failed.
    Returned,
}

impl Movement {
    /// The name in the database and in statements.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calculated => "calculated",
            Self::Approved => "approved",
            Self::RejectedPending | Self::RejectedPayable => "rejected",
            Self::ReversedPending | Self::ReversedPayable => "reversed",
            Self::ClawedBack => "clawed_back",
            Self::RestoredPending | Self::RestoredPayable => "restored",
            Self::Netted => "netted",
            Self::Requested => "requested",
            Self::Completed => "completed",
            Self::Returned => "returned",
        }
    }

    /// From which account to which.
    pub const fn accounts(self) -> (Account, Account) {
        use Account::{Accrued, ClawbackReceivable, Expense, InPayout, Paid, Payable};
        match self {
            Self::Calculated | Self::RestoredPending => (Expense, Accrued),
            Self::RestoredPayable => (Expense, Payable),
            Self::Approved => (Accrued, Payable),
            Self::RejectedPending | Self::ReversedPending => (Accrued, Expense),
            Self::RejectedPayable | Self::ReversedPayable => (Payable, Expense),
            Self::ClawedBack => (ClawbackReceivable, Expense),
            Self::Netted => (Payable, ClawbackReceivable),
            Self::Requested => (Payable, InPayout),
            Self::Completed => (InPayout, Paid),
            Self::Returned => (InPayout, Payable),
        }
    }

    /// The two postings of a transfer of `minor`.
    pub const fn postings(self, minor: i64) -> [(Account, i64); 2] {
        let (from, to) = self.accounts();
        [(from, -minor), (to, minor)]
    }
}

/// What stands on a partner's accounts in one currency, or by how much that changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// On hold.
    pub accrued: i64,
    /// Approved.
    pub payable: i64,
    /// Set aside for payouts.
    pub in_payout: i64,
    /// Paid in all.
    pub paid: i64,
    /// Owed after claw-backs; zero or negative.
    pub clawback_receivable: i64,
}

impl Balance {
    /// What one movement changes.
    pub fn of(movement: Movement, minor: i64) -> Self {
        let mut change = Self::default();
        for (account, minor) in movement.postings(minor) {
            if let Some(field) = change.field(account) {
                *field += minor;
            }
        }
        change
    }

    /// What may be asked for: what is payable less what is owed.
    pub const fn available(&self) -> i64 {
        self.payable + self.clawback_receivable
    }

    /// What stands on one account; zero for the tenant's side, which is not kept.
    pub const fn get(&self, account: Account) -> i64 {
        match account {
            Account::Expense => 0,
            Account::Accrued => self.accrued,
            Account::Payable => self.payable,
            Account::InPayout => self.in_payout,
            Account::Paid => self.paid,
            Account::ClawbackReceivable => self.clawback_receivable,
        }
    }

    /// Sets the account of this name, where it is kept.
    pub fn set(&mut self, account: &str, minor: i64) {
        let named = Account::ALL.into_iter().find(|known| known.name() == account);
        if let Some(field) = named.and_then(|account| self.field(account)) {
            *field = minor;
        }
    }

    fn field(&mut self, account: Account) -> Option<&mut i64> {
        match account {
            // The tenant's side; it is not kept as a balance because it is the negative of the rest.
            Account::Expense => None,
            Account::Accrued => Some(&mut self.accrued),
            Account::Payable => Some(&mut self.payable),
            Account::InPayout => Some(&mut self.in_payout),
            Account::Paid => Some(&mut self.paid),
            Account::ClawbackReceivable => Some(&mut self.clawback_receivable),
        }
    }
}

impl AddAssign for Balance {
    fn add_assign(&mut self, other: Self) {
        self.accrued += other.accrued;
        self.payable += other.payable;
        self.in_payout += other.in_payout;
        self.paid += other.paid;
        self.clawback_receivable += other.clawback_receivable;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOVEMENTS: [Movement; 13] = [
        Movement::Calculated,
        Movement::Approved,
        Movement::RejectedPending,
        Movement::RejectedPayable,
        Movement::ReversedPending,
        Movement::ReversedPayable,
        Movement::ClawedBack,
        Movement::RestoredPending,
        Movement::RestoredPayable,
        Movement::Netted,
        Movement::Requested,
        Movement::Completed,
        Movement::Returned,
    ];

    #[test]
    fn an_earning_goes_all_the_way() {
        let mut balance = Balance::default();
        for movement in [Movement::Calculated, Movement::Approved, Movement::Requested, Movement::Completed] {
            balance += Balance::of(movement, 700);
        }
        assert_eq!(balance, Balance { paid: 700, ..Balance::default() });
        balance += Balance::of(Movement::ClawedBack, 300);
        balance += Balance::of(Movement::Calculated, 500);
        balance += Balance::of(Movement::Approved, 500);
        assert_eq!((balance.payable, balance.clawback_receivable, balance.available()), (500, -300, 200));
        balance += Balance::of(Movement::Netted, 300);
        assert_eq!((balance.payable, balance.clawback_receivable, balance.available()), (200, 0, 200));
    }

    proptest! {
        #[test]
        fn postings_sum_to_zero(steps in prop::collection::vec((0..MOVEMENTS.len(), 1..1_000_000_i64), 0..50)) {
            let mut sum = 0;
            let mut expense = 0;
            let mut balance = Balance::default();
            for (index, minor) in steps {
                let postings = MOVEMENTS[index].postings(minor);
                sum += postings.iter().map(|(_, minor)| minor).sum::<i64>();
                expense += postings.iter().filter(|(account, _)| *account == Account::Expense).map(|(_, minor)| minor).sum::<i64>();
                balance += Balance::of(MOVEMENTS[index], minor);
            }
            prop_assert_eq!(sum, 0);
            let partner = balance.accrued + balance.payable + balance.in_payout + balance.paid + balance.clawback_receivable;
            prop_assert_eq!(partner + expense, 0, "what partners have is what it cost");
        }
    }
}
