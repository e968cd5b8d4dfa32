//! Claims of a seller: looked at, sent, decided about, answered, and counted. The claims service answers questions; wishes become
//! commands. The seeds' paths, and the same under `/api/v1`.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::claims::{
    AttachToClaim, DecideClaim, RecordCase, RecordReply, ReplyKind, SubmitClaim, WithdrawClaim,
};
use shared_events::{ClaimId, Currency, DocumentId, Message, Service};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::amount::Amount;
use crate::app::Shared;
use crate::ask::{Ask, Body, Ticket};
use crate::campaigns::MANAGERS;
use crate::checks;
use crate::payouts::Reason;
use crate::proof::{self, PROVERS};
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(status))
        .routes(routes!(submit))
        .routes(routes!(approvals))
        .routes(routes!(decide))
        .routes(routes!(withdraw))
        .routes(routes!(attach))
        .routes(routes!(record_case))
        .routes(routes!(record_reply))
        .route("/api/v1/recoveries", get(list))
        .route("/api/v1/recoveries/{id}", get(read))
        .route("/api/v1/recoveries/{id}/status", get(status))
        .route("/api/v1/recoveries/{id}/submit", post(submit))
}

/// What to say when a claim is sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"note": "the delivery note is enclosed now"}))]
struct Submission {
    /// In words, up to 2000 characters.
    #[serde(default)]
    note: Option<String>,
}

impl Body for Submission {
    const OPTIONAL: bool = true;
}

/// A decision about a claim over the limit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"allowed": true, "reason": "looked at the invoice"}))]
struct Decision {
    /// Whether it may go.
    allowed: bool,
    /// Why, in 1 to 500 characters.
    reason: String,
}

impl Body for Decision {}

/// A document for one item of the check-list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"item": "proof_of_delivery", "document_id": "0199b3a0-0000-7000-8000-000000000001"}))]
struct Attachment {
    /// The item.
    item: String,
    /// The document.
    document_id: Uuid,
}

impl Body for Attachment {}

/// How a sending went.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"case_id": "15012345678"}))]
struct Case {
    /// The marketplace's number of the case; null: it never arrived.
    case_id: Option<String>,
}

impl Body for Case {}

/// What the marketplace answered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "denied", "text": "Please provide the supplier invoice."}))]
struct Reply {
    /// What it says.
    kind: ReplyKind,
    /// In its words, up to 10000 characters.
    text: String,
    /// How much is granted.
    #[serde(default)]
    amount: Option<Amount>,
    /// In which currency.
    #[serde(default)]
    currency: Option<Currency>,
}

impl Body for Reply {}

async fn send<M: Message>(
    app: &Shared,
    caller: &Caller,
    ticket: Ticket,
    id: Uuid,
    command: M,
) -> Result<Response, Problem> {
    app.send(caller, ticket, &command, Ids::from([("claim_id", id.to_string())])).await
}

/// A text of several lines.
fn lines(field: &str, text: &str, most: usize) -> Result<(), Problem> {
    let fits = !text.trim().is_empty() && text.chars().count() <= most && !text.contains('\0');
    if fits { Ok(()) } else { Err(Problem::invalid_field(field, format!("must have 1 to {most} characters"))) }
}

/// Claims, newest first.
#[utoipa::path(get, path = "/api/recoveries", operation_id = "list_recoveries", tag = "claims",
    params(Page, ("status" = Option<String>, Query, description = "Only those in this state"),
        ("claim_type" = Option<String>, Query, description = "Only those of this kind"),
        ("offset" = Option<i64>, Query, description = "How many to leave out first; a cursor is better")),
    security(("bearer" = [])), responses((status = 200, description = "A page of claims", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// One claim, with its evidence, its history and its money.
#[utoipa::path(get, path = "/api/recoveries/{id}", operation_id = "read_recovery", tag = "claims",
    params(("id" = Uuid, Path, description = "The claim")),
    security(("bearer" = [])), responses((status = 200, description = "The claim", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// Where a claim stands, and what is missing.
#[utoipa::path(get, path = "/api/recoveries/{id}/status", operation_id = "read_recovery_status", tag = "claims",
    params(("id" = Uuid, Path, description = "The claim")),
    security(("bearer" = [])), responses((status = 200, description = "Where it stands", body = serde_json::Value)))]
async fn status(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// Sends a claim, or sends it again with what was missing. Over the limit a second person has to allow it.
#[utoipa::path(post, path = "/api/recoveries/{id}/submit", operation_id = "submit_recovery", tag = "claims",
    params(("id" = Uuid, Path, description = "The claim"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command")),
    request_body = Option<Submission>, security(("bearer" = [])), responses(Answers))]
async fn submit(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Submission>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    if let Some(note) = &ask.body.note {
        lines("note", note, 2_000)?;
    }
    let command = SubmitClaim { claim_id: ClaimId(id), note: ask.body.note, wanted_by: ask.caller.subject.clone() };
    send(&app, &ask.caller, ask.ticket, id, command).await
}

/// Claims over the limit, which a second person has to allow.
#[utoipa::path(get, path = "/api/v1/claims/approvals", operation_id = "list_claim_approvals", tag = "claims", params(Page),
    security(("bearer" = [])), responses((status = 200, description = "A page of the inbox", body = serde_json::Value)))]
async fn approvals(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// Allows a claim over the limit, or does not; never by whoever asked for it.
#[utoipa::path(post, path = "/api/v1/recoveries/{id}/decide", operation_id = "decide_recovery", tag = "claims",
    params(("id" = Uuid, Path, description = "The claim")), request_body = Decision, security(("bearer" = [])), responses(Answers))]
