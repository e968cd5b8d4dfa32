//! Commission on a real database, as its own role, so that row-level security holds in every test.

mod api;
mod bed;
mod calculate;
mod payouts;
mod reattribute;
mod refunds;
mod review;
