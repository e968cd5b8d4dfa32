//! What claims reads from the environment, beyond what every service reads.

use service_kit::config::{FromEnv, Reader, Var};

/// What claims reads from the environment.
#[derive(Debug, Clone, Copy)]
pub struct Config;

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        Vec::new()
    }

    fn read(_reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self)
    }
}
