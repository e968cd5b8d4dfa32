//! Text messages by Twilio's Messages resource, or by anybody who speaks it.
//!
//! What Twilio calls back is in [`read_status`].
//!
//! Creating a message has no idempotency key there, so that an unknown outcome is looked up before anything is sent again.

mod status;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;
use service_kit::config::Secret;
use service_kit::http_client;
use url::form_urlencoded::Serializer;

use crate::sending::{Receipt, SendError};
use crate::wire::{body_of, outcome_of};

pub use status::{Progress, SIGNATURE, Status, read_status};

const TIMEOUT: Duration = Duration::from_secs(15);
/// Messages to one number that are looked through.
const PAGE: &str = "100";
/// The number cannot be written to: it is none, is no mobile, does not exist, or its owner sent STOP.
const GONE: [i64; 6] = [21_211, 21_214, 21_217, 21_610, 21_612, 21_614];

/// How the carrier of text messages is reached.
#[derive(Debug, Clone)]
pub struct SmsConfig {
    /// `https://api.twilio.com`, or a stand-in's address.
    pub base: String,
    /// The account.
    pub account: String,
    /// Its token.
    pub token: Secret,
    /// The number or name that writes, or a messaging service (`MG…`).
    pub from: String,
}

/// A carrier of text messages.
#[derive(Clone)]
pub struct Sms {
    http: reqwest::Client,
    config: SmsConfig,
    timeout: Duration,
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sms").field("base", &self.config.base).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Message {
    sid: String,
    #[serde(default)]
    body: String,
    date_created: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    code: i64,
}

impl Sms {
    /// A carrier; nothing is connected yet.
    pub fn new(config: SmsConfig) -> Self {
        let base = config.base.trim_end_matches('/').to_owned();
        Self { http: http_client::client(TIMEOUT), config: SmsConfig { base, ..config }, timeout: TIMEOUT }
    }

    /// The same with another time to wait for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn messages(&self) -> String {
        let SmsConfig { base, account, .. } = &self.config;
        format!("{base}/2010-04-01/Accounts/{account}/Messages.json")
    }

    /// Hands a text over; how it fares afterwards is told to `news`, an address.
    ///
    /// # Errors
    /// See [`SendError`]; after [`SendError::Unknown`] look it up with [`Sms::find`].
    pub async fn send(&self, to: &str, text: &str, news: Option<&str>) -> Result<Receipt, SendError> {
        let SmsConfig { account, token, from, .. } = &self.config;
        let sender = if from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
        let form = Serializer::new(String::new())
            .extend_pairs([("To", to), (sender, from.as_str()), ("Body", text)])
            .extend_pairs(news.map(|address| ("StatusCallback", address)))
            .finish();
        let request = self.http.post(self.messages()).basic_auth(account, Some(token.expose())).timeout(self.timeout);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let response = outcome_of(request.send().await).map_err(|(problem, sent)| match sent {
            true => SendError::Unknown(problem),
            false => SendError::Unavailable(problem),
        })?;
        let status = response.status();
        let body = body_of(response).await.map_err(SendError::Unknown)?;
        if status.is_success() {
            let message: Message =
                serde_json::from_slice(&body).map_err(|_| SendError::Unknown("the answer is odd".to_owned()))?;
            return Ok(Receipt { reference: Some(message.sid) });
        }
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        match status {
            _ if GONE.contains(&problem.code) => Err(SendError::Gone { code: problem.code.to_string() }),
            // Our own key or account: people have to look at it, and then it goes on.
            StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(SendError::Unavailable(format!("it answered {} ({})", status.as_u16(), problem.code)))
            }
            _ if status.is_server_error() => Err(SendError::Unknown(format!("it answered {}", status.as_u16()))),
            _ => Err(SendError::Refused { code: problem.code.to_string() }),
        }
    }

    /// Looks for a text that may have been handed over: to this number, with these words, not before `since`, and none of those that are
    /// `known` by their names.
    ///
    /// # Errors
    /// When it cannot be looked up for the moment.
    pub async fn find(
        &self,
        to: &str,
        text: &str,
        since: DateTime<Utc>,
        known: &[String],
    ) -> Result<Option<Receipt>, SendError> {
        let SmsConfig { account, token, .. } = &self.config;
        let query = Serializer::new(String::new()).extend_pairs([("To", to), ("PageSize", PAGE)]).finish();
        let address = format!("{}?{query}", self.messages());
        let request = self.http.get(address).basic_auth(account, Some(token.expose())).timeout(self.timeout);
        let unavailable = |problem: String| SendError::Unavailable(problem);
        let response = outcome_of(request.send().await).map_err(|(problem, _)| unavailable(problem))?;
        let status = response.status();
        let body = body_of(response).await.map_err(unavailable)?;
        if !status.is_success() {
            return Err(unavailable(format!("it answered {}", status.as_u16())));
        }
        let page: Page = serde_json::from_slice(&body).map_err(|_| unavailable("the answer is odd".into()))?;
        // A minute of grace: clocks differ.
        let since = since - chrono::TimeDelta::minutes(1);
        let fits = |message: &Message| {
            let made = message.date_created.as_deref().and_then(|text| DateTime::parse_from_rfc2822(text).ok());
            message.body == text && made.is_none_or(|made| made >= since) && !known.contains(&message.sid)
        };
        Ok(page.messages.into_iter().find(fits).map(|message| Receipt { reference: Some(message.sid) }))
    }
}
