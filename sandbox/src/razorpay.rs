//! Razorpay as far as orders need it, on loopback: orders, payments that customers authorise at `/_sandbox/pay`, captures, refunds with their
//! idempotency key, and signed webhooks.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use service_kit::clock::Clock;

use crate::gateway::{Books, Delivery, Desk, Outcome, Shared, control, finish, signature};

/// What its webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_of_the_razorpay_sandbox";

/// A sandbox.
#[derive(Debug, Clone)]
pub struct Razorpay(Arc<Shared>);

fn refused(reason: &str, description: &str) -> Outcome {
    (
        400,
        json!({"error": {"code": "BAD_REQUEST_ERROR", "description": description, "source": "business", "step": "NA",
        "reason": reason, "metadata": {}}}),
    )
}

fn missing() -> Outcome {
    refused("NA", "The id provided does not exist")
}

impl Razorpay {
    /// Knows nobody yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Shared::new(clock))
    }

    /// The same, with ids that go on from a number: one that begins anew names nothing as the one before it did.
    pub fn counting_from(self, number: u64) -> Self {
        self.0.desk().number = number;
        self
    }

    /// All that is served.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/_sandbox/pay", post(pay))
            .fallback(operation)
            .with_state(self.clone())
            .merge(control(Arc::clone(&self.0)))
    }

    /// Lets an operation (`POST capture`, `POST refund`, `GET payments`, ...) go wrong once.
    pub fn fail(&self, operation: &str, kind: &str) {
        self.0.fail(operation, kind);
    }

    /// How often an operation was asked for.
    pub fn calls(&self, operation: &str) -> u64 {
        self.0.calls(operation)
    }

    /// The webhooks so far.
    pub fn webhooks(&self) -> Vec<Delivery> {
        self.0.desk().deliveries.clone()
    }

    /// What its own books say.
    pub fn books(&self) -> Books {
        let desk = self.0.desk();
        let mut books = Books::default();
        for object in desk.objects.values().filter(|object| object["entity"] == "payment") {
            let amount = object["amount"].as_i64().unwrap_or(0);
            match object["status"].as_str().unwrap_or_default() {
                "authorized" => books.held += amount,
                "captured" | "refunded" if object["captured"] == true => books.captured += amount,
                _ => {}
            }
        }
        let refunds =
            desk.objects.values().filter(|object| object["entity"] == "refund" && object["_captured"] == true);
        books.refunded = refunds.filter_map(|refund| refund["amount"].as_i64()).sum();
        books
    }

    /// A customer authorises a payment on the checkout page, of an order of the shop's or of none.
    pub fn pay(&self, amount: i64, currency: &str, order: Option<&str>) -> String {
        let (now, mut desk) = (self.0.seconds(), self.0.desk());
        let id = format!("pay_{:014}", desk.next());
        let payment = json!({
            "id": id, "entity": "payment", "amount": amount, "currency": currency, "status": "authorized", "order_id": order,
            "method": "card", "captured": false, "amount_refunded": 0, "refund_status": null, "notes": [], "fee": null, "tax": null,
            "error_code": null, "error_description": null, "error_reason": null, "created_at": now,
        });
        let payment = desk.keep(&id, payment);
        drop(desk);
        self.notify("payment.authorized", &[("payment", payment)]);
        id
    }

    /// A payment that nobody captured goes back to the customer.
    pub fn lapse(&self, id: &str) {
        let mut desk = self.0.desk();
        let Some(payment) = desk.objects.get_mut(id).filter(|payment| payment["status"] == "authorized") else {
            return;
        };
        payment["status"] = "refunded".into();
        payment["amount_refunded"] = payment["amount"].clone();
        let payment = payment.clone();
        let refund = json!({"id": format!("rfnd_{:014}", desk.next()), "entity": "refund", "payment_id": id, "amount": payment["amount"], "status": "processed"});
        drop(desk);
        self.notify("refund.processed", &[("payment", payment), ("refund", refund)]);
    }

    /// The bank wants a payment back.
    pub fn dispute(&self, id: &str) {
        let Some(payment) = self.0.desk().objects.get(id).cloned() else { return };
        let dispute = json!({"id": "disp_0000000000001", "entity": "dispute", "payment_id": id, "amount": payment["amount"], "status": "open", "phase": "chargeback"});
        self.notify("payment.dispute.created", &[("payment", payment), ("dispute", dispute)]);
    }

    fn notify(&self, kind: &str, entities: &[(&str, Value)]) {
        let now = self.0.seconds();
        let mut desk = self.0.desk();
        let mut payload = json!({});
        for (name, entity) in entities {
            let mut entity = entity.clone();
            if let Value::Object(fields) = &mut entity {
                fields.retain(|name, _| !name.starts_with('_'));
            }
            payload[*name] = json!({ "entity": entity });
        }
        let body = json!({"entity": "event", "account_id": "acc_0000000000001", "event": kind, "payload": payload, "created_at": now}).to_string();
        let headers = vec![
            ("x-razorpay-signature".to_owned(), signature(WEBHOOK_SECRET, body.as_bytes())),
            ("x-razorpay-event-id".to_owned(), format!("evt_{:014}", desk.next())),
        ];
        desk.deliveries.push(Delivery { kind: kind.to_owned(), headers, body });
    }
}

/// What a customer does: `{"amount": 100, "currency": "INR", "order_id": "order_..."}`.
async fn pay(State(razorpay): State<Razorpay>, axum::Json(wish): axum::Json<Value>) -> axum::Json<Value> {
    let currency = wish["currency"].as_str().unwrap_or("INR");
    let id = razorpay.pay(wish["amount"].as_i64().unwrap_or(0), currency, wish["order_id"].as_str());
    axum::Json(json!({ "razorpay_payment_id": id }))
}

