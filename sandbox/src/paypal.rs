//! PayPal as far as orders need it, on loopback: tokens, orders to be authorised, authorisations, captures, refunds, `PayPal-Request-Id`, and
//! webhooks with the question whether they are real. Amounts have two decimals.
//!
//! A buyer approves at `/_sandbox/approve/{order}`. Saved means of payment pay unless their name says `declined`.

mod objects;

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use service_kit::clock::Clock;

use crate::faults::{Kind, take};
use crate::gateway::{Books, Delivery, Outcome, Shared, control, finish, minor, signature};
use objects::{authorize, capture, create, order_of, reauthorize, refund, refused, void};

/// The id of our webhook there.
pub const WEBHOOK_ID: &str = "8PT597110X687430LKGECATA";
/// What the sandbox signs with, in place of a certificate's key.
const SIGNING: &str = "the sandbox of paypal";

/// A sandbox.
#[derive(Debug, Clone)]
pub struct PayPal(Arc<Shared>);

impl PayPal {
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
            .route("/_sandbox/approve/{order}", post(approved))
            .route("/_sandbox/dispute/{capture}", post(disputed))
            .fallback(operation)
            .with_state(self.clone())
            .merge(control(Arc::clone(&self.0)))
    }

    /// Lets an operation (`POST capture`, `POST authorize`, `GET orders`, ...) go wrong once.
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
        for object in desk.objects.values() {
            let amount = minor(object["amount"]["value"].as_str().unwrap_or_default());
            match object["_kind"].as_str().unwrap_or_default() {
                "authorization" if matches!(object["status"].as_str(), Some("CREATED" | "PARTIALLY_CAPTURED")) => {
                    books.held += amount - object["_captured"].as_i64().unwrap_or(0);
                }
                "capture" => books.captured += amount,
                "refund" => books.refunded += amount,
                _ => {}
            }
        }
        books
    }

    /// A buyer makes an order on the shop's page and approves it.
    pub fn approve_new(&self, cents: i64, currency: &str) -> String {
        let body = json!({"intent": "AUTHORIZE", "purchase_units": [{"amount":
            {"currency_code": currency, "value": crate::gateway::decimal(cents)}}]});
        let mut desk = self.0.desk();
        let (_, order) = create(&mut desk, &body);
        let id = order["id"].as_str().unwrap_or_default().to_owned();
        desk.objects.entry(id.clone()).and_modify(|order| order["status"] = "APPROVED".into());
        id
    }

    /// A buyer wants the money of a capture back; the webhook says so.
    pub fn dispute(&self, capture: &str) {
        let Some(object) = self.0.desk().objects.get(capture).cloned() else { return };
        let resource = json!({
            "dispute_id": format!("PP-D-{capture}"), "status": "OPEN", "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
            "dispute_amount": object["amount"], "disputed_transactions": [{"seller_transaction_id": capture}],
        });
        self.notify("CUSTOMER.DISPUTE.CREATED", resource);
    }

    fn notify(&self, kind: &str, mut resource: Value) {
        if let Value::Object(fields) = &mut resource {
            fields.retain(|name, _| !name.starts_with('_'));
        }
        let time = self.0.time();
        let mut desk = self.0.desk();
        let number = desk.next();
        let body = json!({"id": format!("WH-{number:017}"), "event_version": "1.0", "create_time": time, "event_type": kind, "resource": resource});
        let (body, id) = (body.to_string(), format!("{number:08x}-0000-11ee-8000-000000000000"));
        let sig = signature(SIGNING, signed_text(&id, &time, WEBHOOK_ID, body.as_bytes()).as_bytes());
        let headers = [
            ("paypal-transmission-id", id),
            ("paypal-transmission-time", time),
            ("paypal-transmission-sig", sig),
            ("paypal-cert-url", "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42".to_owned()),
            ("paypal-auth-algo", "SHA256withRSA".to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        desk.deliveries.push(Delivery { kind: kind.to_owned(), headers, body });
    }
}

/// What PayPal signs: the body's checksum is decimal.
fn signed_text(id: &str, time: &str, webhook: &str, body: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(body);
    format!("{id}|{time}|{webhook}|{}", crc.sum())
}

async fn approved(State(paypal): State<PayPal>, Path(id): Path<String>) -> StatusCode {
    let mut desk = paypal.0.desk();
    let Some(order) = desk.objects.get_mut(&id) else { return StatusCode::NOT_FOUND };
    order["status"] = "APPROVED".into();
    StatusCode::NO_CONTENT
}

async fn disputed(State(paypal): State<PayPal>, Path(id): Path<String>) -> StatusCode {
    paypal.dispute(&id);
    StatusCode::NO_CONTENT
}

fn invalid_token() -> Outcome {
    (401, json!({"error": "invalid_token", "error_description": "Access Token not found in cache"}))
}

async fn operation(State(paypal): State<PayPal>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 20).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let path = parts.uri.path().to_owned();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Operations are told apart by the last word of the path that is no id: `POST capture`, `GET orders`.
    let word =
        path.rsplit('/').find(|part| part.chars().all(|sign| sign.is_ascii_lowercase() || sign == '-' || sign == '_'));
    let name = format!("{} {}", parts.method, word.unwrap_or_default());
    if path == "/v1/oauth2/token" {
        return finish(token(&paypal, header("authorization"), &body));
    }
    let fault = match paypal.0.enter(&name, refused(429, "RATE_LIMIT_REACHED", "")).await {
        Ok(fault) => fault,
        Err(outcome) => return finish(outcome),
    };
    let given = header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let known = {
        let mut desk = paypal.0.desk();
        if take(&mut desk.faults, &name, &[Kind::Revoke, Kind::ExpireToken]).is_some() {
            desk.objects.retain(|_, object| object["_kind"] != "token");
        }
        desk.objects.contains_key(&given)
    };
    if !known {
        return finish(invalid_token());
    }
    let key = header("paypal-request-id").to_owned();
    let outcome = answer(&paypal, parts.method.as_str(), &path, &key, &body);
    paypal.0.leave(fault).await;
    finish(outcome)
}

