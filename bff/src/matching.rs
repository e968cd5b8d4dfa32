//! Matching: what was decided and why, which models there are, and teaching them.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use chrono::NaiveDate;
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::evidence::{ImportLabels, PastMatch, RecordOutcome, RevertModel, TrainModel};
use shared_events::{Currency, DocumentId, ModelId, ProofRequestId, Service, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::amount::Amount;
use crate::app::Shared;
use crate::ask::{Ask, Body};
use crate::checks;
use crate::payouts::Reason;
use crate::proof::{PROVERS, Subject};
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// Past matches in one import at most.
const MOST_MATCHES: usize = 500;
/// Lines of a past document at most.
const MOST_LINES: usize = 100;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(matches))
        .routes(routes!(models))
        .routes(routes!(model))
        .routes(routes!(gate))
        .routes(routes!(train))
        .routes(routes!(revert))
        .routes(routes!(import))
        .routes(routes!(outcome))
}

/// What became of a match.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HowItEnded {
    /// The document.
    document_id: Uuid,
    /// Whether it really proved the request.
    proved: bool,
}

impl Body for HowItEnded {}

/// A kind of claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"claim_type": "inbound_shortage"}))]
struct OfClaims {
    /// Which one.
    claim_type: String,
}

impl Body for OfClaims {}

/// Matches of the past, whose truth is known.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"claim_type": "inbound_shortage", "matches": [{
    "subject": {"order_id": "112-1234567-1234567", "sku": "WTR-BTL-32OZ", "quantity": 5},
    "document": {"number": "R-1001", "dated": "2025-01-20", "lines": [{"sku": "WTR-BTL-32OZ", "quantity": 5}]}, "proved": true
}]}))]
struct Past {
    /// What kind of claim they are of.
    claim_type: String,
    /// 1 to 500.
    #[schema(min_items = 1, max_items = 500)]
    matches: Vec<PastPair>,
}

impl Body for Past {}

/// A subject, a document, and whether the one proved the other.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PastPair {
    /// What had to be proved.
    subject: Subject,
    /// What the document said.
    document: PastDocument,
    /// Whether it proved it.
    proved: bool,
}

/// What a document of the past said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PastDocument {
    /// Its number.
    number: Option<String>,
    /// Numbers of orders that it refers to.
    #[serde(default)]
    orders: Vec<String>,
    /// Its date.
    dated: Option<NaiveDate>,
    /// Who wrote it.
    supplier: Option<String>,
    /// Its total with tax.
    total: Option<Amount>,
    /// Currency of the total.
    currency: Option<Currency>,
    /// Its lines, at most 100.
    #[serde(default)]
    lines: Vec<PastLine>,
}

/// A line of a document of the past.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PastLine {
    /// The number of the article, whoever's that is.
    sku: Option<String>,
    /// Units.
    quantity: Option<i64>,
    /// What the article is called.
    description: Option<String>,
}

impl PastDocument {
    /// As the command carries it.
    fn checked(self, at: &str) -> Result<serde_json::Value, Problem> {
        let Self { number, orders, dated, supplier, total, currency, lines } = self;
        if lines.len() > MOST_LINES || orders.len() > MOST_LINES {
            return Err(Problem::invalid_field(
                &format!("{at}.lines"),
                format!("must have at most {MOST_LINES} entries"),
            ));
        }
        let total = match (total, currency) {
            (Some(total), Some(currency)) => Some(total.positive(&format!("{at}.total"), currency)?),
            (Some(_), None) => {
                return Err(Problem::invalid_field(&format!("{at}.currency"), "must be there beside a total"));
            }
            (None, _) => None,
        };
        let named = [("number", &number), ("supplier", &supplier)];
        let of_lines = lines.iter().flat_map(|line| [("lines", &line.sku), ("lines", &line.description)]);
        for (name, text) in named.into_iter().chain(of_lines) {
            if let Some(text) = text {
                checks::text(&format!("{at}.{name}"), text, 300)?;
            }
        }
        for order in &orders {
            checks::text(&format!("{at}.orders"), order, 300)?;
        }
        let line = |PastLine { sku, quantity, description }: PastLine| {
            without_nulls(serde_json::json!({ "sku": sku, "quantity": quantity, "description": description }))
        };
        let lines: Vec<serde_json::Value> = lines.into_iter().map(line).collect();
        Ok(without_nulls(serde_json::json!({
            "number": number, "orders": orders, "dated": dated, "supplier": supplier, "total": total, "lines": lines
        })))
    }
}

