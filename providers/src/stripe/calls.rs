//! What is asked of Stripe.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shared_events::money::Money;

use super::amount::parameters;
use super::transport::{Parameters, Stripe, owned};
use super::{CheckoutSession, Customer, Error, PaymentIntent, Refund};

/// A charge of a saved card, while its owner is away.
#[derive(Debug, Clone)]
pub struct Charge {
    /// `cus_...`.
    pub customer: String,
    /// `pm_...`, saved with that customer.
    pub payment_method: String,
    /// How much.
    pub amount: Money,
    /// For the customer's statement of account with us.
    pub description: String,
    /// Written on the payment; what it is looked up by belongs here. No personal data.
    pub metadata: BTreeMap<String, String>,
    /// At most 255 signs, the same for the same charge for ever.
    pub idempotency_key: String,
}

/// Money to give back of a payment.
#[derive(Debug, Clone)]
pub struct RefundOf {
    /// `pi_...`.
    pub payment_intent: String,
    /// How much of it, in the payment's currency.
    pub amount: Money,
    /// Written on the refund.
    pub metadata: BTreeMap<String, String>,
    /// As for charges.
    pub idempotency_key: String,
}

pub(super) fn with_metadata(mut parameters: Parameters, metadata: &BTreeMap<String, String>) -> Parameters {
    parameters.extend(metadata.iter().map(|(name, value)| (format!("metadata[{name}]"), value.clone())));
    parameters
}

impl Stripe {
    /// Charges a saved card. Anything but `Succeeded` and `Processing` is not paid.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be charged.
    pub async fn charge(&self, charge: &Charge) -> Result<PaymentIntent, Error> {
        let mut form = owned([
            ("customer", charge.customer.as_str()),
            ("payment_method", &charge.payment_method),
            ("description", &charge.description),
            ("confirm", "true"),
            ("off_session", "true"),
        ]);
        form.extend(parameters(charge.amount)?.map(|(name, value)| (name.to_owned(), value)));
        self.post("/v1/payment_intents", with_metadata(form, &charge.metadata), &charge.idempotency_key).await
    }

    /// One payment.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn payment_intent(&self, id: &str) -> Result<PaymentIntent, Error> {
        self.get(&format!("/v1/payment_intents/{}", plain(id)?), vec![]).await
    }

    /// Looks for a payment by what is written on it, among the customer's since a time. Lists are up to date at once, unlike Stripe's
    /// search.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn find_charge(
        &self,
        customer: &str,
        since: DateTime<Utc>,
        metadata: (&str, &str),
    ) -> Result<Option<PaymentIntent>, Error> {
        let since = since.timestamp().to_string();
        let query = owned([("customer", customer), ("created[gte]", &since)]);
        let fits = |intent: &PaymentIntent| intent.metadata.get(metadata.0).is_some_and(|value| value == metadata.1);
        self.find("/v1/payment_intents", query, |intent| &intent.id, fits).await
    }

    /// Gives money back.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be given back.
    pub async fn refund(&self, refund: &RefundOf) -> Result<Refund, Error> {
        let [amount, _] = parameters(refund.amount)?;
        let form = owned([("payment_intent", refund.payment_intent.as_str()), (amount.0, &amount.1)]);
        self.post("/v1/refunds", with_metadata(form, &refund.metadata), &refund.idempotency_key).await
    }

    /// Looks for a refund of a payment by what is written on it.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn find_refund(&self, payment_intent: &str, metadata: (&str, &str)) -> Result<Option<Refund>, Error> {
        let query = owned([("payment_intent", payment_intent)]);
        let fits = |refund: &Refund| refund.metadata.get(metadata.0).is_some_and(|value| value == metadata.1);
        self.find("/v1/refunds", query, |refund| &refund.id, fits).await
    }

    /// Makes a customer.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn create_customer(
        &self,
        metadata: &BTreeMap<String, String>,
        idempotency_key: &str,
    ) -> Result<Customer, Error> {
        self.post("/v1/customers", with_metadata(vec![], metadata), idempotency_key).await
    }

    /// Makes a page where a customer saves a card for later charges. Stripe puts the session's id in place of `{CHECKOUT_SESSION_ID}`
    /// in `success_url`. `reference`, at most 200 signs, is written on the page, so that it can be told whose it is; it is the idempotency
    /// key as well.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn create_setup_page(
        &self,
        customer: &str,
        (success_url, cancel_url): (&str, &str),
        reference: &str,
    ) -> Result<CheckoutSession, Error> {
        let form = owned([
            ("mode", "setup"),
            ("customer", customer),
            ("client_reference_id", reference),
            ("payment_method_types[0]", "card"),
            ("success_url", success_url),
            ("cancel_url", cancel_url),
        ]);
        self.post("/v1/checkout/sessions", form, &format!("setup-page-{reference}")).await
    }

    /// What became of such a page.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn setup_page(&self, id: &str) -> Result<CheckoutSession, Error> {
        let query = owned([("expand[0]", "setup_intent")]);
        self.get(&format!("/v1/checkout/sessions/{}", plain(id)?), query).await
    }
}

/// An id as a part of a path.
pub(super) fn plain(id: &str) -> Result<&str, Error> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(id);
    }
    let message = "not an id".to_owned();
    Err(Error::Refused { status: 400, code: "id".to_owned(), message, request_id: None })
}
