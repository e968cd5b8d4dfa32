//! What the system says: every commission of the log, and every partner's balance, by its API.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use super::edge::{Edge, Who};
use super::recompute::Totals;
use super::story::PARTNERS;

/// Commissions on a page; the most that the API gives.
const PAGE: usize = 200;
/// Conversions before this are the log's; others in the tenant are none of the demo's business.
const BEFORE: &str = "1999-01-01T00:00:00Z";

/// A commission, as far as the books need it. Amounts are decimal texts.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// Its id.
    pub commission_id: String,
    /// Whose it is.
    pub partner: String,
    /// What the customer paid.
    pub base: String,
    /// What it earned.
    pub earned: String,
    /// What was taken back before a payout.
    pub reversed: String,
    /// What was taken back after one.
    pub clawed_back: String,
    /// What is left.
    pub remaining: String,
    /// The shop's order.
    pub order_id: Option<String>,
    /// The commission that this claw-back takes from.
    pub reverses: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    commissions: Vec<Row>,
    next_cursor: Option<String>,
}

/// Every commission and claw-back of the log.
///
/// # Errors
/// When the system does not answer.
pub async fn commissions(edge: &Edge) -> anyhow::Result<Vec<Row>> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/commission/commissions?limit={PAGE}{cursor}");
        let page: Page =
            serde_json::from_value(edge.get(Who::Manager, &path).await?).context("a page of commissions")?;
        all.extend(
            page.commissions
                .into_iter()
                .filter(|row| row.order_id.as_ref().is_some_and(|order| order.starts_with("cdnow-"))),
        );
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// The commission of an order, claw-backs aside; absent while there is none.
///
/// # Errors
/// When the system does not answer.
pub async fn of_order(edge: &Edge, order: &str) -> anyhow::Result<Option<Row>> {
    let path = format!("/api/v1/commission/commissions?order={order}");
    let page: Page = serde_json::from_value(edge.get(Who::Manager, &path).await?)?;
    Ok(page.commissions.into_iter().find(|row| row.reverses.is_none()))
}

/// Whether any commission of the log is still on hold.
///
/// # Errors
/// When the system does not answer.
pub async fn any_on_hold(edge: &Edge) -> anyhow::Result<bool> {
    let path = format!("/api/v1/commission/commissions?state=pending&limit=1&to={BEFORE}");
    let page: Page = serde_json::from_value(edge.get(Who::Manager, &path).await?)?;
    Ok(!page.commissions.is_empty())
}

/// What stands on a partner's accounts, in cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// On hold.
    pub accrued: i64,
    /// Paid out.
    pub paid: i64,
    /// What may be asked for.
    pub available: i64,
}

/// A partner's balance in dollars, as the partner itself sees it.
///
/// # Errors
/// When the system does not answer.
pub async fn balance(edge: &Edge, partner: &'static str) -> anyhow::Result<Balance> {
    let path = format!("/api/v1/partners/{partner}/balance");
    let answer = edge.find(Who::Partner(partner), &path).await?.context("a partner without a balance")?;
    let balances = answer["balances"].as_array().context("a balance without currencies")?;
    let Some(dollars) = balances.iter().find(|balance| balance["currency"] == "USD") else {
        return Ok(Balance::default());
    };
    let field =
        |name: &str| dollars[name].as_str().with_context(|| format!("a balance without {name}")).and_then(cents);
    Ok(Balance { accrued: field("accrued")?, paid: field("paid")?, available: field("available")? })
}

/// Every partner's books.
///
/// # Errors
/// When the system does not answer, or contradicts itself about claw-backs.
pub async fn totals(edge: &Edge) -> anyhow::Result<BTreeMap<&'static str, Totals>> {
    let rows = commissions(edge).await?;
    let mut books = BTreeMap::new();
    for partner in PARTNERS {
        let Balance { paid, available, .. } = balance(edge, partner).await?;
        let mut own = Totals { paid, available, ..Totals::default() };
        let mut noted = 0;
        for row in rows.iter().filter(|row| row.partner == partner) {
            if row.reverses.is_some() {
                own.clawed_back -= cents(&row.earned)?;
                continue;
            }
            own.conversions += 1;
            own.turnover += cents(&row.base)?;
            own.earned += cents(&row.earned)?;
            own.reversed += cents(&row.reversed)?;
            noted += cents(&row.clawed_back)?;
        }
        anyhow::ensure!(
            noted == own.clawed_back,
            "{partner}: commissions name {noted} cents of claw-backs, the claw-backs are {}",
            own.clawed_back
        );
        books.insert(partner, own);
    }
    Ok(books)
}

/// Cents of a decimal text with two decimals.
pub fn cents(decimal: &str) -> anyhow::Result<i64> {
    let digits = decimal.replacen('.', "", 1);
    anyhow::ensure!(
        decimal.len() > 3 && decimal.as_bytes()[decimal.len() - 3] == b'.',
        "{decimal:?} has not two decimals"
    );
    digits.parse().with_context(|| format!("{decimal:?} is no amount"))
}

/// Cents as dollars, for people: `-1,234.50`.
pub fn dollars(cents: i64) -> String {
    let whole = (cents.unsigned_abs() / 100).to_string();
    let groups: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, groups.join(","), cents.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        for (text, value) in [("0.00", 0), ("-12.50", -1_250), ("1234567.89", 123_456_789), ("-0.05", -5)] {
            assert_eq!(cents(text).expect("an amount"), value);
        }
        for bad in ["", "1", "1.5", "12,00", "a.bc"] {
            assert!(cents(bad).is_err(), "{bad}");
        }
        assert_eq!([0, -5, 123_456_789, -100_000].map(dollars), ["0.00", "-0.05", "1,234,567.89", "-1,000.00"]);
    }
}
