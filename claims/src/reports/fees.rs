//! Fees: what each article should cost, and what storage was charged.

use chrono::NaiveDate;
use shared_events::money::Money;

use super::{Column, Decimal, FieldError, Fields, Report, identity, optional, optional_identity, required};

/// `GET_FBA_ESTIMATED_FBA_FEES_TXT_DATA`: the fees that one article should cost now, in the American or the European layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeePreview {
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// The store that the fees are of: `US`, `DE`, ...
    pub store: String,
    /// The price that the referral fee was worked out for.
    pub price: Option<Money>,
    /// Referral fee of one unit at that price.
    pub referral: Option<Money>,
    /// Fulfilment of one unit within the store's own country.
    pub fulfilment: Option<Money>,
    /// Fulfilment of one unit from abroad, by the country it goes to (European layout).
    pub fulfilment_abroad: Vec<(&'static str, Money)>,
}

/// Columns of fulfilment from abroad, from [`FeePreview::COLUMNS`] index 8 on.
const ABROAD: [&str; 6] = ["GB", "DE", "FR", "IT", "ES", "SE"];

impl Report for FeePreview {
    const NAME: &'static str = "GET_FBA_ESTIMATED_FBA_FEES_TXT_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("sku"),
        identity("fnsku"),
        optional_identity("amazon-store"),
        required("currency"),
        optional("sales-price"),
        optional("your-price"),
        optional("estimated-referral-fee-per-unit"),
        required(
            "expected-fulfillment-fee-per-unit|expected-domestic-fulfilment-fee-per-unit|estimated-pick-pack-fee-per-unit",
        ),
        optional("expected-efn-fulfilment-fee-per-unit-uk"),
        optional("expected-efn-fulfilment-fee-per-unit-de"),
        optional("expected-efn-fulfilment-fee-per-unit-fr"),
        optional("expected-efn-fulfilment-fee-per-unit-it"),
        optional("expected-efn-fulfilment-fee-per-unit-es"),
        optional("expected-efn-fulfilment-fee-per-unit-se"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let currency = fields.currency(3)?;
        let money = |column| fields.money_or_blank(column, currency);
        let mut fulfilment_abroad = Vec::new();
        for (at, country) in ABROAD.into_iter().enumerate() {
            fulfilment_abroad.extend(money(8 + at)?.map(|fee| (country, fee)));
        }
        Ok(Self {
            sku: fields.needed(0)?,
            fnsku: fields.owned(1),
            store: fields.owned(2),
            price: money(4)?.or(money(5)?),
            referral: money(6)?,
            fulfilment: money(7)?,
            fulfilment_abroad,
        })
    }
}

/// `GET_FBA_FULFILLMENT_LONGTERM_STORAGE_FEE_CHARGES_DATA`: the surcharge on units that lie long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongTermStorage {
    /// The day of the charge.
    pub day: NaiveDate,
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// Country of the warehouse.
    pub country: String,
    /// Units charged.
    pub quantity: i64,
    /// Volume of one unit.
    pub unit_volume: Option<Decimal>,
    /// What was charged.
    pub charged: Money,
    /// How old the units are, as Amazon names it.
    pub age_tier: String,
    /// The charge for one unit of volume.
    pub rate: Option<Decimal>,
}

impl Report for LongTermStorage {
    const NAME: &'static str = "GET_FBA_FULFILLMENT_LONGTERM_STORAGE_FEE_CHARGES_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("snapshot-date"),
        identity("sku"),
        identity("fnsku"),
        required("per-unit-volume"),
        required("currency"),
        identity("country"),
        required("qty-charged"),
        required("amount-charged"),
        optional_identity("surcharge-age-tier"),
        optional("rate-surcharge"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            day: fields.date(0)?,
            sku: fields.owned(1),
            fnsku: fields.needed(2)?,
            unit_volume: fields.decimal_or_blank(3)?,
            country: fields.needed(5)?,
            quantity: fields.whole(6)?,
            charged: fields.money(7, fields.currency(4)?)?,
            age_tier: fields.owned(8),
            rate: fields.decimal_or_blank(9)?,
        })
    }

    fn day(&self) -> Option<NaiveDate> {
        Some(self.day)
    }
}

/// `GET_FBA_STORAGE_FEE_CHARGES_DATA`: the month's storage of one article in one warehouse. The fee is an estimate with more
/// decimals than the currency, so it is kept as a plain number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Month of the charge, as `2026-05`.
    pub month: String,
    /// Amazon's number of the article.
    pub fnsku: String,
    /// Fulfilment centre.
    pub center: String,
    /// Its country.
    pub country: String,
    /// Volume of one unit.
    pub unit_volume: Option<Decimal>,
    /// Units that lay there on average.
    pub average_units: Option<Decimal>,
    /// Volume that was charged.
    pub volume: Option<Decimal>,
    /// The charge for one unit of volume.
    pub rate: Option<Decimal>,
    /// The currency of rate and fee.
    pub currency: shared_events::money::Currency,
    /// What was charged.
    pub fee: Option<Decimal>,
}

impl Report for Storage {
    const NAME: &'static str = "GET_FBA_STORAGE_FEE_CHARGES_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("month-of-charge"),
        identity("fnsku"),
        identity("fulfillment-center"),
        identity("country-code"),
        optional("item-volume"),
        optional("average-quantity-on-hand"),
        optional("estimated-total-item-volume"),
        optional("storage-rate|base-rate"),
        required("currency"),
        required("estimated-monthly-storage-fee"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            month: fields.needed(0)?,
            fnsku: fields.needed(1)?,
            center: fields.owned(2),
            country: fields.owned(3),
            unit_volume: fields.decimal_or_blank(4)?,
            average_units: fields.decimal_or_blank(5)?,
            volume: fields.decimal_or_blank(6)?,
            rate: fields.decimal_or_blank(7)?,
            currency: fields.currency(8)?,
            fee: fields.decimal_or_blank(9)?,
        })
    }
}
