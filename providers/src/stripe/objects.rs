//! What Stripe keeps, as far as it is read here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use shared_events::money::Money;

use super::amount::money;

/// How far a payment is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Paid.
    Succeeded,
    /// The bank takes its time.
    Processing,
    /// Declined, or not tried yet.
    RequiresPaymentMethod,
    /// Not confirmed yet.
    RequiresConfirmation,
    /// The customer has to say yes to the bank.
    RequiresAction,
    /// Held, and not taken yet.
    RequiresCapture,
    /// Given up.
    Canceled,
    /// A word that was not published when this was written.
    #[serde(untagged)]
    Other(String),
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentIntent {
    /// `pi_...`.
    pub id: String,
    /// How far it is.
    pub status: PaymentStatus,
    /// In minor units.
    pub amount: i64,
    /// What came in of it.
    #[serde(default)]
    pub amount_received: i64,
    /// In small letters.
    pub currency: String,
    /// Whose it is.
    pub customer: Option<String>,
    /// What it was paid with.
    pub payment_method: Option<String>,
    /// The charge that was made of it.
    #[serde(default, deserialize_with = "id_of")]
    pub latest_charge: Option<String>,
    /// What we wrote on it.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// When it was made, in seconds since 1970.
    #[serde(default)]
    pub created: i64,
}

/// The id of something that comes as its id, or whole where an account's settings have it so.
fn id_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Expandable {
        Id(String),
        Whole { id: String },
    }
    Ok(Option::deserialize(deserializer)?.map(|one| match one {
        Expandable::Id(id) | Expandable::Whole { id } => id,
    }))
}

impl PaymentIntent {
    /// The amount.
    pub fn money(&self) -> Option<Money> {
        money(self.amount, &self.currency)
    }
}

/// How far a refund is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Given back.
    Succeeded,
    /// On its way.
    Pending,
    /// The customer has to help.
    RequiresAction,
    /// The bank did not take it.
    Failed,
    /// Given up.
    Canceled,
    /// A word that was not published when this was written.
    #[serde(untagged)]
    Other(String),
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refund {
    /// `re_...`.
    pub id: String,
    /// How far it is.
    pub status: Option<RefundStatus>,
    /// In minor units.
    pub amount: i64,
    /// In small letters.
    pub currency: String,
    /// Of which payment.
    pub payment_intent: Option<String>,
    /// What we wrote on it.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl Refund {
    /// The amount.
    pub fn money(&self) -> Option<Money> {
        money(self.amount, &self.currency)
    }
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Customer {
    /// `cus_...`.
    pub id: String,
}

/// A page of Stripe's where a customer saves a card.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckoutSession {
    /// `cs_...`.
    pub id: String,
    /// Where the customer goes; none once it is over.
    pub url: Option<String>,
    /// `open`, `complete` or `expired`.
    pub status: Option<String>,
    /// Whose it is.
    pub customer: Option<String>,
    /// What we wrote on it.
    #[serde(default)]
    pub client_reference_id: Option<String>,
    /// What was saved, once it is complete.
    #[serde(default)]
    pub setup_intent: Option<SetupIntent>,
}

impl CheckoutSession {
    /// The saved card, once there is one.
    pub fn payment_method(&self) -> Option<&str> {
        match self.setup_intent.as_ref()? {
            SetupIntent::Whole { payment_method } => payment_method.as_deref(),
            SetupIntent::Id(_) => None,
        }
    }
}

/// An id, or the whole when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SetupIntent {
    /// `seti_...`.
    Id(String),
    /// The whole.
    Whole {
        /// `pm_...`.
        payment_method: Option<String>,
    },
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: bool,
}
