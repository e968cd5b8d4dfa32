//! `POST /api/v1/tracking/events`.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Query, context, unread_body};
use service_kit::problem::Problem;
use service_kit::store::{Cause, new_id};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{Outcome, Outcomes};
use super::group::Request;
use super::read;
use crate::State as App;
use crate::domain::event::EventKind;

/// An event as it is sent. Only `event_type` is always needed; a purchase needs an amount, a refund its purchase.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBody {
    /// What happened.
    event_type: EventKind,
    /// The caller's own id, unique per tenant and source: the same event sent again counts once.
    #[schema(example = "order-4711-paid", max_length = 256)]
    event_id: Option<String>,
    /// Which of the caller's systems sends it; `api` if absent.
    #[schema(example = "shop", max_length = 256)]
    source: Option<String>,
    /// The caller's id of the visitor or customer; only a digest of it is kept.
    #[schema(example = "user123", max_length = 256)]
    user_id: Option<String>,
    /// The campaign, by its code or id.
    #[schema(example = "camp123", max_length = 256)]
    campaign: Option<String>,
    /// The partner that brought it, if that is known.
    #[schema(example = "partner-1", max_length = 128)]
    partner: Option<String>,
    /// Of a click: the caller's own id for it. Else: the click that led here, by that id or as `/t/{code}` handed it out.
    #[schema(max_length = 256)]
    click_id: Option<String>,
    /// The coupon that was entered.
    #[schema(example = "SAVE10", max_length = 256)]
    coupon: Option<String>,
    /// The shop's order.
    #[schema(example = "4711", max_length = 256)]
    order_id: Option<String>,
    /// Of a refund or chargeback: the `event_id` of the purchase, where the order does not name it.
    #[schema(max_length = 256)]
    refers_to: Option<String>,
    /// A decimal number, as a number or a text; read exactly. Of a refund: absent = the rest.
    #[schema(value_type = Option<Amount>)]
    amount: Option<String>,
    /// ISO 4217; `USD` if absent.
    #[schema(example = "USD", min_length = 3, max_length = 3)]
    currency: Option<String>,
    /// When it happened; now if absent, at most a day ahead.
    occurred_at: Option<DateTime<Utc>>,
    /// Whatever else is worth keeping, up to 16 KB. `amount` and `currency` in here count where the event itself has none.
    metadata: Option<BTreeMap<String, serde_json::Value>>,
}

/// A decimal number, as a number or a text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Amount {
    /// `19.99`
    Number(f64),
    /// `"19.99"`
    Text(String),
}

/// One event, or several.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum EventsBody {
    /// One event.
    One(Box<EventBody>),
    /// At most 10,000.
    Many(Vec<EventBody>),
}

/// Parameters of the query.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    /// A publishable key, where a header cannot be set.
    key: Option<String>,
}

/// Records what happened: one event, an array, or lines of JSON.
///
/// Answered after the commit. One event alone is 201 when it is recorded, 200 when it was here before, 422 when it is not taken; in a batch each
/// event has its own status, and a bad one does not sink the others.
#[utoipa::path(
    post,
    path = "/api/v1/tracking/events",
    tag = "tracking",
    operation_id = "record_events",
    params(("key" = Option<String>, Query, description = "A publishable key, where the header X-Publishable-Key cannot be set")),
    request_body(content((EventsBody = "application/json"), (String = "application/x-ndjson"))),
    security((), ("bearer" = [])),
    responses(
        (status = 201, description = "The event is recorded", body = Outcome),
        (status = 200, description = "What became of each event; or the one event was here before", body = Outcomes),
    ),
)]
pub async fn record_events(
    State(app): State<App>,
    caller: Option<Caller>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let sender = app.senders.identify(caller, &headers, parameters.key.as_deref()).await?;
    let body = body.map_err(unread_body)?;
    let now = app.store.now();
    let sent = read::read(&headers, &body, &sender.tenant, now)?;
    sender.spend(sent.events.len())?;

    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(sent.events.len());
    let mut events = Vec::with_capacity(sent.events.len());
    for event in sent.events {
        match event {
            Ok(event) => {
                events.push(event);
                outcomes.push(None);
            }
            Err(unread) => outcomes.push(Some(Outcome::unread(unread))),
        }
    }
    let names: Vec<_> = events.iter().map(|event| (event.facts.id, event.event_id.clone())).collect();
    let request = Request { tenant: sender.tenant, events, cause: cause(sender.actor, now) };
    let verdicts = app.queue.record(request).await.map_err(|error| Problem::unavailable(error.to_string()))?;
    let mut decided =
        names.into_iter().zip(verdicts).map(|((id, event_id), verdict)| Outcome::decided(id, event_id, verdict));
    let mut outcomes: Vec<Outcome> =
        outcomes.into_iter().filter_map(|unread| unread.or_else(|| decided.next())).collect();
    match outcomes.pop() {
        Some(only) if sent.alone => Ok(only.alone()),
        last => {
            outcomes.extend(last);
            Ok(axum::Json(Outcomes::of(outcomes)).into_response())
        }
    }
}

/// The start of a chain of causes: this request. Its trace names the chain.
pub fn cause(actor: Option<String>, now: DateTime<Utc>) -> Cause {
    match context::current() {
        Some(context) => Cause {
            traceparent: Some(context.traceparent()),
            ..Cause::root(Uuid::from_u128(context.trace_id.0), actor)
        },
        None => Cause::root(new_id(now), actor),
    }
}
