//! The BFF from outside: real HTTP, the real broker, and stand-ins for the services behind it.

mod approvals;
mod auth;
mod claims;
mod commands;
mod document;
mod edge;
mod machines;
mod matching;
mod packets;
mod prompts;
mod questions;
mod stream;
mod upload;
