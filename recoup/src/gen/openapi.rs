//! The services' HTTP interfaces.

use std::sync::Arc;

use futures::future::BoxFuture;
use providers::files::Files;
use providers::objects::Objects;
use service_kit::clock::SystemClock;
use service_kit::config::{Env, load};
use service_kit::store::Store;
use shared_events::{Envelope, Service, Topic};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// Routes want a way for commands to be documented, but do not use it.
struct NoSender;

impl orders::api::Sends for NoSender {
    fn send<'a>(&'a self, _: Topic, _: &'a Envelope, _: Vec<u8>) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async { anyhow::bail!("commands are not sent while documents are made") })
    }
}

/// The documents that the services serve at `/openapi.json`.
pub fn documents() -> anyhow::Result<Vec<(&'static str, String)>> {
    // Routes want a database to be documented, but do not look at it.
    let store = |service| {
        anyhow::Ok(Store::new(
            PgPool::connect_lazy("postgres://nobody@localhost/nothing")?,
            Arc::new(SystemClock),
            service,
        ))
    };
    let (state, _) = tracking::start(store(Service::Tracking)?, None, tracking::Config::default());
    let tracking = service_kit::http::document(&tracking::http(state), Some(tracking::HEALTH_PATH));
    let config = load::<commission::Config>(&Env::of([("ACCOUNT_DETAILS_KEY", crate::replay::NO_KEY)]))?;
    let api = commission::api::Api { store: store(Service::Commission)?, config: Arc::new(config), open_tenant: None };
    let commission =
        service_kit::http::document(&commission::api::router(api), Some(crate::serve::COMMISSION_HEALTH_PATH));
    let master = format!("none:{}", crate::replay::NO_KEY);
    let env = Env::of([
        ("DOCUMENT_MASTER_KEYS", master.as_str()),
        ("DOCUMENT_LINK_KEY", crate::replay::NO_KEY),
        ("PACKET_SIGNING_KEY", crate::replay::NO_KEY),
    ]);
    let config = load::<evidence::Config>(&env)?;
    let files = Files { objects: Objects::open(&config.objects)?, masters: config.masters.clone() };
    let state = evidence::State { store: store(Service::Evidence)?, config: Arc::new(config), files };
    let evidence = service_kit::http::document(&evidence::http(state), Some(evidence::HEALTH_PATH));
    let env = Env::of([("DOCUMENT_MASTER_KEYS", master.as_str()), ("ACCOUNT_DETAILS_KEY", crate::replay::NO_KEY)]);
    let state = claims::State { store: store(Service::Claims)?, config: Arc::new(load::<claims::Config>(&env)?) };
    let claims = service_kit::http::document(&claims::http(state), Some(claims::HEALTH_PATH));
    let config = Arc::new(load::<orders::Config>(&Env::of([("ACCOUNT_DETAILS_KEY", crate::replay::NO_KEY)]))?);
    let api = orders::api::Api {
        store: store(Service::Orders)?,
        config,
        sender: Arc::new(NoSender),
        probe: orders::api::Probe::default(),
        around: orders::api::Around::default(),
    };
    let orders = service_kit::http::document(&orders::api::router(api), None);
    let config = Arc::new(load::<notify::Config>(&Env::of([("ACCOUNT_DETAILS_KEY", crate::replay::NO_KEY)]))?);
    let api = notify::api::Api { store: store(Service::Notify)?, config, stop: CancellationToken::new() };
    let notify = service_kit::http::document(&notify::api::router(api), Some(notify::HEALTH_PATH));
    let named = [
        ("openapi.json", bff::openapi()),
        ("openapi-tracking.json", tracking),
        ("openapi-commission.json", commission),
        ("openapi-evidence.json", evidence),
        ("openapi-claims.json", claims),
        ("openapi-orders.json", orders),
        ("openapi-notify.json", notify),
    ];
    named.into_iter().map(|(name, api)| Ok((name, api.to_pretty_json()? + "\n"))).collect()
}
