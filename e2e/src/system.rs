//! Recoup itself as the tests run it: `recoup serve` processes in a world of their own, and a way to talk to them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use service_kit::auth::{Claims, Role, mint};
use service_kit::config::{AuthConfig, Env, load};
use service_kit::http_client;
use shared_events::Service;
use sqlx::migrate::Migrator;

use crate::process::{Program, Ready};
use crate::servers::Servers;
use crate::world::{World, debug_binary};

/// How long tokens last: longer than any test.
const TOKEN_SECONDS: i64 = 86_400;
const SECRET: &str = "a secret of the fault tests, long enough";
/// An id and thirty-two bytes in base64.
const MASTER_KEYS: &str = "e2e:ZTJlLWUyZS1lMmUtZTJlLWUyZS1lMmUtZTJlLWUyZS0=";
/// Thirty-two bytes in base64.
const ACCOUNT_KEY: &str = "ZTJlLWUyZS1lMmUtZTJlLWUyZS1lMmUtZTJlLWUyZS0=";

/// Recoup in one world: where its services listen, and who may call them.
pub struct System<'s> {
    /// Namespace and databases.
    pub world: World<'s>,
    /// Tracking's address.
    pub tracking: String,
    /// Commission's address.
    pub commission: String,
    /// Evidence's address.
    pub evidence: String,
    /// Claims' address.
    pub claims: String,
    /// Orders' address.
    pub orders: String,
    /// Notify's address.
    pub notify: String,
    /// The BFF's address.
    pub bff: String,
    http: reqwest::Client,
    auth: AuthConfig,
    environment: Vec<(String, String)>,
}

/// An answer: status and JSON (or text).
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What it says; a text that is no JSON comes as a string.
    pub body: Value,
}

impl Answer {
    /// The body of an answer that must be a success.
    ///
    /// # Errors
    /// When it is not.
    pub fn fine(self) -> anyhow::Result<Value> {
        ensure!((200..300).contains(&self.status), "answered {}: {}", self.status, self.body);
        Ok(self.body)
    }
}

impl<'s> System<'s> {
    /// Makes the world of a system whose services do not run yet.
    ///
    /// # Errors
    /// When the servers refuse, or the binary cannot be built.
    pub async fn new(servers: &'s Servers) -> anyhow::Result<Self> {
        build(servers).await?;
        let world = World::new(servers, schema_of).await?;
        let [tracking, commission, evidence, claims, orders, notify, bff] = free_ports()?;
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        let (payouts, rust_log) = (world.logs()?.join("payouts").display().to_string(), "info,sqlx=error,pulsar=warn");
        let objects = objects(&world.logs()?).display().to_string();
        let own = [
            ("RECOUP_ENV", "development"),
            ("BIND_ADDRESS", "127.0.0.1"),
            ("TRACKING_PORT", &tracking.to_string()),
            ("COMMISSION_PORT", &commission.to_string()),
            ("EVIDENCE_PORT", &evidence.to_string()),
            ("CLAIMS_PORT", &claims.to_string()),
            ("ORDERS_PORT", &orders.to_string()),
            ("NOTIFY_PORT", &notify.to_string()),
            ("BFF_PORT", &bff.to_string()),
            ("JWT_SECRET_KEY", SECRET),
            ("ACCOUNT_DETAILS_KEY", ACCOUNT_KEY),
            ("PAYOUT_DIR", &payouts),
            ("OBJECT_DIR", &objects),
            ("DOCUMENT_MASTER_KEYS", MASTER_KEYS),
            ("PACKET_SIGNING_KEY", ACCOUNT_KEY),
            ("DOCUMENT_LINK_KEY", ACCOUNT_KEY),
            ("PAYOUT_APPROVAL_LIMIT_MINOR", "500"),
            ("DEV_CLOCK", "true"),
            ("LOG_FORMAT", "text"),
            ("RUST_LOG", rust_log),
            ("HTTP_REQUESTS_PER_SECOND", "100000"),
        ];
        let mut environment = world.environment().to_vec();
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let auth = load(&Env::of(environment.iter().cloned()))?;
        let http = http_client::client(Duration::from_secs(15));
        Ok(Self {
            world,
            tracking: at(tracking),
            commission: at(commission),
            evidence: at(evidence),
            claims: at(claims),
            orders: at(orders),
            notify: at(notify),
            bff: at(bff),
            http,
            auth,
            environment,
        })
    }

