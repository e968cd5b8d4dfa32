//! Making tokens: for `recoup token`, the demo and tests. Only with a shared secret; real issuers keep their own keys.

use jsonwebtoken::{EncodingKey, Header};
use serde::{Deserialize, Serialize};

use super::caller::Role;
use crate::config::{Algorithm, AuthConfig};

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who is meant.
    pub sub: String,
    /// Whose they are.
    pub tenant: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// The partner they act for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
}

#[derive(Serialize)]
struct Signed<'a> {
    #[serde(flatten)]
    claims: &'a Claims,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Signs a token that is valid for `ttl_seconds` from now; a negative time gives one that has expired.
///
/// # Errors
/// When the configuration holds no shared secret.
pub fn mint(config: &AuthConfig, claims: &Claims, ttl_seconds: i64) -> anyhow::Result<String> {
    let secret = match (config.algorithm, &config.secret) {
        (Algorithm::Hs256, Some(secret)) => secret,
        _ => anyhow::bail!("tokens can be made only with JWT_ALGORITHM=HS256 and a JWT_SECRET_KEY"),
    };
    let now = i64::try_from(jsonwebtoken::get_current_timestamp())?;
    let iat = now.min(now.saturating_add(ttl_seconds));
    let signed = Signed {
        claims,
        iss: &config.issuer,
        aud: &config.audience,
        iat,
        nbf: iat,
        exp: now.saturating_add(ttl_seconds),
    };
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    Ok(jsonwebtoken::encode(&Header::new(jsonwebtoken::Algorithm::HS256), &signed, &key)?)
}
