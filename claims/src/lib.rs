//! What a marketplace owes a seller: found, proved, claimed, confirmed in money.
//!
//! This page is the table of contents: which message goes to which slice ([`messages`]), which job to which ([`worker`], [`timers`]), and
//! which path to which ([`http`]). The cores stand by themselves and are pure, bytes and rows in, findings out, the time an argument:
//! [`reports`] reads what the marketplace writes, [`policy`] knows what may be claimed until when, [`detection`] finds what is owed.

pub mod amazon;
pub mod attach_to_claim;
pub mod books_of;
pub mod by_amazon_shipping;
pub mod by_mail_thread;
pub mod channel;
pub mod claim_fees;
pub mod claim_row;
pub mod claim_settings;
pub mod claim_timers;
pub mod claiming;
pub mod collect_fees;
pub mod commit_rows;
pub mod config;
pub mod confirm_claims;
pub mod confirm_payouts;
pub mod connect_account;
pub mod connection_row;
pub mod consider_detection;
pub mod detection;
pub mod detection_changes;
pub mod detection_row;
pub mod detection_timer;
pub mod disconnect_account;
pub mod dismiss_detection;
pub mod documented_costs;
pub mod drop_claim;
pub mod evaluate;
pub mod fee_moved;
pub mod fetch_document;
pub mod fetch_finances;
pub mod fetch_inbound;
pub mod hold_units;
pub mod inventory;
mod inventory_lines;
pub mod kind;
pub mod list_approvals;
pub mod list_connections;
pub mod list_detections;
pub mod list_recoveries;
pub mod list_returns;
pub mod list_settlements;
pub mod look_at_line;
pub mod mail_answers;
pub mod mail_read;
pub mod mailboxes;
pub mod marketplace;
pub mod metrics;
mod money_moves;
pub mod money_rows;
pub mod move_fee;
pub mod parse_report;
pub mod plan_sync;
pub mod policy;
pub mod prepare_claim;
pub mod proof_events;
pub mod queue_claim;
pub mod read_mailbox;
pub mod read_policy;
pub mod read_recovery;
pub mod read_switch;
pub mod reasons;
pub mod record_arrival;
pub mod record_case;
pub mod record_cost;
pub mod record_reply;
pub mod recovery_money;
pub mod report_rows;
pub mod reports;
pub mod return_clock;
pub mod rotate_keys;
pub mod run_detection;
pub mod run_report;
pub mod run_row;
pub mod secrets;
pub mod send_claim;
pub mod sending_ends;
pub mod set_switch;
pub mod start_sync;
pub mod submit_claim;
pub mod sync_status;
pub mod synced;
pub mod take_mail;
mod touch_rows;
pub mod touched;
pub mod use_consent;
pub mod weigh_claim;
pub mod write_detections;

use std::sync::Arc;

use axum::routing::get;
use providers::google::Google;
use service_kit::auth::Role;
use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::TenantId;
use shared_events::claims::{
    AttachToClaim, ConnectAccount, DecideClaim, DisconnectAccount, DismissDetection, RecordArrival, RecordCase,
    RecordReply, RecordSourcingCost, RunDetection, SetClaimSettings, SetGeneralSwitch, SetSubmissionSwitch, StartSync,
    SubmitClaim, WithdrawClaim,
};
use shared_events::evidence::{
    DocumentDeleted, EvidenceAmbiguous, EvidenceMatched, MatchRejected, PromptAnswered, PromptCancelled, PromptExpired,
    ProofPacketReady, UnitCostsDocumented,
};
use shared_events::orders::{OrderRefundFailed, OrderRefunded};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use by_amazon_shipping::ByAmazonShipping;
use by_mail_thread::ByMailThread;
use channel::{Channel, Channels};
pub use config::Config;
use mailboxes::Mailboxes;

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
    tags((name = "policy"), (name = "integrations"), (name = "detections"), (name = "inventory"), (name = "claims"))
)]
struct Document;

/// Which message goes where; the people of `operator` may stop everybody's claims.
pub fn messages(operator: Option<TenantId>) -> Routes {
    Routes::new()
        .on::<SetSubmissionSwitch>(set_switch::Set)
        .on::<SetGeneralSwitch>(claim_settings::SetGeneral { operator })
        .on::<SetClaimSettings>(claim_settings::SetThem)
        .on::<SubmitClaim>(submit_claim::Submit)
        .on::<DecideClaim>(submit_claim::Decide)
        .on::<WithdrawClaim>(drop_claim::Withdraw)
        .on::<AttachToClaim>(attach_to_claim::Attach)
        .on::<RecordCase>(record_case::Record)
        .on::<RecordReply>(record_reply::Record)
        .on::<EvidenceMatched>(proof_events::Matched)
        .on::<EvidenceAmbiguous>(proof_events::Ambiguous)
        .on::<PromptAnswered>(proof_events::NotAsked)
        .on::<PromptExpired>(proof_events::NotAsked)
        .on::<PromptCancelled>(proof_events::NotAsked)
        .on::<MatchRejected>(proof_events::NotAsked)
        .on::<ProofPacketReady>(proof_events::PacketReady)
        .on::<OrderRefunded>(return_clock::StartClocks)
        .on::<OrderRefundFailed>(return_clock::StartClocks)
        .on::<ConnectAccount>(connect_account::Connect)
        .on::<DisconnectAccount>(disconnect_account::Disconnect)
        .on::<StartSync>(start_sync::Start)
        .on::<RunDetection>(run_detection::Run)
        .on::<DismissDetection>(dismiss_detection::Dismiss)
        .on::<RecordSourcingCost>(record_cost::Record)
        .on::<UnitCostsDocumented>(documented_costs::Documented)
        .on::<DocumentDeleted>(documented_costs::Deleted)
        .on::<RecordArrival>(record_arrival::Record)
}

