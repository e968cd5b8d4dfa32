//! How EasyPost is asked.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service_kit::config::Secret;
use service_kit::http_client;
use url::Url;

use super::objects::{Address, Parcel, Shipment, Tracker};
use crate::wire::{body_of, outcome_of};

/// Carriers are asked for rates meanwhile, which takes its time.
const TIMEOUT: Duration = Duration::from_secs(30);
/// No label comes near it.
const LARGEST_LABEL: usize = 5 * 1024 * 1024;

/// Why there is no result. Never holds a key or an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A definite no; asking again changes nothing.
    #[error("easypost refused with {status}: {code}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// EasyPost's word for it: `SHIPMENT.POSTAGE.EXISTS`, ...
        code: String,
        /// In words.
        message: String,
    },
    /// Nothing was done; it can be asked again later.
    #[error("easypost is not answering: {0}")]
    Unavailable(String),
    /// It may have been done or not: look it up first.
    #[error("nobody knows whether it was done: {0}")]
    Unknown(String),
}

impl Error {
    /// Whether postage was bought for this shipment before.
    pub fn is_bought_already(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "SHIPMENT.POSTAGE.EXISTS")
    }
}

/// EasyPost with our key.
#[derive(Clone)]
pub struct EasyPost {
    http: reqwest::Client,
    base: String,
    key: Secret,
    timeout: Duration,
}

impl fmt::Debug for EasyPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EasyPost").field("base", &self.base).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    error: Problem,
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: Value,
}

impl EasyPost {
    /// `base` is `https://api.easypost.com`, or a stand-in's address.
    pub fn new(base: &str, key: Secret) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { http: http_client::client(TIMEOUT), base, key, timeout: TIMEOUT }
    }

    /// The same with another time to wait for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes a shipment and has it rated. Nothing is charged for it.
    ///
    /// # Errors
    /// [`Error::Unknown`] when it may have been made: find it by its reference.
    pub async fn create(
        &self,
        reference: &str,
        from: &Address,
        to: &Address,
        parcel: Parcel,
    ) -> Result<Shipment, Error> {
        let body =
            json!({ "shipment": { "reference": reference, "from_address": from, "to_address": to, "parcel": parcel } });
        self.ask(Method::POST, &["shipments"], Some(body)).await
    }

    /// A shipment by EasyPost's id or by our reference.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn find(&self, id_or_reference: &str) -> Result<Option<Shipment>, Error> {
        match self.ask(Method::GET, &["shipments", id_or_reference], None).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::Refused { status: 404, .. }) => Ok(None),
            // Reading changes nothing, so that nothing is unknown after it.
            Err(Error::Unknown(problem)) => Err(Error::Unavailable(problem)),
            Err(other) => Err(other),
        }
    }

    /// Buys postage for a shipment at one of its rates.
    ///
    /// # Errors
    /// [`Error::Unknown`] when it may have been bought: look at the shipment.
    pub async fn buy(&self, shipment: &str, rate: &str) -> Result<Shipment, Error> {
        self.ask(Method::POST, &["shipments", shipment, "buy"], Some(json!({ "rate": { "id": rate } }))).await
    }

    /// Gives postage back that was not used.
    ///
    /// # Errors
    /// [`Error::Unknown`] when it may have been given back: look at the shipment.
    pub async fn refund(&self, shipment: &str) -> Result<Shipment, Error> {
        self.ask(Method::POST, &["shipments", shipment, "refund"], Some(json!({}))).await
    }

    /// Where a parcel is, by the tracker's id.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn tracker(&self, id: &str) -> Result<Tracker, Error> {
        self.ask(Method::GET, &["trackers", id], None).await
    }

    /// Fetches a label.
    ///
    /// # Errors
    /// When it is not there, or is no sensible label.
    pub async fn label(&self, address: &str) -> Result<Bytes, Error> {
        let away = |problem: &str| Error::Unavailable(problem.to_owned());
        let address = Url::parse(address).map_err(|_| away("the label's address is none"))?;
        let own = Url::parse(&self.base).is_ok_and(|base| base.origin() == address.origin());
        if address.scheme() != "https" && !own {
            return Err(away("the label's address is not of EasyPost"));
        }
        let answer = outcome_of(self.http.get(address).timeout(self.timeout).send().await);
        let answer = answer.map_err(|(problem, _)| Error::Unavailable(problem))?;
        if !answer.status().is_success() {
            return Err(Error::Unavailable(format!("the label's address answered {}", answer.status().as_u16())));
        }
        let label = body_of(answer).await.map_err(Error::Unavailable)?;
        if label.is_empty() || label.len() > LARGEST_LABEL {
            Err(away("the label is empty or too large"))
        } else {
            Ok(label)
        }
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<T, Error> {
        let bad = || Error::Unavailable("the configured address is none".to_owned());
        let mut address = Url::parse(&self.base).map_err(|_| bad())?;
        address.path_segments_mut().map_err(|()| bad())?.pop_if_empty().push("v2").extend(path);
        let mut request =
            self.http.request(method, address).basic_auth(self.key.expose(), Some("")).timeout(self.timeout);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = outcome_of(request.send().await).map_err(|(problem, sent)| match sent {
            true => Error::Unknown(problem),
            false => Error::Unavailable(problem),
        })?;
        let status = answer.status();
        let body = body_of(answer).await.map_err(Error::Unknown)?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|error| Error::Unknown(format!("the answer is odd: {error}")));
        }
        match status {
            StatusCode::TOO_MANY_REQUESTS => Err(Error::Unavailable("too many requests".to_owned())),
            _ if status.is_server_error() => Err(Error::Unknown(format!("it answered {}", status.as_u16()))),
            _ => {
                let problem = serde_json::from_slice::<Answer>(&body).map(|answer| answer.error).unwrap_or_default();
                let message = problem.message.as_str().map_or_else(|| problem.message.to_string(), str::to_owned);
                Err(Error::Refused { status: status.as_u16(), code: problem.code, message })
            }
        }
    }
}
