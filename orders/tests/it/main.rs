//! Orders on a real database, as their own role, so that row-level security holds in every test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod around;
mod bank;
mod bed;
mod changes;
mod exceptions;
mod faults;
mod flow;
mod gateways;
mod giving_up;
mod http;
mod inbox;
mod labels;
mod marketplace;
mod money;
mod people;
mod pricing;
mod reorders;
mod returns;
mod rotation;
mod route;
mod saleor;
mod shop;
mod spot;
mod stock;
mod timers;
mod webhooks;
