//! Finances v0: events of orders.

#![expect(missing_docs, reason = "the fields are the published ones, and named as there")]

use serde::Deserialize;

use super::amount::list;
use super::{Amount, Timestamp};

/// A shipment, refund, guarantee claim or chargeback of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShipmentEvent {
    pub amazon_order_id: Option<String>,
    pub seller_order_id: Option<String>,
    pub marketplace_name: Option<String>,
    pub store_name: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub order_charge_list: Vec<ChargeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub order_charge_adjustment_list: Vec<ChargeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub shipment_fee_list: Vec<FeeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub shipment_fee_adjustment_list: Vec<FeeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub order_fee_list: Vec<FeeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub order_fee_adjustment_list: Vec<FeeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub direct_payment_list: Vec<DirectPayment>,
    pub posted_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "list")]
    pub shipment_item_list: Vec<ShipmentItem>,
    #[serde(default, deserialize_with = "list")]
    pub shipment_item_adjustment_list: Vec<ShipmentItem>,
}

/// One article of it. Refunds tell in the fields named adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShipmentItem {
    #[serde(rename = "SellerSKU")]
    pub seller_sku: Option<String>,
    pub order_item_id: Option<String>,
    pub order_adjustment_item_id: Option<String>,
    pub quantity_shipped: Option<i64>,
    #[serde(default, deserialize_with = "list")]
    pub item_charge_list: Vec<ChargeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub item_charge_adjustment_list: Vec<ChargeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub item_fee_list: Vec<FeeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub item_fee_adjustment_list: Vec<FeeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub item_tax_withheld_list: Vec<TaxWithheldComponent>,
    #[serde(default, deserialize_with = "list")]
    pub promotion_list: Vec<Promotion>,
    #[serde(default, deserialize_with = "list")]
    pub promotion_adjustment_list: Vec<Promotion>,
    pub cost_of_points_granted: Option<Amount>,
    pub cost_of_points_returned: Option<Amount>,
}

/// What the buyer paid or got back: `Principal`, `Tax`, `ShippingCharge`, ...
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChargeComponent {
    pub charge_type: Option<String>,
    pub charge_amount: Option<Amount>,
}

/// What Amazon took: `Commission`, `FBAPerUnitFulfillmentFee`, ...
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FeeComponent {
    pub fee_type: Option<String>,
    pub fee_amount: Option<Amount>,
}

/// A payment that did not go through Amazon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DirectPayment {
    pub direct_payment_type: Option<String>,
    pub direct_payment_amount: Option<Amount>,
}

/// A promotion that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Promotion {
    pub promotion_type: Option<String>,
    pub promotion_id: Option<String>,
    pub promotion_amount: Option<Amount>,
}

/// Taxes that Amazon kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaxWithheldComponent {
    pub tax_collection_model: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub taxes_withheld: Vec<ChargeComponent>,
}

/// A charge taken later, or its reversal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrochargeEvent {
    pub retrocharge_event_type: Option<String>,
    pub amazon_order_id: Option<String>,
    pub posted_date: Option<Timestamp>,
    pub base_tax: Option<Amount>,
    pub shipping_tax: Option<Amount>,
    pub marketplace_name: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub retrocharge_tax_withheld_list: Vec<TaxWithheldComponent>,
}

/// A fee outside of a shipment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceFeeEvent {
    pub amazon_order_id: Option<String>,
    pub fee_reason: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub fee_list: Vec<FeeComponent>,
    #[serde(rename = "SellerSKU")]
    pub seller_sku: Option<String>,
    #[serde(rename = "FnSKU")]
    pub fn_sku: Option<String>,
    pub fee_description: Option<String>,
    #[serde(rename = "ASIN")]
    pub asin: Option<String>,
    pub store_name: Option<String>,
}

/// A shipment on trial.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TrialShipmentEvent {
    pub amazon_order_id: Option<String>,
    pub financial_event_group_id: Option<String>,
    pub posted_date: Option<Timestamp>,
    #[serde(rename = "SKU")]
    pub sku: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub fee_list: Vec<FeeComponent>,
}

/// A rental.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RentalTransactionEvent {
    pub amazon_order_id: Option<String>,
    pub rental_event_type: Option<String>,
    pub extension_length: Option<i64>,
    pub posted_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "list")]
    pub rental_charge_list: Vec<ChargeComponent>,
    #[serde(default, deserialize_with = "list")]
    pub rental_fee_list: Vec<FeeComponent>,
    pub marketplace_name: Option<String>,
    pub rental_initial_value: Option<Amount>,
    pub rental_reimbursement: Option<Amount>,
    #[serde(default, deserialize_with = "list")]
    pub rental_tax_withheld_list: Vec<TaxWithheldComponent>,
}
