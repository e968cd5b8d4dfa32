//! Money in a packet.

use serde::Serialize;
use shared_events::Money;

/// An amount of money as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Decimal number.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    #[serde(skip)]
    money: Money,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: money.decimal(), currency: money.currency.code().to_owned(), money }
    }
}

impl Amount {
    /// In minor units.
    #[must_use]
    pub const fn money(&self) -> Money {
        self.money
    }

    /// `245.80 USD`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.amount, self.currency)
    }
}
