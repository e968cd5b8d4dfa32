//! Finances v0: reimbursements, and what else moves outside of orders and has to do with stock.

#![expect(missing_docs, reason = "the fields are the published ones, and named as there")]

use serde::Deserialize;

use super::amount::list;
use super::finances_v0_orders::ChargeComponent;
use super::{Amount, Timestamp};

/// Money outside of an order: reimbursements (`WAREHOUSE_LOST`, ...) and their reversals.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdjustmentEvent {
    pub adjustment_type: Option<String>,
    pub posted_date: Option<Timestamp>,
    pub store_name: Option<String>,
    pub adjustment_amount: Option<Amount>,
    #[serde(default, deserialize_with = "list")]
    pub adjustment_item_list: Vec<AdjustmentItem>,
}

/// One article of an adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdjustmentItem {
    pub quantity: Option<String>,
    pub per_unit_amount: Option<Amount>,
    pub total_amount: Option<Amount>,
    #[serde(rename = "SellerSKU")]
    pub seller_sku: Option<String>,
    #[serde(rename = "FnSKU")]
    pub fn_sku: Option<String>,
    pub product_description: Option<String>,
    #[serde(rename = "ASIN")]
    pub asin: Option<String>,
    pub transaction_number: Option<String>,
}

/// A SAFE-T claim that was paid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SafetReimbursementEvent {
    pub posted_date: Option<Timestamp>,
    #[serde(rename = "SAFETClaimId")]
    pub safet_claim_id: Option<String>,
    pub reimbursed_amount: Option<Amount>,
    pub reason_code: Option<String>,
    #[serde(default, deserialize_with = "list", rename = "SAFETReimbursementItemList")]
    pub safet_reimbursement_item_list: Vec<SafetReimbursementItem>,
}

/// One article of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SafetReimbursementItem {
    #[serde(default, deserialize_with = "list")]
    pub item_charge_list: Vec<ChargeComponent>,
    pub product_description: Option<String>,
    pub quantity: Option<String>,
}

/// A reimbursement for a refund by benefit card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EbtRefundReimbursementOnlyEvent {
    pub order_id: Option<String>,
    pub posted_date: Option<Timestamp>,
    pub amount: Option<Amount>,
}

/// Tax deducted at source that is given back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TdsReimbursementEvent {
    pub posted_date: Option<Timestamp>,
    #[serde(rename = "TDSOrderId")]
    pub tds_order_id: Option<String>,
    pub reimbursed_amount: Option<Amount>,
}

/// A removal of stock that brought money.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemovalShipmentEvent {
    pub posted_date: Option<Timestamp>,
    pub merchant_order_id: Option<String>,
    pub order_id: Option<String>,
    pub transaction_type: Option<String>,
    pub store_name: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub removal_shipment_item_list: Vec<RemovalShipmentItem>,
}

/// One article of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemovalShipmentItem {
    pub removal_shipment_item_id: Option<String>,
    pub tax_collection_model: Option<String>,
    #[serde(rename = "FulfillmentNetworkSKU")]
    pub fulfillment_network_sku: Option<String>,
    pub quantity: Option<i64>,
    pub revenue: Option<Amount>,
    pub fee_amount: Option<Amount>,
    pub tax_amount: Option<Amount>,
    pub tax_withheld: Option<Amount>,
}

/// A correction of such a removal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemovalShipmentAdjustmentEvent {
    pub posted_date: Option<Timestamp>,
    pub adjustment_event_id: Option<String>,
    pub merchant_order_id: Option<String>,
    pub order_id: Option<String>,
    pub transaction_type: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub removal_shipment_item_adjustment_list: Vec<RemovalShipmentItemAdjustment>,
}

/// One article of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemovalShipmentItemAdjustment {
    pub removal_shipment_item_id: Option<String>,
    pub tax_collection_model: Option<String>,
    #[serde(rename = "FulfillmentNetworkSKU")]
    pub fulfillment_network_sku: Option<String>,
    pub adjusted_quantity: Option<i64>,
    pub revenue_adjustment: Option<Amount>,
    pub tax_amount_adjustment: Option<Amount>,
    pub tax_withheld_adjustment: Option<Amount>,
}

/// Stock that was sold off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FbaLiquidationEvent {
    pub posted_date: Option<Timestamp>,
    pub original_removal_order_id: Option<String>,
    pub liquidation_proceeds_amount: Option<Amount>,
    pub liquidation_fee_amount: Option<Amount>,
}

/// Stock that was swapped with that of others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkComminglingTransactionEvent {
    pub transaction_type: Option<String>,
    pub posted_date: Option<Timestamp>,
    #[serde(rename = "NetCoTransactionID")]
    pub net_co_transaction_id: Option<String>,
    pub swap_reason: Option<String>,
    #[serde(rename = "ASIN")]
    pub asin: Option<String>,
    pub marketplace_id: Option<String>,
    pub tax_exclusive_amount: Option<Amount>,
    pub tax_amount: Option<Amount>,
}
