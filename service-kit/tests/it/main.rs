//! The kit on a real broker and a real database: what goes out, what comes in, and what happens when handlers fail.

mod messaging;
mod parking;
mod reading;
mod world;
