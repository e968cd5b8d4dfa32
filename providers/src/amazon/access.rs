//! Access tokens of all connections: each is fetched by one task and used by all until it runs out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{SHA256, digest};
use service_kit::config::Secret;
use tokio::time::Instant;

use super::login::By;
use super::{Error, SellingPartner};

/// A token is not used in its last minute.
const MARGIN: TimeDelta = TimeDelta::seconds(60);
/// How many connections are remembered before those with old tokens are forgotten.
const MANY: usize = 1_000;

/// What is known of one connection.
#[derive(Default)]
pub(crate) enum Access {
    #[default]
    Unknown,
    Token {
        token: Secret,
        until: DateTime<Utc>,
        rotated: Option<Secret>,
    },
    /// A refresh token that was taken back does not come back.
    Revoked,
}

/// One connection; whoever holds the lock is the one that asks.
pub(crate) type Shared = Arc<tokio::sync::Mutex<Access>>;

/// All connections, by the digest of their refresh tokens: a new consent is a new connection.
#[derive(Default)]
pub(crate) struct Accesses(Mutex<HashMap<[u8; 32], Shared>>);

impl Accesses {
    pub(crate) fn of(&self, refresh_token: &Secret, now: DateTime<Utc>) -> Shared {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, refresh_token.expose().as_bytes()).as_ref());
        let mut all = self.0.lock().expect("nothing panics while it holds the tokens");
        if all.len() >= MANY {
            all.retain(|_, shared| {
                let useful = shared.try_lock().map_or(true, |access| match &*access {
                    Access::Token { until, .. } => *until > now,
                    Access::Unknown | Access::Revoked => false,
                });
                useful || Arc::strong_count(shared) > 1
            });
        }
        Arc::clone(all.entry(key).or_default())
    }
}

/// A token that can be used now.
///
/// # Errors
/// As the login's; [`Error::Revoked`] without asking again.
pub(crate) async fn token(
    partner: &SellingPartner,
    shared: &Shared,
    refresh: &Secret,
    until: Instant,
) -> Result<Secret, Error> {
    let mut access = shared.lock().await;
    match &*access {
        Access::Token { token, until, .. } if partner.now() + MARGIN < *until => return Ok(token.clone()),
        Access::Revoked => return Err(Error::Revoked),
        Access::Token { .. } | Access::Unknown => {}
    }
    let rotated = match &*access {
        Access::Token { rotated, .. } => rotated.clone(),
        Access::Unknown | Access::Revoked => None,
    };
    let asked_at = partner.now();
    match partner.sign_in(By::Refresh(rotated.as_ref().unwrap_or(refresh)), until).await {
        Ok(fresh) => {
            let expires = asked_at + TimeDelta::from_std(fresh.expires_in).unwrap_or(TimeDelta::zero());
            let token = fresh.access_token;
            *access = Access::Token { token: token.clone(), until: expires, rotated: fresh.refresh_token.or(rotated) };
            Ok(token)
        }
        Err(error) => {
            if matches!(error, Error::Revoked) {
                *access = Access::Revoked;
            }
            Err(error)
        }
    }
}

/// Amazon did not take this token: the next call fetches another, unless somebody did so already.
pub(crate) async fn reject(shared: &Shared, rejected: &Secret) {
    let mut access = shared.lock().await;
    if let Access::Token { token, until, .. } = &mut *access
        && token == rejected
    {
        *until = DateTime::<Utc>::MIN_UTC;
    }
}
