//! How Stripe is asked.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service_kit::config::Secret;
use service_kit::http_client;
use url::Url;

use super::objects::List;
use super::{API_VERSION, Error};
use crate::wire::{body_of, outcome_of};

/// Stripe gives up after eighty seconds itself; a payment is mostly through in two.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Pages that are looked through for one thing, of a hundred entries each.
const PAGES: usize = 20;

/// Stripe with our key.
#[derive(Clone)]
pub struct Stripe {
    http: reqwest::Client,
    base: String,
    key: Secret,
    timeout: Duration,
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("base", &self.base).finish_non_exhaustive()
    }
}

pub(crate) type Parameters = Vec<(String, String)>;

pub(crate) fn owned<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Parameters {
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[derive(Deserialize)]
struct Answer {
    error: Problem,
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(rename = "type", default)]
    kind: String,
    code: Option<String>,
    decline_code: Option<String>,
    #[serde(default)]
    message: String,
    payment_intent: Option<Tried>,
}

#[derive(Deserialize)]
struct Tried {
    id: String,
}

impl Stripe {
    /// `base` is `https://api.stripe.com`, or a stand-in's address.
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

    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Parameters,
        id: impl Fn(&T) -> &String,
        fits: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, Error> {
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let mut page = query.clone();
            page.extend(owned([("limit", "100")]));
            page.extend(after.take().map(|after| ("starting_after".to_owned(), after)));
            let list: List<T> = self.get(path, page).await?;
            after = list.data.last().map(|last| id(last).clone());
            if let Some(found) = list.data.into_iter().find(&fits) {
                return Ok(Some(found));
            }
            if !list.has_more || after.is_none() {
                return Ok(None);
            }
        }
        // Saying that it is not there would be a guess.
        Err(Error::Unavailable("too many entries to look through".to_owned()))
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: Parameters) -> Result<T, Error> {
        // Reading changes nothing, so that nothing is unknown after it.
        self.ask(Method::GET, path, query, None).await.map_err(|error| match error {
            Error::Unknown { problem, .. } => Error::Unavailable(problem),
            other => other,
        })
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, form: Parameters, key: &str) -> Result<T, Error> {
        self.ask(Method::POST, path, form, Some(key)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        parameters: Parameters,
        key: Option<&str>,
    ) -> Result<T, Error> {
        let bad = |error: url::ParseError| Error::Unavailable(format!("the configured address is none: {error}"));
        let mut address = Url::parse(&format!("{}{path}", self.base)).map_err(bad)?;
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
        let mut request = match key {
            None => {
                address.set_query((!encoded.is_empty()).then_some(encoded.as_str()));
                self.http.request(method, address)
            }
            Some(key) => {
                let request = self.http.request(method, address).body(encoded);
                request.header("content-type", "application/x-www-form-urlencoded").header("idempotency-key", key)
            }
        };
        request = request.bearer_auth(self.key.expose()).header("stripe-version", API_VERSION).timeout(self.timeout);
        let response = outcome_of(request.send().await).map_err(|(problem, sent)| match sent {
            true => Error::Unknown { problem, request_id: None },
            false => Error::Unavailable(problem),
        })?;
        let status = response.status();
        let request_id = response.headers().get("request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let unknown = |problem: String| Error::Unknown { problem, request_id: request_id.clone() };
        let body = body_of(response).await.map_err(unknown)?;
        if status.is_success() {
            // It was done; what it says cannot be read.
            return serde_json::from_slice(&body).map_err(|error| unknown(format!("the answer is odd: {error}")));
        }
        let problem = serde_json::from_slice::<Answer>(&body).map(|answer| answer.error).unwrap_or_default();
        let code = problem.code.clone().unwrap_or_else(|| problem.kind.clone());
        match status {
            // Another request with this key is under way: it may do it.
            StatusCode::CONFLICT => Err(unknown("the same is being done".to_owned())),
            StatusCode::TOO_MANY_REQUESTS => Err(Error::Unavailable(format!("too many requests ({code})"))),
            StatusCode::PAYMENT_REQUIRED => Err(Error::Declined {
                code,
                decline_code: problem.decline_code,
                payment_intent: problem.payment_intent.map(|tried| tried.id),
            }),
            _ if status.is_server_error() => Err(unknown(format!("it answered {}", status.as_u16()))),
            _ if problem.kind == "idempotency_error" => Err(Error::KeyReused),
            _ => {
                let (status, message) = (status.as_u16(), problem.message);
                Err(Error::Refused { status, code, message, request_id })
            }
        }
    }
}
