//! The HTTP edge: JWT in, commands to the services' topics, questions to the services by HTTP, events out as a stream.
//! It keeps no database: ids derive from what callers send, and outcomes live with the services that own them.

mod amount;
mod app;
mod approvals;
mod ask;
mod assignees;
mod callbacks;
mod campaigns;
mod checks;
mod claims;
mod commands;
mod commissions;
mod config;
mod connect;
mod consent;
mod contacts;
mod detections;
mod documents;
mod enrolments;
mod fulfilled;
mod idempotency;
mod integrations;
mod keys;
mod machines;
mod matching;
mod metrics;
mod notifications;
mod orders;
mod packets;
mod payments;
mod payouts;
mod prompts;
mod proof;
mod proxy;
mod recoveries;
mod send;
mod status;
mod stream;
mod templates;
mod tracking;
mod upload;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use service_kit::auth::Verifier;
use service_kit::bus::Bus;
use service_kit::clock::{Clock, DevClock};
use service_kit::health::Health;
use service_kit::http::{Server, serve};
use service_kit::shutdown::Shutdown;
use service_kit::telemetry::service_span;
use shared_events::{Service, Topic};
use tokio::net::TcpListener;
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use app::App;
pub use config::Config;

/// The service's name in logs, metrics and health reports.
pub const NAME: &str = "bff";
/// The health report's own path, as the seeds write it.
const HEALTH: &str = "/health";
/// Longest upload: 25 MB by a slow line.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);

#[derive(OpenApi)]
#[openapi(
    info(title = "Recoup", description = "The money side of selling through partners: campaigns, tracking, commissions, payouts, evidence, claims."),
    tags(
        (name = "campaigns", description = "Campaigns and what partners have in them"),
        (name = "tracking", description = "Events that partners bring, and keys to send them with"),
        (name = "commissions", description = "What partners earn, and why"),
        (name = "payouts", description = "What partners are paid"),
        (name = "evidence", description = "Documents, what they prove, prompts, proof packets"),
        (name = "claims", description = "What a marketplace owes a seller"),
        (name = "orders", description = "Orders, their stock, payment and shipments, and what waits for people"),
        (name = "notifications", description = "What somebody is told, where they are reached, and in which words"),
        (name = "webhooks", description = "Systems of others that are told what happens"),
        (name = "commands", description = "How a command ended"),
        (name = "events", description = "What happens, as it happens"),
        (name = "health", description = "How the services fare"),
    )
)]
struct Api;

/// The documented routes.
fn documented() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(campaigns::routes())
        .merge(connect::routes())
        .merge(integrations::routes())
        .merge(detections::routes())
        .merge(enrolments::routes())
        .merge(fulfilled::routes())
        .merge(keys::routes())
        .merge(tracking::routes())
        .merge(commissions::routes())
        .merge(payments::routes())
        .merge(payouts::routes())
        .merge(proof::routes())
        .merge(matching::routes())
        .merge(packets::routes())
        .merge(prompts::routes())
        .merge(upload::routes())
        .merge(documents::routes())
        .merge(claims::routes())
        .merge(approvals::routes())
        .merge(assignees::routes())
        .merge(orders::routes())
        .merge(callbacks::routes())
        .merge(recoveries::routes())
        .merge(metrics::routes())
        .merge(notifications::routes())
        .merge(contacts::routes())
        .merge(templates::routes())
        .merge(webhooks::routes())
        .merge(commands::routes())
        .merge(stream::routes())
        .merge(status::routes())
}

/// What the process shares with the BFF: time, and the development clock where there is one.
pub struct Shared {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The same clock, when a developer may move it.
    pub dev_clock: Option<Arc<DevClock>>,
}

/// The whole HTTP application and the state behind it.
///
/// # Errors
/// When the keys that tokens are checked with are missing.
pub fn build(config: &Config, shared: &Shared, shutdown: &Shutdown) -> anyhow::Result<(Router, Arc<App>)> {
    let bus = Bus::new(config.pulsar.clone());
    let health = Health::new(NAME);
    let pinged = Arc::clone(&bus);
    health.check("pulsar", move || {
        let bus = Arc::clone(&pinged);
        async move {
            // Any topic of ours will do: what counts is that the broker answers us.
            let answer = bus.ping(Topic::commands(Service::Tracking)).await;
            answer.map_err(|error| {
                tracing::debug!(error = format!("{error:#}"), "pulsar does not answer");
                "does not answer".to_owned()
            })
        }
    });
    let verifier = Arc::new(Verifier::new(&config.auth)?);
    let app = Arc::new(App::new(config, bus, Arc::clone(&shared.clock), shutdown));
    let router = Server::new(health, config.edge.clone(), verifier)
        .limit_subjects()
        .keys(machines::ring(&app))
        .slow_path(upload::PATH, UPLOAD_TIMEOUT)
        .health_path(HEALTH)
        .dev_clock(shared.dev_clock.clone())
        .app(documented().with_state(Arc::clone(&app)), Router::new());
    Ok((router, app))
}

/// The OpenAPI document as it is served, for `docs/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    service_kit::http::document(&documented(), Some(HEALTH))
}

/// Serves on `listener` until the shutdown begins.
///
/// # Errors
/// When the configuration is not usable or the listener fails.
pub async fn run(config: Config, shared: Shared, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    let span = service_span(NAME);
    let serving = async {
        let (router, app) = build(&config, &shared, &shutdown)?;
        let watching = shutdown.clone();
        shutdown.spawn("service directory", async move {
            app.directory.watch(watching).await;
            Ok::<(), std::convert::Infallible>(())
        });
        tracing::info!(address = %listener.local_addr()?, "listening");
        serve(router, listener, shutdown.clone()).await
    };
    serving.instrument(span).await
}
