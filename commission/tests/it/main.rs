//! Commission on a real database, as its own role, so that row-level security holds in every test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api;
mod bed;
mod calculate;
mod invariants;
mod payouts;
mod reattribute;
mod refunds;
mod restore;
mod review;
