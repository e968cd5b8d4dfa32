//! EasyPost as far as orders needs it, on loopback: shipments with rates, postage that is bought once, labels, trackers. A shipment is found
//! by its id or by the reference that it was made with. Under `/_sandbox` parcels are moved on, and things can be made to fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use service_kit::clock::Clock;
use tokio::time::sleep;

use crate::faults::{Fault, Kind, take};

const HANGS: Duration = Duration::from_secs(3_600);
/// A picture of one point, in place of a label.
const PICTURE: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0,
    1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
/// Carrier, service, price of the first ounce, price of each further one in cents, days.
const SERVICES: [(&str, &str, u64, u64, u64); 5] = [
    ("USPS", "GroundAdvantage", 475, 12, 5),
    ("USPS", "Priority", 780, 18, 3),
    ("UPS", "Ground", 890, 9, 4),
    ("FedEx", "FEDEX_2_DAY", 1_750, 22, 2),
    ("DHLExpress", "Express", 4_400, 40, 3),
];

/// A sandbox.
#[derive(Clone)]
pub struct EasyPost(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    number: u64,
    shipments: BTreeMap<String, Value>,
    trackers: BTreeMap<String, Value>,
    faults: Vec<Fault>,
    calls: BTreeMap<String, u64>,
    labels: u64,
}

impl EasyPost {
    /// Knows no parcel yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { clock, held: Mutex::default() }))
    }

    /// The same, with ids that go on from a number: one that begins anew names nothing as the one before it did.
    pub fn counting_from(self, number: u64) -> Self {
        self.held().number = number;
        self
    }

    /// All that is served.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v2/shipments", post(create))
            .route("/v2/shipments/{id}", get(read))
            .route("/v2/shipments/{id}/buy", post(buy))
            .route("/v2/shipments/{id}/refund", post(refund))
            .route("/v2/trackers", get(trackers))
            .route("/v2/trackers/{id}", get(tracker))
            .route("/labels/{name}", get(label))
            .route("/_sandbox/faults", post(fail))
            .route("/_sandbox/track", post(track))
            .route("/_sandbox/counts", get(counts))
            .with_state(self.clone())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().expect("nothing panics while it holds the sandbox")
    }

    /// Counts a call, checks its key, and lets it fail if it is to.
    async fn begin(&self, headers: &HeaderMap, operation: &str) -> Result<bool, Response> {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // The documentation shows the key as a user without a password; EasyPost's own clients send it as a bearer.
        if !sent.starts_with("Basic ") && !sent.starts_with("Bearer ") {
            return Err(refused(StatusCode::UNAUTHORIZED, "APIKEY.INACTIVE", "This api key is not active."));
        }
        let kinds = [Kind::Throttle, Kind::Error, Kind::Hang, Kind::AcceptThenHang];
        let fault = {
            let mut held = self.held();
            *held.calls.entry(operation.to_owned()).or_default() += 1;
            take(&mut held.faults, operation, &kinds)
        };
        match fault.map(|fault| fault.kind) {
            Some(Kind::Throttle) => Err(refused(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "Slow down.")),
            Some(Kind::Error) => Err(refused(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", "Oops.")),
            Some(Kind::AcceptThenHang) => Ok(true),
            Some(_) => {
                sleep(HANGS).await;
                Ok(false)
            }
            None => Ok(false),
        }
    }
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message, "errors": [] } }))).into_response()
}

async fn answer(hangs: bool, status: StatusCode, body: Value) -> Response {
    if hangs {
        sleep(HANGS).await;
    }
    (status, Json(body)).into_response()
}

