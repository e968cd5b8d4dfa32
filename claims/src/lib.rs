//! What a marketplace owes a seller: found, proved, claimed, confirmed in money.
//!
//! This page is the table of contents: which message goes to which slice ([`messages`]), which job to which ([`worker`], [`timers`]), and
//! which path to which ([`http`]). The cores stand by themselves and are pure, bytes and rows in, findings out, the time an argument:
//! [`reports`] reads what the marketplace writes, [`policy`] knows what may be claimed until when, [`detection`] finds what is owed.

pub mod amazon;
pub mod books_of;
pub mod claiming;
pub mod commit_rows;
pub mod config;
pub mod confirm_payouts;
pub mod connect_account;
pub mod connection_row;
pub mod consider_detection;
pub mod detection;
pub mod detection_row;
pub mod detection_timer;
pub mod disconnect_account;
pub mod dismiss_detection;
pub mod evaluate;
pub mod fetch_document;
pub mod fetch_inbound;
pub mod kind;
pub mod list_settlements;
pub mod marketplace;
pub mod parse_report;
pub mod plan_sync;
pub mod policy;
pub mod read_policy;
pub mod read_switch;
pub mod reasons;
pub mod record_arrival;
pub mod record_cost;
pub mod report_rows;
pub mod reports;
pub mod run_detection;
pub mod run_report;
pub mod run_row;
pub mod secrets;
pub mod set_switch;
pub mod start_sync;
pub mod synced;
pub mod touched;
pub mod use_consent;
pub mod write_detections;

use std::sync::Arc;

use service_kit::auth::Role;
use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::claims::{
    ConnectAccount, DisconnectAccount, DismissDetection, RecordArrival, RecordSourcingCost, RunDetection,
    SetSubmissionSwitch, StartSync,
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use config::Config;

/// Path of the health page beside `/health/ready`.
pub const HEALTH_PATH: &str = "/api/v1/claims/health";

/// Who may look at claims.
pub const READERS: [Role; 4] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller];

/// What routes work with; clones share it.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub store: Store,
    /// What the environment says.
    pub config: Arc<Config>,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Recoup claims", description = "What a marketplace owes a seller", license(name = "Apache-2.0")),
    tags((name = "policy"), (name = "claims"))
)]
struct Document;

/// Which message goes where.
pub fn messages() -> Routes {
    Routes::new()
        .on::<SetSubmissionSwitch>(set_switch::Set)
        .on::<ConnectAccount>(connect_account::Connect)
        .on::<DisconnectAccount>(disconnect_account::Disconnect)
        .on::<StartSync>(start_sync::Start)
        .on::<RunDetection>(run_detection::Run)
        .on::<DismissDetection>(dismiss_detection::Dismiss)
        .on::<RecordSourcingCost>(record_cost::Record)
        .on::<RecordArrival>(record_arrival::Record)
}

/// Which job runs where: those that take their time.
pub fn worker(store: Store, config: &Arc<Config>) -> Worker {
    let vault = secrets::Vault::new(config.masters.clone());
    let amazon = amazon::Amazon::new(config.amazon.as_ref(), vault, Arc::clone(store.clock()));
    Worker::new(store)
        .on(use_consent::UseConsent { amazon: amazon.clone(), account_key: config.account_key.clone() })
        .on(run_report::RunReport { amazon })
        .on(evaluate::Evaluate)
}

/// Which timer runs where. They have a worker of their own, so that no slow job makes a deadline late.
pub fn timers(store: Store) -> Worker {
    Worker::new(store).on(plan_sync::StartDue).on(detection_timer::LookAgain)
}

/// The documented routes.
pub fn http(state: State) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(read_policy::read_policy))
        .routes(routes!(read_switch::read_switch))
        .with_state(state)
}
