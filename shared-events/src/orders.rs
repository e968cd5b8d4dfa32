//! What orders is asked and what it tells: orders, their way, stock, payments, approvals.

mod access;
mod aftermath;
mod commands;
mod events;
mod keeping;
mod parcels;
mod people;
mod tasks;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use access::*;
pub use aftermath::*;
pub use commands::*;
pub use events::*;
pub use keeping::*;
pub use parcels::*;
pub use people::*;
pub use tasks::*;

use crate::money::{Money, Written};

/// By which door an order came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A customer's own order: every price is the catalogue's.
    Shop,
    /// A selling system's order, which may name prices of what the catalogue does not know, tax and shipping.
    Workflow,
}

impl Channel {
    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Workflow => "workflow",
        }
    }
}

/// One article that is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskedItem {
    /// The catalogue's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// The seller's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// What it is called; the catalogue's name wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many.
    pub quantity: i64,
    /// The price of one that the buyer saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Written>,
    /// What a catalogue elsewhere says of it; absent = our own table says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<Listed>,
}

/// An article as a catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listed {
    /// The catalogue's id.
    pub product_id: String,
    /// The seller's number.
    pub sku: String,
    /// What it is called.
    pub name: String,
    /// The price of one.
    pub unit_price: Money,
    /// How heavy one is, in grams.
    pub grams: i64,
    /// Whether it is sold.
    pub is_active: bool,
    /// Why it costs that, where a pricing rule decided; absent = it is the catalogue's own price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
}

/// Why an article costs what it costs: the rule that decided, and what it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pricing {
    /// Who decided: `table` (the tenant's own rules) or `service` (a pricing service).
    #[schema(example = "table")]
    pub source: String,
    /// Which of its rules.
    #[schema(example = "many-in-stock")]
    pub rule: String,
    /// What the catalogue asks for one, as a decimal text in the order's currency.
    #[schema(example = "29.99")]
    pub list_price: String,
    /// What the rule looked at, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
}

/// What can be told of an order's private details without giving them away: keyed digests, and how they compare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Marks {
    /// The card, by its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// The others, where tokens of several were brought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_cards: Vec<String>,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The device that it was ordered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// How billing and shipping address differ: `none`, `postcode` or `country`.
    pub addresses: String,
    /// Whether the mail address is of a throw-away service.
    #[serde(default)]
    pub disposable_mail: bool,
}

/// A quantity of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineQuantity {
    /// The line's number within the order, from 1.
    #[schema(example = 1)]
    pub line: i32,
    /// How many.
    #[schema(example = 1)]
    pub quantity: i64,
}

/// A line as it was sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SoldLine {
    /// Its number within the order, from 1.
    pub line: i32,
    /// The seller's number.
    pub sku: String,
    /// How many.
    pub quantity: i64,
    /// What it came to, without tax, in minor units.
    pub net_minor: i64,
}
