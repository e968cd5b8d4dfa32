//! What partners earn and are paid: rewards, holds, claw-backs, the partner ledger, payouts.

pub mod domain;