async fn decide(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Decision>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    checks::text("reason", &ask.body.reason, 500)?;
    let (allowed, reason, decided_by) = (ask.body.allowed, ask.body.reason, ask.caller.subject.clone());
    send(&app, &ask.caller, ask.ticket, id, DecideClaim { claim_id: ClaimId(id), allowed, reason, decided_by }).await
}

/// Takes a claim back before it is sent.
#[utoipa::path(post, path = "/api/v1/recoveries/{id}/withdraw", operation_id = "withdraw_recovery", tag = "claims",
    params(("id" = Uuid, Path, description = "The claim")), request_body = Reason, security(("bearer" = [])), responses(Answers))]
async fn withdraw(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reason>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    let (reason, withdrawn_by) = (ask.body.checked()?, ask.caller.subject.clone());
    send(&app, &ask.caller, ask.ticket, id, WithdrawClaim { claim_id: ClaimId(id), reason, withdrawn_by }).await
}

/// Adds a document to a claim for one item of its check-list.
#[utoipa::path(post, path = "/api/v1/recoveries/{id}/documents", operation_id = "attach_to_recovery", tag = "claims",
    params(("id" = Uuid, Path, description = "The claim")), request_body = Attachment, security(("bearer" = [])), responses(Answers))]
async fn attach(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Attachment>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    checks::code("item", &ask.body.item)?;
    proof::must_be_there(&app, &ask.caller, ask.body.document_id).await?;
    let command = AttachToClaim {
        claim_id: ClaimId(id),
        item: ask.body.item,
        document_id: DocumentId(ask.body.document_id),
        attached_by: ask.caller.subject.clone(),
    };
    send(&app, &ask.caller, ask.ticket, id, command).await
}

/// Enters the number of the case of a claim that a person sent, or of which nobody knew whether it arrived.
#[utoipa::path(post, path = "/api/v1/recoveries/{id}/case", operation_id = "record_case", tag = "claims",
    params(("id" = Uuid, Path, description = "The claim")), request_body = Case, security(("bearer" = [])), responses(Answers))]
async fn record_case(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Case>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    if let Some(case) = &ask.body.case_id {
        checks::text("case_id", case, 100)?;
    }
    let (case_id, recorded_by) = (ask.body.case_id, ask.caller.subject.clone());
    send(&app, &ask.caller, ask.ticket, id, RecordCase { claim_id: ClaimId(id), case_id, recorded_by }).await
}

/// Enters what the marketplace answered.
#[utoipa::path(post, path = "/api/v1/recoveries/{id}/reply", operation_id = "record_reply", tag = "claims",
    params(("id" = Uuid, Path, description = "The claim")), request_body = Reply, security(("bearer" = [])), responses(Answers))]
async fn record_reply(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reply>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    lines("text", &ask.body.text, 10_000)?;
    let amount = match (&ask.body.amount, ask.body.currency) {
        (Some(amount), Some(currency)) => Some(amount.positive("amount", currency)?),
        (Some(_), None) => return Err(Problem::invalid_field("currency", "must be there beside an amount")),
        (None, _) => None,
    };
    let command = RecordReply {
        claim_id: ClaimId(id),
        kind: ask.body.kind,
        text: ask.body.text,
        amount,
        recorded_by: ask.caller.subject.clone(),
    };
    send(&app, &ask.caller, ask.ticket, id, command).await
}
