//! What evidence reads from the environment, beyond what every service reads.

use service_kit::config::{FromEnv, Reader, Var};

/// What evidence reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        vec![]
    }

    fn read(_reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {})
    }
}
