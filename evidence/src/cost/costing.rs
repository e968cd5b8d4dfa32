//! Takes the costs of an invoice apart: the price of goods, and what it took to bring them here.

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared_events::{Currency, Money};
use uuid::Uuid;

use super::allocate::by_value;
use crate::packet::manifest::microseconds;
use crate::packet::sha256::Sha256;
use crate::reading::decimal::Decimal;
use crate::reading::invoice::{Invoice, Kind, Line, LineKind};

/// The evidence that costs are documented from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Whose it is.
    pub tenant: String,
    /// The request.
    pub request_id: Uuid,
    /// What the claim is called.
    pub claim: String,
    /// The seller's number of the article.
    pub sku: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// Units that are claimed.
    pub quantity: Option<i64>,
    /// Invoices that prove the claim, in the order in which they came.
    pub invoices: Vec<Source>,
}

/// One invoice and which of its lines were matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The document.
    pub document_id: Uuid,
    /// Hash of its bytes.
    pub sha256: Sha256,
    /// When it came in.
    #[serde(with = "microseconds")]
    pub received_at: DateTime<Utc>,
    /// What was read of it.
    pub invoice: Invoice,
    /// The matched line, counted from 1; none when the invoice as a whole was matched.
    pub line: Option<usize>,
}

/// What one line of goods cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodsCost {
    /// The line, counted from 1 among all lines of the invoice.
    pub number: usize,
    /// What it is.
    pub description: String,
    /// How many.
    pub quantity: Option<Decimal>,
    /// What the line says.
    pub amount: i64,
    /// Its part of discounts on the whole invoice, zero or less.
    pub discount: i64,
    /// Its part of freight.
    pub freight: i64,
    /// Its part of duty.
    pub duty: i64,
    /// Whether it is what the claim is about.
    pub matched: bool,
}

impl GoodsCost {
    /// What the goods themselves cost: the line and its part of discounts.
    #[must_use]
    pub const fn sourcing(&self) -> i64 {
        self.amount + self.discount
    }

    /// What they cost when they had arrived: with freight and duty.
    #[must_use]
    pub const fn landed(&self) -> i64 {
        self.sourcing() + self.freight + self.duty
    }
}

/// The costs of one invoice, taken apart. Amounts are minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costing {
    /// Of all amounts.
    pub currency: Currency,
    /// Lines of goods.
    pub goods: Vec<GoodsCost>,
    /// What is shared over them: lines of discounts, freight and duty.
    pub shared: Vec<(LineKind, String, i64)>,
    /// Taxes shown as lines: no cost of goods, left out.
    pub taxes: i64,
    /// Whether there was something to share and nothing to share it by.
    pub unshared: bool,
}

/// Why an invoice's costs cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCosting {
    /// Nothing was read of its lines.
    #[error("no line of goods was read")]
    NoGoods,
    /// Lines in several currencies.
    #[error("its lines are in several currencies")]
    Currencies,
    /// It gives money back instead of asking for it.
    #[error("it is a credit note")]
    CreditNote,
    /// Sums too large to be true.
    #[error("its amounts are too large")]
    TooLarge,
}

/// Takes an invoice's costs apart.
///
/// # Errors
/// [`NoCosting`].
pub fn take_apart(source: &Source) -> Result<Costing, NoCosting> {
    of_lines(&source.invoice, source.line)
}

/// The same of an invoice by itself, of which `line`, counted from 1, was matched.
///
/// # Errors
/// [`NoCosting`].
pub fn of_lines(invoice: &Invoice, line: Option<usize>) -> Result<Costing, NoCosting> {
    let lines = &invoice.lines;
    if invoice.kind == Kind::CreditNote {
        return Err(NoCosting::CreditNote);
    }
    let currency = lines.first().ok_or(NoCosting::NoGoods)?.amount.currency;
    if lines.iter().any(|line| line.amount.currency != currency) {
        return Err(NoCosting::Currencies);
    }
    let mut goods: Vec<GoodsCost> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.kind == LineKind::Product)
        .map(|(at, line)| one(at + 1, line))
        .collect();
    if goods.is_empty() {
        return Err(NoCosting::NoGoods);
    }
    let matched = line.filter(|number| goods.iter().any(|line| line.number == *number));
    for line in &mut goods {
        line.matched = matched == Some(line.number);
    }
    let sum = |kind: LineKind| {
        let amounts = lines.iter().filter(|line| line.kind == kind).map(|line| line.amount.minor);
        amounts.into_iter().try_fold(0_i64, i64::checked_add).ok_or(NoCosting::TooLarge)
    };
    let values: Vec<i64> = goods.iter().map(|line| line.amount).collect();
    let (discount, freight, duty) = (sum(LineKind::Discount)?, sum(LineKind::Freight)?, sum(LineKind::Duty)?);
    let parts = [discount, freight, duty].map(|total| by_value(total, &values));
    let unshared = parts.iter().any(Option::is_none) && [discount, freight, duty].iter().any(|total| *total != 0);
    let [discounts, freights, duties] = parts.map(Option::unwrap_or_default);
    for (at, line) in goods.iter_mut().enumerate() {
        let part = |parts: &[i64]| parts.get(at).copied().unwrap_or_default();
        (line.discount, line.freight, line.duty) = (part(&discounts), part(&freights), part(&duties));
        let whole = [line.discount, line.freight, line.duty].into_iter().try_fold(line.amount, i64::checked_add);
        whole.ok_or(NoCosting::TooLarge)?;
    }
    let is_shared = |line: &&Line| matches!(line.kind, LineKind::Discount | LineKind::Freight | LineKind::Duty);
    let shared = lines.iter().filter(is_shared).map(|line| (line.kind, line.description.clone(), line.amount.minor));
    Ok(Costing { currency, shared: shared.collect(), taxes: sum(LineKind::Tax)?, goods, unshared })
}

fn one(number: usize, line: &Line) -> GoodsCost {
    GoodsCost {
        number,
        description: line.description.clone(),
        quantity: line.quantity,
        amount: line.amount.minor,
        discount: 0,
        freight: 0,
        duty: 0,
        matched: false,
    }
}

/// The part of `cost` that falls to `units` of `of`, rounded half away from zero to the minor unit; `None` when `of` is not above zero.
#[must_use]
pub fn of_units(cost: i64, units: i64, of: Decimal, currency: Currency) -> Option<Money> {
    let thousandth = |decimal: Decimal| decimal.minor(6);
    let (units, of) = (i128::from(units).checked_mul(1_000_000)?, i128::from(thousandth(of)?));
    if of <= 0 {
        return None;
    }
    let exact = i128::from(cost).checked_mul(units)?;
    let rounded = (2 * exact.abs() + of) / (2 * of) * exact.signum();
    Some(Money::new(i64::try_from(rounded).ok()?, currency))
}

#[cfg(test)]
#[path = "costing_tests.rs"]
pub(crate) mod tests;
