//! What Saleor answers, as far as it is read here.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use shared_events::{Currency, Money};

/// An amount: its digits, as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Amount {
    /// ISO 4217.
    pub currency: String,
    /// A number in Saleor's answers; kept as its digits, so that it is never a float here.
    #[serde(deserialize_with = "digits")]
    pub amount: String,
}

impl Amount {
    /// The amount in minor units; nothing when it cannot be one of its currency.
    pub fn money(&self) -> Option<Money> {
        let currency = Currency::try_new(&self.currency).ok()?;
        // A float's text has a fraction even where the currency has none: `1999.0` yen.
        let plain = match self.amount.split_once('.') {
            Some((whole, fraction)) => match fraction.trim_end_matches('0') {
                "" => whole.to_owned(),
                fraction => format!("{whole}.{fraction}"),
            },
            None => self.amount.clone(),
        };
        Money::parse(&plain, currency).ok()
    }
}

/// A price before, in and after tax.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Taxed {
    /// With tax.
    pub gross: Amount,
    /// Without.
    pub net: Amount,
    /// The tax.
    pub tax: Amount,
}

/// A page of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order in which they changed.
    pub orders: Vec<Order>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Saleor's id.
    pub id: String,
    /// What people call it.
    pub number: String,
    /// When it was placed.
    pub created: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// `UNFULFILLED`, `PARTIALLY_FULFILLED`, `FULFILLED`, `CANCELED`, ...
    pub status: String,
    /// How much of it was paid: `NONE`, `PARTIAL`, `FULL` or `OVERCHARGED`.
    pub charge_status: String,
    /// The customer's mail address.
    pub user_email: Option<String>,
    /// Who ordered, where it was somebody who was logged in.
    pub user: Option<Named>,
    /// Where it was sold.
    pub channel: Channel,
    /// Where it goes.
    pub shipping_address: Option<Address>,
    /// Who pays.
    pub billing_address: Option<Address>,
    /// How it is sent, in the shop's words.
    pub shipping_method_name: Option<String>,
    /// The coupon that was used.
    pub voucher_code: Option<String>,
    /// In all.
    pub total: Taxed,
    /// The delivery.
    pub shipping_price: Taxed,
    /// What was ordered.
    pub lines: Vec<Line>,
    /// What has left.
    pub fulfillments: Vec<Fulfillment>,
}

impl Order {
    /// Whether nothing is left to be paid.
    pub fn is_paid(&self) -> bool {
        matches!(self.charge_status.as_str(), "FULL" | "OVERCHARGED")
    }

    /// Whether it was given up.
    pub fn is_cancelled(&self) -> bool {
        self.status == "CANCELED"
    }
}

/// Something of which the id alone counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    /// Saleor's id.
    pub id: String,
}

/// Where something is sold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Channel {
    /// From where it is sent.
    pub warehouses: Vec<Warehouse>,
}

/// A warehouse, as Saleor knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Warehouse {
    /// Saleor's id.
    pub id: String,
}

/// One article of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Saleor's id.
    pub id: String,
    /// What it is called.
    pub product_name: String,
    /// Which kind of it; may be empty.
    pub variant_name: String,
    /// The seller's number.
    pub product_sku: Option<String>,
    /// Saleor's id of the kind.
    pub product_variant_id: Option<String>,
    /// Whether it is sent at all.
    pub is_shipping_required: bool,
    /// How many.
    pub quantity: i64,
    /// How many have not left yet.
    pub quantity_to_fulfill: i64,
    /// What all of them cost, discounts taken off.
    pub total_price: Taxed,
    /// Which warehouses have put some aside.
    #[serde(default)]
    pub allocations: Option<Vec<Allocation>>,
}

/// So many were put aside in a warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Allocation {
    /// How many.
    pub quantity: i64,
    /// Where.
    pub warehouse: Warehouse,
}

/// Something that has left.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fulfillment {
    /// `FULFILLED`, `WAITING_FOR_APPROVAL`, `CANCELED`, ...
    pub status: String,
    /// Under which number it can be followed; may be empty.
    pub tracking_number: String,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Company; may be empty.
    pub company_name: String,
    /// Street and number.
    pub street_address1: String,
    /// More of it; may be empty.
    pub street_address2: String,
    /// City.
    pub city: String,
    /// State or province; may be empty.
    pub country_area: String,
    /// Postcode.
    pub postal_code: String,
    /// Telephone.
    pub phone: Option<String>,
    /// In which country.
    pub country: Country,
}

/// A country.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Country {
    /// ISO 3166 alpha-2.
    pub code: String,
}

/// The digits of a number.
fn digits<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    let written = raw.get().trim();
    if written.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Ok(written.to_owned());
    }
    Err(serde::de::Error::custom("must be a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_digits() {
        let minor = |json: &str| serde_json::from_str::<Amount>(json).expect("reads").money().map(|money| money.minor);
        assert_eq!(minor(r#"{"currency": "USD", "amount": 19.9}"#), Some(1_990));
        assert_eq!(minor(r#"{"currency": "USD", "amount": 1234567.89}"#), Some(123_456_789));
        assert_eq!(minor(r#"{"currency": "JPY", "amount": 1999.0}"#), Some(1_999));
        assert_eq!(minor(r#"{"currency": "USD", "amount": 0.125}"#), None, "an eighth of a dollar is no amount");
        assert!(serde_json::from_str::<Amount>(r#"{"currency": "USD", "amount": "19.9"}"#).is_err());
    }
}
