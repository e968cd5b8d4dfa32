//! A seller at the sandbox, connected and synced by the service itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use claims::Config;
use claims::connect_account::{self, Connect};
use claims::record_arrival::Record as RecordArrivalHandler;
use claims::record_cost::Record as RecordCost;
use sandbox::amazon::{Amazon, Settings};
use sandbox::world::{self, World};
use serde_json::{Value, json};
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::{Env, load};
use service_kit::jobs::Worker;
use service_kit::store::Cause;
use service_kit::testing::Slice;
use shared_events::claims::{Arrival, ConnectAccount, ConnectionKind, RecordArrival, RecordSourcingCost};
use shared_events::money::{Currency, Money};
use shared_events::{ConnectionId, Service, Subject, SyncRunId, ids};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

pub const REDIRECT: &str = "http://127.0.0.1:8002/api/integrations/callback";
const KEY: &str = "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgMTI=";

/// A sandbox, the service, and its workers.
pub struct Stage {
    pub slice: Slice,
    pub amazon: Amazon,
    pub world: World,
    pub config: Arc<Config>,
    worker: Worker,
    timers: Worker,
}

impl Stage {
    /// The world of a number, looked at on its last evening.
    pub async fn new(seed: u64, pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        let settings = world::Settings { articles: 8, orders: 16, ..world::Settings::of_seed(seed) };
        let made = Settings { rate: 10_000, ..Settings::at_the_end_of(settings) };
        let now: DateTime<Utc> = made.now;
        let amazon = Amazon::new(made, Arc::new(SystemClock));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = amazon.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let masters = format!("tests:{KEY}");
        let env = Env::of([
            ("DOCUMENT_MASTER_KEYS", masters.as_str()),
            ("ACCOUNT_DETAILS_KEY", KEY),
            ("AMAZON_APPLICATION_ID", "amzn1.sp.solution.tests"),
            ("LWA_CLIENT_ID", "amzn1.application-oa2-client.tests"),
            ("LWA_CLIENT_SECRET", "secret"),
            ("AMAZON_SANDBOX_URL", address.as_str()),
        ]);
        let config: Arc<Config> = Arc::new(load(&env).unwrap());
        let slice = Slice::new(Service::Claims, pool, options, now).await;
        let (worker, timers) = (claims::worker(slice.store.clone(), &config), claims::timers(slice.store.clone()));
        Self { slice, amazon, world: World::generate(settings), config, worker, timers }
    }

