//! That `.env.example`, `docker-compose.yml` and the code know the same variables.

use std::collections::BTreeSet;

use service_kit::config::{
    AdminDatabaseConfig, AuthConfig, DatabaseConfig, EdgeConfig, FromEnv, PulsarConfig, RuntimeConfig,
};
use shared_events::Service;

/// Read by `docker-compose.yml` alone.
const COMPOSE_ONLY: [&str; 3] = ["POSTGRES_PASSWORD", "COMPOSE_PULSAR_SERVICE_URL", "COMPOSE_PULSAR_ADMIN_URL"];

/// What `docker-compose.yml` sets by itself, since it follows from the containers; switches that are refused beyond loopback, where containers
/// do not stay; and the token of `recoup replay`, which no container runs.
const OF_THE_CONTAINERS: [&str; 11] = [
    "BIND_ADDRESS",
    "PULSAR_SERVICE_URL",
    "PULSAR_ADMIN_URL",
    "PAYOUT_DIR",
    "OBJECT_DIR",
    "JWT_REQUIRE_VALIDATION",
    "DEV_CLOCK",
    "DEV_OPEN_TENANT",
    "WEBHOOK_ALLOW_LOOPBACK",
    "MAIL_ALLOW_LOOPBACK",
    "REPLAYER_PULSAR_TOKEN_FILE",
];

/// Every variable that some command of the binary reads.
fn read_by_the_code() -> BTreeSet<&'static str> {
    let mut variables = RuntimeConfig::vars();
    variables.extend(AuthConfig::vars());
    variables.extend(PulsarConfig::vars());
    variables.extend(bff::Config::vars());
    variables.extend(commission::Config::vars());
    variables.extend(tracking::Config::vars());
    variables.extend(evidence::Config::vars());
    variables.extend(claims::Config::vars());
    variables.extend(orders::Config::vars());
    variables.extend(notify::Config::vars());
    for service in Service::ALL {
        variables.extend(EdgeConfig::vars_for(service.name()));
        variables.extend(DatabaseConfig::vars_for(service));
        variables.extend(AdminDatabaseConfig::vars_for(service));
    }
    variables.into_iter().map(|variable| variable.name).collect()
}

/// `NAME=` and `#NAME=` at the beginning of a line.
fn listed(example: &str) -> BTreeSet<&str> {
    let name = |line: &'_ str| line.trim_start_matches('#').split_once('=').map(|(name, _)| name.len());
    let fits = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    example
        .lines()
        .filter_map(|line| Some(&line.trim_start_matches('#')[..name(line)?]))
        .filter(|name| fits(name))
        .collect()
}

#[test]
fn the_example_lists_exactly_the_variables_of_the_code() {
    let example = include_str!("../../.env.example");
    let mut known = read_by_the_code();
    known.extend(COMPOSE_ONLY);
    let listed = listed(example);
    let missing: Vec<_> = known.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), ".env.example lacks {missing:?} and lists unknown {unknown:?}");
}

/// Whether an address or port is one of a service or its database, which the containers have of their own.
fn is_place(name: &str) -> bool {
    Service::ALL.iter().map(|service| service.name()).chain(["bff"]).any(|service| {
        let rest = name.strip_prefix(&service.to_uppercase()).unwrap_or_default();
        ["_PORT", "_URL", "_DATABASE_URL", "_ADMIN_DATABASE_URL"].contains(&rest)
    })
}

#[test]
fn containers_are_handed_every_setting() {
    let compose = include_str!("../../docker-compose.yml");
    let handed = |name: &str| {
        let line = |line: &str| line.trim().starts_with(&format!("{name}: ")) && line.contains(&format!("${{{name}"));
        compose.lines().any(line)
    };
    let kept: Vec<_> = read_by_the_code()
        .into_iter()
        .filter(|name| !OF_THE_CONTAINERS.contains(name) && !is_place(name) && !handed(name))
        .collect();
    assert!(kept.is_empty(), "docker-compose.yml does not hand on {kept:?}");
}
