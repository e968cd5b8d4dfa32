//! Push messages by Firebase Cloud Messaging (HTTP v1), signed in with a service account.
//!
//! A repeat is harmless: it carries the same collapse key, so that a device shows one message for both.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::clock::Clock;
use service_kit::config::Secret;
use service_kit::http_client;
use tokio::sync::Mutex;
use url::form_urlencoded::Serializer;

use crate::sending::{Receipt, SendError};
use crate::wire::{body_of, outcome_of};

const TIMEOUT: Duration = Duration::from_secs(15);
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Longest life of an assertion.
const HOUR: i64 = 3_600;
/// A token is renewed so long before it ends.
const EARLY: TimeDelta = TimeDelta::minutes(5);

/// A service account, as the file that the provider hands out.
#[derive(Clone, Deserialize)]
pub struct ServiceAccount {
    /// Whose messages.
    pub project_id: String,
    /// Who signs in.
    pub client_email: String,
    /// PKCS #8 in PEM.
    private_key: String,
    /// Where tokens are got.
    pub token_uri: String,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("project_id", &self.project_id).finish_non_exhaustive()
    }
}

impl FromStr for ServiceAccount {
    type Err = &'static str;

    /// The file in base64, as an environment can hold it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = STANDARD.decode(text).map_err(|_| "is not base64")?;
        let account: Self = serde_json::from_slice(&bytes).map_err(|_| "is not a service account's file")?;
        EncodingKey::from_rsa_pem(account.private_key.as_bytes()).map_err(|_| "has no RSA key")?;
        Ok(account)
    }
}

/// What a device shows.
#[derive(Debug, Clone, Copy)]
pub struct PushText<'a> {
    /// The first line.
    pub title: &'a str,
    /// The rest.
    pub body: &'a str,
    /// Names the message: the same name is the same message, also on the device.
    pub name: &'a str,
}

/// What signing in gave, and until when it lasts.
type Token = (Secret, DateTime<Utc>);

/// A carrier of push messages.
#[derive(Clone)]
pub struct Push {
    http: reqwest::Client,
    base: String,
    account: ServiceAccount,
    clock: Arc<dyn Clock>,
    access: Arc<Mutex<Option<Token>>>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("base", &self.base).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Access {
    access_token: String,
    expires_in: i64,
}

#[derive(Deserialize)]
struct Sent {
    name: String,
}

#[derive(Deserialize, Default)]
struct Answer {
    #[serde(default)]
    error: Problem,
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "errorCode")]
    code: Option<String>,
}

impl Push {
    /// `base` is `https://fcm.googleapis.com`, or a stand-in's address.
    pub fn new(base: &str, account: ServiceAccount, clock: Arc<dyn Clock>) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { http: http_client::client(TIMEOUT), base, account, clock, access: Arc::default() }
    }

    /// Hands a message for one device over.
    ///
    /// # Errors
    /// See [`SendError`]. A repeat after [`SendError::Unknown`] is harmless.
    pub async fn send(&self, device: &str, text: PushText<'_>) -> Result<Receipt, SendError> {
        let access = self.access().await?;
        let message = json!({"message": {
            "token": device,
            "notification": {"title": text.title, "body": text.body},
            "data": {"notification_id": text.name},
            "android": {"collapse_key": text.name, "notification": {"tag": text.name}},
            "apns": {"headers": {"apns-collapse-id": text.name}},
        }});
        let address = format!("{}/v1/projects/{}/messages:send", self.base, self.account.project_id);
        let request = self.http.post(address).bearer_auth(access.expose()).json(&message);
        let response = outcome_of(request.send().await).map_err(|(problem, sent)| match sent {
            true => SendError::Unknown(problem),
            false => SendError::Unavailable(problem),
        })?;
        let status = response.status();
        let body = body_of(response).await.map_err(SendError::Unknown)?;
        if status.is_success() {
            let sent: Sent =
                serde_json::from_slice(&body).map_err(|_| SendError::Unknown("the answer is odd".to_owned()))?;
            return Ok(Receipt { reference: Some(sent.name) });
        }
        if status == StatusCode::UNAUTHORIZED {
            // Taken back before its time; the next attempt gets another.
            *self.access.lock().await = None;
        }
        let problem = serde_json::from_slice::<Answer>(&body).unwrap_or_default().error;
        let code = problem.details.into_iter().find_map(|detail| detail.code).unwrap_or(problem.status);
        match status {
            _ if matches!(code.as_str(), "UNREGISTERED" | "SENDER_ID_MISMATCH") => Err(SendError::Gone { code }),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(SendError::Unavailable(format!("it answered {} ({code})", status.as_u16())))
            }
            StatusCode::SERVICE_UNAVAILABLE => Err(SendError::Unavailable("it answered 503".into())),
            _ if status.is_server_error() => Err(SendError::Unknown(format!("it answered {}", status.as_u16()))),
            _ => Err(SendError::Refused { code }),
        }
    }

    /// A token, got by signing in when there is none that lasts.
    async fn access(&self) -> Result<Secret, SendError> {
        let now = self.clock.now();
        let mut access = self.access.lock().await;
        if let Some((token, ends)) = access.as_ref()
            && now + EARLY < *ends
        {
            return Ok(token.clone());
        }
        let ServiceAccount { client_email, private_key, token_uri, .. } = &self.account;
        let unavailable = |problem: String| SendError::Unavailable(format!("signing in: {problem}"));
        let key = EncodingKey::from_rsa_pem(private_key.as_bytes()).map_err(|_| unavailable("no key".into()))?;
        let seconds = now.timestamp();
        let assertion =
            Assertion { iss: client_email, scope: SCOPE, aud: token_uri, iat: seconds, exp: seconds + HOUR };
        let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &assertion, &key)
            .map_err(|_| unavailable("the key does not sign".into()))?;
        let form = Serializer::new(String::new())
            .extend_pairs([("grant_type", GRANT), ("assertion", assertion.as_str())])
            .finish();
        let request = self.http.post(token_uri).header("content-type", "application/x-www-form-urlencoded").body(form);
        let response = outcome_of(request.send().await).map_err(|(problem, _)| unavailable(problem))?;
        let status = response.status();
        let body = body_of(response).await.map_err(unavailable)?;
        if !status.is_success() {
            return Err(unavailable(format!("it answered {}", status.as_u16())));
        }
        let got: Access = serde_json::from_slice(&body).map_err(|_| unavailable("the answer is odd".into()))?;
        let token = Secret::new(got.access_token);
        *access = Some((token.clone(), now + TimeDelta::seconds(got.expires_in)));
        Ok(token)
    }
}
