//! Orders v0. Who bought, and where to, is left unread: claims need no personal data.

#![expect(missing_docs, reason = "the fields of an order are the published ones, and named as there")]

use serde::Deserialize;

use super::amount::list;
use super::call::{Question, segment};
use super::{Amount, Error, Operation, Session};

/// Which orders. Times are ISO 8601, as texts like in the published model.
#[derive(Debug, Clone, Default)]
pub struct GetOrders {
    /// Up to fifty marketplaces.
    pub marketplace_ids: Vec<String>,
    /// Placed at or after; this or the change is needed.
    pub created_after: Option<String>,
    pub created_before: Option<String>,
    /// Changed at or after.
    pub last_updated_after: Option<String>,
    pub last_updated_before: Option<String>,
    /// `Shipped`, `Unshipped`, ...
    pub order_statuses: Vec<String>,
    /// `AFN` (by Amazon) or `MFN`.
    pub fulfillment_channels: Vec<String>,
    /// Up to fifty orders by their ids.
    pub amazon_order_ids: Vec<String>,
    /// 1 to 100.
    pub max_results_per_page: Option<u32>,
    /// The next page, with everything else as before.
    pub next_token: Option<String>,
}

/// Some orders.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Orders {
    /// The orders.
    #[serde(default, deserialize_with = "list")]
    pub orders: Vec<Order>,
    /// What the next page is asked by.
    pub next_token: Option<String>,
    pub last_updated_before: Option<String>,
    pub created_before: Option<String>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Order {
    pub amazon_order_id: Option<String>,
    pub seller_order_id: Option<String>,
    pub purchase_date: Option<String>,
    pub last_update_date: Option<String>,
    pub order_status: Option<String>,
    pub fulfillment_channel: Option<String>,
    pub sales_channel: Option<String>,
    pub order_channel: Option<String>,
    pub ship_service_level: Option<String>,
    pub order_total: Option<Amount>,
    pub number_of_items_shipped: Option<i64>,
    pub number_of_items_unshipped: Option<i64>,
    #[serde(default, deserialize_with = "list")]
    pub payment_execution_detail: Vec<PaymentExecutionDetail>,
    pub payment_method: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub payment_method_details: Vec<String>,
    pub marketplace_id: Option<String>,
    pub shipment_service_level_category: Option<String>,
    pub easy_ship_shipment_status: Option<String>,
    pub cba_displayable_shipping_label: Option<String>,
    pub order_type: Option<String>,
    pub earliest_ship_date: Option<String>,
    pub latest_ship_date: Option<String>,
    pub earliest_delivery_date: Option<String>,
    pub latest_delivery_date: Option<String>,
    pub is_business_order: Option<bool>,
    pub is_prime: Option<bool>,
    pub is_premium_order: Option<bool>,
    pub is_global_express_enabled: Option<bool>,
    pub replaced_order_id: Option<String>,
    pub is_replacement_order: Option<bool>,
    pub promise_response_due_date: Option<String>,
    pub is_estimated_ship_date_set: Option<bool>,
    #[serde(rename = "IsSoldByAB")]
    pub is_sold_by_ab: Option<bool>,
    #[serde(rename = "IsIBA")]
    pub is_iba: Option<bool>,
    pub buyer_invoice_preference: Option<String>,
    #[serde(rename = "IsISPU")]
    pub is_ispu: Option<bool>,
    pub is_access_point_order: Option<bool>,
    pub seller_display_name: Option<String>,
    pub automated_shipping_settings: Option<AutomatedShippingSettings>,
    pub has_regulated_items: Option<bool>,
    pub electronic_invoice_status: Option<String>,
}

/// How an order is shipped by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutomatedShippingSettings {
    pub has_automated_shipping_settings: Option<bool>,
    pub automated_carrier: Option<String>,
    pub automated_ship_method: Option<String>,
}

/// A part of a payment in several.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PaymentExecutionDetail {
    pub payment: Option<Amount>,
    pub payment_method: Option<String>,
    pub acquirer_id: Option<String>,
    pub card_brand: Option<String>,
    pub authorization_code: Option<String>,
}

impl Session {
    /// Lists orders.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_orders(&self, query: &GetOrders) -> Result<Orders, Error> {
        let question = Question::get(Operation::GetOrders, "/orders/v0/orders")
            .with_list("MarketplaceIds", &query.marketplace_ids)
            .with("CreatedAfter", query.created_after.as_ref())
            .with("CreatedBefore", query.created_before.as_ref())
            .with("LastUpdatedAfter", query.last_updated_after.as_ref())
            .with("LastUpdatedBefore", query.last_updated_before.as_ref())
            .with_list("OrderStatuses", &query.order_statuses)
            .with_list("FulfillmentChannels", &query.fulfillment_channels)
            .with_list("AmazonOrderIds", &query.amazon_order_ids)
            .with("MaxResultsPerPage", query.max_results_per_page)
            .with("NextToken", query.next_token.as_ref());
        self.call_wrapped(&question).await
    }

    /// One order.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_order(&self, order_id: &str) -> Result<Order, Error> {
        let path = format!("/orders/v0/orders/{}", segment(order_id));
        self.call_wrapped(&Question::get(Operation::GetOrder, path)).await
    }
}
