//! Orders from POST to dispatched, through every step of the process, with stand-ins for Stripe and EasyPost on the same machine.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use hyper::Method;
use sandbox::easypost::EasyPost;
use sandbox::stripe::Stripe;
use serde::Serialize;
use serde_json::{Value, json};
use service_kit::auth::{Claims, Role, mint};
use service_kit::clock::SystemClock;
use service_kit::config::{AuthConfig, EdgeConfig, Env, load};
use shared_events::Service;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::process::{Child, Command};

use super::load::Connection;
use super::report::Quantiles;
use super::stack::{owned, resident_kb, wait_ready};
use crate::output::Exit;

const TENANT: &str = "bench";
/// Connections that place orders.
const BUYERS: u64 = 16;
/// Orders that may be under way: with more, buyers wait, so the backlog cannot grow.
const AHEAD: i64 = 400;
/// Longer than the first orders take on the slowest machine that this is worth measuring on.
const SLOW: Duration = Duration::from_secs(180);
/// Pieces of each article: more than any run sells.
const PIECES: i64 = 10_000_000;
/// Lamps, and as many cables: orders for the same article wait for each other's row of stock.
const ARTICLES: u64 = 50;

/// Settings of `bench orders`.
#[derive(Debug, Args)]
pub struct Orders {
    /// Writes the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Seconds of steady state that are measured, and as many at half that rate.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    orders_per_s: f64,
    /// From placed to dispatched at half that rate, in milliseconds.
    p99_ms: f64,
    /// From the end of the step before to the end of this one, at half that rate.
    steps_p99_ms: BTreeMap<String, f64>,
    rss_mb: f64,
    /// Orders that were acknowledged and are not there, or differ from the books of the provider.
    lost: i64,
    /// Orders that are not dispatched and have no next step.
    stuck: i64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "orders, POST to dispatched    {:.0} /s  (target 417)", self.orders_per_s)?;
        writeln!(f, "p99 at half that rate         {:.0} ms  (target 5000)", self.p99_ms)?;
        for (step, p99) in &self.steps_p99_ms {
            writeln!(f, "   {step:<27}p99 {p99:.0} ms")?;
        }
        writeln!(f, "memory of serve all           {:.0} MB at most  (target 200)", self.rss_mb)?;
        write!(f, "lost {}, stuck {}", self.lost, self.stuck)
    }
}

struct Shop {
    process: Child,
    orders: String,
    token: String,
    pool: PgPool,
    stripe: Stripe,
    placed: Arc<AtomicU64>,
}

/// Runs it.
///
/// # Errors
/// When the stack is not there, or an order was lost or stands still.
#[expect(clippy::float_arithmetic, reason = "rates and durations, no money")]
pub async fn run(settings: &Orders) -> anyhow::Result<Exit> {
    let shop = Shop::open().await?;
    eprintln!("orders in steady state ...");
    let rate = shop.steady(settings.seconds).await?;
    eprintln!("orders at half that rate ...");
    let since: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("SELECT coalesce(max(placed_at), now()) FROM orders").fetch_one(&shop.pool).await?;
    shop.paced(rate / 2.0, settings.seconds).await?;
    let stuck = shop.settle().await?;
    let report = Report {
        orders_per_s: rate,
        p99_ms: shop.whole(since).await?,
        steps_p99_ms: shop.steps(since).await?,
        rss_mb: resident_kb(shop.process.id().unwrap_or_default())? as f64 / 1_024.0,
        lost: shop.lost().await?,
        stuck,
    };
    shop.close().await?;
    println!("{report}");
    if let Some(path) = &settings.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    anyhow::ensure!(report.lost == 0 && report.stuck == 0, "orders were lost, or stand still");
    Ok(Exit::Done)
}

/// Serves a stand-in on a free port; its address.
async fn stand_in(router: axum::Router) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// A basket of two articles from two warehouses, by a customer of its own.
fn basket(number: u64) -> String {
    json!({
        "customer_id": format!("customer-{number}"),
        "items": [{ "product_id": format!("lamp-{}", number % ARTICLES), "quantity": 1 },
                  { "product_id": format!("cable-{}", number % ARTICLES), "quantity": 1 }],
        "shipping_address": { "name": "Ann Example", "street_address": format!("{number} Main Street"), "city": "Springfield",
                              "postal_code": format!("{:05}", number % 100_000), "country": "US" },
        "payment_method": "credit_card", "payment_token": "pm_card_visa", "shipping_method": "standard",
    })
    .to_string()
}

