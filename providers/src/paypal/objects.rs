//! What PayPal keeps, as far as it is read here.

use serde::{Deserialize, Serialize};
use shared_events::money::{Currency, Money};

use super::Error;

/// Currencies that PayPal takes without decimals although ISO 4217 has two.
const WHOLE: [&str; 2] = ["HUF", "TWD"];

/// An amount as PayPal writes it: a decimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// ISO 4217.
    pub currency_code: String,
    /// `150.00`.
    pub value: String,
}

impl Amount {
    /// Writes an amount.
    ///
    /// # Errors
    /// [`Error::UnsupportedCurrency`] when PayPal has other decimals for it; a refusal when it is not positive.
    pub fn of(money: Money) -> Result<Self, Error> {
        let code = money.currency.code();
        if WHOLE.contains(&code) || money.currency.decimals() > 2 {
            return Err(Error::UnsupportedCurrency(code.to_owned()));
        }
        if money.minor <= 0 {
            return Err(Error::ours("amount", "an amount has to be positive"));
        }
        Ok(Self { currency_code: code.to_owned(), value: money.decimal() })
    }

    /// The amount, if its currency is known.
    pub fn money(&self) -> Option<Money> {
        Money::parse(&self.value, Currency::try_new(&self.currency_code).ok()?).ok()
    }
}

/// An order: what is to be paid, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// `CREATED`, `SAVED`, `APPROVED`, `PAYER_ACTION_REQUIRED`, `VOIDED` or `COMPLETED`.
    #[serde(default)]
    pub status: String,
    /// `AUTHORIZE` or `CAPTURE`.
    #[serde(default)]
    pub intent: String,
    /// What is paid for.
    #[serde(default)]
    pub purchase_units: Vec<Unit>,
}

impl Order {
    /// What it asks for: an order with several units, or without an amount, has none here.
    pub fn amount(&self) -> Option<Money> {
        match self.purchase_units.as_slice() {
            [unit] => unit.amount.as_ref()?.money(),
            _ => None,
        }
    }

    /// What was done with it.
    pub fn payments(&self) -> Payments {
        self.purchase_units.iter().find_map(|unit| unit.payments.clone()).unwrap_or_default()
    }
}

/// A part of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Unit {
    /// How much.
    pub amount: Option<Amount>,
    /// Ours.
    pub custom_id: Option<String>,
    /// What was done with it.
    pub payments: Option<Payments>,
}

/// What was done with an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Payments {
    /// Money that is held.
    #[serde(default)]
    pub authorizations: Vec<Authorization>,
    /// Money that was taken.
    #[serde(default)]
    pub captures: Vec<Capture>,
    /// Money that was given back.
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

/// Money that is held.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Authorization {
    /// Its id.
    pub id: String,
    /// `CREATED`, `CAPTURED`, `DENIED`, `EXPIRED`, `PARTIALLY_CAPTURED`, `VOIDED` or `PENDING`.
    #[serde(default)]
    pub status: String,
    /// How much.
    pub amount: Option<Amount>,
    /// What it belongs to.
    #[serde(default)]
    supplementary_data: Option<Supplement>,
}

impl Authorization {
    /// The order that it came from.
    pub fn order_id(&self) -> Option<&str> {
        self.supplementary_data.as_ref()?.related_ids.as_ref()?.order_id.as_deref()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Supplement {
    related_ids: Option<Related>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Related {
    order_id: Option<String>,
}

/// Money that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Capture {
    /// Its id.
    pub id: String,
    /// `COMPLETED`, `DECLINED`, `PARTIALLY_REFUNDED`, `PENDING`, `REFUNDED` or `FAILED`.
    #[serde(default)]
    pub status: String,
    /// How much.
    pub amount: Option<Amount>,
    /// Ours.
    pub invoice_id: Option<String>,
}

/// Money that was given back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: String,
    /// `CANCELLED`, `FAILED`, `PENDING` or `COMPLETED`.
    #[serde(default)]
    pub status: String,
    /// How much.
    pub amount: Option<Amount>,
    /// Ours.
    pub custom_id: Option<String>,
    #[serde(default)]
    links: Vec<Link>,
}

impl Refund {
    /// The capture that it gives back of.
    pub fn capture_id(&self) -> Option<&str> {
        let up = self.links.iter().find(|link| link.rel == "up")?;
        up.href.rsplit('/').next()
    }

    /// Whether its money went, or is on its way.
    pub fn counts(&self) -> bool {
        !matches!(self.status.as_str(), "CANCELLED" | "FAILED")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Link {
    #[serde(default)]
    href: String,
    #[serde(default)]
    rel: String,
}
