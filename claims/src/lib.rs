//! What a marketplace owes a seller: found, proved, claimed, confirmed in money.
//!
//! This page is the table of contents: which message goes to which slice ([`messages`]), which job to which ([`worker`], [`timers`]), and
//! which path to which ([`http`]). The cores stand by themselves and are pure, bytes and rows in, findings out, the time an argument:
//! [`reports`] reads what the marketplace writes, [`policy`] knows what may be claimed until when, [`detection`] finds what is owed.

pub mod claiming;
pub mod config;
pub mod confirm_payouts;
pub mod consider_detection;
pub mod detection;
pub mod detection_row;
pub mod evaluate;
pub mod kind;
pub mod marketplace;
pub mod policy;
pub mod read_policy;
pub mod read_switch;
pub mod reasons;
pub mod report_rows;
pub mod reports;
pub mod set_switch;
pub mod touched;

use std::sync::Arc;

use service_kit::auth::Role;
use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::claims::SetSubmissionSwitch;
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
    Routes::new().on::<SetSubmissionSwitch>(set_switch::Set)
}

/// Which job runs where: those that take their time.
pub fn worker(store: Store, _config: &Arc<Config>) -> Worker {
    Worker::new(store)
}

/// Which timer runs where. They have a worker of their own, so that no slow job makes a deadline late.
pub fn timers(store: Store) -> Worker {
    Worker::new(store)
}

/// The documented routes.
pub fn http(state: State) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(read_policy::read_policy))
        .routes(routes!(read_switch::read_switch))
        .with_state(state)
}
