//! Keys of machines at the edge: orders knows whose they are, and decides anew about each request that is passed on to it. A machine has no
//! role here, so that only what orders answers is open to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use futures::future::BoxFuture;
use serde::Deserialize;
use service_kit::auth::{Caller, KeyRing};
use service_kit::problem::Problem;
use service_kit::sealed::sha256;
use shared_events::{Service, Subject, TenantId};

use crate::app::Shared;

/// How long an answer is believed. Orders looks anew for whatever reaches it, so that a revoked key does nothing in this time.
const BELIEVED: Duration = Duration::from_secs(15);
/// Keys that are remembered at most.
const REMEMBERED: usize = 1_024;
/// Where orders tells whose a key is.
const SELF: &str = "/api/v1/api-keys/self";

/// Asks orders whose a key is.
pub struct Machines {
    app: Shared,
    /// By digest of the key: what is remembered is no key.
    known: Mutex<HashMap<String, (Instant, Owner)>>,
}

/// Whose a key is.
#[derive(Debug, Clone, Deserialize)]
struct Owner {
    tenant: TenantId,
    subject: Subject,
}

impl Machines {
    /// Knows nothing yet.
    pub fn new(app: Shared) -> Self {
        Self { app, known: Mutex::default() }
    }

    async fn owner(&self, key: &str) -> Result<Owner, Problem> {
        let (digest, now) = (sha256(key.as_bytes()), Instant::now());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        if let Some((until, owner)) = known
            && now < until
        {
            return Ok(owner);
        }
        let answer = self.app.upstream(Service::Orders).ask_with(SELF, key).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(Problem::invalid_token()),
            status => {
                return Err(Problem::unavailable("keys cannot be checked now")
                    .caused_by(anyhow::anyhow!("orders answers {status}")));
            }
        }
        let owner: Owner = answer.json().await.map_err(Problem::internal)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(digest, (now + BELIEVED, owner.clone()));
        Ok(owner)
    }
}

impl KeyRing for Machines {
    fn caller<'a>(&'a self, key: &'a str, _: &'a Method, _: &'a str) -> BoxFuture<'a, Result<Caller, Problem>> {
        Box::pin(async move {
            let Owner { tenant, subject } = self.owner(key).await?;
            Ok(Caller { tenant, subject, roles: Vec::new(), partner: None, token: key.to_owned(), expires_at: None })
        })
    }
}

/// The key ring of the edge.
pub fn ring(app: &Shared) -> Arc<dyn KeyRing> {
    Arc::new(Machines::new(Arc::clone(app)))
}
