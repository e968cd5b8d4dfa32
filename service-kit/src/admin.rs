//! The broker's admin interface, as far as we need it.

use std::time::Duration;

use anyhow::Context;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::config::{PulsarConfig, TokenSource};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A client of the admin interface.
#[derive(Clone)]
pub struct Admin {
    base: String,
    token: TokenSource,
    http: reqwest::Client,
}

/// A subscription on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Messages that are not acknowledged.
    pub backlog: u64,
    /// The name of the consumer that gets them, if one does.
    pub active_consumer: Option<String>,
}

impl Admin {
    /// The admin interface that `config` names, in its role.
    pub fn new(config: &PulsarConfig) -> Self {
        let base = config.admin_url.trim_end_matches('/').to_owned();
        let authorities = config.authorities.as_ref();
        Self { base, token: config.token.clone(), http: crate::http_client::trusting(authorities, DEADLINE) }
    }

    /// Calls `path` (below `/admin/v2/`) and returns the status and body.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<(StatusCode, String)> {
        let mut request = self.http.request(method, format!("{}/admin/v2/{path}", self.base));
        if let Some(token) = self.token.current().context("reading the token")? {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.context("calling pulsar's admin interface")?;
        let status = response.status();
        Ok((status, response.text().await.unwrap_or_default()))
    }

    /// Calls `path` and takes `accepted` for success too (409: it exists already).
    ///
    /// # Errors
    /// When the broker does not answer or refuses.
    pub async fn ensure(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accepted: &[u16],
    ) -> anyhow::Result<()> {
        let (status, text) = self.call(method.clone(), path, body).await?;
        let fine = status.is_success() || accepted.contains(&status.as_u16());
        anyhow::ensure!(fine, "{method} {path} answered {status}: {}", text.chars().take(300).collect::<String>());
        Ok(())
    }

    /// Reads JSON from `path`.
    ///
    /// # Errors
    /// When the broker does not answer, refuses, or does not send JSON.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, text) = self.call(Method::GET, path, None).await?;
        anyhow::ensure!(
            status.is_success(),
            "GET {path} answered {status}: {}",
            text.chars().take(300).collect::<String>()
        );
        Ok(serde_json::from_str(&text)?)
    }

    /// The state of a subscription on one partition (a full topic name).
    ///
    /// # Errors
    /// When the broker does not answer, or the subscription does not exist.
    pub async fn subscription(&self, partition: &str, subscription: &str) -> anyhow::Result<SubscriptionState> {
        let stats = self.get(&format!("{}/stats", partition.replace("://", "/"))).await?;
        let state = &stats["subscriptions"][subscription];
        anyhow::ensure!(state.is_object(), "{partition} has no subscription {subscription}");
        Ok(SubscriptionState {
            backlog: state["msgBacklog"].as_u64().unwrap_or_default(),
            active_consumer: state["activeConsumerName"].as_str().map(str::to_owned),
        })
    }

    /// Who may do what on a topic or namespace: produce and consume.
    ///
    /// # Errors
    /// When the broker does not answer or refuses.
    pub async fn permit(&self, path: &str, role: &str, actions: &[&str]) -> anyhow::Result<()> {
        self.ensure(Method::POST, &format!("{path}/permissions/{role}"), Some(&json!(actions)), &[]).await
    }
}
