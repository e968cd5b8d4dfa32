//! What a test or a demo may do that no seller can. Nothing of the product comes here.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::reports::iso;
use super::state::day_in;
use super::{Amazon, Settings};
use crate::faults::{Fault, Kind};

/// The time.
pub(super) async fn clock(State(amazon): State<Amazon>) -> Json<Value> {
    let state = amazon.state();
    let (seller, last_day) = (state.seller(), state.world.settings.last_day);
    drop(state);
    Json(json!({"now": iso(amazon.now()), "seller": seller, "last_day": last_day}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    advance_seconds: Option<i64>,
    now: Option<DateTime<Utc>>,
}

/// Moves the time on, by a step or to a moment.
pub(super) async fn move_clock(State(amazon): State<Amazon>, Json(asked): Json<Move>) -> Response {
    let step = match (asked.advance_seconds.and_then(TimeDelta::try_seconds), asked.now) {
        (Some(step), None) => step,
        (None, Some(now)) => now - amazon.now(),
        _ => return (StatusCode::BAD_REQUEST, "advance_seconds or now").into_response(),
    };
    if step < TimeDelta::zero() {
        return (StatusCode::CONFLICT, "time goes on only").into_response();
    }
    amazon.advance(step);
    clock(State(amazon)).await.into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Another {
    seed: u64,
    articles: Option<usize>,
    orders: Option<usize>,
    last_day: Option<NaiveDate>,
    now: Option<DateTime<Utc>>,
}

/// Begins again with another seller; everything that was there is forgotten. The world's last day is the day before `now`, unless said.
pub(super) async fn begin_again(State(amazon): State<Amazon>, Json(asked): Json<Another>) -> Response {
    let now = asked.now.unwrap_or_else(|| amazon.now());
    let mut settings = Settings::of_seed(asked.seed, now).world;
    settings.articles = asked.articles.unwrap_or(settings.articles);
    settings.orders = asked.orders.unwrap_or(settings.orders);
    settings.last_day = asked.last_day.unwrap_or(settings.last_day);
    amazon.begin_again(settings, now);
    clock(State(amazon)).await.into_response()
}

/// What will go wrong.
pub(super) async fn faults(State(amazon): State<Amazon>) -> Json<Vec<Fault>> {
    Json(amazon.state().faults.clone())
}

/// Lets something go wrong.
pub(super) async fn add_fault(State(amazon): State<Amazon>, Json(fault): Json<Fault>) -> StatusCode {
    let mut state = amazon.state();
    match fault.kind {
        Kind::Revoke => {
            state.only = Some(std::collections::BTreeSet::new());
            state.tokens.clear();
        }
        Kind::ExpireToken => state.tokens.clear(),
        _ => state.faults.push(fault),
    }
    StatusCode::NO_CONTENT
}

/// Lets nothing go wrong any more; what is revoked stays revoked.
pub(super) async fn clear_faults(State(amazon): State<Amazon>) -> StatusCode {
    amazon.state().faults.clear();
    StatusCode::NO_CONTENT
}

/// How often each operation was asked.
pub(super) async fn calls(State(amazon): State<Amazon>) -> Json<Value> {
    Json(json!(amazon.state().calls))
}

/// What the seller knows without Amazon: what articles cost, when carriers delivered, what came back of removals, which parcels of
/// its own went wrong.
pub(super) async fn knowledge(State(amazon): State<Amazon>) -> Json<Value> {
    let now = amazon.now();
    let state = amazon.state();
    let world = &state.world;
    let today = now.date_naive();
    let costs = world.costs.iter().map(|cost| {
        json!({"fnsku": cost.fnsku, "minor": cost.minor, "currency": cost.currency, "since": cost.since, "marketplace": cost.marketplace})
    });
    let sent = world.sent.iter().filter(|sent| sent.delivered_on.is_some_and(|on| on <= today)).map(|sent| {
        json!({
            "shipment_id": sent.shipment_id, "fnsku": sent.fnsku, "delivered_on": sent.delivered_on,
            "partnered": sent.partnered, "marketplace": sent.marketplace,
        })
    });
    let removals = world.delivered.iter().map(|told| {
        json!({
            "order_id": told.order_id, "tracking": told.tracking, "fnsku": told.fnsku, "delivered_on": told.on,
            "good": told.good, "damaged": told.damaged, "marketplace": told.marketplace,
        })
    });
    let parcels = world.parcels.iter().map(|parcel| {
        json!({
            "tracking": parcel.tracking, "day": parcel.day, "reason": parcel.reason, "minor": parcel.minor,
            "currency": parcel.currency, "marketplace": parcel.marketplace,
        })
    });
    Json(json!({
        "costs": costs.collect::<Vec<_>>(),
        "shipments": sent.collect::<Vec<_>>(),
        "removals": removals.collect::<Vec<_>>(),
        "parcels": parcels.collect::<Vec<_>>(),
    }))
}

/// What is truly owed and can be claimed now, right from the world's last day on. For measurements alone.
pub(super) async fn truth(State(amazon): State<Amazon>) -> Json<Value> {
    let now = amazon.now();
    let state = amazon.state();
    let mut owed = Vec::new();
    for region in &state.world.regions {
        for thing in region.truth_on(day_in(region, now)) {
            let decided = state.cases.values().flat_map(|case| &case.decisions);
            let decided = decided.filter(|decision| decision.is_about(thing));
            let approved: i64 = decided.map(|decision| decision.amount_minor).sum();
            owed.push(json!({
                "claim_type": thing.claim_type, "marketplace": thing.marketplace, "subject": thing.subject,
                "clock": thing.clock, "units": thing.units, "minor": thing.minor, "currency": thing.currency,
                "until": thing.until, "story": thing.story, "approved_minor": approved,
            }));
        }
    }
    let (paid, reversed) = state.world.paid_and_reversed;
    Json(json!({"now": iso(now), "owed": owed, "paid_and_reversed_of_itself": [paid, reversed]}))
}
