//! How Recoup's services talk, store, and run

pub mod admin;
pub mod auth;
mod backoff;
pub mod bus;
mod bus_auth;
mod careful;
pub mod clock;
pub mod commands;
pub mod config;
pub mod consumer;
pub mod faults;
pub mod handler;
pub mod health;
pub mod http;
pub mod http_client;
mod inbox;
pub mod jobs;
pub mod jwks;
mod lease;
pub mod limits;
pub mod outbox;
pub mod parked;
pub mod problem;
pub mod provision;
pub mod pruning;
pub mod publisher;
pub mod reader;
pub mod replay;
pub mod runtime;
pub mod sealed;
pub mod shutdown;
pub mod store;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod vault;
pub mod waiting;
