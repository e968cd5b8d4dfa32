//! What the HTTP server of every service reads: where it listens and what it allows.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::HeaderValue;
use shared_events::Service;

use super::env::{Reader, Var};
use super::runtime::BIND;
use super::services::{Own, variable};
use crate::redis::{REDIS_URL, Redis};

const CORS: Var =
    Var::new("CORS_ALLOWED_ORIGINS", "origins of browsers that may call, separated by commas; absent = none");
const BODY_LIMIT: Var = Var::or("HTTP_MAX_BODY_BYTES", "1048576", "largest request body, tracking events apart (5 MB)");
const TIMEOUT: Var = Var::or("HTTP_REQUEST_TIMEOUT_SECONDS", "30", "a request that takes longer is answered with 503");
const RATE: Var =
    Var::or("HTTP_REQUESTS_PER_SECOND", "500", "requests per second and subject at the BFF; twice as many in a burst");

const BFF_PORT: Var = Var::or("BFF_PORT", "8002", "port of the BFF");

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
    /// What instances share their counts through.
    pub redis: Option<Redis>,
}

impl EdgeConfig {
    /// The variable that holds a service's port; of the BFF for any other name.
    pub fn port_var(name: &str) -> Var {
        let service = Service::ALL.into_iter().find(|service| service.name() == name);
        service.map_or(BFF_PORT, |service| variable(service, Own::Port))
    }

    /// Every variable that [`EdgeConfig::read_for`] reads.
    pub fn vars_for(service: &str) -> Vec<Var> {
        vec![BIND, Self::port_var(service), CORS, BODY_LIMIT, TIMEOUT, RATE, REDIS_URL]
    }

    /// Reads the edge of `service`.
    pub fn read_for(reader: &mut Reader<'_>, service: &str) -> Option<Self> {
        let (bind, port) = (reader.required(&BIND), reader.required(&Self::port_var(service)));
        let origins: Result<Vec<HeaderValue>, _> =
            reader.list(&CORS).iter().map(|origin| HeaderValue::from_str(origin)).collect();
        let (max_body_bytes, timeout, rate) =
            (reader.required(&BODY_LIMIT), reader.required(&TIMEOUT), reader.required::<u32>(&RATE));
        let redis = Redis::read(reader);
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
            redis,
        })
    }
}
