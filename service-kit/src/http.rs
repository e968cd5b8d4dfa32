//! The HTTP edge: extractors whose refusals name the field, and the server that every service runs.

pub mod context;
mod extract;

pub use extract::{Json, Path, Query};
