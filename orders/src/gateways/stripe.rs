//! Stripe as a payment gateway of orders.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use providers::stripe::{Error, Hold, PaymentIntent, PaymentStatus, Refund, RefundOf, RefundStatus, Stripe};
use uuid::Uuid;

use super::words;
use crate::domain::routing::Terms;
use crate::payments::{Amend, Answer, Authorize, Found, Gateway, Lookup, Purpose};

/// Under this name our id of a payment is written on Stripe's.
const PAYMENT: &str = "payment_id";
/// ... and our id of a refund on Stripe's.
const REFUND: &str = "refund_key";

/// Stripe as a payment gateway.
pub struct ByStripe(pub Stripe);

/// What Stripe takes, and its published price for cards: 2.9 % and 0.30.
pub fn terms() -> Terms {
    Terms {
        name: "stripe".into(),
        currencies: vec![],
        countries: vec![],
        methods: words(&["credit_card", "debit_card", "card", "stripe"]),
        cost_basis_points: 290,
        cost_fixed_minor: 30,
        takes_parts: true,
    }
}

fn written(name: &str, id: Uuid) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), id.to_string())])
}

/// What a failure means. That nobody answered is no refusal: it is looked up and asked again, under the same key.
fn failed(error: Error) -> Answer {
    match error {
        Error::Declined { code, decline_code, .. } => Answer::Refused(decline_code.unwrap_or(code).into()),
        Error::Refused { code, .. } => Answer::Refused(code.into()),
        Error::UnsupportedCurrency(_) => Answer::Refused("unsupported_currency".into()),
        other @ (Error::KeyReused | Error::Unavailable(_) | Error::Unknown { .. }) => {
            Answer::Unknown(other.to_string())
        }
    }
}

fn held(intent: PaymentIntent) -> Answer {
    match intent.status {
        PaymentStatus::RequiresCapture | PaymentStatus::Succeeded => Answer::Done(intent.id),
        PaymentStatus::Processing | PaymentStatus::Other(_) => Answer::Unknown("the bank takes its time".into()),
        PaymentStatus::RequiresAction => Answer::Refused("authentication_required".into()),
        PaymentStatus::RequiresPaymentMethod | PaymentStatus::RequiresConfirmation | PaymentStatus::Canceled => {
            Answer::Refused("card_declined".into())
        }
    }
}

fn given_back(refund: Refund) -> Answer {
    match refund.status {
        Some(RefundStatus::Succeeded | RefundStatus::Pending) => Answer::Done(refund.id),
        Some(RefundStatus::Failed | RefundStatus::Canceled) => Answer::Refused("refund_failed".into()),
        // The customer has to say where the money goes; it left us all the same.
        Some(RefundStatus::RequiresAction) => Answer::Done(refund.id),
        _ => Answer::Unknown("the refund is not through yet".into()),
    }
}

impl ByStripe {
    async fn look(&self, call: Lookup<'_>) -> Result<Found, Error> {
        if call.purpose == Purpose::Authorize {
            let hold = match call.reference {
                Some(reference) => Some(self.0.payment_intent(reference).await?),
                None => self.0.find_hold(call.since, (PAYMENT, &call.payment.to_string())).await?,
            };
            return Ok(hold.map_or(Found::Nothing, |intent| held(intent).into()));
        }
        let Some(reference) = call.reference else { return Ok(Found::Refused("no_reference".into())) };
        if call.purpose == Purpose::Refund {
            let refund = self.0.find_refund(reference, (REFUND, &call.key.to_string())).await?;
            return Ok(refund.map_or(Found::Nothing, |refund| given_back(refund).into()));
        }
        let intent = self.0.payment_intent(reference).await?;
        let taken = intent.amount_received >= call.captured_before_minor + call.amount.minor;
        Ok(match (call.purpose, intent.status) {
            (Purpose::Void, PaymentStatus::Canceled) => Found::Done(intent.id),
            (Purpose::Capture, _) if taken => Found::Done(intent.id),
            (Purpose::Capture, PaymentStatus::Canceled) => Found::Refused("canceled".into()),
            _ => Found::Nothing,
        })
    }
}

impl Gateway for ByStripe {
    fn recognises(&self, token: &str) -> bool {
        ["pm_", "card_", "tok_", "src_"].iter().any(|start| token.starts_with(start))
    }

    fn authorize<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let hold = Hold {
                payment_method: wish.token.to_owned(),
                amount: wish.amount,
                metadata: written(PAYMENT, wish.payment),
                idempotency_key: wish.key.to_string(),
            };
            self.0.hold(&hold).await.map_or_else(failed, held)
        })
    }

    fn capture<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let taken = self.0.capture(wish.reference, wish.amount, wish.is_last, &wish.key.to_string()).await;
            taken.map_or_else(failed, |intent| Answer::Done(intent.latest_charge.unwrap_or(intent.id)))
        })
    }

    fn void<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let gone = self.0.release(wish.reference, &wish.key.to_string()).await;
            gone.map_or_else(failed, |intent| Answer::Done(intent.id))
        })
    }

    fn refund<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let refund = RefundOf {
                payment_intent: wish.reference.to_owned(),
                amount: wish.amount,
                metadata: written(REFUND, wish.key),
                idempotency_key: wish.key.to_string(),
            };
            self.0.refund(&refund).await.map_or_else(failed, given_back)
        })
    }

    fn lookup<'a>(&'a self, call: Lookup<'a>) -> BoxFuture<'a, Found> {
        Box::pin(async move { self.look(call).await.unwrap_or_else(|error| Found::Unknown(error.to_string())) })
    }
}
