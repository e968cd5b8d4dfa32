//! What claims is asked and what it tells: connections, syncs, what a marketplace owes, claims, payouts and fees.

mod commands;
mod events;
mod sync;

pub use commands::*;
pub use events::*;
pub use sync::*;
