//! Configuration: the environment and nothing else. Each struct lists its variables with defaults and meaning, so that
//! `.env.example` and the operations manual can be checked against them, and a start names every bad variable at once.

mod auth;
mod authorities;
mod edge;
mod env;
mod runtime;
mod services;
mod stores;

pub use auth::{Algorithm, AuthConfig};
pub use authorities::{Authorities, BadAuthorities};
pub use edge::EdgeConfig;
pub use env::{ConfigError, Env, FromEnv, Reader, Secret, Var, load};
pub use runtime::{LogFormat, Mode, RuntimeConfig};
pub use services::address_var;
pub use stores::{AdminDatabaseConfig, DatabaseConfig, PulsarConfig, Role, TokenSource};
