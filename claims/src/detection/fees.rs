//! Fees of an order that were too high, charge by charge, and referral fees that a refund should have given back.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use shared_events::money::Money;

use super::books::{Books, Rows};
use super::finding::{Basis, Finding};
use super::orders::is_taken;
use super::report::Report;
use super::valuation::{self, Sold, Valued, postings_of, preview_on};
use crate::policy::ClaimType;

pub(crate) fn evaluate(books: &Books, order: &str, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let skus: BTreeSet<&str> = rows.sales.values().map(|(_, sale)| sale.sku.as_str()).collect();
    let mut findings = Vec::new();
    for sku in skus {
        let Some(sold) = valuation::sold(rows, sku) else { continue };
        findings.extend(too_high(books, order, rows, sku, &sold, ClaimType::FeeFulfilmentOvercharge, now));
        findings.extend(too_high(books, order, rows, sku, &sold, ClaimType::FeeCommissionOvercharge, now));
        findings.extend(commission_kept(books, order, rows, sku, &sold, now));
    }
    findings
}

/// `numerator / denominator`, half up.
fn rounded(numerator: i128, denominator: i128) -> i64 {
    i64::try_from((numerator * 2 + denominator).div_euclid(denominator * 2)).unwrap_or(i64::MAX)
}

/// What was charged beyond the fee that the preview expects.
fn too_high(
    books: &Books,
    order: &str,
    rows: &Rows,
    sku: &str,
    sold: &Sold,
    claim_type: ClaimType,
    now: DateTime<Utc>,
) -> Option<Finding> {
    let fulfilment = claim_type == ClaimType::FeeFulfilmentOvercharge;
    let description = if fulfilment { "FBAPerUnitFulfillmentFee" } else { "Commission" };
    let charges: Vec<_> =
        postings_of(rows, sku, "Order").filter(|(_, _, posting)| posting.description == description).collect();
    let (key, place, first) = charges.iter().min_by_key(|(key, _, posting)| (posting.day, *key))?;
    let charged: i64 = -charges.iter().map(|(_, _, posting)| posting.amount.minor).sum::<i64>();
    let preview = preview_on(books, sku, *place, first.day)?;
    let currency = sold.unit_price.currency;
    let expected = if fulfilment {
        let fee = preview.fulfilment.filter(|fee| fee.currency == currency)?;
        // A unit that went abroad costs more, and the settlement does not say where it went.
        let abroad = preview.fulfilment_abroad.iter().any(|(_, fee)| fee.minor * sold.units == charged);
        if abroad { charged } else { fee.minor * sold.units }
    } else {
        let (fee, price) =
            preview.referral.zip(preview.price).filter(|(fee, price)| fee.currency == currency && price.minor > 0)?;
        let one = rounded(i128::from(fee.minor) * i128::from(sold.unit_price.minor), i128::from(price.minor));
        // At another price than the preview's, the share is known to the cent only.
        let tolerance = if price == sold.unit_price { 0 } else { sold.units };
        let expected = one * sold.units;
        if (charged - expected).abs() <= tolerance { charged } else { expected }
    };
    let difference = charged - expected;
    if difference <= 0 || is_taken(rows, claim_type, *key) {
        return None;
    }
    let money = |minor| Money::new(minor, currency);
    let words = format!("charged {} for {} units, expected {}", money(charged), sold.units, money(expected));
    let value = Valued { unit: Some(money(difference)), basis: Basis::Difference, words };
    let subject = format!("order {order} sku {sku}");
    Some(Report::of_amount(claim_type, &subject, (*place, first.day), *key, value).article("", sku).finish(books, now))
}

/// A refund gives the referral fee back, less the share that Amazon keeps.
fn commission_kept(
    books: &Books,
    order: &str,
    rows: &Rows,
    sku: &str,
    sold: &Sold,
    now: DateTime<Utc>,
) -> Option<Finding> {
    let sum = |transaction: &str, descriptions: &[&str]| -> i64 {
        let fitting = postings_of(rows, sku, transaction)
            .filter(|(_, _, posting)| descriptions.contains(&posting.description.as_str()));
        fitting.map(|(_, _, posting)| posting.amount.minor).sum()
    };
    let charged = -sum("Order", &["Commission"]);
    let refunded = -sum("Refund", &["Principal"]);
    let given_back = sum("Refund", &["Commission", "RefundCommission"]);
    let refunds = postings_of(rows, sku, "Refund").filter(|(_, _, posting)| posting.description == "Principal");
    let (key, place, last) = refunds.max_by_key(|(key, _, posting)| (posting.day, *key))?;
    if charged <= 0
        || refunded <= 0
        || sold.principal <= 0
        || is_taken(rows, ClaimType::RefundCommissionNotReturned, key)
    {
        return None;
    }
    let currency = sold.unit_price.currency;
    let valuation = &books.policy.valuation;
    let share = rounded(i128::from(charged) * i128::from(refunded.min(sold.principal)), i128::from(sold.principal));
    let cap = valuation.refund_fee_caps.iter().find(|cap| cap.currency == currency).map_or(i64::MAX, |cap| cap.minor);
    let kept = rounded(i128::from(share) * i128::from(valuation.refund_fee_share_bps), 10_000).min(cap);
    let missing = share - kept - given_back;
    // Amazon rounds each line, so a cent proves nothing.
    if missing <= 1 {
        return None;
    }
    let money = |minor| Money::new(minor, currency);
    let words = format!(
        "referral fee of what was refunded {}, less {} that Amazon keeps, less {} given back",
        money(share),
        money(kept),
        money(given_back)
    );
    let value = Valued { unit: Some(money(missing)), basis: Basis::Difference, words };
    let subject = format!("order {order} sku {sku}");
    let report = Report::of_amount(ClaimType::RefundCommissionNotReturned, &subject, (place, last.day), key, value);
    Some(report.article("", sku).finish(books, now))
}
