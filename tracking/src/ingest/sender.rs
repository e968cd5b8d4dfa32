//! Who may send events: a token, a tenant's publishable key, and in development nobody in particular.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeDelta, Utc};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use service_kit::auth::{Caller, Role};
use service_kit::problem::Problem;
use service_kit::store::Store;
use shared_events::TenantId;

/// Header that carries a publishable key; the query parameter `key` does, too.
pub const KEY_HEADER: &str = "x-publishable-key";
/// Partners and customers may not: they would report their own sales.
const MAY_SEND: [Role; 4] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller];
/// Keys remembered at a time; beyond that all are looked up again.
const REMEMBERED: usize = 10_000;
/// How long a key is believed without looking it up: so long a withdrawn one still works at most.
pub const BELIEVED: TimeDelta = TimeDelta::seconds(5);

/// Whoever sends events.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Whose the events are.
    pub tenant: TenantId,
    /// The token's subject.
    pub actor: Option<String>,
    key: Option<Arc<Key>>,
}

/// A publishable key. It can only send events, and nothing about it ever changes but that it is withdrawn one day.
#[derive(Debug)]
struct Key {
    tenant: TenantId,
    origins: Vec<String>,
    limiter: DefaultDirectRateLimiter,
}

/// A key that worked when it was looked up.
struct Remembered {
    key: Arc<Key>,
    looked_up: DateTime<Utc>,
}

/// Finds out who sends.
pub struct Senders {
    store: Store,
    /// Whose unauthenticated events are; only in development on a loopback address, which the configuration checks.
    open_tenant: Option<TenantId>,
    keys: Mutex<HashMap<String, Remembered>>,
}

impl Senders {
    /// Looks keys up in `store`.
    pub fn new(store: Store, open_tenant: Option<TenantId>) -> Self {
        Self { store, open_tenant, keys: Mutex::default() }
    }

    /// Who sends a request with these credentials.
    ///
    /// # Errors
    /// 401 without any, 403 when they do not allow it.
    pub async fn identify(
        &self,
        caller: Option<Caller>,
        headers: &HeaderMap,
        key_in_query: Option<&str>,
    ) -> Result<Sender, Problem> {
        if let Some(caller) = caller {
            caller.require(&MAY_SEND)?;
            return Ok(Sender { tenant: caller.tenant, actor: Some(caller.subject.to_string()), key: None });
        }
        let in_header =
            headers.get(KEY_HEADER).map(|value| value.to_str().map_err(|_| Problem::unauthorized())).transpose()?;
        if let Some(key) = in_header.or(key_in_query) {
            let key = self.key(key).await?.ok_or_else(Problem::unauthorized)?;
            check_origin(&key, headers)?;
            return Ok(Sender { tenant: key.tenant.clone(), actor: None, key: Some(key) });
        }
        let tenant = self.open_tenant.clone().ok_or_else(Problem::unauthorized)?;
        Ok(Sender { tenant, actor: None, key: None })
    }

    async fn key(&self, key: &str) -> Result<Option<Arc<Key>>, Problem> {
        let digest = digest(key);
        let now = self.store.now();
        let believed = |known: &&Remembered| (TimeDelta::zero()..BELIEVED).contains(&(now - known.looked_up));
        if let Some(known) = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).filter(believed) {
            return Ok(Some(Arc::clone(&known.key)));
        }
        let found = self.look_up(&digest).await?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = found else {
            keys.remove(&digest);
            return Ok(None);
        };
        if keys.len() >= REMEMBERED {
            keys.clear();
        }
        // What the key has sent is counted on, by whichever request looked it up first.
        let known = keys.entry(digest).or_insert_with(|| Remembered { key: Arc::new(found), looked_up: now });
        known.looked_up = now;
        Ok(Some(Arc::clone(&known.key)))
    }

    /// The key comes before the tenant: row-level security shows the row whose digest is asked for.
    async fn look_up(&self, digest: &str) -> Result<Option<Key>, Problem> {
        let mut work = self.store.begin().await?;
        sqlx::query!("SELECT set_config('recoup.lookup', $1, true)", digest).fetch_one(work.conn()).await?;
        let row = sqlx::query!(
            "SELECT tenant, origins, events_per_second FROM publishable_keys WHERE key_digest = $1 AND withdrawn_at IS NULL",
            digest
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let tenant = TenantId::try_new(row.tenant).map_err(Problem::internal)?;
        let rate = NonZeroU32::new(row.events_per_second.unsigned_abs()).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(rate).allow_burst(rate.saturating_mul(BURST_SECONDS));
        Ok(Some(Key { tenant, origins: row.origins, limiter: RateLimiter::direct(quota) }))
    }
}

/// A key may send what it may in so many seconds at once.
const BURST_SECONDS: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

impl Sender {
    /// Counts `events` against the rate of the key.
    ///
    /// # Errors
    /// 429 with the time to wait; 413 for more at once than the key may ever send.
    pub fn spend(&self, events: usize) -> Result<(), Problem> {
        let (Some(key), Some(events)) = (&self.key, u32::try_from(events).ok().and_then(NonZeroU32::new)) else {
            return Ok(());
        };
        match key.limiter.check_n(events) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refused)) => {
                Err(Problem::too_many_requests(refused.wait_time_from(DefaultClock::default().now()).as_secs() + 1))
            }
            Err(most) => Err(Problem::too_large(format!("this key may send at most {} events at once", most.0))),
        }
    }
}

/// A page's browser says where it comes from. A key without origins is for servers, which say nothing.
fn check_origin(key: &Key, headers: &HeaderMap) -> Result<(), Problem> {
    let allowed = match headers.get(header::ORIGIN) {
        Some(origin) => key.origins.iter().any(|allowed| origin.as_bytes() == allowed.as_bytes()),
        None => key.origins.is_empty(),
    };
    if allowed { Ok(()) } else { Err(Problem::forbidden("this key may not be used from this origin")) }
}

/// SHA-256 in hexadecimal: the key itself is stored nowhere.
pub fn digest(key: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
