//! The services of a shop around its orders, on loopback: catalogue, carts, users, search. What they hold is put under `/_sandbox`, and
//! there they can be made to fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::faults::{Fault, Kind, take};

const HANGS: Duration = Duration::from_secs(3_600);

/// A sandbox.
#[derive(Debug, Clone, Default)]
pub struct Shop(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    /// By folder and id.
    things: BTreeMap<(String, String), Value>,
    faults: Vec<Fault>,
    calls: BTreeMap<String, u64>,
}

impl Shop {
    /// All that is served. Every folder is one service: `products`, `cart`, `users`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/health", get(healthy))
            .route("/user/health", get(healthy))
            .route("/{folder}/{id}", get(read))
            .route("/_sandbox/{folder}/{id}", put(write))
            .route("/_sandbox/faults", post(fail))
            .route("/_sandbox/calls", get(calls))
            .with_state(self.clone())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().expect("nothing panics while it holds the sandbox")
    }
}

async fn healthy() -> Json<Value> {
    Json(json!({ "status": "healthy" }))
}

async fn read(State(shop): State<Shop>, Path((folder, id)): Path<(String, String)>) -> Response {
    let (fault, thing) = {
        let mut held = shop.held();
        *held.calls.entry(folder.clone()).or_default() += 1;
        let fault = take(&mut held.faults, &folder, &[Kind::Error, Kind::Hang, Kind::Slow]);
        (fault, held.things.get(&(folder, id)).cloned())
    };
    match fault.map(|fault| (fault.kind, fault.millis)) {
        Some((Kind::Error, _)) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some((Kind::Slow, millis)) => sleep(Duration::from_millis(millis.unwrap_or(3_000))).await,
        Some(_) => sleep(HANGS).await,
        None => {}
    }
    match thing {
        Some(thing) => Json(thing).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({ "error": "not found" }))).into_response(),
    }
}

async fn write(State(shop): State<Shop>, Path(place): Path<(String, String)>, Json(thing): Json<Value>) -> StatusCode {
    shop.held().things.insert(place, thing);
    StatusCode::NO_CONTENT
}

async fn fail(State(shop): State<Shop>, Json(fault): Json<Fault>) -> StatusCode {
    shop.held().faults.push(fault);
    StatusCode::NO_CONTENT
}

async fn calls(State(shop): State<Shop>) -> Json<BTreeMap<String, u64>> {
    Json(shop.held().calls.clone())
}
