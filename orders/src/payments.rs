//! The way to payment gateways: what is asked of one, and what its answers mean. Cards never come here, only gateways' tokens.
//!
//! An answer is definite or unknown. After an unknown one (a timeout, a broken connection, a 5xx) the same call is looked up before it is
//! made again, under the same idempotency key; only a definite refusal lets another gateway be tried, and not every one does.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use shared_events::Money;
use uuid::Uuid;

use crate::domain::refusal::Refusal;
use crate::domain::routing::Terms;

/// What a payment is made from.
#[derive(Debug, Clone)]
pub struct Authorize<'a> {
    /// Idempotency key of the call.
    pub key: Uuid,
    /// Our name of the payment; the gateway keeps it, so that a payment can be found by it.
    pub payment: Uuid,
    /// How much.
    pub amount: Money,
    /// The gateway's token of the customer's means of payment.
    pub token: &'a str,
    /// What [`Gateway::prepare`] made for it.
    pub draft: Option<&'a str>,
}

/// A change of a payment.
#[derive(Debug, Clone)]
pub struct Amend<'a> {
    /// Idempotency key of the call.
    pub key: Uuid,
    /// The gateway's name of the payment.
    pub reference: &'a str,
    /// How much.
    pub amount: Money,
    /// For captures: whether nothing more will be taken.
    pub is_last: bool,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done, and this is the gateway's name of what was made.
    Done(String),
    /// It will not be done, and why. Nothing was moved.
    Refused(Refusal),
    /// Nobody knows. It has to be looked up.
    Unknown(String),
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The call took effect; the gateway's name of what was made.
    Done(String),
    /// The call was refused, and why; or what it made is over.
    Refused(Refusal),
    /// The gateway knows of no such call: it may be made (again).
    Nothing,
    /// The gateway cannot tell now.
    Unknown(String),
}

impl From<Answer> for Found {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done(reference) => Self::Done(reference),
            Answer::Refused(refusal) => Self::Refused(refusal),
            Answer::Unknown(why) => Self::Unknown(why),
        }
    }
}

/// Which call is looked up.
#[derive(Debug, Clone)]
pub struct Lookup<'a> {
    /// Its idempotency key.
    pub key: Uuid,
    /// Our name of the payment.
    pub payment: Uuid,
    /// The gateway's name of the payment, where it is known.
    pub reference: Option<&'a str>,
    /// What [`Gateway::prepare`] made for it.
    pub draft: Option<&'a str>,
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
    /// To have the promise renewed that it is taken by.
    Renew,
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
            Self::Renew => "renew",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}

/// What is answered when a promise was not given back but will end by itself: the gateway cannot do more.
pub const LEFT_TO_LAPSE: &str = "left_to_lapse";

/// One payment gateway.
pub trait Gateway: Send + Sync {
    /// Whether this is one of its tokens, as far as its looks tell. A token of another gateway is not shown around.
    fn recognises(&self, _token: &str) -> bool {
        true
    }

    /// Whether something has to be made at the gateway, or looked at there, before money is asked for. What it is named by is kept before
    /// the money moves, so that the call can be looked up however late.
    fn prepares(&self) -> bool {
        false
    }

    /// Makes that, or looks at it. No money moves.
    fn prepare<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { Answer::Done(wish.payment.to_string()) })
    }

    /// Has money promised.
    fn authorize<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer>;
    /// How long a promise is relied on before it is given back and asked for anew; most gateways keep it for about seven days.
    fn relied_on(&self) -> TimeDelta {
        TimeDelta::days(6)
    }

    /// How old a promise may be that money is taken by; an older one is renewed first. `None`: as old as it lasts.
    fn renews_after(&self) -> Option<TimeDelta> {
        None
    }

    /// Renews a promise of which nothing was taken; the gateway's new name of the payment.
    fn renew<'a>(&'a self, _wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async { Answer::Refused("not_renewable".into()) })
    }

    /// Takes promised money, or a part of it.
    fn capture<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer>;
    /// Gives a promise back.
    fn void<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer>;
    /// Pays taken money back, or a part of it.
    fn refund<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer>;
    /// Finds out what came of a call.
    fn lookup<'a>(&'a self, call: Lookup<'a>) -> BoxFuture<'a, Found>;
}

/// A gateway with what it takes and costs.
type Connected = (Terms, Arc<dyn Gateway>);

/// The payment gateways of this installation, by name.
#[derive(Clone, Default)]
pub struct Providers(Arc<BTreeMap<String, Connected>>);

impl Providers {
    /// Adds one.
    #[must_use]
    pub fn with(self, terms: Terms, gateway: Arc<dyn Gateway>) -> Self {
        let mut all = (*self.0).clone();
        all.insert(terms.name.clone(), (terms, gateway));
        Self(Arc::new(all))
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Gateway>> {
        self.0.get(name).map(|(_, gateway)| gateway)
    }

    /// What each takes and costs.
    pub fn terms(&self) -> Vec<Terms> {
        self.0.values().map(|(terms, _)| terms.clone()).collect()
    }

    /// Whether this one takes money in several parts. One that is not connected any more may.
    pub fn takes_parts(&self, name: &str) -> bool {
        self.0.get(name).is_none_or(|(terms, _)| terms.takes_parts)
    }
}
