//! PayU India as a payment gateway of orders.
//!
//! A token is `payu:` and the number (`txnid`) under which the customer has authorised a payment on PayU's page; its amount has to be the
//! order's. It is captured once and in full. Commands carry a token that is made of our key, so that what was done under it is found.

use futures::future::BoxFuture;
use providers::payu::{Action, Error, PayU, Transaction};
use shared_events::{Currency, Money};
use uuid::Uuid;

use super::{failed, words};
use crate::domain::routing::Terms;
use crate::payments::{Amend, Answer, Authorize, Found, Gateway, Lookup, Purpose};

/// What a token begins with.
const START: &str = "payu:";

/// PayU India as a payment gateway.
pub struct ByPayU(pub PayU);

/// What PayU takes, and its published price: 2 %.
pub fn terms() -> Terms {
    Terms {
        name: "payu".into(),
        currencies: words(&["INR"]),
        countries: vec![],
        methods: words(&["payu", "credit_card", "debit_card", "card", "upi", "netbanking", "wallet"]),
        cost_basis_points: 200,
        cost_fixed_minor: 0,
        takes_parts: false,
    }
}

/// PayU takes 23 signs at most; 80 bits of the key are enough to tell calls apart.
fn token(key: Uuid) -> String {
    key.simple().to_string().chars().rev().take(20).collect()
}

fn held(transaction: Transaction) -> Answer {
    let state = transaction.unmappedstatus.unwrap_or_default();
    match (transaction.status.as_str(), state.as_str(), transaction.mihpayid) {
        ("success", "auth" | "captured", Some(id)) => Answer::Done(id),
        (_, "cancelled" | "autoRefund", _) => Answer::Refused("cancelled".into()),
        ("failure", ..) => {
            let code = transaction.error_code.unwrap_or_default();
            Answer::Refused(format!("payu_{code}").into())
        }
        (status, ..) => Answer::Unknown(format!("the payment is {status} ({state})")),
    }
}

/// What PayU calls a purpose in its list of what was done.
const fn action(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Void => "cancel",
        Purpose::Refund => "refund",
        Purpose::Authorize | Purpose::Renew | Purpose::Capture => "capture",
    }
}

impl ByPayU {
    async fn look_at(&self, wish: &Authorize<'_>) -> Result<Answer, Error> {
        let txnid = wish.token.strip_prefix(START).unwrap_or(wish.token);
        let Some(found) = self.0.verify(txnid).await? else {
            return Ok(Answer::Refused("not_authorised_by_customer".into()));
        };
        let inr = Currency::try_new("INR").ok();
        let amount = inr.zip(found.amt.as_deref()).and_then(|(inr, text)| Money::parse(text, inr).ok());
        let fits = amount == Some(wish.amount);
        Ok(if fits { Answer::Done(txnid.to_owned()) } else { Answer::Refused("amount_mismatch".into()) })
    }

    async fn hold(&self, txnid: &str) -> Result<Answer, Error> {
        let found = self.0.verify(txnid).await?;
        Ok(found.map_or_else(|| Answer::Refused("not_authorised_by_customer".into()), held))
    }

    /// What was done under a key.
    async fn done(&self, mihpayid: &str, key: Uuid, purpose: Purpose) -> Result<Option<Action>, Error> {
        let token = token(key);
        let fits = |one: &Action| one.token.as_deref() == Some(&token) && one.action == action(purpose);
        Ok(self.0.actions(mihpayid).await?.into_iter().find(fits))
    }

    /// A command is queued when it is accepted. A capture counts when it is through; a refund may take days and counts when it is accepted.
    fn outcome(done: Action, purpose: Purpose) -> Answer {
        let id = done.request_id.clone().unwrap_or_default();
        match purpose {
            _ if done.failed() => Answer::Refused("payu_failed".into()),
            Purpose::Refund => Answer::Done(id),
            _ if done.succeeded() => Answer::Done(id),
            _ => Answer::Unknown(format!("it is {}", done.status)),
        }
    }

    async fn act(&self, wish: &Amend<'_>, purpose: Purpose) -> Result<Answer, Error> {
        let token = token(wish.key);
        match purpose {
            Purpose::Void => self.0.cancel(wish.reference, &token, wish.amount).await?,
            Purpose::Refund => self.0.refund(wish.reference, &token, wish.amount).await?,
            Purpose::Authorize | Purpose::Renew | Purpose::Capture => {
                self.0.capture(wish.reference, &token, wish.amount).await?
            }
        };
        let done = self.done(wish.reference, wish.key, purpose).await.map_err(|error| match error {
            // It was accepted, and what came of it is not known.
            Error::Refused { code, .. } => Error::Unknown(code),
            other => other,
        })?;
        Ok(done.map_or_else(
            || Answer::Unknown("accepted, and not listed yet".into()),
            |done| Self::outcome(done, purpose),
        ))
    }

    async fn look(&self, call: &Lookup<'_>) -> Result<Found, Error> {
        if call.purpose == Purpose::Authorize {
            let Some(txnid) = call.draft else { return Ok(Found::Nothing) };
            return Ok(self.hold(txnid).await?.into());
        }
        let Some(reference) = call.reference else { return Ok(Found::Refused("no_reference".into())) };
        let done = self.done(reference, call.key, call.purpose).await?;
        Ok(done.map_or(Found::Nothing, |done| Self::outcome(done, call.purpose).into()))
    }
}

impl Gateway for ByPayU {
    fn recognises(&self, token: &str) -> bool {
        token.starts_with(START)
    }

    fn prepares(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.look_at(&wish).await.unwrap_or_else(failed) })
    }

    fn authorize<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.hold(wish.draft.unwrap_or_default()).await.unwrap_or_else(failed) })
    }

    fn capture<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.act(&wish, Purpose::Capture).await.unwrap_or_else(failed) })
    }

    fn void<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.act(&wish, Purpose::Void).await.unwrap_or_else(failed) })
    }

    fn refund<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.act(&wish, Purpose::Refund).await.unwrap_or_else(failed) })
    }

    fn lookup<'a>(&'a self, call: Lookup<'a>) -> BoxFuture<'a, Found> {
        Box::pin(async move { self.look(&call).await.unwrap_or_else(|error| Found::Unknown(error.to_string())) })
    }
}
