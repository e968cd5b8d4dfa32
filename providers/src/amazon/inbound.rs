//! Fulfillment Inbound v0: what was sent to Amazon, and what Amazon says it received.

#![expect(missing_docs, reason = "the fields of the answers are the published ones, and named as there")]

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::amount::{iso, list};
use super::call::Question;
use super::open_enum::open_enum;
use super::{Amount, Error, Operation, Session, Timestamp};

open_enum! {
    /// How a question chooses.
    QueryType {
        /// By states or ids of shipments.
        Shipment = "SHIPMENT",
        /// By the time of the last change.
        DateRange = "DATE_RANGE",
        /// The next page.
        NextToken = "NEXT_TOKEN",
    }
}

open_enum! {
    /// How far a shipment is. Only a closed one can lack something.
    ShipmentStatus {
        /// The seller is still at it.
        Working = "WORKING",
        /// Ready for the carrier.
        Shipped = "SHIPPED",
        /// With the carrier.
        InTransit = "IN_TRANSIT",
        /// At the fulfilment centre.
        Delivered = "DELIVERED",
        /// Noticed there.
        CheckedIn = "CHECKED_IN",
        /// Being received.
        Receiving = "RECEIVING",
        /// Through.
        Closed = "CLOSED",
        /// Not sent.
        Cancelled = "CANCELLED",
        /// Not sent, and forgotten.
        Deleted = "DELETED",
        /// It went wrong.
        Error = "ERROR",
    }
}

/// Which shipments.
#[derive(Debug, Clone)]
pub struct GetShipments {
    pub query_type: QueryType,
    pub marketplace_id: String,
    /// For [`QueryType::Shipment`]: these states, or these ids.
    pub shipment_statuses: Vec<ShipmentStatus>,
    pub shipment_ids: Vec<String>,
    /// For [`QueryType::DateRange`]: both.
    pub last_updated_after: Option<DateTime<Utc>>,
    pub last_updated_before: Option<DateTime<Utc>>,
    /// For [`QueryType::NextToken`].
    pub next_token: Option<String>,
}

/// Which articles of shipments: by the time of their last change, or the next page.
#[derive(Debug, Clone)]
pub struct GetShipmentItems {
    pub query_type: QueryType,
    pub marketplace_id: String,
    pub last_updated_after: Option<DateTime<Utc>>,
    pub last_updated_before: Option<DateTime<Utc>>,
    pub next_token: Option<String>,
}

/// Some shipments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Shipments {
    #[serde(default, deserialize_with = "list")]
    pub shipment_data: Vec<InboundShipment>,
    pub next_token: Option<String>,
}

/// Some articles of shipments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShipmentItems {
    #[serde(default, deserialize_with = "list")]
    pub item_data: Vec<InboundShipmentItem>,
    pub next_token: Option<String>,
}

/// A shipment to Amazon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InboundShipment {
    pub shipment_id: Option<String>,
    pub shipment_name: Option<String>,
    pub ship_from_address: Option<InboundAddress>,
    pub destination_fulfillment_center_id: Option<String>,
    pub shipment_status: Option<ShipmentStatus>,
    pub label_prep_type: Option<String>,
    pub are_cases_required: Option<bool>,
    pub confirmed_need_by_date: Option<Timestamp>,
    pub box_contents_source: Option<String>,
    pub estimated_box_contents_fee: Option<BoxContentsFee>,
}

/// Where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InboundAddress {
    pub name: Option<String>,
    pub address_line1: Option<String>,
    pub address_line2: Option<String>,
    pub district_or_county: Option<String>,
    pub city: Option<String>,
    pub state_or_province_code: Option<String>,
    pub country_code: Option<String>,
    pub postal_code: Option<String>,
}

/// One article of a shipment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InboundShipmentItem {
    pub shipment_id: Option<String>,
    #[serde(rename = "SellerSKU")]
    pub seller_sku: Option<String>,
    #[serde(rename = "FulfillmentNetworkSKU")]
    pub fulfillment_network_sku: Option<String>,
    pub quantity_shipped: Option<i64>,
    pub quantity_received: Option<i64>,
    pub quantity_in_case: Option<i64>,
    pub release_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "list")]
    pub prep_details_list: Vec<PrepDetails>,
}

/// How an article is prepared, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrepDetails {
    pub prep_instruction: Option<String>,
    pub prep_owner: Option<String>,
}

/// What Amazon takes for finding out what is in the boxes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BoxContentsFee {
    pub total_units: Option<i64>,
    pub fee_per_unit: Option<Amount>,
    pub total_fee: Option<Amount>,
}

impl Session {
    /// Lists shipments to Amazon.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_shipments(&self, query: &GetShipments) -> Result<Shipments, Error> {
        let question = Question::get(Operation::GetShipments, "/fba/inbound/v0/shipments")
            .with("QueryType", Some(&query.query_type))
            .with("MarketplaceId", Some(&query.marketplace_id))
            .with_list("ShipmentStatusList", &query.shipment_statuses)
            .with_list("ShipmentIdList", &query.shipment_ids)
            .with("LastUpdatedAfter", query.last_updated_after.map(iso))
            .with("LastUpdatedBefore", query.last_updated_before.map(iso))
            .with("NextToken", query.next_token.as_ref());
        self.call_wrapped(&question).await
    }

    /// Lists the articles of shipments.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn get_shipment_items(&self, query: &GetShipmentItems) -> Result<ShipmentItems, Error> {
        let question = Question::get(Operation::GetShipmentItems, "/fba/inbound/v0/shipmentItems")
            .with("QueryType", Some(&query.query_type))
            .with("MarketplaceId", Some(&query.marketplace_id))
            .with("LastUpdatedAfter", query.last_updated_after.map(iso))
            .with("LastUpdatedBefore", query.last_updated_before.map(iso))
            .with("NextToken", query.next_token.as_ref());
        self.call_wrapped(&question).await
    }
}
