//! What holds for a whole process: its mode, its address, time, logs, traces.

use std::net::IpAddr;
use std::str::FromStr;

use shared_events::TenantId;

use super::env::{FromEnv, Reader, Var};

pub(super) const MODE: Var = Var::or("RECOUP_ENV", "production", "development or production");
pub(super) const BIND: Var = Var::or("BIND_ADDRESS", "127.0.0.1", "address that every service listens on");
const DEV_CLOCK: Var =
    Var::or("DEV_CLOCK", "false", "true lets POST /dev/clock move the time; development on loopback only");
const DEV_OPEN_TENANT: Var =
    Var::new("DEV_OPEN_TENANT", "tenant of unauthenticated tracking events; development on loopback only");
const LOG_FORMAT: Var = Var::or("LOG_FORMAT", "json", "json or text");
const LOG_FILTER: Var = Var::or("RUST_LOG", "info", "what is logged, as tracing filter directives");
const OTLP: Var = Var::new("OTEL_EXPORTER_OTLP_ENDPOINT", "where traces are sent (OTLP over HTTP); absent = nowhere");

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
pub(super) fn relaxed_only_at_home(reader: &mut Reader<'_>, name: &str, mode: Option<Mode>, bind: Option<IpAddr>) {
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
}
