//! Verification of tokens, with a small memory of those that were verified lately.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::DateTime;
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use shared_events::{PartnerId, Subject, TenantId};

use super::caller::{Caller, Role};
use crate::config::{Algorithm, AuthConfig};
use crate::jwks::Jwks;
use crate::problem::Problem;

/// Clocks of issuers may be off by this much.
const LEEWAY_SECONDS: u64 = 2;
/// Verified tokens that are remembered at most; about 4 MB.
const REMEMBERED: usize = 4_096;
/// A token is verified anew after this time, so that a withdrawn key stops working.
const REMEMBER_SECONDS: u64 = 60;
/// Longer tokens are refused unread.
const LONGEST_TOKEN: usize = 8_192;

/// Turns tokens into callers.
#[derive(Debug)]
pub struct Verifier {
    keys: Keys,
    validation: Validation,
    remembered: RwLock<HashMap<String, Remembered>>,
}

#[derive(Debug)]
enum Keys {
    /// One shared secret.
    Shared(DecodingKey),
    /// Public keys by id.
    Published(Jwks),
    /// Development only: claims are believed as they are.
    Unchecked,
}

#[derive(Debug, Clone)]
struct Remembered {
    caller: Arc<Caller>,
    until: u64,
}

/// The claims that are read. `roles` may be a list, `role` a single name; both count.
#[derive(Debug, Deserialize)]
struct Received {
    sub: String,
    tenant: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    partner: Option<String>,
    #[serde(default)]
    exp: Option<serde_json::Number>,
}

impl Verifier {
    /// A verifier that follows `config`.
    ///
    /// # Errors
    /// When the configuration lacks the key that its algorithm needs.
    pub fn new(config: &AuthConfig) -> anyhow::Result<Self> {
        let algorithm = match config.algorithm {
            Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        };
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let keys = match (config.require_validation, config.algorithm, &config.secret, &config.jwks_url) {
            (false, ..) => {
                tracing::warn!("tokens are believed without being checked (JWT_REQUIRE_VALIDATION=false)");
                Keys::Unchecked
            }
            (true, Algorithm::Hs256, Some(secret), _) => {
                Keys::Shared(DecodingKey::from_secret(secret.expose().as_bytes()))
            }
            (true, Algorithm::Hs256, None, _) => anyhow::bail!("HS256 needs a shared secret"),
            (true, _, _, Some(url)) => Keys::Published(Jwks::new(url)),
            (true, _, _, None) => anyhow::bail!("{:?} needs the address of public keys", config.algorithm),
        };
        Ok(Self { keys, validation, remembered: RwLock::default() })
    }

    /// The caller that `token` speaks for.
    ///
    /// # Errors
    /// 401 for any token that is not believed; 503 while no public key could be fetched at all.
    pub async fn verify(&self, token: &str) -> Result<Arc<Caller>, Problem> {
        if token.len() > LONGEST_TOKEN {
            return Err(Problem::invalid_token());
        }
        let now = jsonwebtoken::get_current_timestamp();
        let known = self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        if let Some(known) = known.filter(|known| now < known.until) {
            return Ok(known.caller);
        }
        let received = self.checked_claims(token).await?;
        let expires = received.exp.as_ref().and_then(serde_json::Number::as_u64).unwrap_or(now);
        let caller = Arc::new(caller(received, token).ok_or_else(|| refuse("claims are missing or malformed"))?);
        let until = expires.saturating_add(LEEWAY_SECONDS).min(now + REMEMBER_SECONDS);
        self.remember(token, Remembered { caller: Arc::clone(&caller), until }, now);
        Ok(caller)
    }

    async fn checked_claims(&self, token: &str) -> Result<Received, Problem> {
        let key = match &self.keys {
            Keys::Unchecked => return jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(refuse),
            Keys::Shared(key) => key.clone(),
            Keys::Published(jwks) => {
                let header = jsonwebtoken::decode_header(token).map_err(refuse)?;
                if !self.validation.algorithms.contains(&header.alg) {
                    return Err(refuse("the algorithm is not the configured one"));
                }
                let id = header.kid.ok_or_else(|| refuse("the token names no key"))?;
                jwks.key(&id).await?.ok_or_else(|| refuse("the key is unknown"))?
            }
        };
        Ok(jsonwebtoken::decode::<Received>(token, &key, &self.validation).map_err(refuse)?.claims)
    }

    fn remember(&self, token: &str, entry: Remembered, now: u64) {
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, known| now < known.until);
        }
        if remembered.len() >= REMEMBERED {
            // Every entry is fresh: verifying anew costs little, unbounded memory much.
            remembered.clear();
        }
        remembered.insert(token.to_owned(), entry);
    }
}

fn refuse(why: impl std::fmt::Display) -> Problem {
    tracing::debug!(reason = %why, "token refused");
    Problem::invalid_token()
}

fn caller(received: Received, token: &str) -> Option<Caller> {
    let mut roles: Vec<Role> =
        received.roles.iter().chain(received.role.as_ref()).filter_map(|name| Role::from_name(name)).collect();
    roles.sort_unstable();
    roles.dedup();
    let subject = Subject::try_new(received.sub).ok()?;
    let partner = match received.partner {
        Some(name) => Some(PartnerId::try_new(name).ok()?),
        None if roles.contains(&Role::Partner) => Some(PartnerId::try_new(subject.as_str()).ok()?),
        None => None,
    };
    let ends = received.exp.as_ref().and_then(serde_json::Number::as_i64);
    let expires_at = ends.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let tenant = TenantId::try_new(received.tenant).ok()?;
    Some(Caller { tenant, subject, roles, partner, token: token.to_owned(), expires_at })
}
