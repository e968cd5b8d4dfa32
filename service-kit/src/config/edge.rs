//! What the HTTP edge of every service reads: where it listens, whom it believes, what it allows.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;
use shared_events::TenantId;

use super::env::{FromEnv, Reader, Secret, Var};

const MODE: Var = Var::or("RECOUP_ENV", "production", "development or production");
const BIND: Var = Var::or("BIND_ADDRESS", "127.0.0.1", "address that every service listens on");
const DEV_CLOCK: Var =
    Var::or("DEV_CLOCK", "false", "true lets POST /dev/clock move the time; development on loopback only");
const DEV_OPEN_TENANT: Var =
    Var::new("DEV_OPEN_TENANT", "tenant of unauthenticated tracking events; development on loopback only");
const LOG_FORMAT: Var = Var::or("LOG_FORMAT", "json", "json or text");
const LOG_FILTER: Var = Var::or("RUST_LOG", "info", "what is logged, as tracing filter directives");
const OTLP: Var = Var::new("OTEL_EXPORTER_OTLP_ENDPOINT", "where traces are sent (OTLP over HTTP); absent = nowhere");

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

const CORS: Var =
    Var::new("CORS_ALLOWED_ORIGINS", "origins of browsers that may call, separated by commas; absent = none");
const BODY_LIMIT: Var = Var::or("HTTP_MAX_BODY_BYTES", "1048576", "largest request body, tracking events apart (5 MB)");
const TIMEOUT: Var = Var::or("HTTP_REQUEST_TIMEOUT_SECONDS", "30", "a request that takes longer is answered with 503");
const RATE: Var =
    Var::or("HTTP_REQUESTS_PER_SECOND", "500", "requests per second and subject at the BFF; twice as many in a burst");

/// Development or production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Conveniences may be switched on, on a loopback address.
    Development,
    /// Nothing is relaxed.
    Production,
}

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("expected development or production"),
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("expected json or text"),
        }
    }
}

/// What holds for the whole process.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// Development or production.
    pub mode: Mode,
    /// Where services listen.
    pub bind: IpAddr,
    /// Whether the demo may move the clock.
    pub dev_clock: bool,
    /// Whose unauthenticated tracking events are.
    pub dev_open_tenant: Option<TenantId>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Filter directives.
    pub log_filter: String,
    /// Where traces go.
    pub otlp_endpoint: Option<String>,
}

/// Development conveniences are refused loudly anywhere but in development on a loopback address: a mistake in a
/// deployment must not open it.
fn relaxed_only_at_home(reader: &mut Reader<'_>, name: &str, mode: Option<Mode>, bind: Option<IpAddr>) {
    let at_home = mode == Some(Mode::Development) && bind.is_some_and(|address| address.is_loopback());
    if !at_home {
        reader.complain(name, "is allowed only with RECOUP_ENV=development and a loopback BIND_ADDRESS");
    }
}

impl FromEnv for RuntimeConfig {
    fn vars() -> Vec<Var> {
        vec![MODE, BIND, DEV_CLOCK, DEV_OPEN_TENANT, LOG_FORMAT, LOG_FILTER, OTLP]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (mode, bind) = (reader.required(&MODE), reader.required(&BIND));
        let dev_clock = reader.required(&DEV_CLOCK);
        let open_tenant: Option<String> = reader.optional(&DEV_OPEN_TENANT);
        let dev_open_tenant = open_tenant.map(TenantId::try_new).transpose();
        let (log_format, log_filter, otlp_endpoint) =
            (reader.required(&LOG_FORMAT), reader.required(&LOG_FILTER), reader.optional(&OTLP));
        if let Err(error) = &dev_open_tenant {
            reader.complain(DEV_OPEN_TENANT.name, error.to_string());
        }
        if dev_clock == Some(true) {
            relaxed_only_at_home(reader, DEV_CLOCK.name, mode, bind);
        }
        if matches!(dev_open_tenant, Ok(Some(_))) {
            relaxed_only_at_home(reader, DEV_OPEN_TENANT.name, mode, bind);
        }
        Some(Self {
            mode: mode?,
            bind: bind?,
            dev_clock: dev_clock?,
            dev_open_tenant: dev_open_tenant.ok()?,
            log_format: log_format?,
            log_filter: log_filter?,
            otlp_endpoint,
        })
    }
}

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

/// What the HTTP server of a service allows.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Origins of browsers that may call.
    pub cors_origins: Vec<HeaderValue>,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// Longest request.
    pub request_timeout: Duration,
    /// Requests per second and subject.
    pub requests_per_second: u32,
}

impl EdgeConfig {
    /// The variable that holds a service's port: 8000 tracking, 8001 commission, 8002 the BFF.
    pub fn port_var(service: &str) -> Var {
        match service {
            "tracking" => Var::or("TRACKING_PORT", "8000", "port of the tracking service"),
            "commission" => Var::or("COMMISSION_PORT", "8001", "port of the commission service"),
            _ => Var::or("BFF_PORT", "8002", "port of the BFF"),
        }
    }

    /// Every variable that [`EdgeConfig::read_for`] reads.
    pub fn vars_for(service: &str) -> Vec<Var> {
        vec![BIND, Self::port_var(service), CORS, BODY_LIMIT, TIMEOUT, RATE]
    }

    /// Reads the edge of `service`.
    pub fn read_for(reader: &mut Reader<'_>, service: &str) -> Option<Self> {
        let (bind, port) = (reader.required(&BIND), reader.required(&Self::port_var(service)));
        let origins: Result<Vec<HeaderValue>, _> =
            reader.list(&CORS).iter().map(|origin| HeaderValue::from_str(origin)).collect();
        let (max_body_bytes, timeout, rate) =
            (reader.required(&BODY_LIMIT), reader.required(&TIMEOUT), reader.required::<u32>(&RATE));
        if origins.is_err() {
            reader.complain(CORS.name, "holds something that is no origin");
        }
        if rate == Some(0) {
            reader.complain(RATE.name, "must be at least 1");
        }
        Some(Self {
            listen: SocketAddr::new(bind?, port?),
            cors_origins: origins.ok()?,
            max_body_bytes: max_body_bytes?,
            request_timeout: Duration::from_secs(timeout?),
            requests_per_second: rate.filter(|rate| *rate > 0)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::env::{Env, load};
    use super::*;

    #[test]
    fn conveniences_are_for_development_at_home() {
        for (name, value) in [("DEV_CLOCK", "true"), ("DEV_OPEN_TENANT", "demo")] {
            let at = |mode: &str, bind: &str| {
                load::<RuntimeConfig>(&Env::of([("RECOUP_ENV", mode), ("BIND_ADDRESS", bind), (name, value)]))
            };
            assert!(at("development", "127.0.0.1").is_ok(), "{name}");
            assert!(at("development", "::1").is_ok(), "{name}");
            for (mode, bind) in [("production", "127.0.0.1"), ("development", "0.0.0.0"), ("development", "10.0.0.1")] {
                let error = at(mode, bind).expect_err("refused").to_string();
                assert!(error.contains(name), "{error}");
            }
        }
    }

    #[test]
    fn nothing_is_relaxed_by_default() {
        let runtime = load::<RuntimeConfig>(&Env::default()).expect("every variable has a default");
        assert_eq!((runtime.mode, runtime.dev_clock, runtime.dev_open_tenant), (Mode::Production, false, None));
        assert!(runtime.bind.is_loopback());
    }

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
