//! What tracking reads from the environment, beyond what every service reads.

use axum::http::HeaderName;
use service_kit::config::{FromEnv, Reader, Var};

const CLIENT_ADDRESS_HEADER: Var = Var::new(
    "CLIENT_ADDRESS_HEADER",
    "header into which your own proxy writes a client's address, such as x-forwarded-for; absent = clients connect directly",
);

/// What tracking reads from the environment.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The header that tells whose click it is, where a proxy stands before us. Its last address counts: the one that the own proxy wrote.
    pub client_address_header: Option<HeaderName>,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        vec![CLIENT_ADDRESS_HEADER]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { client_address_header: reader.optional(&CLIENT_ADDRESS_HEADER) })
    }
}
