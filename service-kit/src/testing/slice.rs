//! One service without a broker: a database as its own role, a clock, messages handed to handlers, and questions to routes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::request::Builder;
use chrono::{DateTime, Utc};
use serde_json::Value;
use shared_events::{Envelope, Message, MessageId, Service, TenantId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Row};
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

use crate::auth::{Claims, Role, Verifier, mint};
use crate::clock::{Clock, ManualClock};
use crate::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use crate::handler::{Delivered, Failure, Handles, Outcome};
use crate::health::Health;
use crate::http::Server;
use crate::store::{Store, Work, new_id};

/// A service on a database of its own.
#[derive(Clone)]
pub struct Slice {
    /// The database, as the service's own role.
    pub store: Store,
    /// Time, as the test sets it.
    pub clock: Arc<ManualClock>,
    /// Whose data.
    pub tenant: TenantId,
    service: Service,
}

/// What a route answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// JSON; what is no JSON comes as a string.
    pub body: Value,
}

fn env() -> Env {
    Env::of([("JWT_SECRET_KEY", "a secret of the tests, long enough")])
}

impl Slice {
    /// Connects as the service's own role, so that row-level security holds: a superuser sees through it.
    ///
    /// # Panics
    /// When the database cannot be reached.
    pub async fn new(service: Service, pool: PgPoolOptions, options: PgConnectOptions, now: DateTime<Utc>) -> Self {
        let role = format!("SET ROLE {}_user", service.name());
        let pool = pool
            .max_connections(8)
            .after_connect(move |connection, _| {
                let role = role.clone();
                Box::pin(async move { sqlx::query(AssertSqlSafe(role)).execute(connection).await.map(drop) })
            })
            .connect_with(options)
            .await
            .expect("the database is there");
        let clock = Arc::new(ManualClock::at(now));
        let store = Store::new(pool, Arc::clone(&clock) as Arc<dyn Clock>, service);
        Self { store, clock, tenant: TenantId::try_new("demo").expect("a name"), service }
    }

    /// The same service for another tenant.
    ///
    /// # Panics
    /// When that is no name.
    pub fn of_tenant(&self, name: &str) -> Self {
        Self { tenant: TenantId::try_new(name).expect("a name"), ..self.clone() }
    }

    /// A transaction of the tenant.
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn work(&self) -> Work {
        self.store.read(&self.tenant).await.expect("the database is there")
    }

    /// A message as it arrives.
    pub fn deliver<M: Message>(&self, data: M) -> Delivered<M> {
        let now = self.clock.now();
        let begun = Envelope::begin("/tests", &data, MessageId(new_id(now)), self.tenant.clone(), now);
        Delivered { envelope: Envelope { sequence: 1, actor: Some("ann".into()), ..begun }, data }
    }

    /// Handles one message in a transaction of its own, as the kit does.
    ///
    /// # Errors
    /// What the handler says.
    ///
    /// # Panics
    /// When it cannot be committed.
    pub async fn handle<M: Message>(&self, handler: &impl Handles<M>, data: M) -> Result<Outcome, Failure> {
        let mut work = self.work().await;
        let outcome = handler.handle(&mut work, &self.deliver(data)).await?;
        work.commit().await.expect("it can be committed");
        Ok(outcome)
    }

    /// What was said so far, in order: wire name and data.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn said(&self) -> Vec<(String, Value)> {
        let rows = sqlx::query("SELECT properties::json->>'ce_type' AS kind, payload FROM outbox ORDER BY id")
            .fetch_all(self.store.pool())
            .await
            .expect("the outbox can be read");
        let data = |payload: &str| serde_json::from_str(payload).expect("payloads are JSON");
        rows.iter().map(|row| (row.get("kind"), data(row.get("payload")))).collect()
    }

    /// The service's routes as they are served.
    ///
    /// # Panics
    /// When the configuration of the tests is bad.
    pub fn app(&self, routes: OpenApiRouter) -> Router {
        let (env, name) = (env(), self.service.name());
        let config = EdgeConfig::read_for(&mut Reader::new(&env), name).expect("everything has a default");
        let verifier = Arc::new(Verifier::new(&load(&env).expect("a secret is enough")).expect("the secret is good"));
        Server::new(Health::new(name), config, verifier).app(routes, Router::new())
    }

    /// Asks as somebody of the tenant.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, app: &Router, path: &str, role: Role) -> Answer {
        self.ask(app, Request::get(path), role, Body::empty()).await
    }

    /// Sends JSON as somebody of the tenant.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, app: &Router, path: &str, role: Role, body: &Value) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.ask(app, request, role, Body::from(body.to_string())).await
    }

    async fn ask(&self, app: &Router, request: Builder, role: Role, body: Body) -> Answer {
        let claims = Claims { sub: "ann".into(), tenant: self.tenant.to_string(), roles: vec![role], partner: None };
        let token = mint(&load::<AuthConfig>(&env()).expect("a secret is enough"), &claims, 60).expect("it is signed");
        let request = request.header("authorization", format!("Bearer {token}")).body(body).expect("a request");
        let response = app.clone().oneshot(request).await.expect("routes do not fail");
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.expect("it has a body");
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()) }
    }
}
