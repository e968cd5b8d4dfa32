//! The HTTP edge: extractors whose refusals name the field, and the server that every service runs.

pub mod context;
mod docs;
mod extract;
mod guard;
mod limit;
pub mod metrics;
mod server;

pub use docs::BEARER;
pub use extract::{Json, Path, Query, parse_json, unread_body};
pub use limit::{Limit, Paging};
pub use server::{Server, document, serve};
