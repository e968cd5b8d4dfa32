//! The system under measurement: `recoup serve all` as a process of its own, with a campaign, partners and clicks in place.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use hyper::Method;
use service_kit::auth::{Claims, Role, mint};
use service_kit::config::{AuthConfig, EdgeConfig, Env, load};
use shared_events::Service;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Row};
use tokio::process::{Child, Command};

use super::load::{Connection, Events, PARTNERS, VISITORS};

/// The campaign that everything is credited to.
const CAMPAIGN: &str = "bench";
/// The tenant of the bench.
const TENANT: &str = "bench";

/// `recoup serve all`, running.
pub(super) struct System {
    process: Child,
    pub(super) ready_ms: u64,
    pub(super) tracking: String,
    pub(super) bff: String,
    /// `Bearer ...` of the tenant's administrator.
    pub(super) token: String,
    /// Commission's database, as its owner: the bench looks from outside.
    pub(super) commission: PgPool,
    pub(super) events: Events,
    peak_kb: u64,
}

/// What the books say.
pub(super) struct Books {
    pub(super) lost: i64,
    pub(super) duplicated: i64,
}

/// The URL of a service's database on the owner's server.
pub(super) fn owned(env: &Env, service: &str, database: &str) -> anyhow::Result<String> {
    let name = format!("{service}_ADMIN_DATABASE_URL");
    let url = env.get(&name).with_context(|| format!("{name} is not set: run it by ./dev bench"))?;
    let (server, _) = url.rsplit_once('/').context("the database URL names no database")?;
    Ok(format!("{server}/{database}"))
}

