//! Stripe as far as the success fee needs it, on loopback: customers, a page that saves a card, payments, refunds, and idempotency keys
//! that work as Stripe's do: the first result is given again, other parameters are an error, and two at once are a conflict.
//!
//! Cards are chosen by the payment method's name: `pm_card_chargeDeclined`, `pm_card_authenticationRequired` and `pm_card_refundFail` behave
//! like Stripe's own test cards, anything else pays. Under `/_sandbox` it can be made to fail.

mod objects;
mod serve;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use service_kit::clock::Clock;

use crate::faults::Fault;
use crate::gateway::{Books, Delivery, signature};

/// A sandbox.
#[derive(Debug, Clone)]
pub struct Stripe(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// What a key was used for, and what came of it.
#[derive(Debug, Clone)]
struct Used {
    request: String,
    /// None while it is being done.
    outcome: Option<(u16, String)>,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    /// Everything by its id, in the order in which it was made.
    objects: BTreeMap<String, Value>,
    keys: BTreeMap<String, Used>,
    faults: Vec<Fault>,
    calls: BTreeMap<String, u64>,
}

impl State {
    /// A new id; ids of one kind are in order.
    fn id(&mut self, prefix: &str) -> String {
        self.number += 1;
        format!("{prefix}_{:012}", self.number)
    }
}

impl Stripe {
    /// Knows nobody yet. Objects carry the times of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { clock, state: Mutex::default() }))
    }

    /// The same, with ids that go on from a number: one that begins anew names nothing as the one before it did.
    pub fn counting_from(self, number: u64) -> Self {
        self.state().number = number;
        self
    }

    /// All that is served.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/_page/{session}", get(serve::page))
            .route("/_sandbox/faults", get(serve::faults).post(serve::add_fault).delete(serve::clear_faults))
            .route("/_sandbox/calls", get(serve::calls))
            .route("/_sandbox/objects", get(serve::objects))
            .fallback(serve::operation)
            .with_state(self.clone())
    }

    /// Lets an operation (`POST payment_intents`, `POST refunds`, ...) go wrong once.
    pub fn fail(&self, operation: &str, kind: &str) {
        let kind = serde_json::from_value(kind.into()).expect("the kind of a fault");
        self.state().faults.push(Fault { operation: operation.to_owned(), kind, times: 1, millis: None });
    }

    /// How often an operation was asked for.
    pub fn calls(&self, operation: &str) -> u64 {
        self.state().calls.get(operation).copied().unwrap_or_default()
    }

    /// What its own books say.
    pub fn books(&self) -> Books {
        let state = self.state();
        let mut books = Books::default();
        for object in state.objects.values() {
            let of = |name: &str| object[name].as_i64().unwrap_or(0);
            match object["object"].as_str().unwrap_or_default() {
                "refund" => books.refunded += of("amount"),
                "payment_intent" => {
                    books.captured += of("amount_received");
                    if object["status"] == "requires_capture" {
                        books.held += of("amount") - of("amount_received");
                    }
                }
                _ => {}
            }
        }
        books
    }

    /// A webhook about an object as it is now, or about another one that is given, signed with a secret at the sandbox's time.
    pub fn event(&self, secret: &str, kind: &str, object: &Value) -> Delivery {
        let seconds = self.seconds();
        let number = {
            let mut state = self.state();
            state.number += 1;
            state.number
        };
        let object = self.state().objects.get(object.as_str().unwrap_or_default()).unwrap_or(object).clone();
        let body = serde_json::json!({
            "id": format!("evt_{number:012}"), "object": "event", "api_version": "2024-06-20", "created": seconds, "type": kind,
            "data": {"object": object},
        })
        .to_string();
        let tag = signature(secret, format!("{seconds}.{body}").as_bytes());
        let headers = vec![("stripe-signature".to_owned(), format!("t={seconds},v1={tag}"))];
        Delivery { kind: kind.to_owned(), headers, body }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nothing panics while it holds the sandbox")
    }

    fn seconds(&self) -> i64 {
        self.0.clock.now().timestamp()
    }
}
