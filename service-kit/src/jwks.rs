//! Public keys of a token issuer: fetched from its JWKS address, kept by key id, fetched again for an unknown id.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;

use crate::http_client;
use crate::problem::Problem;

/// Unknown key ids cause at most one fetch in this time: anybody can invent ids.
const FETCH_AT_MOST_EVERY: Duration = Duration::from_secs(30);
/// Keys older than this are fetched again before use, so that a withdrawn one goes.
const FRESH_FOR: Duration = Duration::from_secs(600);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The published keys of one issuer.
#[derive(Debug)]
pub struct Jwks {
    url: String,
    client: reqwest::Client,
    known: RwLock<Option<Known>>,
    last_try: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    fetched: Instant,
}

impl Jwks {
    /// The keys at `url`; nothing is fetched yet.
    pub fn new(url: &str) -> Self {
        let client = http_client::client(FETCH_TIMEOUT);
        Self { url: url.to_owned(), client, known: RwLock::default(), last_try: tokio::sync::Mutex::default() }
    }

    /// The key with this id; `None` when the issuer does not publish it.
    ///
    /// # Errors
    /// 503 as long as the issuer's keys could never be fetched.
    pub async fn key(&self, id: &str) -> Result<Option<DecodingKey>, Problem> {
        if let Some(key) = self.fresh(id) {
            return Ok(Some(key));
        }
        let mut last_try = self.last_try.lock().await;
        // Another request may have fetched while this one waited.
        if let Some(key) = self.fresh(id) {
            return Ok(Some(key));
        }
        let may_fetch = last_try.is_none_or(|when| when.elapsed() >= FETCH_AT_MOST_EVERY);
        if may_fetch {
            *last_try = Some(Instant::now());
            match self.fetch().await {
                Ok(keys) => {
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) =
                        Some(Known { keys, fetched: Instant::now() })
                }
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "public keys of the token issuer could not be fetched")
                }
            }
        }
        // Stale keys are better than none while the issuer is away.
        match &*self.known.read().unwrap_or_else(PoisonError::into_inner) {
            Some(known) => Ok(known.keys.get(id).cloned()),
            None => Err(Problem::unavailable("tokens cannot be checked for the moment")),
        }
    }

    fn fresh(&self, id: &str) -> Option<DecodingKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|known| known.fetched.elapsed() < FRESH_FOR)?.keys.get(id).cloned()
    }

    async fn fetch(&self) -> anyhow::Result<HashMap<String, DecodingKey>> {
        let set: JwkSet = self.client.get(&self.url).send().await?.error_for_status()?.json().await?;
        let usable =
            |jwk: &jsonwebtoken::jwk::Jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?));
        Ok(set.keys.iter().filter_map(usable).collect())
    }
}