/// Jobs that one process runs at the same time: a report that Amazon takes long to make delays no claim.
const JOBS_AT_ONCE: usize = 4;

/// Which job runs where: those that take their time.
pub fn worker(store: Store, config: &Arc<Config>) -> Worker {
    let vault = secrets::Vault::new(config.masters.clone());
    let amazon = amazon::Amazon::new(config.amazon.as_ref(), vault.clone(), Arc::clone(store.clock()));
    let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
    // Without it a person sends.
    if config.amazon.is_some() {
        channels.push(Arc::new(ByAmazonShipping { store: store.clone(), amazon: amazon.clone() }));
    }
    let google = config.google.clone().map(|config| Google::new(config, Arc::clone(store.clock())));
    let names = Arc::clone(&config.mail_names);
    let mailboxes = Mailboxes { vault: vault.clone(), names, google: google.clone() };
    let (files, account_key) = (config.files.clone(), config.account_key.clone());
    channels.push(Arc::new(ByMailThread {
        store: store.clone(),
        mailboxes: mailboxes.clone(),
        account_key: account_key.clone(),
    }));
    let channels = Channels::new(channels);
    Worker::new(store)
        .at_once(JOBS_AT_ONCE)
        .on(use_consent::UseConsent {
            amazon: amazon.clone(),
            account_key: config.account_key.clone(),
            stripe: config.stripe.clone(),
            google,
        })
        .on(run_report::RunReport { amazon })
        .on(evaluate::Evaluate)
        .on(prepare_claim::Consider)
        .on(send_claim::SendClaim { channels })
        .on(look_at_line::LookAtLine)
        .on(confirm_claims::Confirm)
        .on(read_mailbox::ReadMailbox { mailboxes, files, account_key })
        .on(collect_fees::Collect)
        .on(move_fee::MoveFee { stripe: config.stripe.clone(), vault })
}

/// Which timer runs where. They have a worker of their own, so that no slow job makes a deadline late.
pub fn timers(store: Store) -> Worker {
    Worker::new(store)
        .on(plan_sync::StartDue)
        .on(detection_timer::LookAgain)
        .on(claim_timers::Expire)
        .on(claim_timers::Overdue)
        .on(return_clock::Tick)
}

/// The documented routes.
pub fn http(state: State) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(read_policy::read_policy))
        .routes(routes!(read_switch::read_switch))
        .routes(routes!(list_recoveries::list_recoveries))
        .routes(routes!(read_recovery::read_recovery))
        .routes(routes!(read_recovery::read_recovery_status))
        .routes(routes!(list_approvals::list_approvals))
        .routes(routes!(list_returns::list_returns))
        .routes(routes!(metrics::recovery_metrics))
        .routes(routes!(metrics::payment_metrics))
        .routes(routes!(metrics::dashboard))
        .route("/api/v1/recoveries", get(list_recoveries::list_recoveries))
        .route("/api/v1/recoveries/{id}", get(read_recovery::read_recovery))
        .route("/api/v1/recoveries/{id}/status", get(read_recovery::read_recovery_status))
        .route("/api/v1/metrics/recoveries", get(metrics::recovery_metrics))
        .route("/api/v1/metrics/payments", get(metrics::payment_metrics))
        .route("/api/v1/metrics/dashboard", get(metrics::dashboard))
        .routes(routes!(list_connections::list_connections))
        .routes(routes!(sync_status::sync_status))
        .routes(routes!(sync_status::sync_activity))
        .routes(routes!(list_detections::list_detections))
        .routes(routes!(list_detections::read_detection))
        .routes(routes!(list_detections::read_detection_run))
        .routes(routes!(inventory::inventory))
        .routes(routes!(inventory::reconciliation))
        .route("/api/integrations", get(list_connections::list_connections))
        .route("/api/v1/integrations/sync/status", get(sync_status::sync_status))
        .route("/api/v1/integrations/sync/activity", get(sync_status::sync_activity))
        .route("/api/detections", get(list_detections::list_detections))
        .route("/api/detections/{id}", get(list_detections::read_detection))
        .route("/api/v1/detections/status/{id}", get(list_detections::read_detection_run))
        .with_state(state)
}
