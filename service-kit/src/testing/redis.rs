//! A Redis of a test's own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::eventually;
use crate::config::{Env, Secret};
use crate::redis::Redis;

/// Names the server's program, where it is not `redis-server` on the path.
pub const PROGRAM: &str = "REDIS_SERVER";

/// A running server. It ends with the test.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl RedisServer {
    /// Starts a server; where this machine has none, says so and answers `None`, and the test is skipped.
    ///
    /// # Panics
    /// When there is one and it does not start.
    pub async fn start() -> Option<Self> {
        let program = Env::process().get(PROGRAM).unwrap_or("redis-server").to_owned();
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let folder = std::env::temp_dir().join(format!("recoup-redis-{}", free.port()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let port = free.port().to_string();
        let spawned = Command::new(&program)
            .args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--dir"])
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) => {
                println!("skipped: no Redis can be started here ({program}: {error}); name one in {PROGRAM}");
                return None;
            }
        };
        let server = Self { child, port: free.port(), folder };
        let redis = server.client();
        eventually("Redis answers", async || redis.ping().await.ok()).await;
        Some(server)
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A client of its own, as each instance has one.
    ///
    /// # Panics
    /// Never: the address is good.
    pub fn client(&self) -> Redis {
        Redis::at(&Secret::new(self.address())).expect("a good address")
    }

    /// Ends it.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