fn token(paypal: &PayPal, authorization: &str, body: &[u8]) -> Outcome {
    if !authorization.starts_with("Basic ") || !body.starts_with(b"grant_type=client_credentials") {
        return (401, json!({"error": "invalid_client", "error_description": "Client Authentication failed"}));
    }
    let mut desk = paypal.0.desk();
    let token = format!("A21AA{:012}", desk.next());
    desk.keep(&token, json!({"_kind": "token"}));
    (
        200,
        json!({"scope": "https://uri.paypal.com/services/payments/payment/authcapture", "access_token": token, "token_type": "Bearer",
        "app_id": "APP-80W284485P519543T", "expires_in": 32_400, "nonce": "2026-01-01T00:00:00Z"}),
    )
}

fn answer(paypal: &PayPal, method: &str, path: &str, key: &str, raw: &[u8]) -> Outcome {
    let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let body: Value = serde_json::from_slice(raw).unwrap_or(Value::Null);
    if steps == ["v1", "notifications", "verify-webhook-signature"] {
        return (200, json!({"verification_status": if is_ours(&body, raw) { "SUCCESS" } else { "FAILURE" }}));
    }
    let mut desk = paypal.0.desk();
    if method == "GET" {
        return match steps.as_slice() {
            ["v2", "checkout", "orders", id] => order_of(&desk, id),
            ["v2", "payments", "authorizations" | "captures" | "refunds", id] => {
                desk.objects.get(*id).cloned().map_or_else(objects::missing, |object| (200, object))
            }
            _ => objects::missing(),
        };
    }
    let other = refused(422, "DUPLICATE_REQUEST_ID", "PayPal-Request-Id was used for another request.");
    let request = format!("{path} {body}");
    let now = paypal.0.seconds();
    let mut event = None;
    let outcome = desk.once(key, &request, other, |desk| {
        let (outcome, said) = match steps.as_slice() {
            ["v2", "checkout", "orders"] => (create(desk, &body), None),
            ["v2", "checkout", "orders", id, "authorize"] => authorize(desk, id, &body, now),
            ["v2", "payments", "authorizations", id, "capture"] => capture(desk, id, &body, now),
            ["v2", "payments", "authorizations", id, "reauthorize"] => reauthorize(desk, id, &body, now),
            ["v2", "payments", "authorizations", id, "void"] => void(desk, id),
            ["v2", "payments", "captures", id, "refund"] => refund(desk, id, &body),
            _ => (objects::missing(), None),
        };
        event = said;
        outcome
    });
    drop(desk);
    if let Some((kind, resource)) = event {
        paypal.notify(kind, resource);
    }
    outcome
}

/// Whether the event in the question, as it stands there, was signed here.
fn is_ours(question: &Value, raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    let Some((_, event)) = text.split_once("\"webhook_event\":") else { return false };
    let event = event.trim_end().strip_suffix('}').unwrap_or(event);
    let at = |name: &str| question[name].as_str().unwrap_or_default();
    let signed = signed_text(at("transmission_id"), at("transmission_time"), at("webhook_id"), event.as_bytes());
    signature(SIGNING, signed.as_bytes()) == at("transmission_sig")
}

#[cfg(test)]
mod tests {
    use service_kit::clock::SystemClock;

    use super::*;

    #[test]
    fn one_that_goes_on_counting_names_nothing_as_the_one_before_it() {
        let orders = |number: u64| {
            let paypal = PayPal::new(Arc::new(SystemClock)).counting_from(number);
            (0..100).map(|_| paypal.approve_new(100, "USD")).collect::<Vec<_>>()
        };
        let (first, second) = (orders(1_795_472_000), orders(1_795_472_300));
        assert!(first.iter().all(|id| id.len() == 17 && !second.contains(id)), "{first:?} {second:?}");
        assert_eq!(orders(1_795_472_000), first);
    }
}
