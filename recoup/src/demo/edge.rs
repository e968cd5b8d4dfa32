//! The system as the demo sees it: HTTP, with tokens of different people.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::auth::{Claims, Role, mint};
use service_kit::config::{AuthConfig, Env, load};
use service_kit::http_client;

/// Longest wait for anything to come about.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// Tokens outlive the demo, not the day.
const TOKEN_SECONDS: i64 = 3_600;

/// Somebody who acts in the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Shapes campaigns.
    Admin,
    /// Approves payouts.
    Manager,
    /// Reports events, handles payout files.
    Operator,
    /// Sells on a marketplace and is owed something.
    Seller,
    /// A partner.
    Partner(&'static str),
}

impl Who {
    fn claims(self, tenant: &str) -> Claims {
        let (sub, role) = match self {
            Self::Admin => ("ada", Role::Admin),
            Self::Manager => ("max", Role::Manager),
            Self::Operator => ("olga", Role::Operator),
            Self::Seller => ("sam", Role::Seller),
            Self::Partner(name) => (name, Role::Partner),
        };
        Claims { sub: sub.to_owned(), tenant: tenant.to_owned(), roles: vec![role], partner: None }
    }
}

/// A refusal: the status and the problem in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// What the problem says.
    pub detail: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

/// The system under play.
pub struct Edge {
    pub(super) http: reqwest::Client,
    auth: AuthConfig,
    pub(super) bff: String,
    pub(super) tracking: String,
    commands: AtomicU32,
    answers: AtomicBool,
    /// The tenant that is played with.
    pub tenant: String,
}

impl Edge {
    /// Reads from the environment where the services are and how tokens are signed.
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn new(tenant: &str) -> anyhow::Result<Self> {
        let env = Env::process();
        let at = |name: &str, default: &str| format!("http://127.0.0.1:{}", env.get(name).unwrap_or(default));
        Ok(Self {
            http: http_client::client(Duration::from_secs(30)),
            auth: load(&env)?,
            bff: at("BFF_PORT", "8002"),
            tracking: at("TRACKING_PORT", "8000"),
            commands: AtomicU32::new(1),
            answers: AtomicBool::new(false),
            tenant: tenant.to_owned(),
        })
    }

    pub(super) fn bearer(&self, who: Who) -> anyhow::Result<String> {
        mint(&self.auth, &who.claims(&self.tenant), TOKEN_SECONDS)
    }

