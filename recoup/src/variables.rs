//! That `.env.example` and the code know the same variables.

use std::collections::BTreeSet;

use service_kit::config::{
    AdminDatabaseConfig, AuthConfig, DatabaseConfig, EdgeConfig, FromEnv, PulsarConfig, RuntimeConfig,
};
use shared_events::Service;

/// Read by `docker-compose.yml` alone.
const COMPOSE_ONLY: [&str; 1] = ["POSTGRES_PASSWORD"];

/// Every variable that some command of the binary reads.
fn read_by_the_code() -> BTreeSet<&'static str> {
    let mut variables = RuntimeConfig::vars();
    variables.extend(AuthConfig::vars());
    variables.extend(PulsarConfig::vars());
    variables.extend(bff::Config::vars());
    variables.extend(commission::Config::vars());
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
