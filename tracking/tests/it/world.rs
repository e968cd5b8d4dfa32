//! A service with a database of its own, and a tenant with a campaign in it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use service_kit::auth::{Claims, Role, Verifier, mint};
use service_kit::clock::ManualClock;
use service_kit::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::health::Health;
use service_kit::http::Server;
use service_kit::store::Store;
use shared_events::outcome::Rejection;
use shared_events::tracking::{
    AcceptCampaign, ActivateCampaign, AttributionModel, AttributionPolicy, CreateCampaign, RewardOn, RewardRule,
    RewardValue,
};
use shared_events::{CampaignId, Currency, Envelope, Message, MessageId, PartnerId, Service, TenantId, VisitorId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;
use tracking::{accept_campaign, activate_campaign, create_campaign};
use uuid::Uuid;

/// The service as a test sees it.
pub struct World {
    /// Its database.
    pub store: Store,
    /// Its HTTP side.
    pub app: Router,
    /// Its clock.
    pub clock: Arc<ManualClock>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub body: Value,
}

/// A fixed moment.
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).expect("in range")
}

pub fn tenant(name: &str) -> TenantId {
    TenantId::try_new(name).expect("valid")
}

pub fn partner(name: &str) -> PartnerId {
    PartnerId::try_new(name).expect("valid")
}

pub fn camp(code: &str) -> CampaignId {
    CampaignId::from_code(&tenant("demo"), code)
}

/// Pays 10 % of a sale.
pub fn sale_rule() -> RewardRule {
    RewardRule {
        on: RewardOn::Sale,
        value: RewardValue::BasisPoints(1_000),
        tiers: vec![],
        cap_per_event_minor: None,
        cap_per_partner_month_minor: None,
        recurring_months: None,
        hold_days: 30,
        min_payout_minor: 0,
    }
}

pub fn new_campaign(code: &str, model: AttributionModel) -> CreateCampaign {
    CreateCampaign {
        campaign_id: camp(code),
        code: code.into(),
        name: format!("Campaign {code}"),
        currency: Currency::USD,
        destinations: vec!["https://shop.example/".into(), "https://shop.example/sale?x=1#top".into()],
        attribution: AttributionPolicy { model, click_window_days: 30 },
        rules: vec![sale_rule()],
    }
}

/// The refusal of a command.
pub fn code(outcome: Result<Outcome, Failure>) -> String {
    match outcome {
        Err(Failure::Reject(Rejection { code, .. })) => code,
        other => format!("{other:?}"),
    }
}

impl World {
    /// A service whose unauthenticated events are the demo tenant's.
    pub async fn new(pool: PgPoolOptions, connect: PgConnectOptions) -> Self {
        Self::with_open_tenant(pool, connect, Some(tenant("demo"))).await
    }

    pub async fn with_open_tenant(
        pool: PgPoolOptions,
        connect: PgConnectOptions,
        open_tenant: Option<TenantId>,
    ) -> Self {
        // The test's own role is a superuser, whom row-level security does not bind.
        let as_the_service = pool.max_connections(4).after_connect(|connection, _| {
            Box::pin(async move { sqlx::query("SET ROLE tracking_user").execute(connection).await.map(drop) })
        });
        let pool = as_the_service.connect_with(connect).await.expect("the database is there");
        let clock = Arc::new(ManualClock::at(start()));
        let store = Store::new(pool, clock.clone(), Service::Tracking);
        let app = app(&store, open_tenant);
        Self { store, app, clock }
    }

    /// The same database, served by a second process.
    pub fn second_process(&self) -> Self {
        self.second_process_open_to(Some(tenant("demo")))
    }

    pub fn second_process_open_to(&self, open_tenant: Option<TenantId>) -> Self {
        Self { store: self.store.clone(), app: app(&self.store, open_tenant), clock: Arc::clone(&self.clock) }
    }

    /// With campaign `camp123` (last click), in which p1, p2 and p3 take part.
    pub async fn with_campaign(self) -> Self {
        self.run(&create_campaign::Create, new_campaign("camp123", AttributionModel::LastClick))
            .await
            .expect("created");
        self.run(&activate_campaign::Activate, ActivateCampaign { campaign_id: camp("camp123") })
            .await
            .expect("activated");
        for name in ["p1", "p2", "p3"] {
            self.accept("camp123", name).await.expect("accepted");
        }
        self
    }

    pub async fn accept(&self, campaign: &str, name: &str) -> Result<Outcome, Failure> {
        let own_visitor = VisitorId::of(&tenant("demo"), &format!("user-{name}"));
        let accept = AcceptCampaign {
            campaign_id: camp(campaign),
            partner: partner(name),
            own_visitor,
            metadata: [("source".to_owned(), json!("app")), ("seen".to_owned(), json!({"times": [1, null]}))].into(),
        };
        self.run(&accept_campaign::Accept, accept).await
    }

