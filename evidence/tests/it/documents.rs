//! Documents on a real database, as the service's own role: kept once, fetched, shown, deleted, swept.

mod bed;
mod costs_told;
mod deleting;
mod fetching;
mod keeping;
mod reading;
mod routes;