fn dollars(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

async fn create(State(post): State<EasyPost>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let hangs = match post.begin(&headers, "create").await {
        Ok(hangs) => hangs,
        Err(refused) => return refused,
    };
    let wish = &body["shipment"];
    let street = |which: &str| wish[which]["street1"].as_str().is_some_and(|street| !street.is_empty());
    if !street("to_address") || !street("from_address") {
        return refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "SHIPMENT.INVALID_PARAMS",
            "Unable to create shipment, one or more parameters were invalid.",
        );
    }
    let ounces =
        wish["parcel"]["weight"].to_string().split('.').next().and_then(|whole| whole.parse::<u64>().ok()).unwrap_or(1);
    let shipment = {
        let mut held = post.held();
        held.number += 1;
        let (number, now) = (held.number, post.0.clock.now());
        let id = format!("shp_{number:032x}");
        let rate = |(index, (carrier, service, first, each, days)): (usize, &(&str, &str, u64, u64, u64))| {
            json!({
                "id": format!("rate_{number:016x}{index:016x}"), "object": "Rate", "mode": "test", "carrier": carrier, "service": service,
                "rate": dollars(first + each * ounces), "currency": "USD", "delivery_days": days, "shipment_id": id,
                "carrier_account_id": "ca_1", "created_at": now, "updated_at": now
            })
        };
        let rates: Vec<Value> = SERVICES.iter().enumerate().map(rate).collect();
        let shipment = json!({
            "id": id, "object": "Shipment", "mode": "test", "reference": wish["reference"], "status": "unknown", "created_at": now, "updated_at": now,
            "to_address": wish["to_address"], "from_address": wish["from_address"], "parcel": wish["parcel"], "rates": rates, "selected_rate": null,
            "postage_label": null, "tracking_code": null, "tracker": null, "refund_status": null, "fees": [], "messages": []
        });
        held.shipments.insert(id, shipment.clone());
        shipment
    };
    answer(hangs, StatusCode::CREATED, shipment).await
}

/// By id, or the latest of a reference.
fn id_of(held: &Held, name: &str) -> Option<String> {
    if held.shipments.contains_key(name) {
        return Some(name.to_owned());
    }
    held.shipments.iter().rfind(|(_, shipment)| shipment["reference"] == name).map(|(id, _)| id.clone())
}

fn not_found() -> Response {
    refused(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource could not be found.")
}

/// A shipment with its tracker as it is now.
fn shown(held: &Held, id: &str) -> Value {
    let mut shipment = held.shipments[id].clone();
    if let Some(tracker) = shipment["tracker"]["id"].as_str().and_then(|tracker| held.trackers.get(tracker)) {
        shipment["status"] = tracker["status"].clone();
        shipment["tracker"] = tracker.clone();
    }
    shipment
}

async fn read(State(post): State<EasyPost>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refused) = post.begin(&headers, "read").await {
        return refused;
    }
    let held = post.held();
    match id_of(&held, &name) {
        Some(id) => Json(shown(&held, &id)).into_response(),
        None => not_found(),
    }
}

