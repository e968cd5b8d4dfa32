//! Payouts: looking at them, allowing or refusing them, sending them out, and saying how they went.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::commission::{ApprovePayout, ConfirmPayout, FailPayout, RejectPayout, SubmitPayouts};
use shared_events::{Message, PayoutBatchId, PayoutId, Service, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::{Ask, Body, Nothing, Ticket};
use crate::campaigns::MANAGERS;
use crate::checks;
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// Who handles payout files.
const OPERATORS: [Role; 3] = Role::STAFF;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(batch_file))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(submit))
        .routes(routes!(confirm))
        .routes(routes!(fail))
}

/// Why, in words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "checked with the partner"}))]
pub struct Reason {
    /// 1 to 500 characters.
    pub reason: String,
}

impl Body for Reason {}

impl Reason {
    /// The words, if they will do.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn checked(self) -> Result<String, Problem> {
        checks::text("reason", &self.reason, 500).map(|()| self.reason)
    }
}

/// Proof that money arrived.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reference": "SEPA-2026-0001"}))]
struct Reference {
    /// The bank's or provider's reference.
    reference: String,
}

impl Body for Reference {}

/// Sends a command about one payout.
async fn send<M: Message>(
    app: &Shared,
    caller: &Caller,
    ticket: Ticket,
    id: Uuid,
    command: M,
) -> Result<Response, Problem> {
    app.send(caller, ticket, &command, Ids::from([("payout_id", id.to_string())])).await
}

/// Payouts, newest first; a partner sees its own.
#[utoipa::path(get, path = "/api/v1/payouts", operation_id = "list_payouts", tag = "payouts",
    params(Page,
        ("partner" = Option<String>, Query, description = "Only this partner's"), ("batch" = Option<Uuid>, Query, description = "Only those in this file"),
        ("state" = Option<String>, Query, description = "Only those in this state")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Commission).answer(&caller, &uri).await
}

/// One payout; account details are masked.
#[utoipa::path(get, path = "/api/v1/payouts/{id}", operation_id = "read_payout", tag = "payouts",
    params(("id" = Uuid, Path, description = "The payout")),
    security(("bearer" = [])), responses((status = 200, description = "The payout", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Commission).answer(&caller, &uri).await
}

/// A payout file, for staff: what whoever moves the money is given.
#[utoipa::path(get, path = "/api/v1/payout-batches/{id}/file", operation_id = "read_payout_file", tag = "payouts",
    params(("id" = Uuid, Path, description = "The batch"), ("format" = Option<String>, Query, description = "`csv` (unless said) or `json`")),
    security(("bearer" = [])), responses(
        (status = 200, description = "The file", content((String = "text/csv"), (serde_json::Value = "application/json"))),
        (status = 409, description = "The file is not written yet", body = service_kit::problem::Body, content_type = "application/problem+json"),
    ))]
async fn batch_file(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&OPERATORS)?;
    app.upstream(Service::Commission).answer(&caller, &uri).await
}

/// Allows a payout above the limit; never by its requester.
#[utoipa::path(post, path = "/api/v1/payouts/{id}/approve", operation_id = "approve_payout", tag = "payouts",
    params(("id" = Uuid, Path, description = "The payout")), request_body = Option<Nothing>, security(("bearer" = [])), responses(Answers))]
async fn approve(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let command = ApprovePayout { payout_id: PayoutId(id), approved_by: ask.caller.subject.clone() };
    send(&app, &ask.caller, ask.ticket, id, command).await
}

/// Refuses a payout; the money is payable again.
#[utoipa::path(post, path = "/api/v1/payouts/{id}/reject", operation_id = "reject_payout", tag = "payouts",
    params(("id" = Uuid, Path, description = "The payout")), request_body = Reason, security(("bearer" = [])), responses(Answers))]
async fn reject(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reason>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let command = RejectPayout { payout_id: PayoutId(id), reason: ask.body.checked()? };
    send(&app, &ask.caller, ask.ticket, id, command).await
}

/// Writes every approved payout into one file and marks them submitted.
#[utoipa::path(post, path = "/api/v1/payouts/submit", operation_id = "submit_payouts", tag = "payouts", request_body = Option<Nothing>,
    security(("bearer" = [])), responses(Answers))]
async fn submit(State(app): State<Shared>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    ask.caller.require(&OPERATORS)?;
    let batch_id = PayoutBatchId(ids::derive(&["payout batch", &ask.ticket.id.to_string()]));
    let answer_ids = Ids::from([("batch_id", batch_id.to_string())]);
    app.send(&ask.caller, ask.ticket, &SubmitPayouts { batch_id }, answer_ids).await
}

/// Says that a payout arrived.
#[utoipa::path(post, path = "/api/v1/payouts/{id}/confirm", operation_id = "confirm_payout", tag = "payouts",
    params(("id" = Uuid, Path, description = "The payout")), request_body = Reference, security(("bearer" = [])), responses(Answers))]
async fn confirm(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reference>) -> Result<Response, Problem> {
    ask.caller.require(&OPERATORS)?;
    checks::text("reference", &ask.body.reference, 200)?;
    let command = ConfirmPayout { payout_id: PayoutId(id), reference: ask.body.reference };
    send(&app, &ask.caller, ask.ticket, id, command).await
}

/// Says that a payout did not arrive; the money is payable again.
#[utoipa::path(post, path = "/api/v1/payouts/{id}/fail", operation_id = "fail_payout", tag = "payouts",
    params(("id" = Uuid, Path, description = "The payout")), request_body = Reason, security(("bearer" = [])), responses(Answers))]
async fn fail(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reason>) -> Result<Response, Problem> {
    ask.caller.require(&OPERATORS)?;
    let command = FailPayout { payout_id: PayoutId(id), reason: ask.body.checked()? };
    send(&app, &ask.caller, ask.ticket, id, command).await
}
