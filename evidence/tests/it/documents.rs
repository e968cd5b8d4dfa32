//! Documents on a real database, as the service's own role: kept once, fetched, shown, deleted, swept.

mod bed;
mod deleting;
mod fetching;
mod keeping;
mod routes;
