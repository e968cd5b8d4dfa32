//! PayPal as a payment gateway of orders.
//!
//! A token is the number of an order that the buyer has approved on the shop's page (its amount has to be the order's), or `vault:` and the
//! number of a means of payment that the buyer has saved. For the latter an order is made here, and kept before money is asked for: everything
//! that is done with it is found by it.

use chrono::TimeDelta;
use futures::future::BoxFuture;
use providers::paypal::{Authorization, Capture, Error, NewOrder, Order, Part, PayPal};
use shared_events::Money;

use super::{failed, words};
use crate::domain::routing::Terms;
use crate::payments::{Amend, Answer, Authorize, Found, Gateway, Lookup, Purpose};

/// What a token of a saved means of payment begins with.
const SAVED: &str = "vault:";

/// PayPal as a payment gateway.
pub struct ByPayPal(pub PayPal);

/// What PayPal takes, and its published price: 3.49 % and 0.49.
pub fn terms() -> Terms {
    let currencies = "AUD BRL CAD CHF CZK DKK EUR GBP HKD ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB USD";
    Terms {
        name: "paypal".into(),
        currencies: currencies.split(' ').map(str::to_owned).collect(),
        countries: vec![],
        methods: words(&["paypal", "credit_card", "debit_card", "card", "wallet"]),
        cost_basis_points: 349,
        cost_fixed_minor: 49,
        takes_parts: true,
    }
}

fn held(authorization: Option<Authorization>) -> Answer {
    let Some(authorization) = authorization else { return Answer::Unknown("the order has no authorisation".into()) };
    match authorization.status.as_str() {
        "CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED" => Answer::Done(authorization.id),
        "DENIED" => Answer::Refused("denied".into()),
        "VOIDED" | "EXPIRED" => Answer::Refused("voided".into()),
        other => Answer::Unknown(format!("the authorisation is {other}")),
    }
}

fn taken(capture: Capture) -> Answer {
    match capture.status.as_str() {
        "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED" => Answer::Done(capture.id),
        "DECLINED" | "FAILED" => Answer::Refused("capture_declined".into()),
        other => Answer::Unknown(format!("the capture is {other}")),
    }
}

fn last_authorization(order: &Order) -> Option<Authorization> {
    order.payments().authorizations.into_iter().next_back()
}

impl ByPayPal {
    async fn look_at(&self, wish: &Authorize<'_>) -> Result<Answer, Error> {
        if wish.token.starts_with(SAVED) {
            let order = NewOrder { amount: wish.amount, custom_id: wish.payment.to_string() };
            return Ok(Answer::Done(self.0.create_order(&order, &wish.payment.to_string()).await?.id));
        }
        let order = self.0.order(wish.token).await?;
        Ok(match order.amount() {
            Some(amount) if amount == wish.amount && order.intent == "AUTHORIZE" => Answer::Done(order.id),
            _ => Answer::Refused("amount_mismatch".into()),
        })
    }

    async fn hold(&self, wish: &Authorize<'_>) -> Result<Answer, Error> {
        let Some(draft) = wish.draft else { return Ok(Answer::Refused("no_order".into())) };
        let order = self.0.authorize_order(draft, wish.token.strip_prefix(SAVED), &wish.key.to_string()).await?;
        Ok(held(last_authorization(&order)))
    }

    /// The order of an authorisation, with everything that was done with it.
    async fn order_of(&self, authorization: &str) -> Result<Order, Error> {
        let authorization = self.0.authorization(authorization).await?;
        let order = authorization.order_id().ok_or_else(|| Error::Unavailable("no order is named".into()))?;
        self.0.order(order).await
    }

