//! What the instances of a service share for a moment: how much somebody has asked for, answers of other services. All of it may be lost:
//! where Redis does not answer in time, each instance goes by what it knows itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, cmd};
use tokio::sync::OnceCell;

use crate::breaker::Breaker;
use crate::config::{Reader, Secret, Var};
use crate::sealed::sha256;

/// Where it is.
pub const REDIS_URL: Var = Var::new(
    "REDIS_URL",
    "redis:// or rediss:// address of a Redis that instances share request limits and short answers through; absent = each has its own",
);

/// Longest wait for an answer that a request waits for.
const PATIENCE: Duration = Duration::from_millis(100);
/// Longest wait for an answer where somebody asks how Redis fares.
const LOOK: Duration = Duration::from_secs(2);
/// What every key begins with.
const OURS: &str = "recoup";

/// A bucket that fills steadily, by the generic cell rate algorithm, on the server's own clock. `KEYS[1]` is the time at which the bucket
/// will be full; `ARGV` are the microseconds that one request costs, and how many may be owed. Answers the microseconds to wait, or 0.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
if full - now > tonumber(ARGV[2]) then return full - now - tonumber(ARGV[2]) end
full = full + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1000)
return 0";

/// Redis. Clones share its connection, which is made when it is first needed and again when it breaks.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    endpoint: String,
    connection: OnceCell<ConnectionManager>,
    breaker: Breaker,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Redis").field(&self.0.endpoint).finish()
    }
}

/// What a Redis says of itself; what it does not say is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its version: `7.0.5`.
    pub version: Option<String>,
    /// How much memory it uses, as it writes it: `1.20M`.
    pub memory: Option<String>,
}

/// Redis does not answer, or not in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("redis does not answer: {0}")]
pub struct Away(String);

impl From<RedisError> for Away {
    fn from(error: RedisError) -> Self {
        // The category alone: texts of errors may hold addresses.
        Self(error.category().to_owned())
    }
}

impl Redis {
    /// Redis at an address; nothing is connected yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn at(address: &Secret) -> anyhow::Result<Self> {
        let parsed = url::Url::parse(address.expose())?;
        let host = parsed.host_str().ok_or_else(|| anyhow::anyhow!("it names no host"))?;
        let endpoint = format!("{host}:{}", parsed.port().unwrap_or(6_379));
        let client = Client::open(address.expose()).map_err(|error| anyhow::anyhow!("{}", error.category()))?;
        Ok(Self(Arc::new(Inner { client, endpoint, connection: OnceCell::new(), breaker: Breaker::default() })))
    }

    /// What the environment names.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let address: Secret = reader.optional(&REDIS_URL)?;
        Self::at(&address)
            .map_err(|error| reader.complain(REDIS_URL.name, format!("is no address of a Redis: {error}")))
            .ok()
    }

    /// Host and port, without credentials.
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    async fn connection(&self) -> Result<ConnectionManager, Away> {
        let made = self.0.connection.get_or_try_init(|| async {
            let config = ConnectionManagerConfig::new()
                .set_response_timeout(Some(LOOK))
                .set_connection_timeout(Some(LOOK))
                .set_number_of_retries(1);
            ConnectionManager::new_lazy_with_config(self.0.client.clone(), config)
        });
        Ok(made.await?.clone())
    }

    /// Asks, unless it was away a moment ago.
    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd, patience: Duration) -> Result<T, Away> {
        if !self.0.breaker.allows(Instant::now()) {
            return Err(Away("it is left alone for a moment".to_owned()));
        }
        let asked = async {
            let mut connection = self.connection().await?;
            Ok(command.query_async(&mut connection).await?)
        };
        let answer = tokio::time::timeout(patience, asked).await;
        let answer = answer.unwrap_or_else(|_| Err(Away("no answer in time".to_owned())));
        self.0.breaker.note(answer.is_ok(), Instant::now());
        answer
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn ping(&self) -> Result<(), Away> {
        let mut connection = self.connection().await?;
        let ping = cmd("PING");
        let asked = tokio::time::timeout(LOOK, ping.query_async::<String>(&mut connection)).await;
        asked.map_err(|_| Away("no answer in time".to_owned()))?.map(drop).map_err(Away::from)
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// [`Away`], also when it does not tell us.
    pub async fn about(&self) -> Result<About, Away> {
        let mut connection = self.connection().await?;
        let info = cmd("INFO");
        let asked = tokio::time::timeout(LOOK, info.query_async::<String>(&mut connection)).await;
        let text = asked.map_err(|_| Away("no answer in time".to_owned()))?.map_err(Away::from)?;
        let of = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            found.map(|value| value.trim().to_owned())
        };
        Ok(About { version: of("redis_version"), memory: of("used_memory_human") })
    }

    /// What was kept under a name, if it is there still.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Away> {
        self.ask(cmd("GET").arg(key("kept", name)), PATIENCE).await
    }

    /// Keeps something for a while.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn keep(&self, name: &str, value: &[u8], duration: Duration) -> Result<(), Away> {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1);
        self.ask(cmd("SET").arg(key("kept", name)).arg(value).arg("PX").arg(milliseconds), PATIENCE).await
    }

    /// Counts a request under a name: at most `per_second` of them over time and `burst` at once, over all instances. Answers how long to
    /// wait where it is one too many.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn take(&self, name: &str, per_second: u32, burst: u32) -> Result<Option<Duration>, Away> {
        let costs = 1_000_000 / u64::from(per_second.max(1));
        let may_owe = costs.saturating_mul(u64::from(burst.max(1)) - 1);
        let mut script = cmd("EVAL");
        script.arg(TAKE).arg(1).arg(key("limit", name)).arg(costs).arg(may_owe);
        let wait: u64 = self.ask(&script, PATIENCE).await?;
        Ok((wait > 0).then(|| Duration::from_micros(wait)))
    }
}

/// Names are digested: they may hold who somebody is.
fn key(kind: &str, name: &str) -> String {
    format!("{OURS}:{kind}:{}", sha256(name.as_bytes()))
}
