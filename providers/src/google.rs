//! Google's login for mailboxes (facts: Google's published OAuth 2.0 for web servers, and XOAUTH2 of Gmail's IMAP and SMTP): the page
//! where an owner consents, the exchange of what comes back, and access tokens, each fetched by one task and used by all until it runs
//! out.

mod config;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use reqwest::StatusCode;
use serde::Deserialize;
use service_kit::clock::Clock;
use service_kit::config::Secret;
use service_kit::http_client;

pub use config::{Application, Endpoints, GoogleConfig};
use tokens::Tokens;

use crate::wire::{body_of, outcome_of};

/// Somebody waits for a mailbox, and the job asks again later.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The owner took the consent back, or it ran out: a new one is needed.
    #[error("the consent was taken back")]
    Revoked,
    /// Google does not accept the request.
    #[error("Google refuses: {0}")]
    Refused(String),
    /// It can be tried again later.
    #[error("Google cannot be asked for the moment: {0}")]
    Unavailable(String),
    /// The answer is not what it should be.
    #[error("Google's answer cannot be read: {0}")]
    Unreadable(&'static str),
}

/// What a consent gives.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Good until it is taken back. To be kept encrypted.
    pub refresh_token: Secret,
    /// The address of the mailbox.
    pub address: String,
}

/// Google, as our application reaches it; clones share the tokens.
#[derive(Clone)]
pub struct Google {
    config: GoogleConfig,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    tokens: Arc<Tokens>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
    refresh_token: Option<String>,
    id_token: Option<String>,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// What an ID token says of its owner.
#[derive(Deserialize)]
struct Owner {
    email: String,
    #[serde(default)]
    email_verified: bool,
}

impl Google {
    /// Nothing is asked yet.
    pub fn new(config: GoogleConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, http: http_client::client(PATIENCE), clock, tokens: Arc::default() }
    }

    /// The application, and where Google is.
    pub fn config(&self) -> &GoogleConfig {
        &self.config
    }

    /// Exchanges the `code` that an owner came back with. A code is good once.
    ///
    /// # Errors
    /// As [`Error`] says; a code that was sent may be used up, whatever the error.
    pub async fn exchange_code(&self, code: &Secret, redirect_uri: &str) -> Result<Grant, Error> {
        let form = [("grant_type", "authorization_code"), ("code", code.expose()), ("redirect_uri", redirect_uri)];
        let answer = match self.ask(&form).await {
            Err(Error::Revoked) => return Err(Error::Refused("invalid_grant".to_owned())),
            answer => answer?,
        };
        // Whoever consents may leave out what we ask for.
        if !answer.scope.split(' ').any(|scope| scope == config::MAIL_SCOPE) {
            return Err(Error::Refused("access to the mailbox was not given".to_owned()));
        }
        let refresh_token = answer.refresh_token.ok_or(Error::Unreadable("no refresh_token in it"))?;
        let address = owner(&answer.id_token.ok_or(Error::Unreadable("no id_token in it"))?)?;
        Ok(Grant { refresh_token: Secret::new(refresh_token), address })
    }

    /// An access token that can be used now.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Revoked`] without asking again.
    pub async fn access(&self, refresh_token: &Secret) -> Result<Secret, Error> {
        let shared = self.tokens.of(refresh_token);
        let mut known = shared.lock().await;
        if let Some(token) = known.good_at(self.clock.now())? {
            return Ok(token);
        }
        let asked_at = self.clock.now();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        match self.ask(&form).await {
            Ok(answer) => {
                let token = Secret::new(answer.access_token);
                let lasts = TimeDelta::try_seconds(answer.expires_in).unwrap_or_default();
                known.keep(token.clone(), asked_at + lasts);
                Ok(token)
            }
            Err(error) => {
                if error == Error::Revoked {
                    known.revoke();
                }
                Err(error)
            }
        }
    }

    /// A mail server did not take this token: the next one is fetched anew, unless somebody did so already.
    pub async fn reject(&self, refresh_token: &Secret, rejected: &Secret) {
        self.tokens.of(refresh_token).lock().await.reject(rejected);
    }

    async fn ask(&self, what: &[(&str, &str)]) -> Result<TokenAnswer, Error> {
        let application = &self.config.application;
        let own =
            [("client_id", application.client_id.as_str()), ("client_secret", application.client_secret.expose())];
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(what).extend_pairs(own).finish();
        let request = self.http.post(format!("{}/token", self.config.endpoints.token)).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = outcome_of(request.send().await).map_err(|(problem, _)| Error::Unavailable(problem))?;
        let status = response.status();
        let body = body_of(response).await.map_err(Error::Unavailable)?;
        if status.is_success() {
            // The body holds tokens: what is wrong with it is told without it.
            return serde_json::from_slice(&body).map_err(|_| Error::Unreadable("not a token's JSON"));
        }
        if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
            return Err(Error::Unavailable(format!("it answered {}", status.as_u16())));
        }
        let refusal = serde_json::from_slice(&body).map(|Refusal { error }| error);
        let code = refusal.unwrap_or_else(|_| format!("status {}", status.as_u16()));
        Err(if code == "invalid_grant" { Error::Revoked } else { Error::Refused(code) })
    }
}

/// Whose an ID token is. It came from Google itself over TLS, so its signature need not be looked at (OpenID Connect Core, 3.1.3.7).
fn owner(id_token: &str) -> Result<String, Error> {
    let payload = id_token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let owner: Option<Owner> = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    let owner = owner.filter(|owner| owner.email_verified && owner.email.contains('@'));
    owner.map(|owner| owner.email).ok_or(Error::Unreadable("the id_token names no verified address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_token_names_a_verified_owner_or_nobody() {
        let token = |payload: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(owner(&token(r#"{"email":"a@gmail.com","email_verified":true}"#)), Ok("a@gmail.com".to_owned()));
        for bad in [&token(r#"{"email":"a@gmail.com"}"#), &token(r#"{"email_verified":true}"#), "x", "a.b.c"] {
            assert!(owner(bad).is_err(), "{bad}");
        }
    }
}
