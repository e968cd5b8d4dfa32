//! What the services of a shop say, with the names that shops give to it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An article as the catalogue tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// The catalogue's id.
    #[serde(alias = "product_id", deserialize_with = "text")]
    pub id: String,
    /// The seller's number; the id where the catalogue has none.
    #[serde(default)]
    pub sku: Option<String>,
    /// What it is called.
    #[serde(default, alias = "title")]
    pub name: Option<String>,
    /// The price of one: the digits, as they were written.
    #[serde(alias = "unit_price", deserialize_with = "text")]
    pub price: String,
    /// ISO 4217.
    #[serde(default)]
    pub currency: Option<String>,
    /// How heavy one is.
    #[serde(default, alias = "weight_grams")]
    pub grams: Option<i64>,
    /// Whether it is sold.
    #[serde(default = "yes", alias = "is_active")]
    pub active: bool,
}

/// What lies in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cart {
    /// Whose it is.
    #[serde(default, alias = "user_id")]
    pub customer_id: Option<String>,
    /// What lies in it.
    pub items: Vec<CartItem>,
}

/// One article in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CartItem {
    /// The catalogue's id.
    #[serde(deserialize_with = "text")]
    pub product_id: String,
    /// How many.
    pub quantity: i64,
    /// The price of one that the buyer saw: the digits.
    #[serde(default, alias = "unit_price", deserialize_with = "maybe_text")]
    pub price: Option<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The user service's id.
    #[serde(alias = "user_id", deserialize_with = "text")]
    pub id: String,
    /// Whether they may order.
    #[serde(default = "yes", alias = "is_active")]
    pub active: bool,
}

/// What a pricing service asks for an article.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// The price of one: the digits, as they were written.
    #[serde(alias = "unit_price", deserialize_with = "text")]
    pub price: String,
    /// ISO 4217.
    #[serde(default)]
    pub currency: Option<String>,
    /// Which rule decided.
    #[serde(default)]
    pub rule: Option<String>,
    /// What it looked at, by name.
    #[serde(default)]
    pub inputs: BTreeMap<String, serde_json::Value>,
}

const fn yes() -> bool {
    true
}

/// A text, or a number as it was written.
fn text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    let written = raw.get().trim();
    if written.starts_with('"') {
        return serde_json::from_str(written).map_err(serde::de::Error::custom);
    }
    if written.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Ok(written.to_owned());
    }
    Err(serde::de::Error::custom("must be a text or a number"))
}

fn maybe_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(from)?;
    raw.filter(|raw| raw.get() != "null").map(|raw| text(&*raw).map_err(serde::de::Error::custom)).transpose()
}
