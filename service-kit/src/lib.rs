//! How Recoup's services talk, store, and run

pub mod auth;
pub mod clock;
pub mod config;
pub mod health;
pub mod http;
pub mod http_client;
pub mod jwks;
pub mod limits;
pub mod problem;
pub mod sealed;
pub mod shutdown;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod admin;
pub mod bus;
pub mod commands;
pub mod consumer;
pub mod faults;
pub mod handler;
pub mod jobs;
pub mod outbox;
pub mod parked;
pub mod provision;
pub mod reader;
pub mod replay;
pub mod store;
mod bus_auth;
mod inbox;
pub mod runtime;
