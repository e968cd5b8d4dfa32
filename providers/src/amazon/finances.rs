//! Finances 2024-06-19: transactions, also those whose money is held back for now.

#![expect(missing_docs, reason = "the fields of a transaction are the published ones, and named as there")]

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::amount::{iso, list};
use super::call::Question;
use super::{Amount, Error, Operation, Session, Timestamp};

/// Which transactions: by time, or those that belong to something.
#[derive(Debug, Clone, Default)]
pub struct ListTransactions {
    /// Posted at or after; more than two minutes ago.
    pub posted_after: Option<DateTime<Utc>>,
    /// Posted before; at most 180 days later.
    pub posted_before: Option<DateTime<Utc>>,
    /// One marketplace.
    pub marketplace_id: Option<String>,
    /// `DEFERRED`, `RELEASED` or `DEFERRED_RELEASED`.
    pub transaction_status: Option<String>,
    /// `FINANCIAL_EVENT_GROUP_ID` or `ORDER_ID`, together with its value.
    pub related_identifier: Option<(String, String)>,
    /// The next page, with everything else as before.
    pub next_token: Option<String>,
}

/// Some transactions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transactions {
    /// What the next page is asked by.
    pub next_token: Option<String>,
    /// The transactions.
    #[serde(default, deserialize_with = "list")]
    pub transactions: Vec<Transaction>,
}

/// Money that moved, or will. A reimbursement is told without its reason here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    pub selling_partner_metadata: Option<SellingPartnerMetadata>,
    #[serde(default, deserialize_with = "list")]
    pub related_identifiers: Vec<RelatedIdentifier>,
    pub transaction_type: Option<String>,
    pub transaction_id: Option<String>,
    pub transaction_status: Option<String>,
    pub description: Option<String>,
    pub posted_date: Option<Timestamp>,
    pub total_amount: Option<Amount>,
    pub marketplace_details: Option<MarketplaceDetails>,
    #[serde(default, deserialize_with = "list")]
    pub items: Vec<Item>,
    #[serde(default, deserialize_with = "list")]
    pub contexts: Vec<Context>,
    #[serde(default, deserialize_with = "list")]
    pub breakdowns: Vec<Breakdown>,
}

/// Whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SellingPartnerMetadata {
    pub selling_partner_id: Option<String>,
    pub account_type: Option<String>,
    pub marketplace_id: Option<String>,
}

/// What it belongs to: an order, a settlement, a refund, ...
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelatedIdentifier {
    pub related_identifier_name: Option<String>,
    pub related_identifier_value: Option<String>,
}

/// Where.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketplaceDetails {
    pub marketplace_id: Option<String>,
    pub marketplace_name: Option<String>,
}

/// One article of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub description: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub related_identifiers: Vec<ItemRelatedIdentifier>,
    pub total_amount: Option<Amount>,
    #[serde(default, deserialize_with = "list")]
    pub breakdowns: Vec<Breakdown>,
    #[serde(default, deserialize_with = "list")]
    pub contexts: Vec<Context>,
}

/// What an article of a transaction belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemRelatedIdentifier {
    pub item_related_identifier_name: Option<String>,
    pub item_related_identifier_value: Option<String>,
}

/// A part of an amount, and its own parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Breakdown {
    pub breakdown_type: Option<String>,
    pub breakdown_amount: Option<Amount>,
    #[serde(default, deserialize_with = "list")]
    pub breakdowns: Vec<Breakdown>,
}

/// More about a transaction or article; `context_type` says which of the fields are there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    pub context_type: Option<String>,
    pub asin: Option<String>,
    pub sku: Option<String>,
    pub quantity_shipped: Option<i64>,
    pub fulfillment_network: Option<String>,
    pub store_name: Option<String>,
    pub order_type: Option<String>,
    pub channel: Option<String>,
    pub payment_type: Option<String>,
    pub payment_method: Option<String>,
    pub payment_reference: Option<String>,
    pub payment_date: Option<Timestamp>,
    pub deferral_reason: Option<String>,
    pub maturity_date: Option<Timestamp>,
    pub start_time: Option<Timestamp>,
    pub end_time: Option<Timestamp>,
}

impl Session {
    /// Lists transactions.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn list_transactions(&self, query: &ListTransactions) -> Result<Transactions, Error> {
        let (name, value) = query.related_identifier.as_ref().map(|(name, value)| (name, value)).unzip();
        let question = Question::get(Operation::ListTransactions, "/finances/2024-06-19/transactions")
            .with("postedAfter", query.posted_after.map(iso))
            .with("postedBefore", query.posted_before.map(iso))
            .with("marketplaceId", query.marketplace_id.as_ref())
            .with("transactionStatus", query.transaction_status.as_ref())
            .with("relatedIdentifierName", name)
            .with("relatedIdentifierValue", value)
            .with("nextToken", query.next_token.as_ref());
        self.call_wrapped(&question).await
    }
}
