//! The rules of the trade, pure: no database, no clock, no messages in flight.

pub mod explain;
pub mod ledger;
pub mod payout;
pub mod reversal;
pub mod rewards;
pub mod shares;
pub mod signals;
pub mod state;
