//! Documents on a real database, as the service's own role: kept once, fetched, shown, deleted, swept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bed;
mod deleting;
mod fetching;
mod keeping;
mod routes;
