//! What of an order is private: sealed where it comes in, for this order only, and opened only to show it to whom it concerns, to pay
//! and to send.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use service_kit::sealed::{SealError, SealingKey};
use shared_events::orders::Marks;
use shared_events::{OrderId, TenantId};
use utoipa::ToSchema;

use crate::domain::fraud::is_disposable;
use crate::payments::Gateway;

/// Where something goes, or who pays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "full_name")]
    #[schema(example = "Ann Example")]
    pub name: Option<String>,
    /// First name, where it is given apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name, where it is given apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Street and number.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        alias = "street",
        alias = "address_line1",
        alias = "line1"
    )]
    #[schema(example = "1 Main Street")]
    pub street_address: Option<String>,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "address_line2", alias = "line2")]
    pub street_address_2: Option<String>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Springfield")]
    pub city: Option<String>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "province")]
    pub state: Option<String>,
    /// Postcode.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "zip", alias = "zip_code", alias = "postcode")]
    #[schema(example = "12345")]
    pub postal_code: Option<String>,
    /// ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "country_code")]
    #[schema(example = "US")]
    pub country: Option<String>,
    /// Telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What of an order is private.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private {
    /// Who pays.
    pub billing: Option<Address>,
    /// Where it goes.
    pub shipping: Option<Address>,
    /// The customer's mail address.
    pub email: Option<String>,
    /// The provider's token of the means of payment.
    pub payment_token: Option<String>,
    /// Tokens of several providers, by their names: when one refuses, another can be asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payment_tokens: BTreeMap<String, String>,
    /// What the shop calls the device that it was ordered from.
    pub device_id: Option<String>,
}

impl Address {
    /// Whether something can be sent there.
    pub fn is_complete(&self) -> bool {
        let filled = |field: &Option<String>| field.as_ref().is_some_and(|text| !text.trim().is_empty());
        filled(&self.street_address) && filled(&self.city) && filled(&self.country)
    }

    /// The same address gives the same text, however it is spaced and spelled in capitals.
    fn canonical(&self) -> String {
        let parts =
            [&self.street_address, &self.street_address_2, &self.city, &self.state, &self.postal_code, &self.country];
        let plain = |text: &Option<String>| -> String {
            text.iter()
                .flat_map(|text| text.chars())
                .filter(|letter| letter.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect()
        };
        parts.map(plain).join("\u{1f}")
    }
}

fn purpose(tenant: &TenantId, order: OrderId) -> String {
    format!("order\u{1f}{tenant}\u{1f}{order}")
}

impl Private {
    /// Seals it for one order.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, key: &SealingKey, tenant: &TenantId, order: OrderId) -> anyhow::Result<String> {
        Ok(key.seal(&purpose(tenant, order), &serde_json::to_string(self)?)?)
    }

    /// Opens what was sealed for this order.
    ///
    /// # Errors
    /// When it was altered, or sealed for another order.
    pub fn open(key: &SealingKey, tenant: &TenantId, order: OrderId, sealed: &str) -> Result<Self, SealError> {
        let text = key.open(&purpose(tenant, order), sealed)?;
        serde_json::from_str(&text).map_err(|_| SealError::CannotOpen)
    }

    /// The token for a gateway: the one that was brought for it, else the one that looks like one of its own.
    pub fn token_for(&self, name: &str, gateway: &dyn Gateway) -> Option<&str> {
        let own = self.payment_tokens.get(name).or(self.payment_token.as_ref());
        own.filter(|token| gateway.recognises(token)).map(String::as_str)
    }

    /// What can be told of it without giving it away.
    pub fn marks(&self, key: &SealingKey) -> Marks {
        let digest = |kind: &str, text: &str| key.digest(format!("{kind}\u{1f}{text}").as_bytes());
        let addresses = match (&self.billing, &self.shipping) {
            (Some(billing), Some(shipping)) if billing.country != shipping.country => "country",
            (Some(billing), Some(shipping)) if billing.postal_code != shipping.postal_code => "postcode",
            _ => "none",
        };
        let mut cards: Vec<String> = Vec::new();
        for token in self.payment_token.iter().chain(self.payment_tokens.values()) {
            let mark = digest("card", token);
            if !cards.contains(&mark) {
                cards.push(mark);
            }
        }
        let mut cards = cards.into_iter();
        Marks {
            card: cards.next(),
            more_cards: cards.collect(),
            address: self.shipping.as_ref().map(|address| digest("address", &address.canonical())),
            device: self.device_id.as_ref().map(|device| digest("device", device)),
            addresses: addresses.to_owned(),
            disposable_mail: self.email.as_ref().is_some_and(|email| is_disposable(email)),
        }
    }
}
