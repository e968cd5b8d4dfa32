//! Asking Stripe.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service_kit::config::Secret;
use service_kit::http_client;
use shared_events::money::Money;
use url::Url;

use super::amount::parameters;
use super::objects::List;
use super::{API_VERSION, CheckoutSession, Customer, Error, PaymentIntent, Refund};
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

/// A charge of a saved card, while its owner is away.
#[derive(Debug, Clone)]
pub struct Charge {
    /// `cus_...`.
    pub customer: String,
    /// `pm_...`, saved with that customer.
    pub payment_method: String,
    /// How much.
    pub amount: Money,
    /// For the customer's statement of account with us.
    pub description: String,
    /// Written on the payment; what it is looked up by belongs here. No personal data.
    pub metadata: BTreeMap<String, String>,
    /// At most 255 signs, the same for the same charge for ever.
    pub idempotency_key: String,
}

/// Money to give back of a payment.
#[derive(Debug, Clone)]
pub struct RefundOf {
    /// `pi_...`.
    pub payment_intent: String,
    /// How much of it, in the payment's currency.
    pub amount: Money,
    /// Written on the refund.
    pub metadata: BTreeMap<String, String>,
    /// As for charges.
    pub idempotency_key: String,
}

type Parameters = Vec<(String, String)>;

fn with_metadata(mut parameters: Parameters, metadata: &BTreeMap<String, String>) -> Parameters {
    parameters.extend(metadata.iter().map(|(name, value)| (format!("metadata[{name}]"), value.clone())));
    parameters
}

fn owned<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Parameters {
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

    /// Charges a saved card. Anything but `Succeeded` and `Processing` is not paid.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be charged.
    pub async fn charge(&self, charge: &Charge) -> Result<PaymentIntent, Error> {
        let mut form = owned([
            ("customer", charge.customer.as_str()),
            ("payment_method", &charge.payment_method),
            ("description", &charge.description),
            ("confirm", "true"),
            ("off_session", "true"),
        ]);
        form.extend(parameters(charge.amount)?.map(|(name, value)| (name.to_owned(), value)));
        self.post("/v1/payment_intents", with_metadata(form, &charge.metadata), &charge.idempotency_key).await
    }

    /// One payment.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn payment_intent(&self, id: &str) -> Result<PaymentIntent, Error> {
        self.get(&format!("/v1/payment_intents/{}", plain(id)?), vec![]).await
    }

    /// Looks for a payment by what is written on it, among the customer's since a time. Lists are up to date at once, unlike Stripe's
    /// search.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn find_charge(
        &self,
        customer: &str,
        since: DateTime<Utc>,
        metadata: (&str, &str),
    ) -> Result<Option<PaymentIntent>, Error> {
        let since = since.timestamp().to_string();
        let query = owned([("customer", customer), ("created[gte]", &since)]);
        let fits = |intent: &PaymentIntent| intent.metadata.get(metadata.0).is_some_and(|value| value == metadata.1);
        self.find("/v1/payment_intents", query, |intent| &intent.id, fits).await
    }

    /// Gives money back.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be given back.
    pub async fn refund(&self, refund: &RefundOf) -> Result<Refund, Error> {
        let [amount, _] = parameters(refund.amount)?;
        let form = owned([("payment_intent", refund.payment_intent.as_str()), (amount.0, &amount.1)]);
        self.post("/v1/refunds", with_metadata(form, &refund.metadata), &refund.idempotency_key).await
    }

    /// Looks for a refund of a payment by what is written on it.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn find_refund(&self, payment_intent: &str, metadata: (&str, &str)) -> Result<Option<Refund>, Error> {
        let query = owned([("payment_intent", payment_intent)]);
        let fits = |refund: &Refund| refund.metadata.get(metadata.0).is_some_and(|value| value == metadata.1);
        self.find("/v1/refunds", query, |refund| &refund.id, fits).await
    }

    /// Makes a customer.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn create_customer(
        &self,
        metadata: &BTreeMap<String, String>,
        idempotency_key: &str,
    ) -> Result<Customer, Error> {
        self.post("/v1/customers", with_metadata(vec![], metadata), idempotency_key).await
    }

    /// Makes a page where a customer saves a card for later charges. Stripe puts the session's id in place of `{CHECKOUT_SESSION_ID}`
    /// in `success_url`.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn create_setup_page(
        &self,
        customer: &str,
        (success_url, cancel_url): (&str, &str),
        idempotency_key: &str,
    ) -> Result<CheckoutSession, Error> {
        let form = owned([
            ("mode", "setup"),
            ("customer", customer),
            ("payment_method_types[0]", "card"),
            ("success_url", success_url),
            ("cancel_url", cancel_url),
        ]);
        self.post("/v1/checkout/sessions", form, idempotency_key).await
    }

    /// What became of such a page.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn setup_page(&self, id: &str) -> Result<CheckoutSession, Error> {
        let query = owned([("expand[0]", "setup_intent")]);
        self.get(&format!("/v1/checkout/sessions/{}", plain(id)?), query).await
    }

    async fn find<T: DeserializeOwned>(
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

    async fn get<T: DeserializeOwned>(&self, path: &str, query: Parameters) -> Result<T, Error> {
        // Reading changes nothing, so that nothing is unknown after it.
        self.ask(Method::GET, path, query, None).await.map_err(|error| match error {
            Error::Unknown { problem, .. } => Error::Unavailable(problem),
            other => other,
        })
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, form: Parameters, key: &str) -> Result<T, Error> {
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

/// An id as a part of a path.
fn plain(id: &str) -> Result<&str, Error> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(id);
    }
    let message = "not an id".to_owned();
    Err(Error::Refused { status: 400, code: "id".to_owned(), message, request_id: None })
}