    pub async fn run<M: Message>(&self, handler: &impl Handles<M>, data: M) -> Result<Outcome, Failure> {
        self.run_as("demo", handler, data).await
    }

    /// One command in a transaction of its own, as the consumer would run it.
    pub async fn run_as<M: Message>(&self, of: &str, handler: &impl Handles<M>, data: M) -> Result<Outcome, Failure> {
        let id = MessageId(Uuid::now_v7());
        let envelope = Envelope {
            actor: Some("manager".into()),
            ..Envelope::begin("/services/bff", &data, id, tenant(of), self.store.now())
        };
        let mut work = self.store.begin().await?;
        work.set_tenant(&tenant(of)).await?;
        let outcome = handler.handle(&mut work, &Delivered { envelope, data }).await?;
        work.commit().await?;
        Ok(outcome)
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.expect("infallible");
        let status = response.status().as_u16();
        let location = response.headers().get("location").map(|value| value.to_str().expect("plain").to_owned());
        let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.expect("readable");
        Answer { status, location, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// Sends events as JSON, without any credentials.
    pub async fn post(&self, events: Value) -> Answer {
        self.send(post("application/json", events.to_string())).await
    }

    /// Sends events that must all be recorded.
    pub async fn record(&self, events: Value) {
        let answer = self.post(events).await;
        let alone = answer.body["status"] == "recorded";
        let all = answer.body["results"]
            .as_array()
            .is_some_and(|results| results.iter().all(|result| result["status"] == "recorded"));
        assert!(alone || all, "{answer:?}");
    }

    pub async fn get(&self, path: &str, roles: &[Role], of: &str, partner: Option<&str>) -> Answer {
        let request = Request::get(path).header("authorization", bearer(roles, of, partner)).body(Body::empty());
        self.send(request.expect("valid")).await
    }

    /// An event by the caller's id of it, as a manager sees it.
    pub async fn event(&self, event_id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/tracking/events/{event_id}"), &[Role::Manager], "demo", None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// What was said about conversions: type, sequence and data, in order.
    pub async fn said(&self) -> Vec<(String, u64, Value)> {
        let all = self.everything_said().await.into_iter();
        all.filter(|(kind, _, _)| kind.starts_with("tracking.conversion_")).collect()
    }

    pub async fn everything_said(&self) -> Vec<(String, u64, Value)> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT properties, payload FROM outbox ORDER BY id")
            .fetch_all(self.store.pool())
            .await
            .expect("readable");
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let said = rows.iter().map(|(properties, payload)| (parse(properties), parse(payload))).map(
            |(properties, payload)| {
                let text = |name: &str| properties[name].as_str().expect("there").to_owned();
                (text("ce_type"), text("ce_sequence").parse().expect("a number"), payload)
            },
        );
        said.collect()
    }

    pub async fn count(&self, of: &str) -> i64 {
        let mut work = self.store.read(&tenant(of)).await.expect("there");
        sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(work.conn()).await.expect("readable")
    }
}

pub fn post(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/api/v1/tracking/events").header("content-type", content_type).body(body.into()).expect("valid")
}

fn env() -> Env {
    Env::of([("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef")])
}

pub fn bearer(roles: &[Role], of: &str, partner: Option<&str>) -> String {
    let claims =
        Claims { sub: "user123".into(), tenant: of.into(), roles: roles.to_vec(), partner: partner.map(Into::into) };
    format!("Bearer {}", mint(&load::<AuthConfig>(&env()).expect("valid"), &claims, 60).expect("signed"))
}

fn app(store: &Store, open_tenant: Option<TenantId>) -> Router {
    let (state, recorder) = tracking::start(store.clone(), open_tenant, tracking::Config::default());
    // Ends by itself, when the app is dropped.
    drop(tokio::spawn(recorder.run()));
    let env = env();
    let config = EdgeConfig::read_for(&mut Reader::new(&env), "tracking").expect("valid");
    let verifier = Arc::new(Verifier::new(&load(&env).expect("valid")).expect("usable"));
    let server = Server::new(Health::new("tracking"), config, verifier).any_origin().health_path(tracking::HEALTH_PATH);
    server.app(tracking::http(state), Router::new())
}

/// A click of visitor u on a link of `name`, so many minutes after the start.
pub fn click(event_id: &str, name: &str, minutes: i64) -> Value {
    json!({"event_id": event_id, "event_type": "click", "user_id": "u", "partner": name, "campaign": "camp123", "occurred_at": at(minutes)})
}

/// A purchase of 100 dollars by visitor u.
pub fn purchase(event_id: &str, minutes: i64) -> Value {
    json!({"event_id": event_id, "event_type": "purchase", "user_id": "u", "order_id": format!("order-{event_id}"), "amount": "100.00",
           "occurred_at": at(minutes)})
}

pub fn at(minutes: i64) -> String {
    (start() + chrono::TimeDelta::minutes(minutes)).to_rfc3339()
}
