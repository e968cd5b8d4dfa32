//! Questions to people, on a real database: when they are asked, until when an answer counts, and who sees them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod api;
mod asking;
mod bed;
mod timers;
