//! Questions to people, on a real database: when they are asked, until when an answer counts, and who sees them.

mod answers;
mod api;
mod asking;
mod bed;
mod timers;