    /// Asks for something at the BFF; `None` when it is not there. An answer that is no JSON comes as a text.
    ///
    /// # Errors
    /// For any other answer than 200 and 404.
    pub async fn find(&self, who: Who, path: &str) -> anyhow::Result<Option<Value>> {
        let (url, bearer) = (format!("{}{path}", self.bff), self.bearer(who)?);
        match self.send(&url, || self.http.get(&url).bearer_auth(&bearer)).await? {
            (404, _) => Ok(None),
            (200, text) => Ok(Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))),
            (status, text) => anyhow::bail!("GET {url} answered {status}: {text}"),
        }
    }

    /// Sends a request, and again while the system cannot answer for the moment or was cut off: everything sent here may be repeated.
    /// Only a system that never answered at all is not waited for.
    pub(super) async fn send(
        &self,
        url: &str,
        request: impl Fn() -> reqwest::RequestBuilder,
    ) -> anyhow::Result<(u16, String)> {
        until(&format!("an answer from {url}"), async || {
            let exchange = async {
                let answer = request().send().await?;
                Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
            };
            match exchange.await {
                Ok((429 | 503, _)) => Ok(None),
                Ok(answer) => {
                    self.answers.store(true, Ordering::Relaxed);
                    Ok(Some(answer))
                }
                Err(_) if self.answers.load(Ordering::Relaxed) => Ok(None),
                Err(error) => Err(error).with_context(|| format!("calling {url}: is the stack up? (./dev up)")),
            }
        })
        .await
    }

    /// Fetches a file.
    ///
    /// # Errors
    /// For any other answer than 200.
    pub async fn file(&self, who: Who, path: &str) -> anyhow::Result<Vec<u8>> {
        let url = format!("{}{path}", self.bff);
        let answer = self.http.get(&url).bearer_auth(self.bearer(who)?).send().await?;
        anyhow::ensure!(answer.status() == 200, "GET {url} answered {}", answer.status());
        Ok(answer.bytes().await?.to_vec())
    }

    /// Asks for something that has to be there.
    ///
    /// # Errors
    /// For any other answer than 200.
    pub async fn get(&self, who: Who, path: &str) -> anyhow::Result<Value> {
        self.find(who, path).await?.with_context(|| format!("GET {path} answered 404"))
    }

    /// Gives a command and waits for its outcome.
    ///
    /// # Errors
    /// When the system cannot take it or does not end it in time; a refusal is an outcome.
    pub async fn command(&self, who: Who, path: &str, body: &Value) -> anyhow::Result<Result<Value, Refused>> {
        self.give(Method::POST, who, path, "application/json", body.to_string().into_bytes()).await
    }

    /// Sets something that must not be refused.
    ///
    /// # Errors
    /// As [`Edge::must`].
    pub async fn set(&self, who: Who, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.give(Method::PUT, who, path, "application/json", body.to_string().into_bytes()).await?;
        answer.map_err(|refused| anyhow::anyhow!("PUT {path} was refused: {refused}"))
    }

    /// Everything that a list holds under `key`, page by page.
    ///
    /// # Errors
    /// As [`Edge::get`].
    pub async fn list(&self, who: Who, path: &str, key: &str) -> anyhow::Result<Vec<Value>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        let mark = if path.contains('?') { '&' } else { '?' };
        loop {
            let mut page = self.get(who, &format!("{path}{mark}limit=200{cursor}")).await?;
            all.append(page[key].as_array_mut().with_context(|| format!("GET {path} answered without {key}"))?);
            let Some(next) = page["next_cursor"].as_str() else { return Ok(all) };
            cursor = format!("&cursor={next}");
        }
    }

    /// Uploads a file as evidence and waits until it is registered.
    ///
    /// # Errors
    /// As [`Edge::command`].
    pub async fn upload(
        &self,
        who: Who,
        name: &str,
        kind: &str,
        file: &[u8],
    ) -> anyhow::Result<Result<Value, Refused>> {
        const BOUNDARY: &str = "recoup-demo-6d1c0f2e7a545b19";
        let part = |head: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").into_bytes();
        let body = [
            part("name=\"evidence_type\""),
            kind.as_bytes().to_vec(),
            b"\r\n".to_vec(),
            part(&format!("name=\"file\"; filename=\"{name}\"")),
            file.to_vec(),
            format!("\r\n--{BOUNDARY}--\r\n").into_bytes(),
        ];
        let form = format!("multipart/form-data; boundary={BOUNDARY}");
        self.give(Method::POST, who, "/api/v1/evidence/upload", &form, body.concat()).await
    }

    async fn give(
        &self,
        method: Method,
        who: Who,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Result<Value, Refused>> {
        let (url, bearer) = (format!("{}{path}", self.bff), self.bearer(who)?);
        // One key for each command of this run, so that sending it again is the same command.
        let key = format!("demo-{}", self.commands.fetch_add(1, Ordering::Relaxed));
        let request = || {
            let post = self.http.request(method.clone(), &url).bearer_auth(&bearer).header("Prefer", "wait=10");
            post.header("Idempotency-Key", &key).header("Content-Type", kind).body(body.clone())
        };
        let (status, text) = self.send(&url, request).await?;
        let body: Value = serde_json::from_str(&text)
            .with_context(|| format!("{method} {url} answered {status} without JSON: {text}"))?;
        match status {
            200 | 201 => Ok(Ok(body)),
            202 => self.outcome(who, &body).await,
            400..500 => Ok(Err(refused(status, &body))),
            _ => anyhow::bail!("{method} {url} answered {status}: {body}"),
        }
    }

    /// The outcome of a command that took longer than one request may wait.
    async fn outcome(&self, who: Who, accepted: &Value) -> anyhow::Result<Result<Value, Refused>> {
        let id = accepted["command_id"].as_str().context("the answer names no command")?;
        let path = format!("/api/v1/commands/{id}?wait=10");
        until("the outcome of a command", async || {
            let outcome = self.find(who, &path).await?.unwrap_or_default();
            Ok(match outcome["status"].as_str() {
                Some("done") => Some(Ok(outcome)),
                Some("rejected") => Some(Err(refused(422, &outcome["rejection"]))),
                _ => None,
            })
        })
        .await
    }

    /// Gives a command that must not be refused.
    ///
    /// # Errors
    /// When it is refused, too.
    pub async fn must(&self, who: Who, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.command(who, path, body).await?.map_err(|refused| anyhow::anyhow!("POST {path} was refused: {refused}"))
    }

    /// Moves the clock of a development stack ahead; returns its time.
    ///
    /// # Errors
    /// When the stack has no such clock.
    pub async fn move_clock(&self, days: i64) -> anyhow::Result<String> {
        self.move_clock_by(TimeDelta::days(days)).await
    }

    /// The same, by any step; none at all just asks what time it is.
    ///
    /// # Errors
    /// When the stack has no such clock.
    pub async fn move_clock_by(&self, step: TimeDelta) -> anyhow::Result<String> {
        let url = format!("{}/dev/clock", self.bff);
        let answer = self.http.post(&url).json(&json!({ "advance_seconds": step.num_seconds() })).send().await?;
        let status = answer.status();
        anyhow::ensure!(
            status.is_success(),
            "POST {url} answered {status}: the demo needs DEV_CLOCK=true, as ./dev up sets it"
        );
        let body: Value = answer.json().await?;
        Ok(body["now"].as_str().unwrap_or_default().to_owned())
    }
}

fn refused(status: u16, problem: &Value) -> Refused {
    let words = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("no reason given");
    Refused { status, detail: words.to_owned() }
}

/// Looks until there is something to see.
///
/// # Errors
/// When that takes longer than two minutes, or looking fails.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "waited {} s in vain for {what}", PATIENCE.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
}
