//! For tests: a namespace of its own on the real broker, and waiting for a condition with a deadline.
//!
//! The broker is named by `PULSAR_SERVICE_URL`, `PULSAR_ADMIN_URL` and `PULSAR_TOKEN_DIR` (a folder with `<role>.jwt`), as `./dev test` sets them.

mod redis;
mod slice;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::admin::Admin;
use crate::config::{Env, PulsarConfig, Role, TokenSource};
use crate::provision::{Retention, provision};

pub use redis::RedisServer;
pub use slice::{Answer, Slice};

/// How long a test waits for something to come true before it fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A namespace that no other test uses.
pub struct Namespace {
    service_url: String,
    admin_url: String,
    tokens: PathBuf,
    name: String,
}

impl Namespace {
    /// Makes and provisions a namespace.
    ///
    /// # Panics
    /// When the broker is not there: the test cannot run then.
    pub async fn provisioned() -> Self {
        let namespace = Self::empty();
        let config = namespace.role(Role::Provisioner);
        provision(&Admin::new(&config), &config, Retention { minutes: 60, mebibytes: 64 }, |_| ())
            .await
            .expect("the broker is provisioned");
        namespace
    }

    /// Names a namespace without making it.
    ///
    /// # Panics
    /// When the environment does not name the broker.
    pub fn empty() -> Self {
        let env = Env::process();
        let need = |name: &str| {
            env.get(name).unwrap_or_else(|| panic!("{name} is not set: run the tests by ./dev test")).to_owned()
        };
        Self {
            service_url: need("PULSAR_SERVICE_URL"),
            admin_url: need("PULSAR_ADMIN_URL"),
            tokens: PathBuf::from(need("PULSAR_TOKEN_DIR")),
            name: format!("test-{}", Uuid::now_v7().simple()),
        }
    }

    /// Where the broker listens.
    ///
    /// # Panics
    /// When it is named by anything but an address.
    pub fn service_address(&self) -> std::net::SocketAddr {
        let address = self.service_url.rsplit("//").next().unwrap_or_default();
        address.parse().unwrap_or_else(|_| panic!("{} is no address", self.service_url))
    }

    /// How `role` reaches it.
    pub fn role(&self, role: Role) -> PulsarConfig {
        PulsarConfig {
            role,
            service_url: self.service_url.clone(),
            admin_url: self.admin_url.clone(),
            token: TokenSource::File(self.tokens.join(format!("{}.jwt", role.name()))),
            authorities: None,
            tenant: "recoup-test".into(),
            namespace: self.name.clone(),
        }
    }

    /// An administrator of it.
    pub fn admin(&self) -> Admin {
        Admin::new(&self.role(Role::Provisioner))
    }
}

/// Waits until `condition` gives something.
///
/// # Panics
/// When it does not within [`DEADLINE`].
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "did not happen within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
