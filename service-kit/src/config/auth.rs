//! Whose tokens are believed.

use std::str::FromStr;

use super::env::{FromEnv, Reader, Secret, Var};
use super::runtime::{BIND, MODE, relaxed_only_at_home};

const JWT_SECRET: Var = Var::new("JWT_SECRET_KEY", "shared secret of HS256 tokens, at least 32 characters");
const JWT_ALGORITHM: Var =
    Var::or("JWT_ALGORITHM", "HS256", "HS256, RS256, ES256 or EdDSA; tokens of any other are refused");
const JWT_ISSUER: Var = Var::or("JWT_ISSUER", "recoup", "issuer that tokens must name");
const JWT_AUDIENCE: Var = Var::or("JWT_AUDIENCE", "recoup-api", "audience that tokens must name");
const JWT_JWKS_URL: Var = Var::new("JWT_JWKS_URL", "where the public keys of RS256, ES256 and EdDSA tokens are");
const JWT_VALIDATE: Var = Var::or(
    "JWT_REQUIRE_VALIDATION",
    "true",
    "false believes tokens without checking them; development on loopback only",
);

/// The one algorithm that tokens are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// A shared secret.
    Hs256,
    /// RSA.
    Rs256,
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl FromStr for Algorithm {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "HS256" => Ok(Self::Hs256),
            "RS256" => Ok(Self::Rs256),
            "ES256" => Ok(Self::Es256),
            "EdDSA" => Ok(Self::EdDsa),
            _ => Err("expected HS256, RS256, ES256 or EdDSA"),
        }
    }
}

/// Whose tokens are believed.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// The one algorithm.
    pub algorithm: Algorithm,
    /// The shared secret, for HS256.
    pub secret: Option<Secret>,
    /// Where public keys are, for the others.
    pub jwks_url: Option<String>,
    /// The issuer that tokens must name.
    pub issuer: String,
    /// The audience that tokens must name.
    pub audience: String,
    /// Whether tokens are checked at all.
    pub require_validation: bool,
}

/// RFC 7518 asks for a key at least as long as the hash.
const SHORTEST_SECRET: usize = 32;

impl FromEnv for AuthConfig {
    fn vars() -> Vec<Var> {
        vec![JWT_SECRET, JWT_ALGORITHM, JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URL, JWT_VALIDATE]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let algorithm = reader.required(&JWT_ALGORITHM);
        let secret: Option<Secret> = reader.optional(&JWT_SECRET);
        let jwks_url: Option<String> = reader.optional(&JWT_JWKS_URL);
        let (issuer, audience) = (reader.required(&JWT_ISSUER), reader.required(&JWT_AUDIENCE));
        let require_validation = reader.required(&JWT_VALIDATE);
        let long_enough = secret.as_ref().is_some_and(|secret| secret.expose().len() >= SHORTEST_SECRET);
        match algorithm {
            Some(Algorithm::Hs256) if !long_enough => {
                reader.complain(JWT_SECRET.name, "needs at least 32 characters for HS256")
            }
            Some(Algorithm::Hs256) | None => {}
            Some(_) if jwks_url.is_none() => {
                reader.complain(JWT_JWKS_URL.name, "is needed for every algorithm but HS256")
            }
            Some(_) => {}
        }
        if require_validation == Some(false) {
            let (mode, bind) = (reader.required(&MODE), reader.required(&BIND));
            relaxed_only_at_home(reader, JWT_VALIDATE.name, mode, bind);
        }
        Some(Self {
            algorithm: algorithm?,
            secret,
            jwks_url,
            issuer: issuer?,
            audience: audience?,
            require_validation: require_validation?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::env::{Env, load};
    use super::*;

    #[test]
    fn each_algorithm_needs_its_own_key() {
        let with = |pairs: &[(&str, &str)]| load::<AuthConfig>(&Env::of(pairs.iter().copied()));
        let complaint = |pairs: &[(&str, &str)]| with(pairs).expect_err("refused").problems[0].0.clone();
        assert_eq!(complaint(&[]), "JWT_SECRET_KEY");
        assert_eq!(complaint(&[("JWT_SECRET_KEY", "too short")]), "JWT_SECRET_KEY");
        assert_eq!(complaint(&[("JWT_ALGORITHM", "RS256")]), "JWT_JWKS_URL");
        assert_eq!(complaint(&[("JWT_ALGORITHM", "none")]), "JWT_ALGORITHM");
        let config = with(&[("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef")]).expect("long enough");
        assert!(config.require_validation);
        assert!(!format!("{config:?}").contains("0123456789"));
    }
}
