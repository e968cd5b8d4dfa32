//! The rules of tracking, pure: no database, no HTTP, no clock. Time and ids come in as arguments.

pub mod attribution;
pub mod campaign;
pub mod catalog;
pub mod event;
pub mod incoming;
pub mod plan;
pub mod refund;
#[cfg(test)]
pub(crate) mod samples;
pub mod weights;
