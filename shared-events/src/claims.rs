//! What claims is asked and what it tells: connections, syncs, what a marketplace owes, claims, payouts and fees.

mod charging;
mod claiming;
mod commands;
mod events;
mod mail;
mod returns;
mod sync;

pub use charging::*;
pub use claiming::*;
pub use commands::*;
pub use events::*;
pub use mail::*;
pub use returns::*;
pub use sync::*;
