//! `recoup serve`: one service, or all of them in one process.

mod bff;
mod claims;
mod commission;
mod evidence;
mod notify;
mod orders;
mod tracking;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use service_kit::auth::Verifier;
use service_kit::bus::Bus;
use service_kit::clock::{Clock, DevClock, SystemClock};
use service_kit::config::{AuthConfig, DatabaseConfig, EdgeConfig, Env, FromEnv, PulsarConfig, Reader, RuntimeConfig};
use service_kit::health::Health;
use service_kit::http::Server;
use service_kit::shutdown::{Ending, Shutdown};
use service_kit::store::Store;
use service_kit::{runtime, telemetry};
use shared_events::{Service, Topic};
use tokio::net::TcpListener;
use tracing::Instrument;

use crate::output::Exit;

/// Path of commission's health page beside `/health/ready`.
pub const COMMISSION_HEALTH_PATH: &str = "/api/v1/commission/health";
/// How long tasks may take to finish what they have in hand.
const GRACE: Duration = Duration::from_secs(30);

/// Serves one service, or all of them in one process, until SIGINT or SIGTERM.
#[derive(clap::Args)]
pub struct Args {
    /// What to serve
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
}

/// What a process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Every service
    All,
    /// The HTTP edge
    Bff,
    /// Campaigns, tracked events, attribution
    Tracking,
    /// Commissions, ledger, payouts
    Commission,
    /// Documents, matching, prompts, proof packets
    Evidence,
    /// What a marketplace owes a seller
    Claims,
    /// Orders, their stock, payment and shipments
    Orders,
    /// Notifications and webhooks
    Notify,
}

impl Which {
    fn includes(self, service: Self) -> bool {
        self == Self::All || self == service
    }
}

/// What all services of a process share.
#[derive(Clone)]
struct Process {
    runtime: RuntimeConfig,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
    dev_clock: Option<Arc<DevClock>>,
    shutdown: Shutdown,
}

/// What a service with a database and messages is configured by.
struct Messaging {
    edge: EdgeConfig,
    pulsar: PulsarConfig,
    database: DatabaseConfig,
}

impl Messaging {
    fn read_for(reader: &mut Reader<'_>, service: Service) -> Option<Self> {
        let edge = EdgeConfig::read_for(reader, service.name());
        let pulsar = PulsarConfig::read_for(reader, service.into());
        let database = DatabaseConfig::read_for(reader, service);
        Some(Self { edge: edge?, pulsar: pulsar?, database: database? })
    }
}

/// Everything that the process reads from the environment, read at once so that every complaint is made.
struct Config {
    runtime: RuntimeConfig,
    auth: AuthConfig,
    bff: Option<::bff::Config>,
    tracking: Option<(Messaging, ::tracking::Config)>,
    commission: Option<(Messaging, ::commission::Config)>,
    evidence: Option<(Messaging, ::evidence::Config)>,
    claims: Option<(Messaging, ::claims::Config)>,
    orders: Option<(Messaging, ::orders::Config)>,
    notify: Option<(Messaging, ::notify::Config)>,
}