async fn operation(State(razorpay): State<Razorpay>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 20).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !header("authorization").starts_with("Basic ") {
        let problem = json!({"error": {"code": "BAD_REQUEST_ERROR", "description": "Authentication failed"}});
        return finish((401, problem));
    }
    let path = parts.uri.path().to_owned();
    let steps: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    let name = format!("{} {}", parts.method, steps.get(2).or(steps.first()).unwrap_or(&""));
    let throttled = (429, json!({"error": {"code": "BAD_REQUEST_ERROR", "description": "Too many requests"}}));
    let fault = match razorpay.0.enter(&name, throttled).await {
        Ok(fault) => fault,
        Err(outcome) => return finish(outcome),
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let outcome = if parts.method == "GET" {
        read(&razorpay.0.desk(), &steps)
    } else {
        let key = header("x-refund-idempotency").to_owned();
        act(&razorpay, &steps, &key, &body)
    };
    razorpay.0.leave(fault).await;
    finish(outcome)
}

fn read(desk: &Desk, steps: &[&str]) -> Outcome {
    let list = |items: Vec<Value>| (200, json!({"entity": "collection", "count": items.len(), "items": items}));
    match steps {
        ["orders", id, "payments"] => {
            list(desk.all(|object| object["entity"] == "payment" && object["order_id"] == *id))
        }
        ["payments", id, "refunds"] => {
            list(desk.all(|object| object["entity"] == "refund" && object["payment_id"] == *id))
        }
        ["orders" | "payments" | "refunds", id] => {
            desk.objects.get(*id).cloned().map_or_else(missing, |object| (200, object))
        }
        _ => missing(),
    }
}

fn act(razorpay: &Razorpay, steps: &[&str], key: &str, body: &Value) -> Outcome {
    let now = razorpay.0.seconds();
    let mut said = None;
    let outcome = {
        let mut desk = razorpay.0.desk();
        let other = refused("NA", "Different request with the same idempotency key has already been processed.");
        desk.once(key, &format!("{steps:?} {body}"), other, |desk| match steps {
            ["orders"] => create(desk, body, now),
            ["payments", id, "capture"] => capture(desk, id, body, &mut said),
            ["payments", id, "refund"] => refund(desk, id, body, now, &mut said),
            _ => missing(),
        })
    };
    if let Some((kind, entities)) = said {
        razorpay.notify(kind, &entities);
    }
    outcome
}

type Said = Option<(&'static str, Vec<(&'static str, Value)>)>;

fn create(desk: &mut Desk, body: &Value, now: i64) -> Outcome {
    let amount = body["amount"].as_i64().or_else(|| body["amount"].as_str()?.parse().ok()).unwrap_or(0);
    if amount < 100 {
        return refused("input_validation_failed", "Order amount less than minimum amount allowed");
    }
    let id = format!("order_{:014}", desk.next());
    let order = json!({
        "id": id, "entity": "order", "amount": amount, "amount_paid": 0, "amount_due": amount, "currency": body["currency"],
        "receipt": body["receipt"], "status": "created", "attempts": 0, "notes": [], "created_at": now,
    });
    (200, desk.keep(&id, order))
}

fn capture(desk: &mut Desk, id: &str, body: &Value, said: &mut Said) -> Outcome {
    let Some(payment) = desk.objects.get_mut(id) else { return missing() };
    match payment["status"].as_str() {
        Some("authorized") => {}
        Some("captured") => return refused("NA", "This payment has already been captured"),
        _ => return refused("NA", "Only payments which have been authorized and not yet captured can be captured"),
    }
    if body["amount"] != payment["amount"] || body["currency"] != payment["currency"] {
        return refused("NA", "Capture amount must be equal to the amount authorized");
    }
    payment["status"] = "captured".into();
    payment["captured"] = true.into();
    *said = Some(("payment.captured", vec![("payment", payment.clone())]));
    (200, payment.clone())
}

fn refund(desk: &mut Desk, id: &str, body: &Value, now: i64, said: &mut Said) -> Outcome {
    let number = desk.next();
    let Some(payment) = desk.objects.get_mut(id) else { return missing() };
    if payment["status"] != "captured" {
        return refused("NA", "The payment status should be captured for action to be taken");
    }
    let before = payment["amount_refunded"].as_i64().unwrap_or(0);
    let left = payment["amount"].as_i64().unwrap_or(0) - before;
    let amount = body["amount"].as_i64().unwrap_or(left);
    if amount <= 0 || amount > left {
        return refused("NA", "The total refund amount is greater than the refund payment amount");
    }
    payment["amount_refunded"] = (before + amount).into();
    if amount == left {
        payment["status"] = "refunded".into();
    }
    let payment = payment.clone();
    let refund_id = format!("rfnd_{number:014}");
    let refund = json!({
        "_captured": true, "id": refund_id, "entity": "refund", "amount": amount, "currency": payment["currency"], "payment_id": id,
        "notes": body.get("notes").cloned().unwrap_or_else(|| json!([])), "receipt": body["receipt"], "created_at": now,
        "status": "processed", "speed_requested": "normal", "speed_processed": "normal",
    });
    let refund = desk.keep(&refund_id, refund);
    *said = Some(("refund.processed", vec![("payment", payment), ("refund", refund.clone())]));
    (200, refund)
}
