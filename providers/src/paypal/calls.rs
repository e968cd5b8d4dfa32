//! What is asked of PayPal.

use serde_json::json;
use shared_events::money::Money;

use super::{Amount, Authorization, Capture, Error, Order, PayPal, Refund};
use crate::gateway::plain;

/// An order to make; no money moves by it.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// How much.
    pub amount: Money,
    /// Written on it; what it is found by.
    pub custom_id: String,
}

/// A part of held or taken money.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// The authorisation (to take, or to hold anew), or the capture (to give back).
    pub of: &'a str,
    /// How much.
    pub amount: Money,
    /// Written on what is made; nothing is on what is held anew.
    pub mark: &'a str,
    /// `PayPal-Request-Id`: the same for the same thing.
    pub key: &'a str,
}

impl PayPal {
    /// Makes an order, to be authorised later.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn create_order(&self, order: &NewOrder, key: &str) -> Result<Order, Error> {
        let unit = json!({"amount": Amount::of(order.amount)?, "custom_id": order.custom_id});
        self.post("/v2/checkout/orders", &json!({"intent": "AUTHORIZE", "purchase_units": [unit]}), key).await
    }

    /// One order with everything that was done with it.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn order(&self, id: &str) -> Result<Order, Error> {
        self.get(&format!("/v2/checkout/orders/{}", plain(id)?)).await
    }

    /// Holds an order's money: by the buyer's approval, or by a means of payment that the buyer has saved with us (`vaulted`).
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be held.
    pub async fn authorize_order(&self, id: &str, vaulted: Option<&str>, key: &str) -> Result<Order, Error> {
        let body = vaulted.map_or_else(
            || json!({}),
            |token| json!({"payment_source": {"token": {"id": token, "type": "PAYMENT_METHOD_TOKEN"}}}),
        );
        self.post(&format!("/v2/checkout/orders/{}/authorize", plain(id)?), &body, key).await
    }

    /// One authorisation.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn authorization(&self, id: &str) -> Result<Authorization, Error> {
        self.get(&format!("/v2/payments/authorizations/{}", plain(id)?)).await
    }

    /// Takes held money, or a part of it; `part.mark` becomes its `invoice_id`.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be taken.
    pub async fn capture(&self, part: Part<'_>, is_last: bool) -> Result<Capture, Error> {
        let body = json!({"amount": Amount::of(part.amount)?, "invoice_id": part.mark, "final_capture": is_last});
        self.post(&format!("/v2/payments/authorizations/{}/capture", plain(part.of)?), &body, part.key).await
    }

    /// Holds the same money anew: after the three days in which it was sure to be there, up to 29 days after it was held first. What comes
    /// back is another authorisation, which takes the place of this one.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be held anew.
    pub async fn reauthorize(&self, part: Part<'_>) -> Result<Authorization, Error> {
        let body = json!({"amount": Amount::of(part.amount)?});
        self.post(&format!("/v2/payments/authorizations/{}/reauthorize", plain(part.of)?), &body, part.key).await
    }

    /// Lets held money go.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be let go.
    pub async fn void(&self, authorization: &str, key: &str) -> Result<(), Error> {
        self.post_only(&format!("/v2/payments/authorizations/{}/void", plain(authorization)?), &json!({}), key).await
    }

    /// Gives taken money back, or a part of it; `part.mark` becomes its `custom_id`.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be given back.
    pub async fn refund(&self, part: Part<'_>) -> Result<Refund, Error> {
        let body = json!({"amount": Amount::of(part.amount)?, "custom_id": part.mark});
        self.post(&format!("/v2/payments/captures/{}/refund", plain(part.of)?), &body, part.key).await
    }
}
