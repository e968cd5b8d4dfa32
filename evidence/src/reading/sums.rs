//! The arithmetic that every structured invoice must keep, whichever format it is in.

use shared_events::money::{Currency, Money};

use super::decimal::Decimal;
use super::invoice::Flag;
use super::refusal::Refusal;

/// The figures of one document; what it does not say is not checked.
#[derive(Debug, Default)]
pub struct Sums {
    /// Net amounts of the lines.
    pub lines: Vec<Decimal>,
    /// Their sum as stated.
    pub line_total: Option<Decimal>,
    /// Allowances of the whole document.
    pub allowances: Vec<Decimal>,
    /// Their sum as stated.
    pub allowance_total: Option<Decimal>,
    /// Charges of the whole document.
    pub charges: Vec<Decimal>,
    /// Their sum as stated.
    pub charge_total: Option<Decimal>,
    /// Total without tax as stated.
    pub tax_exclusive: Option<Decimal>,
    /// Taxes as stated, each with the amounts of its subtotals.
    pub taxes: Vec<(Decimal, Vec<Decimal>)>,
    /// Total with tax as stated.
    pub tax_inclusive: Option<Decimal>,
    /// Already paid.
    pub prepaid: Option<Decimal>,
    /// Added to get a round sum.
    pub rounding: Option<Decimal>,
    /// Still to be paid as stated.
    pub payable: Option<Decimal>,
    /// The format has no place for allowances (credit notes of UBL 2.0), so a lower total without tax may be right.
    pub no_place_for_allowances: bool,
}

impl Sums {
    /// Checks everything that is stated against what it is made of; answers what is odd but may be right.
    ///
    /// # Errors
    /// The first sum that does not hold.
    pub fn check(&self) -> Result<Vec<Flag>, Refusal> {
        let mut flags = vec![];
        let lines = add(&self.lines)?;
        // The smallest profiles of Factur-X have totals only.
        let stated = self.line_total.filter(|_| !self.lines.is_empty());
        same("sum-of-lines", "the sum of the lines", lines, "the stated line total", stated)?;
        let (allowances, charges) = (add(&self.allowances)?, add(&self.charges)?);
        same("sum-of-allowances", "the sum of allowances", allowances, "their stated total", self.allowance_total)?;
        same("sum-of-charges", "the sum of charges", charges, "their stated total", self.charge_total)?;
        let total = self.line_total.unwrap_or(lines);
        let allowance = self.allowance_total.unwrap_or(allowances);
        let charge = self.charge_total.unwrap_or(charges);
        let exclusive = match self.tax_exclusive {
            Some(stated) if self.lines.is_empty() && self.line_total.is_none() => stated,
            _ => add(&[total, allowance.negated(), charge])?,
        };
        let held = same(
            "tax-exclusive",
            "lines less allowances plus charges",
            exclusive,
            "the total without tax",
            self.tax_exclusive,
        );
        match held {
            Err(refusal) if self.no_place_for_allowances => {
                flags.push(Flag { rule: "tax-exclusive".into(), message: refusal.reason })
            }
            held => held?,
        }
        for (stated, parts) in self.taxes.iter().filter(|(_, parts)| !parts.is_empty()) {
            same("sum-of-taxes", "the sum of the tax subtotals", add(parts)?, "the tax total", Some(*stated))?;
        }
        let due = self.check_payable(self.tax_exclusive.unwrap_or(exclusive));
        // The smallest profile of Factur-X has no place for what was prepaid.
        let totals_only = self.lines.is_empty() && self.line_total.is_none() && self.prepaid.is_none();
        match due {
            Err(refusal) if refusal.rule == "payable" && totals_only => {
                flags.push(Flag { rule: "payable".into(), message: refusal.reason });
            }
            due => due?,
        }
        Ok(flags)
    }

    /// The rounding is added to the total with tax by some, to the payable amount by others.
    fn check_payable(&self, exclusive: Decimal) -> Result<(), Refusal> {
        let mut tax = Decimal::ZERO;
        for (stated, _) in &self.taxes {
            tax = add(&[tax, *stated])?;
        }
        let rounding = self.rounding.unwrap_or(Decimal::ZERO);
        let inclusive = add(&[exclusive, tax])?;
        if self.tax_inclusive != Some(add(&[inclusive, rounding])?) {
            same(
                "tax-inclusive",
                "the total without tax plus taxes",
                inclusive,
                "the total with tax",
                self.tax_inclusive,
            )?;
        }
        let Some(payable) = self.payable else { return Ok(()) };
        let due = add(&[self.tax_inclusive.unwrap_or(inclusive), self.prepaid.unwrap_or(Decimal::ZERO).negated()])?;
        if payable != add(&[due, rounding])? {
            same("payable", "the total less what was prepaid", due, "the payable amount", Some(payable))?;
        }
        Ok(())
    }
}

fn same(rule: &str, what: &str, reckoned: Decimal, other: &str, stated: Option<Decimal>) -> Result<(), Refusal> {
    match stated {
        Some(stated) if stated != reckoned => {
            Err(Refusal::invalid(rule, format!("{what} is {reckoned}, {other} is {stated}")))
        }
        _ => Ok(()),
    }
}

/// Adds up.
///
/// # Errors
/// When the sum is beyond what any invoice holds.
pub fn add(amounts: &[Decimal]) -> Result<Decimal, Refusal> {
    amounts
        .iter()
        .try_fold(Decimal::ZERO, |total, amount| total.plus(*amount))
        .ok_or_else(|| Refusal::invalid("amount-range", "an amount is out of range"))
}

/// An amount in minor units.
///
/// # Errors
/// When it has more decimals than the currency, or is out of range.
pub fn money(amount: Decimal, currency: Currency, what: &str) -> Result<Money, Refusal> {
    amount
        .minor(currency.decimals())
        .map(|minor| Money::new(minor, currency))
        .ok_or_else(|| Refusal::invalid("amount-precision", format!("{what}: {amount} is no amount of {currency}")))
}

/// A currency of ISO 4217.
///
/// # Errors
/// When it is not listed.
pub fn currency(code: &str) -> Result<Currency, Refusal> {
    Currency::try_new(code).map_err(|error| Refusal::invalid("currency", error.to_string()))
}
