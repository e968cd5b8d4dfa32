//! Commissions: looking at them, reviewing those that are held, and a partner's statement.

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::Caller;
use service_kit::http::{Path, Query};
use service_kit::problem::Problem;
use shared_events::commission::{ApproveCommission, RejectCommission};
use shared_events::{CommissionId, Message, PartnerId, Service};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::Ask;
use crate::campaigns::MANAGERS;
use crate::checks;
use crate::payouts::Reason;
use crate::proxy::{Page, Question, target};
use crate::send::{Answers, Ids};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(balance))
        .routes(routes!(statement))
}

/// Commissions, newest first; a partner sees its own.
#[utoipa::path(get, path = "/api/v1/commission/commissions", operation_id = "list_commissions", tag = "commissions",
    params(Page,
        ("campaign" = Option<String>, Query, description = "Only this campaign's (id or code)"), ("review" = Option<bool>, Query, description = "Only those that wait for a reviewer"),
        ("conversion" = Option<Uuid>, Query, description = "Only this conversion's"), ("order" = Option<String>, Query, description = "Only this order's"),
        ("from" = Option<chrono::DateTime<chrono::Utc>>, Query, description = "Conversions from this moment on"),
        ("to" = Option<chrono::DateTime<chrono::Utc>>, Query, description = "Conversions before this moment"),
        ("state" = Option<String>, Query, description = "Only those in this state"), ("partner" = Option<String>, Query, description = "Only this partner's")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Commission).answer(&caller, &uri).await
}

/// One commission with its explanation: rule, version, base, arithmetic, attribution, causes.
#[utoipa::path(get, path = "/api/v1/commission/commissions/{id}", operation_id = "read_commission", tag = "commissions",
    params(("id" = Uuid, Path, description = "The commission")),
    security(("bearer" = [])), responses((status = 200, description = "The commission", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Commission).answer(&caller, &uri).await
}

async fn decide<M: Message>(
    app: &Shared,
    ask: Ask<Reason>,
    id: Uuid,
    command: impl FnOnce(CommissionId, String) -> M,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let command = command(CommissionId(id), ask.body.checked()?);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("commission_id", id.to_string())])).await
}

/// Frees a commission that is held for review.
#[utoipa::path(post, path = "/api/v1/commission/commissions/{id}/approve", operation_id = "approve_commission", tag = "commissions",
    params(("id" = Uuid, Path, description = "The commission")), request_body = Reason, security(("bearer" = [])), responses(Answers))]
async fn approve(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reason>) -> Result<Response, Problem> {
    decide(&app, ask, id, |commission_id, reason| ApproveCommission { commission_id, reason }).await
}

/// Refuses a commission that is not yet in a payout.
#[utoipa::path(post, path = "/api/v1/commission/commissions/{id}/reject", operation_id = "reject_commission", tag = "commissions",
    params(("id" = Uuid, Path, description = "The commission")), request_body = Reason, security(("bearer" = [])), responses(Answers))]
async fn reject(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reason>) -> Result<Response, Problem> {
    decide(&app, ask, id, |commission_id, reason| RejectCommission { commission_id, reason }).await
}

/// A partner's accounts, in each currency.
#[utoipa::path(get, path = "/api/v1/partners/{id}/balance", operation_id = "read_balance", tag = "commissions",
    params(("id" = String, Path, description = "The partner", example = "user123")),
    security(("bearer" = [])), responses((status = 200, description = "The balance", body = serde_json::Value)))]
async fn balance(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    visible(&caller, id)?;
    app.upstream(Service::Commission).answer(&caller, &uri).await
}

/// The partner that a path names, if the caller may see it.
fn visible(caller: &Caller, id: String) -> Result<(), Problem> {
    let partner = PartnerId::try_new(id).map_err(|_| Problem::not_found())?;
    if caller.may_see(&partner) { Ok(()) } else { Err(Problem::not_found()) }
}

#[derive(Debug, Deserialize)]
struct Period {
    month: String,
    #[serde(default)]
    format: Option<String>,
}

/// A partner's statement for a month: as JSON, or as CSV by `Accept: text/csv` or `format=csv`.
#[utoipa::path(get, path = "/api/v1/partners/{id}/statement", operation_id = "read_statement", tag = "commissions",
    params(("id" = String, Path, description = "The partner", example = "user123"), ("month" = String, Query, description = "Calendar month (UTC)", example = "2026-11"),
        ("format" = Option<String>, Query, description = "`json` or `csv`"), ("cursor" = Option<String>, Query, description = "Where the last page ended"),
        ("limit" = Option<u32>, Query, description = "Movements on the page, at most 1,000", minimum = 1, maximum = 1000)),
    security(("bearer" = [])), responses(
        (status = 200, description = "The statement", content((serde_json::Value = "application/json"), (String = "text/csv"))),
        (status = 422, description = "No month", body = service_kit::problem::Body, content_type = "application/problem+json"),
    ))]
async fn statement(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Query(period): Query<Period>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    visible(&caller, id)?;
    checks::month("month", &period.month)?;
    if !matches!(period.format.as_deref(), None | Some("json" | "csv")) {
        return Err(Problem::invalid_field("format", "must be json or csv"));
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    app.upstream(Service::Commission).pass_on(Question { accept, ..Question::of(&caller, target(&uri)) }).await
}
