//! What is connected, and its syncs: mailboxes, cutting a connection, fetching reports now, and how far that is. Consents are in
//! [`crate::connect`].

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::{get, post};
use chrono::TimeDelta;
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::claims::{ConnectAccount, ConnectionKind, DisconnectAccount, StartSync};
use shared_events::{ConnectionId, Service, Subject, SyncId, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::{Ask, Body};
use crate::checks;
use crate::connect::seal;
use crate::send::{Answers, Ids};

/// Who may connect, cut and sync.
pub const SELLERS: [Role; 3] = [Role::Admin, Role::Manager, Role::Seller];

/// The routes of this file: as the seeds write them, and the same under `/api/v1`.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(connect_mailbox))
        .routes(routes!(disconnect))
        .routes(routes!(start_sync))
        .routes(routes!(sync_status))
        .routes(routes!(sync_activity))
        .route("/api/v1/integrations", get(list))
        .route("/api/v1/integrations/mailbox", post(connect_mailbox))
        .route("/api/v1/integrations/sync/start", post(start_sync))
        .route("/api/v1/integrations/sync/status", get(sync_status))
        .route("/api/v1/integrations/sync/activity", get(sync_activity))
        .route("/api/v1/integrations/{id}", axum::routing::delete(disconnect))
}

/// A mailbox.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"host": "imap.example.com:993", "address": "shop@example.com", "password": "an app's password"}))]
struct Mailbox {
    /// Host and port; the port of IMAP over TLS (993) unless said.
    host: String,
    /// Host and port of the server that sends for it, for answers in a marketplace's threads; without it as providers mostly call it.
    #[serde(default)]
    smtp_host: Option<String>,
    /// The address, which is the name to log in with.
    address: String,
    /// The password; sealed at once and never shown.
    password: String,
}

impl Body for Mailbox {}

/// Connects any mailbox by IMAP.
#[utoipa::path(post, path = "/api/integrations/mailbox", operation_id = "connect_mailbox", tag = "claims", request_body = Mailbox,
    security(("bearer" = [])), responses(Answers))]
async fn connect_mailbox(State(app): State<Shared>, ask: Ask<Mailbox>) -> Result<Response, Problem> {
    ask.caller.require(&SELLERS)?;
    let Mailbox { host, smtp_host, address, password } = ask.body;
    let is_host = |host: &str| {
        !host.is_empty()
            && host.len() <= 260
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    };
    if !is_host(&host) {
        return Err(Problem::invalid_field("host", "must be a host, and a port after a colon"));
    }
    if !smtp_host.as_deref().is_none_or(is_host) {
        return Err(Problem::invalid_field("smtp_host", "must be a host, and a port after a colon"));
    }
    if !address.contains('@') || address.len() > 320 || address.chars().any(char::is_whitespace) {
        return Err(Problem::invalid_field("address", "must be an e-mail address"));
    }
    if password.is_empty() || password.len() > 512 {
        return Err(Problem::invalid_field("password", "must have 1 to 512 characters"));
    }
    let tenant = ask.caller.tenant.as_str();
    let connection_id = ConnectionId(ids::derive(&["connection", tenant, "imap", &address]));
    let nonce = ask.ticket.id.to_string();
    let command = ConnectAccount {
        connection_id,
        kind: ConnectionKind::Imap,
        region: String::new(),
        sealed_secret: seal(&app, tenant, &nonce, &password)?,
        account: address,
        nonce,
        redirect_uri: String::new(),
        host: Some(host),
        smtp_host,
        expires_at: app.clock.now() + TimeDelta::hours(1),
        connected_by: ask.caller.subject.clone(),
    };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("connection_id", connection_id.to_string())])).await
}

/// Why a connection is cut.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Cut {
    /// In words, up to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for Cut {
    const OPTIONAL: bool = true;
}

/// Cuts a connection and forgets its secrets; what was read stays.
#[utoipa::path(delete, path = "/api/integrations/{id}", operation_id = "disconnect", tag = "claims", request_body = Option<Cut>,
    params(("id" = Uuid, Path, description = "The connection")), security(("bearer" = [])), responses(Answers))]
async fn disconnect(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Cut>) -> Result<Response, Problem> {
    ask.caller.require(&SELLERS)?;
    let reason = ask.body.reason.unwrap_or_else(|| "disconnected by its owner".to_owned());
    checks::text("reason", &reason, 500)?;
    let asked_by = ask.caller.subject.clone();
    let command = DisconnectAccount { connection_id: ConnectionId(id), reason, asked_by };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("connection_id", id.to_string())])).await
}

/// Which reports are fetched now.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reports": ["ledger", "reimbursement"]}))]
struct SyncWish {
    /// Of this seller; of all without.
    #[serde(default)]
    connection_id: Option<ConnectionId>,
    /// Only these; all without.
    #[serde(default)]
    reports: Vec<String>,
}

impl Body for SyncWish {
    const OPTIONAL: bool = true;
}

/// Fetches reports now instead of at their time.
#[utoipa::path(post, path = "/api/integrations/sync/start", operation_id = "start_sync", tag = "claims", request_body = Option<SyncWish>,
    security(("bearer" = [])), responses(Answers))]
async fn start_sync(State(app): State<Shared>, ask: Ask<SyncWish>) -> Result<Response, Problem> {
    ask.caller.require(&[Role::Admin, Role::Manager, Role::Operator, Role::Seller])?;
    let SyncWish { connection_id, reports } = ask.body;
    if reports.len() > 20 {
        return Err(Problem::invalid_field("reports", "must not name more than 20"));
    }
    let sync_id = SyncId(ids::derive(&["sync", &ask.ticket.id.to_string()]));
    let asked_by: Subject = ask.caller.subject.clone();
    let command = StartSync { sync_id, connection_id, reports, asked_by };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("sync_id", sync_id.to_string())])).await
}

/// What is connected.
#[utoipa::path(get, path = "/api/integrations", operation_id = "list_connections", tag = "claims",
    security(("bearer" = [])), responses((status = 200, description = "Connections", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// How far the syncs are: rows, percent and rate of each report.
#[utoipa::path(get, path = "/api/integrations/sync/status", operation_id = "sync_status", tag = "claims",
    params(("connection_id" = Option<Uuid>, Query, description = "Only this seller"), ("sync_id" = Option<Uuid>, Query, description = "Only this sync")),
    security(("bearer" = [])), responses((status = 200, description = "How far the syncs are", body = serde_json::Value)))]
async fn sync_status(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// What syncs did, newest first.
#[utoipa::path(get, path = "/api/integrations/sync/activity", operation_id = "sync_activity", tag = "claims", params(crate::proxy::Page),
    security(("bearer" = [])), responses((status = 200, description = "A page of runs", body = serde_json::Value)))]
async fn sync_activity(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}
