//! Requests for proof: asking, withdrawing, telling that the money came, and looking at them.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::Value;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::evidence::{ProofSubject, RecordPayout, RequestProof, WithdrawProofRequest};
use shared_events::{Currency, Money, ProofRequestId, Service, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::amount::Amount;
use crate::app::Shared;
use crate::ask::{Ask, Body};
use crate::checks;
use crate::payouts::Reason;
use crate::proxy::{Page, Question};
use crate::send::{Answers, Ids};

/// Who asks for proof and looks after it.
pub const PROVERS: [Role; 4] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller];

/// How often, and how long after one another, a document is asked for: what was just uploaded is known a moment later.
const LOOKS: usize = 8;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// Most rows of reports that a request may rest on.
const MOST_ROWS: usize = 500;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(request, list))
        .routes(routes!(read))
        .routes(routes!(withdraw))
        .routes(routes!(record_payout))
}

/// What has to be proved. At least one of order_id, asin, sku and supplier must be there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The marketplace's number of the order.
    order_id: Option<String>,
    /// The marketplace's number of the article.
    asin: Option<String>,
    /// The seller's number of the article.
    sku: Option<String>,
    /// What the article is called.
    title: Option<String>,
    /// Units.
    #[schema(minimum = 1)]
    quantity: Option<i64>,
    /// What they cost, or what is claimed for them.
    amount: Option<Amount>,
    /// Currency of the amount.
    currency: Option<Currency>,
    /// When it was ordered.
    order_date: Option<NaiveDate>,
    /// When it was disputed.
    dispute_date: Option<NaiveDate>,
    /// Who delivered it.
    supplier: Option<String>,
}

/// A new request for proof.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "claim_type": "inbound_shortage", "reference": "claim-1001",
    "subject": {"order_id": "112-1234567-1234567", "asin": "B08XYZ1234", "sku": "WTR-BTL-32OZ", "quantity": 5, "amount": "245.80",
                "currency": "USD", "order_date": "2025-01-01", "dispute_date": "2025-01-10", "supplier": "Acme Supplies Ltd"}
}))]
struct NewRequest {
    /// What kind of claim it is for; matchers learn for each kind apart.
    claim_type: String,
    /// What you call the claim.
    reference: Option<String>,
    /// What has to be proved.
    subject: Subject,
    /// Rows of the reports that the claim rests on, as they are; at most 500.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    source_rows: Vec<Value>,
    /// The policy that the claim cites.
    #[serde(default)]
    #[schema(value_type = Object)]
    policy: Value,
}

impl Body for NewRequest {}

/// Money that arrived for what was proved, or was taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "245.80", "currency": "USD", "reference": "REIMB-9823455511", "paid_at": "2025-02-01T09:00:00Z"}))]
struct NewPayout {
    /// How much.
    amount: Amount,
    /// ISO 4217.
    currency: Currency,
    /// The payer's reference; the same one twice counts once.
    reference: String,
    /// When.
    paid_at: DateTime<Utc>,
    /// Whether it was taken back instead.
    #[serde(default)]
    reversed: bool,
}

impl Body for NewPayout {}

impl Subject {
    /// As commands carry it; `at` is where it stands in the body.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn checked(self, at: &str) -> Result<ProofSubject, Problem> {
        let Self { order_id, asin, sku, title, quantity, amount, currency, order_date, dispute_date, supplier } = self;
        let texts =
            [("order_id", &order_id), ("asin", &asin), ("sku", &sku), ("title", &title), ("supplier", &supplier)];
        for (name, value) in texts {
            if let Some(value) = value {
                checks::text(&format!("{at}.{name}"), value, 300)?;
            }
        }
        if [&order_id, &asin, &sku, &supplier].iter().all(|field| field.is_none()) {
            return Err(Problem::invalid_field(at, "must have an order_id, an asin, a sku or a supplier"));
        }
        if quantity.is_some_and(|quantity| !(1..=1_000_000_000).contains(&quantity)) {
            return Err(Problem::invalid_field(&format!("{at}.quantity"), "must be from 1 to 1000000000"));
        }
        let amount = match (amount, currency) {
            (Some(amount), Some(currency)) => Some(amount.positive(&format!("{at}.amount"), currency)?),
            (Some(_), None) => {
                return Err(Problem::invalid_field(&format!("{at}.currency"), "must be there beside an amount"));
            }
            (None, _) => None,
        };
        Ok(ProofSubject { order_id, asin, sku, title, quantity, amount, order_date, dispute_date, supplier })
    }
}