    /// Money is given back capture by capture. What was given back under this key before counts, so that a part that is missing is all that
    /// is asked for.
    async fn give_back(&self, wish: &Amend<'_>) -> Result<Answer, Error> {
        let key = wish.key.to_string();
        let payments = self.order_of(wish.reference).await?.payments();
        let minor = |amount: &Option<providers::paypal::Amount>| {
            amount.as_ref().and_then(|amount| amount.money()).map_or(0, |money| money.minor)
        };
        let counted = || payments.refunds.iter().filter(|refund| refund.counts());
        let ours = || counted().filter(|refund| refund.custom_id.as_deref() == Some(&key));
        let mut left = wish.amount.minor - ours().map(|refund| minor(&refund.amount)).sum::<i64>();
        let mut name = ours().next().map(|refund| refund.id.clone());
        let had_some = name.is_some();
        for capture in &payments.captures {
            if left <= 0 {
                break;
            }
            let gone: i64 = counted()
                .filter(|refund| refund.capture_id() == Some(&capture.id))
                .map(|refund| minor(&refund.amount))
                .sum();
            let part = left.min(minor(&capture.amount) - gone);
            if part <= 0 || !matches!(capture.status.as_str(), "COMPLETED" | "PARTIALLY_REFUNDED") {
                continue;
            }
            let amount = Money::new(part, wish.amount.currency);
            let sub_key = format!("{key}:{}:{part}", capture.id);
            let refund = self.0.refund(Part { of: &capture.id, amount, mark: &key, key: &sub_key }).await;
            match refund {
                Ok(refund) if refund.counts() => name = name.or(Some(refund.id)),
                Ok(_) => return Ok(Answer::Refused("refund_failed".into())),
                // A part is back already: saying no to the whole would be wrong.
                Err(Error::Refused { code, .. }) if name.is_some() || had_some => {
                    return Ok(Answer::Unknown(format!("a part was given back, the rest was refused: {code}")));
                }
                Err(error) => return Err(error),
            }
            left -= part;
        }
        Ok(match name {
            Some(name) if left <= 0 => Answer::Done(name),
            Some(_) => Answer::Unknown("only a part could be given back".into()),
            None => Answer::Refused("nothing_to_refund".into()),
        })
    }

    async fn look(&self, call: &Lookup<'_>) -> Result<Found, Error> {
        let key = call.key.to_string();
        if call.purpose == Purpose::Authorize {
            let order = match (call.reference, call.draft) {
                (Some(reference), _) => return Ok(held(Some(self.0.authorization(reference).await?)).into()),
                (None, Some(draft)) => self.0.order(draft).await?,
                (None, None) => return Ok(Found::Nothing),
            };
            return Ok(last_authorization(&order).map_or(Found::Nothing, |found| held(Some(found)).into()));
        }
        let Some(reference) = call.reference else { return Ok(Found::Refused("no_reference".into())) };
        if call.purpose == Purpose::Renew {
            // What was held anew stands behind what it took the place of. Where it is not listed, the same key gives the same answer.
            let all = self.order_of(reference).await?.payments().authorizations;
            let anew = all.into_iter().skip_while(|known| known.id != reference).skip(1).last();
            return Ok(anew.map_or(Found::Nothing, |anew| held(Some(anew)).into()));
        }
        if call.purpose == Purpose::Void {
            let status = self.0.authorization(reference).await?.status;
            return Ok(if status == "VOIDED" { Found::Done(reference.to_owned()) } else { Found::Nothing });
        }
        let payments = self.order_of(reference).await?.payments();
        if call.purpose == Purpose::Capture {
            let ours = payments.captures.into_iter().find(|capture| capture.invoice_id.as_deref() == Some(&key));
            return Ok(ours.map_or(Found::Nothing, |capture| taken(capture).into()));
        }
        // What is missing of a refund is found out when it is asked for again.
        Ok(Found::Nothing)
    }
}

impl Gateway for ByPayPal {
    fn recognises(&self, token: &str) -> bool {
        let is_order =
            token.len() == 17 && token.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        is_order || token.starts_with(SAVED)
    }

    fn prepares(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.look_at(&wish).await.unwrap_or_else(failed) })
    }

    fn authorize<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.hold(&wish).await.unwrap_or_else(failed) })
    }

    /// It holds money for 29 days.
    fn relied_on(&self) -> TimeDelta {
        TimeDelta::days(28)
    }

    /// It vouches for what it holds for three days.
    fn renews_after(&self) -> Option<TimeDelta> {
        Some(TimeDelta::days(3))
    }

    fn renew<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let key = wish.key.to_string();
            let part = Part { of: wish.reference, amount: wish.amount, mark: &key, key: &key };
            self.0.reauthorize(part).await.map_or_else(failed, |anew| held(Some(anew)))
        })
    }

    fn capture<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let key = wish.key.to_string();
            let part = Part { of: wish.reference, amount: wish.amount, mark: &key, key: &key };
            self.0.capture(part, wish.is_last).await.map_or_else(failed, taken)
        })
    }

    fn void<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let done = || Answer::Done(wish.reference.to_owned());
            self.0.void(wish.reference, &wish.key.to_string()).await.map_or_else(failed, |()| done())
        })
    }

    fn refund<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.give_back(&wish).await.unwrap_or_else(failed) })
    }

    fn lookup<'a>(&'a self, call: Lookup<'a>) -> BoxFuture<'a, Found> {
        Box::pin(async move { self.look(&call).await.unwrap_or_else(|error| Found::Unknown(error.to_string())) })
    }
}
