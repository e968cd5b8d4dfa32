//! Storage that was charged beyond volume times rate, and parcels of Amazon Shipping.

use chrono::{DateTime, NaiveDate, Utc};
use shared_events::money::{Currency, Money};

use super::books::{Books, Rows};
use super::finding::{Basis, Finding};
use super::orders::is_taken;
use super::report::Report;
use super::valuation::Valued;
use crate::marketplace::Marketplace;
use crate::policy::ClaimType;
use crate::reports::{Decimal, RowKey};

/// A product of exact decimals in minor units of a currency, half up.
fn minor_of(factors: &[Decimal], currency: Currency) -> Option<i64> {
    let product = factors.iter().try_fold(1_i128, |product, factor| product.checked_mul(i128::from(factor.digits)))?;
    let scale: u32 = factors.iter().map(|factor| factor.scale).sum();
    let minor = product.checked_mul(10_i128.checked_pow(currency.decimals())?)?;
    let denominator = 10_i128.checked_pow(scale)?;
    i64::try_from((minor * 2 + denominator).div_euclid(denominator * 2)).ok()
}

pub(crate) fn evaluate(books: &Books, fnsku: &str, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |key: RowKey, place: Marketplace, day: NaiveDate, what: String, charged: Money, expected: i64| {
        // Rounding explains a cent.
        if charged.minor - expected <= 1 || is_taken(rows, ClaimType::FeeStorageOvercharge, key) {
            return;
        }
        let money = |minor| Money::new(minor, charged.currency);
        let words = format!("{what}: charged {charged}, expected {}", money(expected));
        let value = Valued { unit: Some(money(charged.minor - expected)), basis: Basis::Difference, words };
        let subject = format!("storage {day} fnsku {fnsku}");
        let report = Report::of_amount(ClaimType::FeeStorageOvercharge, &subject, (place, day), key, value);
        findings.push(report.article(fnsku, "").finish(books, now));
    };
    for (key, (asked, row)) in &rows.long_term {
        let place = Marketplace::of_country(&row.country).unwrap_or(*asked);
        let (Some(volume), Some(rate)) = (row.unit_volume, row.rate) else { continue };
        let quantity = Decimal { digits: row.quantity, scale: 0 };
        let Some(expected) = minor_of(&[quantity, volume, rate], row.charged.currency) else { continue };
        add(
            *key,
            place,
            row.day,
            format!("{} units of {} older than {}", row.quantity, fnsku, row.age_tier),
            row.charged,
            expected,
        );
    }
    for (key, (asked, row)) in &rows.storage {
        let place = Marketplace::of_country(&row.country).unwrap_or(*asked);
        let (Some(units), Some(volume), Some(rate), Some(fee)) =
            (row.average_units, row.unit_volume, row.rate, row.fee)
        else {
            continue;
        };
        let Some(day) = format!("{}-01", row.month).parse::<NaiveDate>().ok() else { continue };
        let charged = minor_of(&[fee], row.currency).map(|minor| Money::new(minor, row.currency));
        if let (Some(charged), Some(expected)) = (charged, minor_of(&[units, volume, rate], row.currency)) {
            add(*key, place, day, format!("storage at {} in {}", row.center, row.month), charged, expected);
        }
    }
    findings
}

/// A parcel of Amazon Shipping that was lost or damaged: the one thing that can be claimed by an API.
pub(crate) fn parcel(books: &Books, tracking: &str, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let open = rows.parcels.iter().filter(|(key, _)| !is_taken(rows, ClaimType::AmazonShippingClaim, **key));
    let findings = open.map(|(key, (place, parcel))| {
        let words = format!("declared value {}; {}", parcel.value, parcel.reason);
        let value = Valued { unit: Some(parcel.value), basis: Basis::Amount, words };
        let subject = format!("parcel {tracking}");
        Report::of_amount(ClaimType::AmazonShippingClaim, &subject, (*place, parcel.day), *key, value)
            .finish(books, now)
    });
    findings.collect()
}