    /// A code, as the consent page gives it.
    pub async fn code(&self) -> String {
        let path = format!("/apps/authorize/consent?application_id=a&state=s&redirect_uri={REDIRECT}");
        let answer = self.amazon.router().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap().to_owned();
        let value = |name: &str| back.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)).unwrap().to_owned();
        value("spapi_oauth_code=")
    }

    /// A consent as it comes back.
    pub fn consent(&self, region: &str, nonce: &str, code: &str, good_for: TimeDelta) -> ConnectAccount {
        let (tenant, seller) = (self.slice.tenant.as_str(), "A2SANDBOX");
        let purpose = connect_account::purpose(tenant, nonce);
        ConnectAccount {
            connection_id: ConnectionId(ids::derive(&["connection", tenant, "amazon", region, seller])),
            kind: ConnectionKind::Amazon,
            region: region.to_owned(),
            account: seller.to_owned(),
            sealed_secret: self.config.account_key.seal(&purpose, code).unwrap(),
            nonce: nonce.to_owned(),
            redirect_uri: REDIRECT.to_owned(),
            host: None,
            smtp_host: None,
            expires_at: self.slice.clock.now() + good_for,
            connected_by: Subject::try_new("ann").unwrap(),
        }
    }

    /// Connects the seller in a region, up to the command; the jobs do the rest.
    pub async fn connect(&self, region: &str) -> ConnectionId {
        let code = self.code().await;
        let command = self.consent(region, &format!("nonce-{code}"), &code, TimeDelta::minutes(10));
        let id = command.connection_id;
        self.slice.handle(&Connect, command).await.unwrap();
        id
    }

    /// Runs the next job that is due.
    pub async fn run_one(&self) -> bool {
        self.worker.run_next().await.unwrap()
    }

    /// Changes something behind the service's back.
    pub async fn execute(&self, sql: &'static str) {
        let mut work = self.slice.work().await;
        sqlx::query(sql).execute(work.conn()).await.unwrap();
        work.commit().await.unwrap();
    }

    /// One JSON value.
    pub async fn value(&self, sql: &'static str) -> Value {
        let mut work = self.slice.work().await;
        sqlx::query_scalar(sql).fetch_one(work.conn()).await.unwrap()
    }

    /// Lets the last run of a report go on.
    pub async fn requeue(&self, report: &str) {
        let mut work = self.slice.work().await;
        let sql = "SELECT id FROM sync_runs WHERE report = $1 ORDER BY seq DESC LIMIT 1";
        let id: uuid::Uuid = sqlx::query_scalar(sql).bind(report).fetch_one(work.conn()).await.unwrap();
        let cause = Cause::root(id, None);
        claims::run_report::enqueue(&mut work, &cause, SyncRunId(id), TimeDelta::zero()).await.unwrap();
        work.commit().await.unwrap();
    }

    /// Runs what is due; gives how many jobs ran.
    pub async fn drain(&self) -> usize {
        let mut count = 0;
        while self.worker.run_next().await.unwrap() || self.timers.run_next().await.unwrap() {
            count += 1;
        }
        count
    }

    /// Lets time pass on both sides.
    pub fn pass(&self, step: TimeDelta) {
        self.slice.clock.advance(step);
        self.amazon.advance(step);
    }

    /// Runs until every run of a sync is through.
    pub async fn settle(&self) {
        for _ in 0..60 {
            self.drain().await;
            if self.count("SELECT count(*) FROM sync_runs WHERE state NOT IN ('committed', 'no_data', 'failed')").await
                == 0
            {
                return;
            }
            self.pass(TimeDelta::seconds(20));
        }
        panic!("runs do not end: {:?}", self.runs().await);
    }

    /// Tells what the seller knows without Amazon.
    pub async fn tell(&self, region: &str, id: ConnectionId) {
        let place = if region == "na" { "US" } else { "DE" };
        let ann = Subject::try_new("ann").unwrap();
        for cost in self.world.costs.iter().filter(|cost| cost.marketplace == place) {
            let unit = Money::new(cost.minor, Currency::try_new(cost.currency).unwrap());
            let (fnsku, valid_from) = (cost.fnsku.clone(), cost.since);
            let command = RecordSourcingCost { fnsku, unit, valid_from, told_by: ann.clone() };
            self.slice.handle(&RecordCost, command).await.unwrap();
        }
        for sent in self.world.sent.iter().filter(|sent| sent.marketplace == place) {
            let Some(delivered_on) = sent.delivered_on else { continue };
            let (shipment_id, partnered) = (sent.shipment_id.clone(), sent.partnered);
            let arrival = Arrival::Inbound { shipment_id, delivered_on, partnered };
            let command = RecordArrival { connection_id: id, arrival, told_by: ann.clone() };
            self.slice.handle(&RecordArrivalHandler, command).await.unwrap();
        }
        for told in self.world.delivered.iter().filter(|told| told.marketplace == place) {
            let arrival = Arrival::Removal {
                order_id: told.order_id.clone(),
                tracking: told.tracking.clone(),
                fnsku: told.fnsku.clone(),
                marketplace: place.to_owned(),
                delivered_on: told.on,
                good: told.good,
                damaged: told.damaged,
            };
            let command = RecordArrival { connection_id: id, arrival, told_by: ann.clone() };
            self.slice.handle(&RecordArrivalHandler, command).await.unwrap();
        }
        for parcel in self.world.parcels.iter().filter(|parcel| parcel.marketplace == place) {
            let arrival = Arrival::Parcel {
                tracking: parcel.tracking.clone(),
                day: parcel.day,
                reason: parcel.reason.to_string(),
                value: Money::new(parcel.minor, Currency::try_new(parcel.currency).unwrap()),
                marketplace: place.to_owned(),
            };
            let command = RecordArrival { connection_id: id, arrival, told_by: ann.clone() };
            self.slice.handle(&RecordArrivalHandler, command).await.unwrap();
        }
    }

    /// Lets the sandbox fail.
    pub async fn fault(&self, fault: Value) {
        let request = Request::post("/_sandbox/faults").header("content-type", "application/json");
        let request = request.body(Body::from(fault.to_string())).unwrap();
        let answer = self.amazon.router().oneshot(request).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// One number, as the tenant sees it.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let mut work = self.slice.work().await;
        sqlx::query_scalar(sql).fetch_one(work.conn()).await.unwrap()
    }

    /// The runs: report, marketplace, state, rows and problem.
    pub async fn runs(&self) -> Vec<Value> {
        let mut work = self.slice.work().await;
        let sql = "SELECT to_jsonb(r) FROM sync_runs r ORDER BY seq";
        let rows: Vec<Value> = sqlx::query_scalar(sql).fetch_all(work.conn()).await.unwrap();
        let brief = |row: &Value| {
            json!([
                row["report"],
                row["marketplace"],
                row["state"],
                row["rows_in"],
                row["rows_new"],
                row["rows_changed"],
                row["problem"],
                row["alarm"]
            ])
        };
        rows.iter().map(brief).collect()
    }
}
