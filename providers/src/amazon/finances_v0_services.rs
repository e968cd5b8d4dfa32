//! Finances v0: services, advertisements, payouts, debts and taxes.

#![expect(missing_docs, reason = "the fields are the published ones, and named as there")]

use serde::Deserialize;

use super::amount::list;
use super::finances_v0_orders::{ChargeComponent, FeeComponent};
use super::{Amount, Timestamp};

/// A purchase elsewhere, paid with Amazon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PayWithAmazonEvent {
    pub seller_order_id: Option<String>,
    pub transaction_posted_date: Option<Timestamp>,
    pub business_object_type: Option<String>,
    pub sales_channel: Option<String>,
    pub charge: Option<ChargeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub fee_list: Vec<FeeComponent>,
    pub payment_amount_type: Option<String>,
    pub amount_description: Option<String>,
    pub fulfillment_channel: Option<String>,
    pub store_name: Option<String>,
}

/// A credit of a solution provider.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SolutionProviderCreditEvent {
    pub provider_transaction_type: Option<String>,
    pub seller_order_id: Option<String>,
    pub marketplace_id: Option<String>,
    pub marketplace_country_code: Option<String>,
    pub seller_id: Option<String>,
    pub seller_store_name: Option<String>,
    pub provider_id: Option<String>,
    pub provider_store_name: Option<String>,
    pub transaction_amount: Option<Amount>,
    pub transaction_creation_date: Option<Timestamp>,
}

/// A payment for advertisements.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductAdsPaymentEvent {
    pub posted_date: Option<Timestamp>,
    pub transaction_type: Option<String>,
    pub invoice_id: Option<String>,
    pub base_value: Option<Amount>,
    pub tax_value: Option<Amount>,
    pub transaction_value: Option<Amount>,
}

/// A fee for a deal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SellerDealPaymentEvent {
    pub posted_date: Option<Timestamp>,
    pub deal_id: Option<String>,
    pub deal_description: Option<String>,
    pub event_type: Option<String>,
    pub fee_type: Option<String>,
    pub fee_amount: Option<Amount>,
    pub tax_amount: Option<Amount>,
    pub total_amount: Option<Amount>,
}

/// A fee of the review programme.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SellerReviewEnrollmentPaymentEvent {
    pub posted_date: Option<Timestamp>,
    pub enrollment_id: Option<String>,
    #[serde(rename = "ParentASIN")]
    pub parent_asin: Option<String>,
    pub fee_component: Option<FeeComponent>,
    pub charge_component: Option<ChargeComponent>,
    pub total_amount: Option<Amount>,
}

/// A fee for coupons.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CouponPaymentEvent {
    pub posted_date: Option<Timestamp>,
    pub coupon_id: Option<String>,
    pub seller_coupon_description: Option<String>,
    pub clip_or_redemption_count: Option<i64>,
    pub payment_event_id: Option<String>,
    pub fee_component: Option<FeeComponent>,
    pub charge_component: Option<ChargeComponent>,
    pub total_amount: Option<Amount>,
}

/// A fee for pictures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImagingServicesFeeEvent {
    #[serde(rename = "ImagingRequestBillingItemID")]
    pub imaging_request_billing_item_id: Option<String>,
    #[serde(rename = "ASIN")]
    pub asin: Option<String>,
    pub posted_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "list")]
    pub fee_list: Vec<FeeComponent>,
}

/// A fee for payment by instalments, or its reversal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AffordabilityExpenseEvent {
    pub amazon_order_id: Option<String>,
    pub posted_date: Option<Timestamp>,
    pub marketplace_id: Option<String>,
    pub transaction_type: Option<String>,
    pub base_expense: Option<Amount>,
    #[serde(rename = "TaxTypeCGST")]
    pub tax_type_cgst: Option<Amount>,
    #[serde(rename = "TaxTypeSGST")]
    pub tax_type_sgst: Option<Amount>,
    #[serde(rename = "TaxTypeIGST")]
    pub tax_type_igst: Option<Amount>,
    pub total_expense: Option<Amount>,
}

/// A debt that was taken from what is paid out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DebtRecoveryEvent {
    pub debt_recovery_type: Option<String>,
    pub recovery_amount: Option<Amount>,
    pub over_payment_credit: Option<Amount>,
    #[serde(default, deserialize_with = "list")]
    pub debt_recovery_item_list: Vec<DebtRecoveryItem>,
    #[serde(default, deserialize_with = "list")]
    pub charge_instrument_list: Vec<ChargeInstrument>,
}

/// A part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DebtRecoveryItem {
    pub recovery_amount: Option<Amount>,
    pub original_amount: Option<Amount>,
    pub group_begin_date: Option<Timestamp>,
    pub group_end_date: Option<Timestamp>,
}

/// What a debt was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChargeInstrument {
    pub description: Option<String>,
    pub tail: Option<String>,
    pub amount: Option<Amount>,
}

/// A loan, its payment or repayment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoanServicingEvent {
    pub loan_amount: Option<Amount>,
    pub source_business_event_type: Option<String>,
}

/// A payout that the seller asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdhocDisbursementEvent {
    pub transaction_type: Option<String>,
    pub posted_date: Option<Timestamp>,
    pub transaction_id: Option<String>,
    pub transaction_amount: Option<Amount>,
}

/// One that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FailedAdhocDisbursementEvent {
    pub funds_transfers_type: Option<String>,
    pub transfer_id: Option<String>,
    pub disbursement_id: Option<String>,
    pub payment_disbursement_type: Option<String>,
    pub status: Option<String>,
    pub transfer_amount: Option<Amount>,
    pub posted_date: Option<Timestamp>,
}

/// Tax that was kept for a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaxWithholdingEvent {
    pub posted_date: Option<Timestamp>,
    pub base_amount: Option<Amount>,
    pub withheld_amount: Option<Amount>,
    pub tax_withholding_period: Option<TaxWithholdingPeriod>,
}

/// That time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaxWithholdingPeriod {
    pub start_date: Option<Timestamp>,
    pub end_date: Option<Timestamp>,
}

/// A charge that is given back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChargeRefundEvent {
    pub posted_date: Option<Timestamp>,
    pub reason_code: Option<String>,
    pub reason_code_description: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub charge_refund_transactions: Vec<ChargeRefundTransaction>,
}

/// A part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChargeRefundTransaction {
    pub charge_amount: Option<Amount>,
    pub charge_type: Option<String>,
}

/// A charge for a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ValueAddedServiceChargeEvent {
    pub transaction_type: Option<String>,
    pub posted_date: Option<Timestamp>,
    pub description: Option<String>,
    pub transaction_amount: Option<Amount>,
}

/// A charge for storage reserved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CapacityReservationBillingEvent {
    pub transaction_type: Option<String>,
    pub posted_date: Option<Timestamp>,
    pub description: Option<String>,
    pub transaction_amount: Option<Amount>,
}
