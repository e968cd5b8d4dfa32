//! How PayPal is asked: with a token that is fetched with our id and secret, kept until shortly before its end, and fetched again when
//! PayPal does not know it any more.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use service_kit::config::Secret;
use service_kit::http_client;
use tokio::sync::Mutex;

use crate::gateway::{Error, ask, read};

const TIMEOUT: Duration = Duration::from_secs(30);
/// A token is given up so long before its end.
const MARGIN: Duration = Duration::from_secs(60);

/// PayPal with our credentials.
#[derive(Clone)]
pub struct PayPal {
    http: reqwest::Client,
    base: String,
    client_id: String,
    secret: Secret,
    timeout: Duration,
    token: Arc<Mutex<Option<(Secret, Instant)>>>,
}

impl fmt::Debug for PayPal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayPal").field("base", &self.base).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    name: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    issue: String,
}

/// The issue where there is one (`INSTRUMENT_DECLINED`), else the name (`RESOURCE_NOT_FOUND`).
fn reason(body: &[u8]) -> Option<(String, String)> {
    let problem: Problem = serde_json::from_slice(body).ok()?;
    let issue = problem.details.into_iter().map(|detail| detail.issue).find(|issue| !issue.is_empty());
    let code = issue.unwrap_or(if problem.name.is_empty() { problem.error } else { problem.name });
    Some((code, problem.message))
}

impl PayPal {
    /// `base` is `https://api-m.paypal.com`, PayPal's own sandbox, or a stand-in's address.
    pub fn new(base: &str, client_id: &str, secret: Secret) -> Self {
        Self {
            http: http_client::client(TIMEOUT),
            base: base.trim_end_matches('/').to_owned(),
            client_id: client_id.to_owned(),
            secret,
            timeout: TIMEOUT,
            token: Arc::default(),
        }
    }

    /// The same with another time to wait for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn token(&self) -> Result<Secret, Error> {
        let mut kept = self.token.lock().await;
        if let Some((token, until)) = kept.as_ref()
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let request = self
            .http
            .post(format!("{}/v1/oauth2/token", self.base))
            .basic_auth(&self.client_id, Some(self.secret.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials")
            .timeout(self.timeout);
        // Without a token nothing was asked for, so nothing is unknown.
        let body = ask(request, reason).await.map_err(Error::of_reading)?;
        let granted: Granted = read(&body).map_err(Error::of_reading)?;
        let token = Secret::new(granted.access_token);
        let until = Instant::now() + Duration::from_secs(granted.expires_in).saturating_sub(MARGIN);
        *kept = Some((token.clone(), until));
        Ok(token)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
        key: Option<&str>,
    ) -> Result<bytes::Bytes, Error> {
        let mut again = true;
        loop {
            let token = self.token().await?;
            let mut request = self
                .http
                .request(method.clone(), format!("{}{path}", self.base))
                .bearer_auth(token.expose())
                .header("prefer", "return=representation")
                .timeout(self.timeout);
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_owned());
            }
            if let Some(key) = key {
                request = request.header("paypal-request-id", key);
            }
            match ask(request, reason).await {
                // The token was taken back before its end; nothing was done.
                Err(Error::Refused { status, .. }) if again && status == StatusCode::UNAUTHORIZED.as_u16() => {
                    again = false;
                    *self.token.lock().await = None;
                }
                ended => return ended,
            }
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let body = self.send(Method::GET, path, None, None).await.map_err(Error::of_reading)?;
        read(&body).map_err(Error::of_reading)
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, key: &str) -> Result<T, Error> {
        read(&self.send(Method::POST, path, Some(&body.to_string()), Some(key)).await?)
    }

    /// The same for an answer that may be empty.
    pub(super) async fn post_only(&self, path: &str, body: &Value, key: &str) -> Result<(), Error> {
        self.send(Method::POST, path, Some(&body.to_string()), Some(key)).await.map(drop)
    }

    /// A question that is asked by POST, with a body that is sent as it is.
    pub(super) async fn question<T: DeserializeOwned>(&self, path: &str, body: &str) -> Result<T, Error> {
        let answer = self.send(Method::POST, path, Some(body), None).await.map_err(Error::of_reading)?;
        read(&answer).map_err(Error::of_reading)
    }
}
