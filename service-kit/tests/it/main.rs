//! The kit on a real broker and a real database: what goes out, what comes in, and what happens when handlers fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod flapping;
mod jobs;
mod messaging;
mod parking;
mod pruning;
mod reading;
mod redis;
mod tls;
mod waiting;
mod world;
