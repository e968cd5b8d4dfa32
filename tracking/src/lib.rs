//! What partners bring: campaigns, enrolments, tracked events, attribution.
//!
//! This page is the table of contents: which message goes to which slice ([`messages`]), which job to which ([`worker`]), which path to which
//! ([`http`]), and what runs beside them ([`start`]).

pub mod accept_campaign;
pub mod activate_campaign;
pub mod assign_coupon;
pub mod campaign_row;
pub mod catalog;
pub mod config;
pub mod create_campaign;
pub mod create_link;
pub mod domain;
pub mod end_campaign;
pub mod follow_link;
pub mod ingest;
pub mod issue_publishable_key;
pub mod judge_again;
pub mod link_visitor;
pub mod list_campaigns;
pub mod list_keys;
pub mod pause_campaign;
pub mod read_campaign;
pub mod read_event;
pub mod record_orders;
pub mod revise_rules;
pub mod set_default_attribution;
pub mod withdraw_publishable_key;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::TenantId;
use shared_events::orders::{OrderCancelled, OrderPlaced, OrderRefundFailed, OrderRefunded, OrderRestGivenUp};
use shared_events::tracking::{
    AcceptCampaign, ActivateCampaign, AssignCoupon, CreateCampaign, CreateLink, EndCampaign, IssuePublishableKey,
    PauseCampaign, ReviseRules, SetDefaultAttribution, WithdrawPublishableKey,
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use config::Config;
use follow_link::Links;
use ingest::queue::{Queue, Recorder, queue};
use ingest::read::MOST_BYTES;
use ingest::sender::Senders;
use link_visitor::LinkVisitors;

/// Path of the health page beside `/health/ready`.
pub const HEALTH_PATH: &str = "/api/v1/tracking/health";

/// What routes work with; clones share it.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub store: Store,
    /// The way in for events.
    pub queue: Queue,
    /// Who may send.
    pub senders: Arc<Senders>,
    /// Partners' links.
    pub links: Arc<Links>,
    /// Who follows them.
    pub visitors: Arc<LinkVisitors>,
}

/// The state of the service, and the loop that records events, to be run until every clone of the state is gone. `open_tenant`: whose
/// unauthenticated events are, which the configuration allows only in development on a loopback address.
pub fn start(store: Store, open_tenant: Option<TenantId>, config: Config) -> (State, Recorder) {
    let (queue, recorder) = queue(store.clone());
    let senders = Arc::new(Senders::new(store.clone(), open_tenant));
    let links = Arc::new(Links::new(store.clone()));
    let visitors = Arc::new(LinkVisitors::new(store.clone(), config.client_address_header));
    (State { store, queue, senders, links, visitors }, recorder)
}

/// Which message goes where.
pub fn messages() -> Routes {
    let orders = record_orders::RecordOrders::default();
    Routes::new()
        .on::<CreateCampaign>(create_campaign::Create)
        .on::<ActivateCampaign>(activate_campaign::Activate)
        .on::<PauseCampaign>(pause_campaign::Pause)
        .on::<EndCampaign>(end_campaign::End)
        .on::<ReviseRules>(revise_rules::Revise)
        .on::<AcceptCampaign>(accept_campaign::Accept)
        .on::<CreateLink>(create_link::Create)
        .on::<AssignCoupon>(assign_coupon::Assign)
        .on::<SetDefaultAttribution>(set_default_attribution::SetDefault)
        .on::<IssuePublishableKey>(issue_publishable_key::Issue)
        .on::<WithdrawPublishableKey>(withdraw_publishable_key::Withdraw)
        .on_run::<OrderPlaced>(orders.clone())
        .on::<OrderRefunded>(orders.clone())
        .on::<OrderRefundFailed>(orders.clone())
        .on::<OrderRestGivenUp>(orders.clone())
        .on::<OrderCancelled>(orders)
}

/// Which job runs where.
pub fn worker(store: Store) -> Worker {
    Worker::new(store).on(judge_again::JudgeAgain::default())
}

#[derive(OpenApi)]
#[openapi(info(title = "Recoup tracking", description = "Records what partners bring and decides who brought it."))]
struct Api;

/// Which path goes where. The pages that every service has come from the kit.
pub fn http(state: State) -> OpenApiRouter {
    let events =
        OpenApiRouter::new().routes(routes!(ingest::route::record_events)).layer(DefaultBodyLimit::max(MOST_BYTES));
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(events)
        .routes(routes!(read_event::read_event))
        .routes(routes!(list_campaigns::list_campaigns))
        .routes(routes!(list_keys::list_keys))
        .routes(routes!(read_campaign::read_campaign))
        .routes(routes!(follow_link::follow_link))
        .with_state(state)
}
