//! How events get in: read from a request, decided in groups, stored and said in one transaction.

pub mod answer;
pub mod group;
pub mod locks;
pub mod neighbourhood;
pub mod queue;
pub mod read;
pub mod route;
pub mod sender;
pub mod write;