/// What is not known stays away.
fn without_nulls(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

/// Which documents were compared with a request, what was decided, and why.
#[utoipa::path(get, path = "/api/v1/evidence/requests/{id}/matches", operation_id = "list_matches", tag = "evidence",
    params(("id" = Uuid, Path, description = "The request"), Page,
        ("all" = Option<bool>, Query, description = "Also earlier decisions, and those of models that only watch")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn matches(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// Trained models, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/models", operation_id = "list_models", tag = "evidence",
    params(Page, ("claim_type" = Option<String>, Query, description = "Only those for this kind of claim")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn models(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// A trained model with its figures on held-out labels, and whether it may act by itself.
#[utoipa::path(get, path = "/api/v1/evidence/models/{id}", operation_id = "read_model", tag = "evidence",
    params(("id" = Uuid, Path, description = "The model")),
    security(("bearer" = [])), responses((status = 200, description = "The model", body = serde_json::Value)))]
async fn model(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// Which model decides about a kind of claim, and whether it may act without asking.
#[utoipa::path(get, path = "/api/v1/evidence/gate", operation_id = "read_gate", tag = "evidence",
    params(("claim_type" = String, Query, description = "The kind of claim", example = "inbound_shortage")),
    security(("bearer" = [])), responses((status = 200, description = "The gate", body = serde_json::Value)))]
async fn gate(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// Trains a model from the labels of a kind of claim. It decides only if it is better on held-out labels than what decides now.
#[utoipa::path(post, path = "/api/v1/evidence/models/train", operation_id = "train_model", tag = "evidence", request_body = OfClaims,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command")),
    security(("bearer" = [])), responses(Answers))]
async fn train(State(app): State<Shared>, ask: Ask<OfClaims>) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    let claim_type = ask.body.claim_type;
    checks::code("claim_type", &claim_type)?;
    let model_id = ModelId(ids::derive(&["model", &ask.ticket.id.to_string()]));
    let answer_ids = Ids::from([("model_id", model_id.to_string())]);
    app.send(&ask.caller, ask.ticket, &TrainModel { model_id, claim_type }, answer_ids).await
}

/// Takes the model that decides back: the one before it decides again, or the fixed rules.
#[utoipa::path(post, path = "/api/v1/evidence/models/{id}/revert", operation_id = "revert_model", tag = "evidence",
    params(("id" = Uuid, Path, description = "The model")), request_body = Reason, security(("bearer" = [])), responses(Answers))]
async fn revert(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Reason>) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    let command = RevertModel { model_id: ModelId(id), reason: ask.body.checked()? };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("model_id", id.to_string())])).await
}

/// Teaches the matcher from the past: up to 500 pairs of subject and document whose truth is known.
#[utoipa::path(post, path = "/api/v1/evidence/labels", operation_id = "import_labels", tag = "evidence", request_body = Past,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command")),
    security(("bearer" = [])), responses(Answers))]
async fn import(State(app): State<Shared>, ask: Ask<Past>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    let Past { claim_type, matches } = ask.body;
    checks::code("claim_type", &claim_type)?;
    if !(1..=MOST_MATCHES).contains(&matches.len()) {
        return Err(Problem::invalid_field("matches", format!("must have 1 to {MOST_MATCHES} entries")));
    }
    let past = |(number, PastPair { subject, document, proved }): (usize, PastPair)| {
        let at = format!("matches[{number}]");
        let subject = subject.checked(&format!("{at}.subject"))?;
        Ok(PastMatch { subject, document: document.checked(&format!("{at}.document"))?, proved })
    };
    let matches = matches.into_iter().enumerate().map(past).collect::<Result<Vec<PastMatch>, Problem>>()?;
    let import_id = ModelId(ids::derive(&["labels", &ask.ticket.id.to_string()]));
    let answer_ids = Ids::from([("import_id", import_id.to_string())]);
    app.send(&ask.caller, ask.ticket, &ImportLabels { import_id, claim_type, matches }, answer_ids).await
}

/// Tells what became of a claim: whether the document really proved it. The matcher learns from it.
#[utoipa::path(post, path = "/api/v1/evidence/requests/{id}/outcome", operation_id = "record_outcome", tag = "evidence",
    params(("id" = Uuid, Path, description = "The request")), request_body = HowItEnded, security(("bearer" = [])), responses(Answers))]
async fn outcome(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<HowItEnded>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    let HowItEnded { document_id, proved } = ask.body;
    let command = RecordOutcome { request_id: ProofRequestId(id), document_id: DocumentId(document_id), proved };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("request_id", id.to_string())])).await
}