impl Shop {
    async fn open() -> anyhow::Result<Self> {
        let env = Env::process();
        let base = |name: &str| {
            let var = EdgeConfig::port_var(name);
            format!("http://127.0.0.1:{}", env.get(var.name).or(var.default).unwrap_or_default())
        };
        let stripe = Stripe::new(Arc::new(SystemClock));
        let bank = stand_in(stripe.router()).await?;
        let post = stand_in(EasyPost::new(Arc::new(SystemClock)).router()).await?;
        let process = Command::new(std::env::current_exe()?)
            .args(["serve", "all"])
            .envs([("STRIPE_SECRET_KEY", "sk_test_bench"), ("STRIPE_API_URL", &bank)])
            .envs([("EASYPOST_API_KEY", "EZTKbench"), ("EASYPOST_API_URL", &post)])
            // Everybody pays by the same card: scores are made, and nobody is held for them.
            .envs([("FRAUD_SCORE_THRESHOLD", "101"), ("FRAUD_REVIEW_THRESHOLD", "101")])
            .envs([("RUST_LOG", "warn"), ("HTTP_REQUESTS_PER_SECOND", "100000")])
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let bases: Vec<String> =
            Service::ALL.map(|service| base(service.name())).into_iter().chain([base("bff")]).collect();
        wait_ready(&bases).await?;
        let claims = Claims { sub: "bench".into(), tenant: TENANT.into(), roles: vec![Role::Admin], partner: None };
        let token = format!("Bearer {}", mint(&load::<AuthConfig>(&env)?, &claims, 86_400)?);
        let pool = PgPoolOptions::new().max_connections(2).connect(&owned(&env, "ORDERS", "ordersdb")?).await?;
        let shop = Self { process, orders: base("orders"), token, pool, stripe, placed: Arc::default() };
        let mut edge = Connection::open(&shop.orders).await?;
        let address = json!({ "name": "Warehouse", "street_address": "1 Side Street", "city": "Springfield", "postal_code": "12345", "country": "US" });
        for (id, article, price) in [("east", "lamp", "45.00"), ("west", "cable", "15.00")] {
            let warehouse = json!({ "name": id, "country": "US", "shipment_cost": "4.00", "address": address });
            shop.tell(&mut edge, Method::PUT, &format!("/api/v1/warehouses/{id}"), &warehouse).await?;
            for number in 0..ARTICLES {
                let sku = format!("{article}-{number}");
                let product = json!({ "sku": sku, "name": sku, "unit_price": price, "grams": 400 });
                shop.tell(&mut edge, Method::PUT, &format!("/api/v1/products/{sku}"), &product).await?;
                let change =
                    json!({ "sku": sku, "warehouse_id": id, "change": { "receive": PIECES }, "reference": "bench" });
                shop.tell(&mut edge, Method::POST, "/api/v1/stock", &change).await?;
            }
        }
        Ok(shop)
    }

