//! Configuration: the environment and nothing else. Each struct lists its variables with defaults and meaning, so that
//! `.env.example` and the operations manual can be checked against them, and a start names every bad variable at once.

mod edge;
mod env;
mod stores;

pub use edge::{Algorithm, AuthConfig, EdgeConfig, LogFormat, Mode, RuntimeConfig};
pub use env::{ConfigError, Env, FromEnv, Reader, Secret, Var, load};
pub use stores::{AdminDatabaseConfig, DatabaseConfig, PulsarConfig, Role, TokenSource};