/// Asks for proof: documents that are here and those to come are compared with the subject.
#[utoipa::path(post, path = "/api/v1/evidence/requests", operation_id = "request_proof", tag = "evidence", request_body = NewRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command")),
    security(("bearer" = [])), responses(Answers))]
async fn request(State(app): State<Shared>, ask: Ask<NewRequest>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    let NewRequest { claim_type, reference, subject, source_rows, policy } = ask.body;
    checks::code("claim_type", &claim_type)?;
    if let Some(reference) = &reference {
        checks::text("reference", reference, 200)?;
    }
    if source_rows.len() > MOST_ROWS {
        return Err(Problem::invalid_field("source_rows", format!("must have at most {MOST_ROWS} rows")));
    }
    let subject = subject.checked("subject")?;
    let request_id = ProofRequestId(ids::derive(&["proof request", &ask.ticket.id.to_string()]));
    let answer_ids = Ids::from([("request_id", request_id.to_string())]);
    let requested_by = ask.caller.subject.clone();
    let command = RequestProof { request_id, claim_type, reference, subject, source_rows, policy, requested_by };
    app.send(&ask.caller, ask.ticket, &command, answer_ids).await
}

/// Withdraws a request: nothing is matched against it any more, and its open prompts are cancelled.
#[utoipa::path(post, path = "/api/v1/evidence/requests/{id}/withdraw", operation_id = "withdraw_proof_request", tag = "evidence",
    params(("id" = Uuid, Path, description = "The request")), request_body = Reason, security(("bearer" = [])), responses(Answers))]
async fn withdraw(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reason>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    let command = WithdrawProofRequest { request_id: ProofRequestId(id), reason: ask.body.checked()? };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("request_id", id.to_string())])).await
}

/// Tells that the money for what was proved has arrived (the packet is sealed) or was taken back (an addendum is made).
#[utoipa::path(post, path = "/api/v1/evidence/requests/{id}/payout", operation_id = "record_proof_payout", tag = "evidence",
    params(("id" = Uuid, Path, description = "The request")), request_body = NewPayout, security(("bearer" = [])), responses(Answers))]
async fn record_payout(
    State(app): State<Shared>,
    Path(id): Path<Uuid>,
    ask: Ask<NewPayout>,
) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    let NewPayout { amount, currency, reference, paid_at, reversed } = ask.body;
    checks::text("reference", &reference, 200)?;
    let amount = amount.positive("amount", currency)?;
    let amount = if reversed { Money::new(-amount.minor, currency) } else { amount };
    let command = RecordPayout { request_id: ProofRequestId(id), amount, units: None, reference, paid_at };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("request_id", id.to_string())])).await
}

/// Requests for proof, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/requests", operation_id = "list_proof_requests", tag = "evidence",
    params(Page,
        ("state" = Option<String>, Query, description = "Only those in this state: `open`, `proved` or `withdrawn`"),
        ("claim_type" = Option<String>, Query, description = "Only those for this kind of claim")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// One request for proof, and how far it is.
#[utoipa::path(get, path = "/api/v1/evidence/requests/{id}", operation_id = "read_proof_request", tag = "evidence",
    params(("id" = Uuid, Path, description = "The request")),
    security(("bearer" = [])), responses((status = 200, description = "The request", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// A document that is to prove something has to be one of the caller's tenant, and one that can be shown.
///
/// # Errors
/// 422 when it is not; 503 when evidence is away.
pub async fn must_be_there(app: &Shared, caller: &Caller, document: Uuid) -> Result<(), Problem> {
    let refused = |why: &str| Err(Problem::invalid_field("document_id", why));
    let target = format!("/api/documents/{document}");
    for look in 1..=LOOKS {
        let answer = app.upstream(Service::Evidence).get(Question::of(caller, &target)).await?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            if look < LOOKS {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            continue;
        }
        if !status.is_success() {
            return Err(Problem::unavailable("the document cannot be looked up for the moment"));
        }
        let known: Value = answer.json().await.map_err(|_| Problem::unavailable("the document cannot be looked up"))?;
        return match known["state"].as_str() {
            Some("deleted" | "quarantined") => refused("is deleted, or in quarantine"),
            _ => Ok(()),
        };
    }
    refused("names no document of yours")
}
