//! Proof packets: what was claimed, what proves it and what came of it, in one file that can be checked without us.
//!
//! Everything here is pure: no database, no network, no clock. The same contents give the same bytes, and a reader needs nothing but
//! the packet and a public key. The format is written down in `docs/PACKETS.md`.

pub mod amount;
pub mod archive;
pub mod contents;
pub mod findings;
pub mod keys;
pub mod manifest;
pub mod merkle;
pub mod seal;
pub mod sha256;
mod summary;
pub mod unarchive;
pub mod verify;