async fn buy(
    State(post): State<EasyPost>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let hangs = match post.begin(&headers, "buy").await {
        Ok(hangs) => hangs,
        Err(refused) => return refused,
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1").to_owned();
    let bought = {
        let (mut held, now) = (post.held(), post.0.clock.now());
        let Some(id) = id_of(&held, &name) else { return not_found() };
        let mut shipment = held.shipments[&id].clone();
        if !shipment["postage_label"].is_null() {
            let code = "SHIPMENT.POSTAGE.EXISTS";
            return refused(StatusCode::UNPROCESSABLE_ENTITY, code, "Postage already exists for this shipment.");
        }
        let rate = shipment["rates"]
            .as_array()
            .and_then(|rates| rates.iter().find(|rate| rate["id"] == body["rate"]["id"]).cloned());
        let Some(rate) = rate else {
            return refused(
                StatusCode::UNPROCESSABLE_ENTITY,
                "SHIPMENT.POSTAGE.FAILURE",
                "The rate is not of this shipment.",
            );
        };
        held.number += 1;
        held.labels += 1;
        let number = held.number;
        let (code, tracker_id) = (format!("EZ{number:010}"), format!("trk_{number:032x}"));
        let tracker = json!({
            "id": tracker_id, "object": "Tracker", "mode": "test", "tracking_code": code, "status": "pre_transit", "status_detail": "label_created",
            "shipment_id": id, "carrier": rate["carrier"], "tracking_details": [], "created_at": now, "updated_at": now
        });
        shipment["postage_label"] = json!({
            "id": format!("pl_{number:032x}"), "object": "PostageLabel", "label_url": format!("http://{host}/labels/{id}.png"),
            "label_file_type": "image/png", "label_size": "4x6", "label_resolution": 300, "created_at": now
        });
        shipment["fees"] = json!([{ "object": "Fee", "type": "PostageFee", "amount": rate["rate"], "charged": true, "refunded": false }]);
        (shipment["tracking_code"], shipment["tracker"], shipment["selected_rate"]) =
            (json!(code), tracker.clone(), rate);
        held.trackers.insert(tracker_id, tracker);
        held.shipments.insert(id.clone(), shipment);
        shown(&held, &id)
    };
    answer(hangs, StatusCode::OK, bought).await
}

async fn refund(State(post): State<EasyPost>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let hangs = match post.begin(&headers, "refund").await {
        Ok(hangs) => hangs,
        Err(refused) => return refused,
    };
    let body = {
        let mut held = post.held();
        let Some(id) = id_of(&held, &name) else { return not_found() };
        let shipment = held.shipments.get_mut(&id).expect("it is there");
        if shipment["postage_label"].is_null() {
            return refused(
                StatusCode::UNPROCESSABLE_ENTITY,
                "SHIPMENT.REFUND.UNAVAILABLE",
                "There is nothing to refund.",
            );
        }
        if shipment["refund_status"].is_null() {
            shipment["refund_status"] = json!("submitted");
        }
        shown(&held, &id)
    };
    answer(hangs, StatusCode::OK, body).await
}

async fn tracker(State(post): State<EasyPost>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refused) = post.begin(&headers, "tracker").await {
        return refused;
    }
    post.held().trackers.get(&id).map_or_else(not_found, |tracker| Json(tracker.clone()).into_response())
}

async fn trackers(
    State(post): State<EasyPost>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = post.begin(&headers, "tracker").await {
        return refused;
    }
    let held = post.held();
    let fits =
        |tracker: &&Value| query.get("tracking_code").is_none_or(|code| tracker["tracking_code"] == code.as_str());
    let found: Vec<Value> = held.trackers.values().filter(fits).cloned().collect();
    Json(json!({ "trackers": found, "has_more": false })).into_response()
}

async fn label() -> Response {
    ([(header::CONTENT_TYPE, "image/png")], PICTURE).into_response()
}

async fn fail(State(post): State<EasyPost>, Json(fault): Json<Fault>) -> StatusCode {
    post.held().faults.push(fault);
    StatusCode::NO_CONTENT
}

/// Where a parcel is from now on.
#[derive(Deserialize)]
struct Move {
    tracking_code: String,
    status: String,
}

/// Moves a parcel on, and gives the event that EasyPost would tell, unsigned.
async fn track(State(post): State<EasyPost>, Json(wish): Json<Move>) -> Response {
    let (mut held, now) = (post.held(), post.0.clock.now());
    held.number += 1;
    let number = held.number;
    let Some(tracker) =
        held.trackers.values_mut().find(|tracker| tracker["tracking_code"] == wish.tracking_code.as_str())
    else {
        return not_found();
    };
    (tracker["status"], tracker["updated_at"]) = (json!(wish.status), json!(now));
    let event = json!({ "id": format!("evt_{number}"), "object": "Event", "mode": "test", "description": "tracker.updated", "result": tracker });
    Json(event).into_response()
}

async fn counts(State(post): State<EasyPost>) -> Json<Value> {
    let held = post.held();
    let refunds = held.shipments.values().filter(|shipment| !shipment["refund_status"].is_null()).count();
    Json(json!({ "shipments": held.shipments.len(), "labels": held.labels, "refunds": refunds, "calls": held.calls }))
}
