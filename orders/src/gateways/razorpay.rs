//! Razorpay as a payment gateway of orders.
//!
//! A token is the number of a payment that the customer has authorised on Razorpay's checkout page (`pay_...`); its amount has to be the
//! order's. It is captured in full. It cannot be let go: what is not captured goes back to the customer by itself. A payment that Razorpay has
//! captured at once, because the account says so, is given back in full instead.

use futures::future::BoxFuture;
use providers::razorpay::{Error, Payment, Razorpay};

use super::{failed, words};
use crate::domain::routing::Terms;
use crate::payments::{Amend, Answer, Authorize, Found, Gateway, LEFT_TO_LAPSE, Lookup, Purpose};

/// Under this name our id of a refund is written on Razorpay's.
const REFUND: &str = "refund_key";

/// Razorpay as a payment gateway.
pub struct ByRazorpay(pub Razorpay);

/// What Razorpay takes, and its published price: 2 %.
pub fn terms() -> Terms {
    Terms {
        name: "razorpay".into(),
        currencies: words(&["INR"]),
        countries: vec![],
        methods: words(&["razorpay", "credit_card", "debit_card", "card", "upi", "netbanking", "wallet"]),
        cost_basis_points: 200,
        cost_fixed_minor: 0,
        takes_parts: false,
    }
}

fn held(payment: Payment) -> Answer {
    match payment.status.as_str() {
        "authorized" | "captured" => Answer::Done(payment.id),
        "failed" => Answer::Refused(payment.error_reason.unwrap_or_else(|| "payment_failed".into()).into()),
        "refunded" => Answer::Refused("refunded".into()),
        "created" => Answer::Refused("not_authorised_by_customer".into()),
        other => Answer::Unknown(format!("the payment is {other}")),
    }
}

impl ByRazorpay {
    async fn look_at(&self, wish: &Authorize<'_>) -> Result<Answer, Error> {
        let payment = self.0.payment(wish.token).await?;
        let fits = payment.money() == Some(wish.amount);
        Ok(if fits { Answer::Done(payment.id) } else { Answer::Refused("amount_mismatch".into()) })
    }

    async fn let_go(&self, wish: &Amend<'_>) -> Result<Answer, Error> {
        let payment = self.0.payment(wish.reference).await?;
        if payment.status != "captured" {
            return Ok(Answer::Done(LEFT_TO_LAPSE.into()));
        }
        self.give_back(wish).await
    }

    async fn give_back(&self, wish: &Amend<'_>) -> Result<Answer, Error> {
        let key = wish.key.to_string();
        let refund = self.0.refund(wish.reference, wish.amount, (REFUND, &key), &key).await?;
        Ok(if refund.status == "failed" { Answer::Refused("refund_failed".into()) } else { Answer::Done(refund.id) })
    }

    async fn look(&self, call: &Lookup<'_>) -> Result<Found, Error> {
        let Some(reference) = call.reference.or(call.draft) else { return Ok(Found::Nothing) };
        match call.purpose {
            Purpose::Authorize | Purpose::Renew => Ok(held(self.0.payment(reference).await?).into()),
            Purpose::Capture => {
                let payment = self.0.payment(reference).await?;
                Ok(match payment.status.as_str() {
                    "captured" => Found::Done(payment.id),
                    "authorized" => Found::Nothing,
                    // Given back by somebody else after it was taken, or never taken.
                    other => Found::Refused(other.into()),
                })
            }
            Purpose::Void | Purpose::Refund => {
                let key = call.key.to_string();
                let refunds = self.0.refunds_of(reference).await?;
                let ours = refunds.into_iter().find(|refund| refund.notes.get(REFUND) == Some(&key));
                Ok(match ours {
                    Some(refund) if refund.status == "failed" => Found::Refused("refund_failed".into()),
                    Some(refund) => Found::Done(refund.id),
                    None => Found::Nothing,
                })
            }
        }
    }
}

impl Gateway for ByRazorpay {
    fn recognises(&self, token: &str) -> bool {
        token.starts_with("pay_")
    }

    fn prepares(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.look_at(&wish).await.unwrap_or_else(failed) })
    }

    fn authorize<'a>(&'a self, wish: Authorize<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.0.payment(wish.draft.unwrap_or(wish.token)).await.map_or_else(failed, held) })
    }

    fn capture<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.0.capture(wish.reference, wish.amount).await {
                Ok(payment) => Answer::Done(payment.id),
                // A second capture is refused in the same words as one of a payment that is over: it has to be looked at.
                Err(Error::Refused { code, message, .. }) => match self.0.payment(wish.reference).await {
                    Ok(payment) if payment.status == "captured" => Answer::Done(payment.id),
                    Ok(_) => Answer::Refused(code.into()),
                    Err(error) => Answer::Unknown(format!("{message}; {error}")),
                },
                Err(error) => failed(error),
            }
        })
    }

    fn void<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.let_go(&wish).await.unwrap_or_else(failed) })
    }

    fn refund<'a>(&'a self, wish: Amend<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.give_back(&wish).await.unwrap_or_else(failed) })
    }

    fn lookup<'a>(&'a self, call: Lookup<'a>) -> BoxFuture<'a, Found> {
        Box::pin(async move { self.look(&call).await.unwrap_or_else(|error| Found::Unknown(error.to_string())) })
    }
}
