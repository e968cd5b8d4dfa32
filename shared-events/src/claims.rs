//! What claims is asked and what it tells: connections, syncs, what a marketplace owes, claims, payouts and fees.

mod charging;
mod claim_wishes;
mod claiming;
mod commands;
mod connecting;
mod detecting;
mod events;
mod mail;
mod payouts;
mod returns;
mod sync;

pub use charging::*;
pub use claim_wishes::*;
pub use claiming::*;
pub use commands::*;
pub use connecting::*;
pub use detecting::*;
pub use events::*;
pub use mail::*;
pub use payouts::*;
pub use returns::*;
pub use sync::*;
