//! Razorpay: payments that a customer has authorised on its checkout page are looked at, taken, and given back.
//!
//! What it cannot do: take a part (an authorised payment is captured in full), let a promise go (what is not captured goes back by itself after
//! some days, as a refund of an uncaptured payment), and promise money without the customer's browser. A capture has no idempotency key: a
//! second one is refused as `already captured`. Refunds have one (`X-Refund-Idempotency`).

mod webhook;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use service_kit::config::Secret;
use service_kit::http_client;
use shared_events::money::{Currency, Money};

use crate::gateway::{ask, plain, read};

pub use crate::gateway::Error;
pub use webhook::read_webhook;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Razorpay with our key.
#[derive(Clone)]
pub struct Razorpay {
    http: reqwest::Client,
    base: String,
    key_id: String,
    secret: Secret,
    timeout: Duration,
}

impl fmt::Debug for Razorpay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Razorpay").field("base", &self.base).finish_non_exhaustive()
    }
}

/// An order: what a customer is asked to pay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// `order_...`.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// `created`, `attempted` or `paid`.
    pub status: String,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Payment {
    /// `pay_...`.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// `created`, `authorized`, `captured`, `refunded` or `failed`.
    pub status: String,
    /// What was given back of it.
    #[serde(default)]
    pub amount_refunded: i64,
    /// Why it failed.
    #[serde(default)]
    pub error_reason: Option<String>,
}

impl Payment {
    /// The amount, if its currency is known.
    pub fn money(&self) -> Option<Money> {
        Some(Money::new(self.amount, Currency::try_new(&self.currency).ok()?))
    }
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refund {
    /// `rfnd_...`.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// `pending`, `processed` or `failed`.
    pub status: String,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "notes")]
    pub notes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Answer {
    error: Problem,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    description: String,
    reason: Option<String>,
}

/// Notes are an object; when there are none, an empty list.
fn notes<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let Value::Object(notes) = Value::deserialize(from)? else { return Ok(BTreeMap::new()) };
    Ok(notes.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect())
}

/// The reason where there is one (`payment_declined`), else the code (`BAD_REQUEST_ERROR`).
fn reason(body: &[u8]) -> Option<(String, String)> {
    let problem = serde_json::from_slice::<Answer>(body).ok()?.error;
    let reason = problem.reason.filter(|reason| !matches!(reason.as_str(), "" | "NA" | "input_validation_failed"));
    Some((reason.unwrap_or(problem.code), problem.description))
}

fn counted(money: Money) -> Result<i64, Error> {
    if money.currency.decimals() != 2 {
        return Err(Error::UnsupportedCurrency(money.currency.code().to_owned()));
    }
    if money.minor <= 0 {
        return Err(Error::ours("amount", "an amount has to be positive"));
    }
    Ok(money.minor)
}

impl Razorpay {
    /// `base` is `https://api.razorpay.com`, or a stand-in's address.
    pub fn new(base: &str, key_id: &str, secret: Secret) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { http: http_client::client(TIMEOUT), base, key_id: key_id.to_owned(), secret, timeout: TIMEOUT }
    }

    /// The same with another time to wait for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        request.basic_auth(&self.key_id, Some(self.secret.expose())).timeout(self.timeout)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let body = ask(self.request(Method::GET, path), reason).await.map_err(Error::of_reading)?;
        read(&body).map_err(Error::of_reading)
    }

    /// Makes an order, which the customer's checkout page then asks to be paid. `receipt` has at most 40 signs.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn create_order(&self, amount: Money, receipt: &str) -> Result<Order, Error> {
        let body = json!({"amount": counted(amount)?, "currency": amount.currency.code(), "receipt": receipt});
        read(&ask(self.request(Method::POST, "/v1/orders").json(&body), reason).await?)
    }

    /// One order.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn order(&self, id: &str) -> Result<Order, Error> {
        self.get(&format!("/v1/orders/{}", plain(id)?)).await
    }

    /// How customers tried to pay an order.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn payments_of(&self, order: &str) -> Result<Vec<Payment>, Error> {
        let list: List<Payment> = self.get(&format!("/v1/orders/{}/payments", plain(order)?)).await?;
        Ok(list.items)
    }

    /// One payment.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn payment(&self, id: &str) -> Result<Payment, Error> {
        self.get(&format!("/v1/payments/{}", plain(id)?)).await
    }

    /// Takes an authorised payment: all of it.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be taken.
    pub async fn capture(&self, id: &str, amount: Money) -> Result<Payment, Error> {
        let body = json!({"amount": counted(amount)?, "currency": amount.currency.code()});
        let path = format!("/v1/payments/{}/capture", plain(id)?);
        read(&ask(self.request(Method::POST, &path).json(&body), reason).await?)
    }

    /// Gives taken money back, or a part of it.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be given back.
    pub async fn refund(&self, id: &str, amount: Money, notes: (&str, &str), key: &str) -> Result<Refund, Error> {
        let body = json!({"amount": counted(amount)?, "speed": "normal", "notes": {notes.0: notes.1}});
        let request = self.request(Method::POST, &format!("/v1/payments/{}/refund", plain(id)?)).json(&body);
        read(&ask(request.header("x-refund-idempotency", key), reason).await?)
    }

    /// The refunds of a payment, at most a hundred.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn refunds_of(&self, id: &str) -> Result<Vec<Refund>, Error> {
        let list: List<Refund> = self.get(&format!("/v1/payments/{}/refunds?count=100", plain(id)?)).await?;
        Ok(list.items)
    }
}