impl Config {
    fn read(reader: &mut Reader<'_>, which: Which) -> Option<Self> {
        let (runtime, auth) = (RuntimeConfig::read(reader), AuthConfig::read(reader));
        let bff = which.includes(Which::Bff).then(|| ::bff::Config::read(reader));
        let tracking = which.includes(Which::Tracking).then(|| {
            let both = (Messaging::read_for(reader, Service::Tracking), ::tracking::Config::read(reader));
            Some((both.0?, both.1?))
        });
        let commission = which.includes(Which::Commission).then(|| {
            let both = (Messaging::read_for(reader, Service::Commission), ::commission::Config::read(reader));
            Some((both.0?, both.1?))
        });
        let evidence = which.includes(Which::Evidence).then(|| {
            let both = (Messaging::read_for(reader, Service::Evidence), ::evidence::Config::read(reader));
            Some((both.0?, both.1?))
        });
        let claims = which.includes(Which::Claims).then(|| {
            let both = (Messaging::read_for(reader, Service::Claims), ::claims::Config::read(reader));
            Some((both.0?, both.1?))
        });
        let orders = which.includes(Which::Orders).then(|| {
            let both = (Messaging::read_for(reader, Service::Orders), ::orders::Config::read(reader));
            Some((both.0?, both.1?))
        });
        let notify = which.includes(Which::Notify).then(|| {
            let both = (Messaging::read_for(reader, Service::Notify), ::notify::Config::read(reader));
            Some((both.0?, both.1?))
        });
        // A service that is not served needs nothing; one that is served and was complained about ends it all.
        Some(Self {
            runtime: runtime?,
            auth: auth?,
            bff: bff.map_or(Some(None), |read| read.map(Some))?,
            tracking: tracking.map_or(Some(None), |read| read.map(Some))?,
            commission: commission.map_or(Some(None), |read| read.map(Some))?,
            evidence: evidence.map_or(Some(None), |read| read.map(Some))?,
            claims: claims.map_or(Some(None), |read| read.map(Some))?,
            orders: orders.map_or(Some(None), |read| read.map(Some))?,
            notify: notify.map_or(Some(None), |read| read.map(Some))?,
        })
    }
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let env = Env::process();
    let mut reader = Reader::new(&env);
    let config = Config::read(&mut reader, args.which);
    let config = reader.finish(config)?;
    telemetry::init(&config.runtime.log_filter, config.runtime.log_format)?;
    if let Some(endpoint) = &config.runtime.otlp_endpoint {
        telemetry::otlp::export_to(endpoint);
    }
    let dev_clock = config.runtime.dev_clock.then(Arc::<DevClock>::default);
    let clock: Arc<dyn Clock> = match &dev_clock {
        Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
        None => Arc::new(SystemClock),
    };
    let verifier = Arc::new(Verifier::new(&config.auth)?);
    let process = Process { runtime: config.runtime, verifier, clock, dev_clock, shutdown: Shutdown::new() };
    process.shutdown.on_signals()?;
    let started = tokio::try_join!(
        process.start(
            "tracking",
            config.tracking.map(|(messaging, own)| tracking::start(process.clone(), messaging, own))
        ),
        process.start(
            "commission",
            config.commission.map(|(messaging, own)| commission::start(process.clone(), messaging, own))
        ),
        process.start(
            "evidence",
            config.evidence.map(|(messaging, own)| evidence::start(process.clone(), messaging, own))
        ),
        process.start("claims", config.claims.map(|(messaging, own)| claims::start(process.clone(), messaging, own))),
        process.start("orders", config.orders.map(|(messaging, own)| orders::start(process.clone(), messaging, own))),
        process.start("notify", config.notify.map(|(messaging, own)| notify::start(process.clone(), messaging, own))),
        process.start("bff", config.bff.map(|config| bff::start(process.clone(), config))),
    );
    if let Err(error) = &started {
        tracing::error!(error = format!("{error:#}"), "a service did not start, shutting down");
        process.shutdown.begin();
    }
    let ending = process.shutdown.finish(GRACE).await;
    started?;
    tracing::info!("stopped");
    Ok(if ending == Ending::Clean { Exit::Done } else { Exit::Failed })
}

impl Process {
    async fn start(
        &self,
        name: &'static str,
        service: Option<impl Future<Output = anyhow::Result<()>>>,
    ) -> anyhow::Result<()> {
        let Some(service) = service else { return Ok(()) };
        let begun = self.shutdown.clone();
        let starting = async {
            tokio::select! {
                started = service => started,
                // A signal while the broker is away must not have to wait for it.
                () = begun.begun() => Ok(()),
            }
        };
        starting.instrument(telemetry::service_span(name)).await.with_context(|| format!("starting {name}"))
    }

    /// The database of a service, with the process' clock.
    fn store(&self, service: Service, database: &DatabaseConfig) -> anyhow::Result<Store> {
        let pool = runtime::pool(database, service.name())?;
        Ok(Store::new(pool, Arc::clone(&self.clock), service))
    }

    /// The HTTP server of a service.
    fn server(&self, health: &Health, edge: &EdgeConfig) -> Server {
        Server::new(health.clone(), edge.clone(), Arc::clone(&self.verifier)).dev_clock(self.dev_clock.clone())
    }

    /// Serves `app` in the background.
    async fn listen(&self, edge: &EdgeConfig, app: Router) -> anyhow::Result<()> {
        let listener = TcpListener::bind(edge.listen).await.with_context(|| format!("listening on {}", edge.listen))?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        let shutdown = self.shutdown.clone();
        self.shutdown.spawn("http", service_kit::http::serve(app, listener, shutdown));
        Ok(())
    }
}

/// What every service with a database depends on.
fn checks(health: &Health, store: &Store, bus: &Arc<Bus>, topic: Topic) {
    let pool = store.pool().clone();
    health.check("database", move || {
        let pool = pool.clone();
        async move {
            sqlx::query("SELECT 1")
                .execute(&pool)
                .await
                .map(drop)
                .map_err(|_| "the database does not answer".to_owned())
        }
    });
    let bus = Arc::clone(bus);
    health.check("pulsar", move || {
        let bus = Arc::clone(&bus);
        async move { bus.ping(topic).await.map_err(|_| "the broker does not answer".to_owned()) }
    });
}
