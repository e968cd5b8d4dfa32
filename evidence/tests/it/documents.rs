//! Documents on a real database, as the service's own role: kept once, fetched, shown, deleted, swept.

pub mod bed;
mod costs_told;
mod deleting;
mod fetching;
mod keeping;
mod mails;
pub mod reading;
mod rereading;
mod routes;