impl System {
    /// Starts it and sets the scene.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let env = Env::process();
        let base = |name: &str| {
            let var = EdgeConfig::port_var(name);
            let port = env.get(var.name).or(var.default).unwrap_or_default();
            format!("http://127.0.0.1:{port}")
        };
        let (tracking, bff) = (base(Service::Tracking.name()), base("bff"));
        let bases: Vec<String> =
            Service::ALL.map(|service| base(service.name())).into_iter().chain([bff.clone()]).collect();
        let auth: AuthConfig = load(&env)?;
        let began = Instant::now();
        let process = Command::new(std::env::current_exe()?)
            .args(["serve", "all"])
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        wait_ready(&bases).await?;
        let ready_ms = began.elapsed().as_millis() as u64;
        let claims = Claims { sub: "bench".into(), tenant: TENANT.into(), roles: vec![Role::Admin], partner: None };
        let token = format!("Bearer {}", mint(&auth, &claims, 86_400)?);
        let commission =
            PgPoolOptions::new().max_connections(2).connect(&owned(&env, "COMMISSION", "commissiondb")?).await?;
        let run = format!("run-{}", process.id().unwrap_or_default());
        let mut system =
            Self { process, ready_ms, tracking, bff, token, commission, events: Events::new(&run), peak_kb: 0 };
        system.set_scene(&auth).await?;
        Ok(system)
    }

    async fn set_scene(&mut self, auth: &AuthConfig) -> anyhow::Result<()> {
        let rules = r#"[{"on":"sale","value":{"basis_points":1000},"hold_days":30,"cap_per_event_minor":5000}]"#;
        let campaign = format!(
            r#"{{"code":"{CAMPAIGN}","name":"Bench","currency":"USD","destinations":["https://shop.example/"],"attribution":{{"model":"last_click","click_window_days":30}},"rules":{rules}}}"#
        );
        let mut edge = Connection::open(&self.bff).await?;
        let admin = self.token.clone();
        command(&mut edge, "/api/v1/campaigns", &admin, campaign).await?;
        command(&mut edge, &format!("/api/v1/campaigns/{CAMPAIGN}/activate"), &admin, "{}".into()).await?;
        for partner in 0..PARTNERS {
            let name = format!("partner-{partner}");
            let claims =
                Claims { sub: name.clone(), tenant: TENANT.into(), roles: vec![Role::Partner], partner: Some(name) };
            let token = format!("Bearer {}", mint(auth, &claims, 3_600)?);
            command(
                &mut edge,
                &format!("/api/v1/campaigns/{CAMPAIGN}/accept"),
                &token,
                r#"{"accepted_terms":true}"#.into(),
            )
            .await?;
        }
        let at = (service_kit::clock::Clock::now(&service_kit::clock::SystemClock) - chrono::TimeDelta::days(1))
            .to_rfc3339();
        let mut tracking = Connection::open(&self.tracking).await?;
        for first in (0..VISITORS).step_by(2_000) {
            let clicks: Vec<String> =
                (first..first + 2_000).map(|visitor| Events::click(visitor, CAMPAIGN, &at)).collect();
            tracking.post_events(&admin, format!("[{}]", clicks.join(",")).into()).await?;
        }
        Ok(())
    }

    /// The number of the newest commission. Counting rows would cost what is to be measured; numbers rise by one with each, and a run that was
    /// rolled back leaves a gap, so this serves to pace and to time, and the books are checked by counting at the end.
    pub(super) async fn newest(&mut self) -> anyhow::Result<u64> {
        self.note_memory();
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(seq) FROM commissions WHERE tenant = $1")
            .bind(TENANT)
            .fetch_one(&self.commission)
            .await?;
        Ok(newest.unwrap_or_default() as u64)
    }

    /// Waits until the commissions of all purchases made so far are committed.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            let made = self.events.made() as i64;
            let there: i64 = sqlx::query_scalar("SELECT count(*) FROM commissions WHERE order_id LIKE 'run-%'")
                .fetch_one(&self.commission)
                .await?;
            if there >= made {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "commissions are missing: {there} of {made}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Compares the purchases that were accepted with the commissions that there are. `timed` are those that the latency was measured with.
    pub(super) async fn check_books(&mut self, timed: i64) -> anyhow::Result<Books> {
        self.settle().await?;
        let row = sqlx::query(
            "SELECT count(*) AS rows, count(DISTINCT order_id) AS orders FROM commissions WHERE order_id LIKE 'run-%' OR order_id LIKE 'lat-%'",
        )
        .fetch_one(&self.commission)
        .await?;
        let (rows, orders): (i64, i64) = (row.get("rows"), row.get("orders"));
        Ok(Books { lost: self.events.made() as i64 + timed - orders, duplicated: rows - orders })
    }

    fn note_memory(&mut self) {
        if let Ok(kb) = resident_kb(self.process.id().unwrap_or_default()) {
            self.peak_kb = self.peak_kb.max(kb);
        }
    }

    /// The most resident memory that it had, in megabytes.
    #[expect(clippy::float_arithmetic, reason = "a size in megabytes")]
    pub(super) fn peak_rss_mb(&mut self) -> anyhow::Result<f64> {
        self.note_memory();
        Ok(self.peak_kb as f64 / 1_024.0)
    }

    /// Stops it in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.process.id() {
            Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        }
        tokio::time::timeout(Duration::from_secs(40), self.process.wait()).await.context("it did not stop")??;
        Ok(())
    }
}

/// Peak resident memory since the start, as the kernel counts it.
pub(super) fn resident_kb(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the kernel does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

async fn command(edge: &mut Connection, path: &str, token: &str, body: String) -> anyhow::Result<()> {
    let (status, answer) = edge.call(Method::POST, path, token, body.into()).await?;
    anyhow::ensure!(status.is_success(), "POST {path} answered {status}: {}", String::from_utf8_lossy(&answer));
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    let id = answer["command_id"].as_str().context("no command id")?.to_owned();
    let path = format!("/api/v1/commands/{id}?wait=10");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, outcome) = edge.call(Method::GET, &path, token, Default::default()).await?;
        let outcome: serde_json::Value = serde_json::from_slice(&outcome).unwrap_or_default();
        match outcome["status"].as_str() {
            Some("done") => return Ok(()),
            Some("accepted") | None if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => anyhow::bail!("the command ended with {outcome}"),
        }
    }
}

/// Waits until every service says that it is ready.
pub(super) async fn wait_ready(bases: &[String]) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    for base in bases {
        loop {
            let ready = match Connection::open(base).await {
                Ok(mut connection) => {
                    let answer = connection.call(Method::GET, "/health/ready", "", Default::default()).await;
                    answer.is_ok_and(|(status, _)| status.is_success())
                }
                Err(_) => false,
            };
            if ready {
                break;
            }
            anyhow::ensure!(Instant::now() < deadline, "{base} does not become ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}