    /// `recoup serve` of one service, or of `all`.
    ///
    /// # Errors
    /// When its logs cannot be placed.
    pub fn serve(&self, which: &str) -> anyhow::Result<Program> {
        let address = match which {
            "tracking" => &self.tracking,
            "commission" => &self.commission,
            "evidence" => &self.evidence,
            "claims" => &self.claims,
            "orders" => &self.orders,
            "notify" => &self.notify,
            _ => &self.bff,
        };
        Ok(Program {
            name: which.to_owned(),
            binary: debug_binary("recoup")?,
            arguments: vec!["serve".into(), which.to_owned()],
            environment: self.environment.clone(),
            logs: self.world.logs()?,
            ready: Ready::Answers(format!("{address}/health/ready")),
        })
    }

    /// The folder that is the object store of this system.
    ///
    /// # Errors
    /// When the folder around it cannot be made.
    pub fn objects(&self) -> anyhow::Result<PathBuf> {
        Ok(objects(&self.world.logs()?))
    }

    /// A token.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, tenant: &str, sub: &str, role: Role) -> anyhow::Result<String> {
        let claims = Claims { sub: sub.into(), tenant: tenant.into(), roles: vec![role], partner: None };
        mint(&self.auth, &claims, TOKEN_SECONDS)
    }

    /// Asks.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, token: &str, url: &str) -> anyhow::Result<Answer> {
        self.answer(self.http.get(url).bearer_auth(token), url).await
    }

    /// Tells.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, token: &str, url: &str, body: &Value) -> anyhow::Result<Answer> {
        self.answer(self.http.post(url).bearer_auth(token).json(body), url).await
    }

    /// Gives the BFF a command and waits for its outcome.
    ///
    /// # Errors
    /// When there is no answer, or the command does not end in time.
    pub async fn command(&self, token: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.bff);
        let request = self.http.post(&url).bearer_auth(token).header("Prefer", "wait=10").json(body);
        let answer = self.answer(request, &url).await?;
        if answer.status != 202 {
            return Ok(answer);
        }
        let id = answer.body["command_id"].as_str().context("the answer names no command")?.to_owned();
        let outcome = format!("{}/api/v1/commands/{id}?wait=10", self.bff);
        crate::wait::until("the command ends", Duration::from_secs(90), async || {
            let found = self.get(token, &outcome).await?;
            Ok((found.status == 200 && found.body["status"] != "accepted").then_some(found))
        })
        .await
    }

    async fn answer(&self, request: reqwest::RequestBuilder, url: &str) -> anyhow::Result<Answer> {
        let answer = request.send().await.with_context(|| format!("calling {url}"))?;
        let (status, text) = (answer.status().as_u16(), answer.text().await?);
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }
}

/// Where documents and packets are, beside the logs.
fn objects(logs: &Path) -> PathBuf {
    logs.join("objects")
}

/// The real schema of a service's database.
fn schema_of(service: Service) -> &'static Migrator {
    match service {
        Service::Tracking => &migrations::TRACKING,
        Service::Commission => &migrations::COMMISSION,
        Service::Evidence => &migrations::EVIDENCE,
        Service::Claims => &migrations::CLAIMS,
        Service::Orders => &migrations::ORDERS,
        Service::Notify => &migrations::NOTIFY,
    }
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    // All held at once, so that they differ.
    let mut held = Vec::new();
    for _ in 0..N {
        held.push(TcpListener::bind("127.0.0.1:0")?);
    }
    let ports = held.iter().map(|listener| listener.local_addr().map(|address| address.port()));
    <[u16; N]>::try_from(ports.collect::<Result<Vec<_>, _>>()?).ok().context("as many ports")
}

/// Builds the binary as `./dev test` does, with the tests around it: alone it would be built with other features, for minutes, while faults
/// wait. Takes no time when it is there.
async fn build(servers: &Servers) -> anyhow::Result<()> {
    let cargo = Env::process().get("CARGO").unwrap_or("cargo").to_owned();
    let built = tokio::process::Command::new(cargo)
        .args(["build", "--workspace", "--all-targets"])
        .current_dir(servers.root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .await
        .context("running cargo")?;
    ensure!(built.status.success(), "recoup does not build: {}", String::from_utf8_lossy(&built.stderr));
    Ok(())
}
