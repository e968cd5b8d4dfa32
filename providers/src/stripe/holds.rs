//! Money that is held first and taken later: the payment of an order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shared_events::money::Money;

use super::amount::parameters;
use super::calls::{plain, with_metadata};
use super::transport::owned;
use super::{Error, PaymentIntent, Stripe};

/// Money to hold.
#[derive(Debug, Clone)]
pub struct Hold {
    /// `pm_...`, as the customer's browser got it from Stripe.
    pub payment_method: String,
    /// How much.
    pub amount: Money,
    /// Written on the payment; what it is looked up by belongs here. No personal data.
    pub metadata: BTreeMap<String, String>,
    /// At most 255 signs, the same for the same hold for ever.
    pub idempotency_key: String,
}

impl Stripe {
    /// Holds money, without taking it. A card that wants its owner's consent now is declined: nobody is there to ask.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be held.
    pub async fn hold(&self, hold: &Hold) -> Result<PaymentIntent, Error> {
        let mut form = owned([
            ("payment_method", hold.payment_method.as_str()),
            ("payment_method_types[0]", "card"),
            ("capture_method", "manual"),
            ("confirm", "true"),
            ("error_on_requires_action", "true"),
            // An order in several shipments is taken in several parts, where the card allows it.
            ("payment_method_options[card][request_multicapture]", "if_available"),
        ]);
        form.extend(parameters(hold.amount)?.map(|(name, value)| (name.to_owned(), value)));
        self.post("/v1/payment_intents", with_metadata(form, &hold.metadata), &hold.idempotency_key).await
    }

    /// Takes held money, or a part of it; after the last part the rest is let go.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be taken.
    pub async fn capture(&self, id: &str, amount: Money, is_last: bool, key: &str) -> Result<PaymentIntent, Error> {
        let [(_, minor), _] = parameters(amount)?;
        let mut form = owned([("amount_to_capture", minor.as_str())]);
        if !is_last {
            form.extend(owned([("final_capture", "false")]));
        }
        self.post(&format!("/v1/payment_intents/{}/capture", plain(id)?), form, key).await
    }

    /// Lets held money go.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be let go.
    pub async fn release(&self, id: &str, key: &str) -> Result<PaymentIntent, Error> {
        self.post(&format!("/v1/payment_intents/{}/cancel", plain(id)?), vec![], key).await
    }

    /// Looks for a payment by what is written on it, among all since a time.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn find_hold(
        &self,
        since: DateTime<Utc>,
        metadata: (&str, &str),
    ) -> Result<Option<PaymentIntent>, Error> {
        let since = since.timestamp().to_string();
        let fits = |intent: &PaymentIntent| intent.metadata.get(metadata.0).is_some_and(|value| value == metadata.1);
        self.find("/v1/payment_intents", owned([("created[gte]", since.as_str())]), |intent| &intent.id, fits).await
    }
}