    /// Tells orders something, and waits until it is done.
    async fn tell(&self, edge: &mut Connection, method: Method, path: &str, body: &Value) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (status, answer) = edge.call(method.clone(), path, &self.token, body.to_string().into()).await?;
            match status.as_u16() {
                200 | 201 => return Ok(()),
                202 | 409 | 503 if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => anyhow::bail!("{method} {path} answered {status}: {}", String::from_utf8_lossy(&answer)),
            }
        }
    }

    async fn count(&self, sql: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    async fn dispatched(&self) -> anyhow::Result<i64> {
        self.count("SELECT count(*) FROM orders WHERE shipped_at IS NOT NULL").await
    }

    /// As many buyers as there are connections, as fast as orders are dispatched; orders dispatched per second, once as many have left as
    /// may be under way: before that, those that came first only make room, and plans are those for empty tables.
    #[expect(clippy::float_arithmetic, reason = "a rate, no money")]
    async fn steady(&self, seconds: u64) -> anyhow::Result<f64> {
        let (stop, full) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let buyers: Vec<_> = (0..BUYERS).map(|_| self.buyer(Arc::clone(&stop), Arc::clone(&full), None)).collect();
        let (began, warm) = (Instant::now(), Duration::from_secs(15));
        let mut first = None;
        let rate = loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let (done, now) = (self.dispatched().await?, Instant::now());
            full.store(self.placed.load(Ordering::Relaxed) as i64 - done > AHEAD, Ordering::Relaxed);
            match first {
                None if began.elapsed() >= warm && done >= AHEAD => first = Some((now, done)),
                None if began.elapsed() >= SLOW => {
                    anyhow::bail!("{done} orders were dispatched within {} s", SLOW.as_secs())
                }
                Some((since, before)) if now.duration_since(since) >= Duration::from_secs(seconds) => {
                    break (done - before) as f64 / now.duration_since(since).as_secs_f64();
                }
                _ => {}
            }
        };
        stop.store(true, Ordering::Relaxed);
        for buyer in buyers {
            buyer.await??;
        }
        self.settle().await?;
        Ok(rate)
    }

    /// The same at a steady pace.
    #[expect(clippy::float_arithmetic, reason = "a rate, no money")]
    async fn paced(&self, rate: f64, seconds: u64) -> anyhow::Result<()> {
        let (stop, full) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let pause = Duration::from_secs_f64(BUYERS as f64 / rate.max(1.0));
        let buyers: Vec<_> =
            (0..BUYERS).map(|_| self.buyer(Arc::clone(&stop), Arc::clone(&full), Some(pause))).collect();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        stop.store(true, Ordering::Relaxed);
        for buyer in buyers {
            buyer.await??;
        }
        Ok(())
    }

    /// Places orders until it is told to stop.
    fn buyer(
        &self,
        stop: Arc<AtomicBool>,
        full: Arc<AtomicBool>,
        pause: Option<Duration>,
    ) -> tokio::task::JoinHandle<anyhow::Result<()>> {
        let (orders, token, placed) = (self.orders.clone(), self.token.clone(), Arc::clone(&self.placed));
        tokio::spawn(async move {
            let mut edge = Connection::open(&orders).await?;
            let mut next = tokio::time::interval(pause.unwrap_or(Duration::from_millis(1)));
            while !stop.load(Ordering::Relaxed) {
                next.tick().await;
                if full.load(Ordering::Relaxed) {
                    continue;
                }
                let number = placed.fetch_add(1, Ordering::Relaxed);
                let (status, answer) = edge.call(Method::POST, "/orders", &token, basket(number).into()).await?;
                anyhow::ensure!(
                    status.is_success(),
                    "POST /orders answered {status}: {}",
                    String::from_utf8_lossy(&answer)
                );
            }
            Ok(())
        })
    }

    /// Waits until every order is dispatched; how many are not and never will be.
    async fn settle(&self) -> anyhow::Result<i64> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let placed = self.placed.load(Ordering::Relaxed) as i64;
            if self.dispatched().await? >= placed {
                return Ok(0);
            }
            if Instant::now() > deadline {
                return self.count("SELECT count(*) FROM orders WHERE shipped_at IS NULL").await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn whole(&self, since: chrono::DateTime<chrono::Utc>) -> anyhow::Result<f64> {
        let sql = "SELECT extract(epoch FROM shipped_at - placed_at)::float8 * 1000 FROM orders WHERE placed_at > $1 AND shipped_at IS NOT NULL";
        let millis: Vec<f64> = sqlx::query_scalar(sql).bind(since).fetch_all(&self.pool).await?;
        Ok(Quantiles::of(millis).p99)
    }

    async fn steps(&self, since: chrono::DateTime<chrono::Utc>) -> anyhow::Result<BTreeMap<String, f64>> {
        let sql = "SELECT step, percentile_disc(0.99) WITHIN GROUP (ORDER BY took)::float8 FROM (
                     SELECT s.step, extract(epoch FROM s.last_at - lag(s.last_at, 1, o.placed_at) OVER (PARTITION BY s.order_id ORDER BY s.last_at)) * 1000 AS took
                     FROM order_steps s JOIN orders o ON o.tenant = s.tenant AND o.id = s.order_id WHERE o.placed_at > $1) AS steps
                   GROUP BY step";
        let rows: Vec<(String, f64)> = sqlx::query_as(sql).bind(since).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().collect())
    }

    /// Orders that were acknowledged and are not there, and cents by which the provider's books differ from ours.
    async fn lost(&self) -> anyhow::Result<i64> {
        let there = self.count("SELECT count(*) FROM orders").await?;
        let taken = self.count("SELECT coalesce(sum(captured_minor), 0)::bigint FROM payments").await?;
        let missing = self.placed.load(Ordering::Relaxed) as i64 - there;
        Ok(missing.abs() + (taken - self.stripe.books().captured).abs())
    }

    async fn close(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.process.id() {
            Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        }
        tokio::time::timeout(Duration::from_secs(40), self.process.wait()).await.context("it did not stop")??;
        Ok(())
    }
}
