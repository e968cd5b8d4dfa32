//! What is connected, and its syncs: consents, mailboxes, cutting a connection, fetching reports now, and how far that is.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, TimeDelta, Utc};
use providers::amazon::Region;
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Path, Query};
use service_kit::problem::Problem;
use shared_events::claims::{ConnectAccount, ConnectionKind, DisconnectAccount, StartSync};
use shared_events::{ConnectionId, MessageId, Service, Subject, SyncId, ids};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::{Ask, Body, Ticket};
use crate::checks;
use crate::consent;
use crate::send::{Answers, Ids};

/// Who may connect and sync.
const SELLERS: [Role; 3] = [Role::Admin, Role::Manager, Role::Seller];

/// The routes of this file: as the seeds write them, and the same under `/api/v1`.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(connect, connect_by_post))
        .routes(routes!(come_back))
        .routes(routes!(connect_mailbox))
        .routes(routes!(disconnect))
        .routes(routes!(start_sync))
        .routes(routes!(sync_status))
        .routes(routes!(sync_activity))
        .route("/api/v1/integrations", get(list))
        .route("/api/v1/integrations/connect", get(connect).post(connect_by_post))
        .route("/api/v1/integrations/mailbox", post(connect_mailbox))
        .route("/api/v1/integrations/sync/start", post(start_sync))
        .route("/api/v1/integrations/sync/status", get(sync_status))
        .route("/api/v1/integrations/sync/activity", get(sync_activity))
        .route("/api/v1/integrations/{id}", axum::routing::delete(disconnect))
}

/// What to connect.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wish {
    /// `amazon`, `gmail` or `stripe`
    integration_type: String,
    /// Amazon's region: `na`, `eu` or `fe`; `na` unless said
    region: Option<String>,
}

/// Where consent is given.
#[derive(Debug, Serialize, ToSchema)]
struct Consent {
    /// What is connected.
    integration_type: String,
    /// The page to be opened in the browser that asked.
    auth_url: String,
    /// What comes back from there.
    state: String,
    /// The consent has to be back before.
    expires_at: DateTime<Utc>,
}

fn consent_page(app: &Shared, caller: &Caller, wish: &Wish) -> Result<Response, Problem> {
    caller.require(&SELLERS)?;
    match wish.integration_type.as_str() {
        "amazon" => {}
        "gmail" | "stripe" => {
            let words = format!(
                "{} cannot be connected by consent yet; any mailbox is connected with POST /api/integrations/mailbox",
                wish.integration_type
            );
            return Err(Problem::invalid_field("integration_type", words));
        }
        _ => return Err(Problem::invalid_field("integration_type", "must be amazon, gmail or stripe")),
    }
    let region = wish.region.as_deref().unwrap_or("na");
    let at: Region = region.parse().map_err(|problem: &str| Problem::invalid_field("region", problem))?;
    let Some((application, endpoints)) = &app.consents.amazon else {
        return Err(Problem::unavailable("no application with Amazon is configured"));
    };
    let begun = consent::begin(&app.account_key, caller, region, app.clock.now())?;
    let page = endpoints.consent(at, application, &begun.sealed, &app.consents.redirect_uri);
    let answer = Consent {
        integration_type: wish.integration_type.clone(),
        auth_url: page.map_err(Problem::internal)?.into(),
        state: begun.sealed,
        expires_at: begun.expires_at,
    };
    Ok(([(header::SET_COOKIE, begun.cookie)], Json(answer)).into_response())
}

/// Where consent is given to connect something.
#[utoipa::path(get, path = "/api/integrations/connect", operation_id = "begin_consent", tag = "claims", params(Wish),
    security(("bearer" = [])), responses((status = 200, description = "The page where consent is given", body = Consent)))]
async fn connect(State(app): State<Shared>, caller: Caller, Query(wish): Query<Wish>) -> Result<Response, Problem> {
    consent_page(&app, &caller, &wish)
}

/// The same, asked by POST.
#[utoipa::path(post, path = "/api/integrations/connect", operation_id = "begin_consent_by_post", tag = "claims", params(Wish),
    security(("bearer" = [])), responses((status = 200, description = "The page where consent is given", body = Consent)))]
async fn connect_by_post(
    State(app): State<Shared>,
    caller: Caller,
    Query(wish): Query<Wish>,
) -> Result<Response, Problem> {
    consent_page(&app, &caller, &wish)
}

/// What a consent page sends back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Back {
    /// What went there
    state: String,
    /// The code, good for some minutes and once
    spapi_oauth_code: Option<String>,
    /// Amazon's id of the seller
    selling_partner_id: Option<String>,
}

/// Where consent pages send people back to. The code is sealed here and exchanged by the claims service.
#[utoipa::path(get, path = "/api/integrations/callback", operation_id = "end_consent", tag = "claims", params(Back),
    security(("bearer" = []), ()), responses(Answers))]
async fn come_back(
    State(app): State<Shared>,
    caller: Option<Caller>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let now = app.clock.now();
    let state = consent::come_back(&app.account_key, &back.state, caller.as_ref(), &headers, now)?;
    let (Some(code), Some(seller)) = (back.spapi_oauth_code, back.selling_partner_id) else {
        return Err(Problem::invalid_field("spapi_oauth_code", "is missing: consent was not given"));
    };
    let fits = |text: &str| (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits(&code) || !fits(&seller) {
        return Err(Problem::invalid_field("spapi_oauth_code", "code or seller are not as Amazon writes them"));
    }
    let tenant = state.tenant.as_str();
    let connection_id = ConnectionId(ids::derive(&["connection", tenant, "amazon", &state.region, &seller]));
    let command = ConnectAccount {
        connection_id,
        kind: ConnectionKind::Amazon,
        region: state.region,
        account: seller,
        sealed_secret: seal(&app, tenant, &state.nonce, &code)?,
        nonce: state.nonce.clone(),
        redirect_uri: app.consents.redirect_uri.clone(),
        host: None,
        expires_at: state.expires_at,
        connected_by: state.subject.clone(),
    };
    // Coming back twice is one command; with another code it is refused.
    let digest = app.account_key.digest(code.as_bytes());
    let id = MessageId(ids::derive(&["consent", tenant, &state.nonce]));
    let ticket = Ticket { id, keyed: false, digest, wait: None };
    let tenant = state.tenant.clone();
    let began = Caller { tenant, subject: state.subject, roles: Vec::new(), partner: None, token: String::new() };
    let caller = caller.unwrap_or(began);
    app.send(&caller, ticket, &command, Ids::from([("connection_id", connection_id.to_string())])).await
}

/// Seals a code or password for its one use; see `claims::connect_account::purpose`.
fn seal(app: &Shared, tenant: &str, nonce: &str, secret: &str) -> Result<String, Problem> {
    app.account_key.seal(&format!("consent/{tenant}/{nonce}"), secret).map_err(Problem::internal)
}

/// A mailbox.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"host": "imap.example.com:993", "address": "shop@example.com", "password": "an app's password"}))]
struct Mailbox {
    /// Host and port; the port of IMAP over TLS (993) unless said.
    host: String,
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
    let Mailbox { host, address, password } = ask.body;
    let is_host = |host: &str| {
        !host.is_empty()
            && host.len() <= 260
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    };
    if !is_host(&host) {
        return Err(Problem::invalid_field("host", "must be a host, and a port after a colon"));
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
