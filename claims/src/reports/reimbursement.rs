//! `GET_FBA_REIMBURSEMENTS_DATA`: what Amazon paid back, in money or in units, and took back again.

use chrono::{DateTime, FixedOffset, NaiveDate};
use shared_events::money::Money;

use super::{Column, FieldError, Fields, Report, identity, optional, required};
use crate::reasons::ReimbursementReason;

/// One line of a reimbursement. The report covers a whole region, whatever marketplace was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reimbursement {
    /// When it was approved.
    pub approved_at: DateTime<FixedOffset>,
    /// Amazon's number of the reimbursement.
    pub reimbursement_id: String,
    /// The case that brought it; none when Amazon paid by itself.
    pub case_id: Option<String>,
    /// The customer's or the removal order that it is about.
    pub order_id: Option<String>,
    /// Why it was paid.
    pub reason: ReimbursementReason,
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// For one unit.
    pub per_unit: Money,
    /// In all; negative when taken back.
    pub total: Money,
    /// Units paid in money; negative when taken back.
    pub cash_units: i64,
    /// Units given as units.
    pub inventory_units: i64,
    /// The reimbursement that is taken back.
    pub original_id: Option<String>,
    /// Its reason.
    pub original_reason: Option<ReimbursementReason>,
}

impl Reimbursement {
    /// Whether this takes an earlier reimbursement back.
    pub fn is_reversal(&self) -> bool {
        self.reason == ReimbursementReason::Reversal
    }

    /// What the money is about: the reason, or that of the reimbursement taken back.
    pub fn subject_reason(&self) -> Option<&ReimbursementReason> {
        if self.is_reversal() { self.original_reason.as_ref() } else { Some(&self.reason) }
    }
}

impl Report for Reimbursement {
    const NAME: &'static str = "GET_FBA_REIMBURSEMENTS_DATA";
    const COLUMNS: &'static [Column] = &[
        required("approval-date"),
        identity("reimbursement-id"),
        required("case-id"),
        required("amazon-order-id"),
        required("reason"),
        identity("sku"),
        identity("fnsku"),
        required("currency-unit"),
        required("amount-per-unit"),
        required("amount-total"),
        required("quantity-reimbursed-cash"),
        required("quantity-reimbursed-inventory"),
        optional("original-reimbursement-id"),
        optional("original-reimbursement-type"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let currency = fields.currency(7)?;
        Ok(Self {
            approved_at: fields.instant(0)?,
            reimbursement_id: fields.needed(1)?,
            case_id: fields.some(2),
            order_id: fields.some(3),
            reason: ReimbursementReason::of(&fields.needed(4)?),
            sku: fields.owned(5),
            fnsku: fields.owned(6),
            per_unit: fields.money(8, currency)?,
            total: fields.money(9, currency)?,
            cash_units: fields.whole_or_zero(10)?,
            inventory_units: fields.whole_or_zero(11)?,
            original_id: fields.some(12),
            original_reason: fields.some(13).map(|text| ReimbursementReason::of(&text)),
        })
    }

    fn day(&self) -> Option<NaiveDate> {
        Some(self.approved_at.date_naive())
    }
}
