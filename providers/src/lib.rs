//! Clients of the outside world: pure wire, no database, no business.

pub mod amazon;
pub mod fetch;
pub mod files;
pub mod imap;
pub mod media_type;
pub mod objects;
pub mod push;
pub mod sending;
pub mod sms;
pub mod smtp;
pub mod stripe;
mod wire;
