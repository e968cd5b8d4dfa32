//! The services of a shop around its orders, over HTTP and JSON: catalogue, carts, users, prices. Each has a deadline of its own, a circuit
//! breaker, and answers that are kept for a moment: by each instance, and by all of them together where there is a Redis.
//!
//! `GET {base}/products/{id}`, `GET {base}/cart/{id}`, `GET {base}/users/{id}` and `GET {base}/prices/{id}?quantity=N`; an answer may be wrapped in `data` or in the thing's
//! name, as shops do. 404 means that there is no such thing; everything else that is not a success means that the service is away.

mod answers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use service_kit::breaker::Breaker;
use service_kit::http_client;
use service_kit::redis::Redis;
use url::Url;

use crate::wire::{body_of, without_address};

pub use answers::{Cart, CartItem, Price, Product, User};

/// How a shared answer begins: that there is such a thing, or none.
const THERE: u8 = b'+';
const NOT_THERE: u8 = b'-';
/// Answers kept at a time; beyond that all are forgotten.
const KEPT: usize = 10_000;

/// The service does not answer, or what it says cannot be read: nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {service} does not answer: {problem}")]
pub struct Away {
    /// Which service.
    pub service: &'static str,
    /// What was seen.
    pub problem: String,
}

/// One of these services. Clones share its breaker and what is kept.
#[derive(Debug, Clone)]
pub struct Shop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: &'static str,
    base: String,
    http: reqwest::Client,
    breaker: Breaker,
    keep_for: Duration,
    kept: Mutex<HashMap<String, (Instant, Option<Bytes>)>>,
    shared: Option<Redis>,
}

impl Shop {
    /// `base` is its address; answers are kept for `keep_for`, if that is not nothing, and shared by `shared`.
    pub fn new(
        service: &'static str,
        base: &str,
        timeout: Duration,
        keep_for: Duration,
        shared: Option<Redis>,
    ) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        let (http, breaker, kept) = (http_client::client(timeout), Breaker::default(), Mutex::default());
        let shared = shared.filter(|_| !keep_for.is_zero());
        Self(Arc::new(Inner { service, base, http, breaker, keep_for, kept, shared }))
    }

    /// An article of the catalogue.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn product(&self, id: &str) -> Result<Option<Product>, Away> {
        self.get("products", "product", id, None).await
    }

    /// A cart.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn cart(&self, id: &str) -> Result<Option<Cart>, Away> {
        self.get("cart", "cart", id, None).await
    }

    /// A user.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn user(&self, id: &str) -> Result<Option<User>, Away> {
        self.get("users", "user", id, None).await
    }

    /// What one of so many costs; nothing when the service has no price of its own for the article.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn price(&self, id: &str, quantity: i64) -> Result<Option<Price>, Away> {
        self.get("prices", "price", id, Some(("quantity", quantity))).await
    }

    fn away(&self, problem: impl Into<String>) -> Away {
        Away { service: self.0.service, problem: problem.into() }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        folder: &str,
        name: &str,
        id: &str,
        detail: Option<(&str, i64)>,
    ) -> Result<Option<T>, Away> {
        let mut address =
            Url::parse(&self.0.base).map_err(|error| self.away(format!("its address is none: {error}")))?;
        match address.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().extend([folder, id]),
            Err(()) => return Err(self.away("its address is none")),
        };
        if let Some((name, value)) = detail {
            address.query_pairs_mut().append_pair(name, &value.to_string());
        }
        let Some(body) = self.fetch(address).await? else { return Ok(None) };
        read(&body, name).map(Some).map_err(|error| self.away(format!("what it says is odd: {error}")))
    }

    async fn fetch(&self, address: Url) -> Result<Option<Bytes>, Away> {
        let (now, key) = (Instant::now(), address.to_string());
        let fresh = |(at, _): &&(Instant, Option<Bytes>)| now.duration_since(*at) < self.0.keep_for;
        if let Some((_, kept)) = self.kept().get(&key).filter(fresh) {
            return Ok(kept.clone());
        }
        if let Some(known) = self.known_to_others(&key).await {
            return Ok(known);
        }
        if !self.0.breaker.allows(now) {
            return Err(self.away("it failed several times, and is left alone for a moment"));
        }
        let asked = self.ask(address).await;
        self.0.breaker.note(asked.is_ok(), Instant::now());
        let body = asked.map_err(|problem| self.away(problem))?;
        self.tell_others(&key, body.as_deref()).await;
        if !self.0.keep_for.is_zero() {
            let mut kept = self.kept();
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(key, (now, body.clone()));
        }
        Ok(body)
    }

    /// What another instance was told lately. It is not kept here too, or it would be believed for twice as long.
    async fn known_to_others(&self, key: &str) -> Option<Option<Bytes>> {
        let kept = self.0.shared.as_ref()?.get(key).await.ok().flatten()?;
        match kept.split_first()? {
            (&THERE, body) => Some(Some(Bytes::copy_from_slice(body))),
            _ => Some(None),
        }
    }

    async fn tell_others(&self, key: &str, body: Option<&[u8]>) {
        let Some(shared) = &self.0.shared else { return };
        let kept = match body {
            Some(body) => [&[THERE], body].concat(),
            None => vec![NOT_THERE],
        };
        if let Err(away) = shared.keep(key, &kept, self.0.keep_for).await {
            tracing::debug!(service = self.0.service, %away, "an answer is not shared");
        }
    }

    async fn ask(&self, address: Url) -> Result<Option<Bytes>, String> {
        let answer = self.0.http.get(address).header("accept", "application/json").send().await;
        let answer = answer.map_err(|error| match error.is_timeout() {
            true => "it took too long".to_owned(),
            false => without_address(error),
        })?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => body_of(answer).await.map(Some),
            status => Err(format!("it answered {}", status.as_u16())),
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Option<Bytes>)>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a thing, wrapped or not.
fn read<T: DeserializeOwned>(body: &[u8], name: &str) -> Result<T, serde_json::Error> {
    let fields: HashMap<String, Box<RawValue>> = serde_json::from_slice(body)?;
    match ["data", name]
        .into_iter()
        .find_map(|wrapper| fields.get(wrapper).filter(|inner| inner.get().starts_with('{')))
    {
        Some(inner) => serde_json::from_str(inner.get()),
        None => serde_json::from_slice(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_read_wrapped_or_not_and_digits_stay_as_they_are() {
        let plain: Product = read(br#"{"id": 7, "name": "Lamp", "price": 10.10}"#, "product").expect("plain");
        let wrapped: Product =
            read(br#"{"data": {"product_id": "7", "name": "Lamp", "unit_price": "10.10"}}"#, "product")
                .expect("wrapped");
        assert_eq!((&plain, plain.price.as_str(), plain.active), (&wrapped, "10.10", true));
        let cart: Cart = read(
            br#"{"cart": {"user_id": "u", "items": [{"product_id": "7", "quantity": 2, "price": null}]}}"#,
            "cart",
        )
        .expect("a cart");
        assert_eq!((cart.customer_id.as_deref(), cart.items[0].price.as_deref()), (Some("u"), None));
        assert!(read::<User>(b"[]", "user").is_err());
        let price: Price =
            read(br#"{"price": 9.90, "rule": "evening", "inputs": {"hour": 20}}"#, "price").expect("plain");
        assert_eq!((price.price.as_str(), price.inputs["hour"].as_i64()), ("9.90", Some(20)));
    }
}
