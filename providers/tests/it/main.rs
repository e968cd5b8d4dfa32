//! The clients on real servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod amazon;
mod fetching;
mod google;
mod locking;
mod locks;
mod objects;
mod saleor;
mod servers;
mod smtp;
mod storing;
mod stripe;
mod stripe_holds;
mod stripe_of_others;
mod unfinished;
