//! A sandbox, and our client with it.

use std::sync::Arc;
use std::time::Duration;

use providers::amazon::{Application, Endpoints, Patience, Region, SellingPartner, Session};
use sandbox::amazon::{Amazon, Settings};
use serde_json::{Value, json};
use service_kit::clock::DevClock;
use service_kit::config::Secret;
use service_kit::http_client;
use tokio::net::TcpListener;

/// One sandbox on its own port. Its time and the client's go on together.
pub(super) struct Bed {
    pub(super) amazon: Amazon,
    pub(super) clock: Arc<DevClock>,
    pub(super) base: String,
    pub(super) partner: SellingPartner,
    pub(super) http: reqwest::Client,
}

/// Short pauses, so that what has to be repeated is repeated soon.
pub(super) fn patience() -> Patience {
    Patience {
        deadline: Duration::from_secs(20),
        request: Duration::from_secs(10),
        first_pause: Duration::from_millis(4),
        longest_pause: Duration::from_millis(20),
    }
}

/// A small seller, looked at on the last evening of its year.
pub(super) fn settings() -> Settings {
    let mut world = sandbox::world::Settings::of_seed(7);
    (world.articles, world.orders) = (6, 12);
    Settings::at_the_end_of(world)
}

pub(super) fn application() -> Application {
    Application {
        id: "amzn1.sp.solution.sandbox".into(),
        client_id: "amzn1.application-oa2-client.sandbox".into(),
        client_secret: Secret::new("client-secret-of-ours"),
    }
}

impl Bed {
    pub(super) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let clock = Arc::new(DevClock::default());
        let amazon = Amazon::new(settings, clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = amazon.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let partner = SellingPartner::new(Endpoints::sandbox(&base), application(), clock.clone());
        let partner = partner.with_patience(patience());
        Self { amazon, clock, base, partner, http: http_client::client(Duration::from_secs(20)) }
    }

    pub(super) fn session(&self, region: Region) -> Session {
        self.partner.session(region, "A2SANDBOX00007", Secret::new("Atzr|refresh-token-of-the-seller"))
    }

    pub(super) fn us(&self) -> Session {
        self.session(Region::Na)
    }

    /// Lets both clocks go on.
    pub(super) fn advance(&self, seconds: i64) {
        self.clock.advance(seconds).unwrap();
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.http.post(format!("{}{path}", self.base)).json(body).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap().json().await.unwrap()
    }

    pub(super) async fn fault(&self, operation: &str, kind: &str, times: u32) {
        self.post("/_sandbox/faults", &json!({"operation": operation, "kind": kind, "times": times})).await;
    }

    /// How often an operation was asked so far.
    pub(super) async fn calls(&self, operation: &str) -> u64 {
        self.get("/_sandbox/calls").await[operation].as_u64().unwrap_or(0)
    }
}
