//! The way to payment providers: what is asked of one, and what its answers mean. Cards never come here, only providers' tokens.
//!
//! An answer is definite or unknown. After an unknown one (a timeout, a broken connection, a 5xx) the same call is looked up before it is
//! made again, under the same idempotency key; only a definite refusal lets another provider be tried.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use shared_events::Money;
use uuid::Uuid;

use crate::domain::routing::Gateway as Terms;

/// What a payment is made from.
#[derive(Debug, Clone)]
pub struct Authorize<'a> {
    /// Idempotency key of the call.
    pub key: Uuid,
    /// Our name of the payment; the provider keeps it, so that a payment can be found by it.
    pub payment: Uuid,
    /// How much.
    pub amount: Money,
    /// The provider's token of the customer's means of payment.
    pub token: &'a str,
}

/// A change of a payment.
#[derive(Debug, Clone)]
pub struct Amend<'a> {
    /// Idempotency key of the call.
    pub key: Uuid,
    /// The provider's name of the payment.
    pub reference: &'a str,
    /// How much.
    pub amount: Money,
    /// For captures: whether nothing more will be taken.
    pub is_last: bool,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done, and this is the provider's name of what was made.
    Done(String),
    /// It will not be done, and why: the provider's code. Nothing was moved.
    Refused(String),
    /// Nobody knows. It has to be looked up.
    Unknown(String),
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The call took effect; the provider's name of what was made.
    Done(String),
    /// The call was refused, and why.
    Refused(String),
    /// The provider knows of no such call: it may be made (again).
    Nothing,
    /// The provider cannot tell now.
    Unknown(String),
}

/// Which call is looked up.
#[derive(Debug, Clone)]
pub struct Lookup<'a> {
    /// Its idempotency key.
    pub key: Uuid,
    /// Our name of the payment.
    pub payment: Uuid,
    /// The provider's name of the payment, where it is known.
    pub reference: Option<&'a str>,
    /// What it was for.
    pub purpose: Purpose,
    /// How much.
    pub amount: Money,
    /// When the payment was begun.
    pub since: DateTime<Utc>,
    /// What had been captured before the call, in minor units.
    pub captured_before_minor: i64,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To have money promised.
    Authorize,
    /// To take it, or a part.
    Capture,
    /// To give the promise back.
    Void,
    /// To pay back.
    Refund,
}

impl Purpose {
    /// The name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}

/// One payment provider.
pub trait Provider: Send + Sync {
    /// Has money promised.
    fn authorize<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer>;
    /// Takes promised money, or a part of it.
    fn capture<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer>;
    /// Gives a promise back.
    fn void<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer>;
    /// Pays taken money back, or a part of it.
    fn refund<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer>;
    /// Finds out what came of a call.
    fn lookup<'a>(&'a self, call: Lookup<'a>) -> BoxFuture<'a, Found>;
}

/// A provider with what it takes and costs.
type Connected = (Terms, Arc<dyn Provider>);

/// The payment providers of this installation, by name.
#[derive(Clone, Default)]
pub struct Providers(Arc<BTreeMap<String, Connected>>);

impl Providers {
    /// Adds one.
    #[must_use]
    pub fn with(self, terms: Terms, provider: Arc<dyn Provider>) -> Self {
        let mut all = (*self.0).clone();
        all.insert(terms.name.clone(), (terms, provider));
        Self(Arc::new(all))
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.0.get(name).map(|(_, provider)| provider)
    }

    /// What each takes and costs. `sick` are those whose last calls did not come back.
    pub fn terms(&self, sick: &[String]) -> Vec<Terms> {
        let of = |(terms, _): &Connected| Terms { is_healthy: !sick.contains(&terms.name), ..terms.clone() };
        self.0.values().map(of).collect()
    }
}
