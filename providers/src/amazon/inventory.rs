//! FBA Inventory v1: what lies in Amazon's warehouses now.

#![expect(missing_docs, reason = "the fields of the answers are the published ones, and named as there")]

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::amount::{iso, list};
use super::call::Question;
use super::{Error, Operation, Session, Timestamp};

/// A token for the next page dies after thirty seconds.
const TOKEN_LIFE: TimeDelta = TimeDelta::seconds(28);
/// How often a walk through the pages begins anew.
const RESTARTS: u32 = 3;

/// What to list, in one marketplace.
#[derive(Debug, Clone, Default)]
pub struct GetInventorySummaries {
    pub marketplace_id: String,
    /// With the quantities by state.
    pub details: bool,
    /// What changed since then, at most 18 months back.
    pub start_date_time: Option<DateTime<Utc>>,
    /// Up to fifty articles by the seller's numbers; all without.
    pub seller_skus: Vec<String>,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InventoryPage {
    pub summaries: Vec<InventorySummary>,
    /// What the next page is asked by, within thirty seconds.
    pub next_token: Option<String>,
    pub granularity: Option<Granularity>,
    /// The walk had to begin anew: this is the first page once more.
    pub restarted: bool,
}

#[derive(Deserialize)]
struct Answer {
    payload: Option<Payload>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    granularity: Option<Granularity>,
    #[serde(default, deserialize_with = "list")]
    inventory_summaries: Vec<InventorySummary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    next_token: Option<String>,
}

/// One article in one condition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventorySummary {
    pub asin: Option<String>,
    pub fn_sku: Option<String>,
    pub seller_sku: Option<String>,
    pub condition: Option<String>,
    pub inventory_details: Option<InventoryDetails>,
    pub last_updated_time: Option<Timestamp>,
    pub product_name: Option<String>,
    pub total_quantity: Option<i64>,
    #[serde(default, deserialize_with = "list")]
    pub stores: Vec<String>,
}

/// Its units by state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryDetails {
    pub fulfillable_quantity: Option<i64>,
    pub inbound_working_quantity: Option<i64>,
    pub inbound_shipped_quantity: Option<i64>,
    pub inbound_receiving_quantity: Option<i64>,
    pub reserved_quantity: Option<ReservedQuantity>,
    pub researching_quantity: Option<ResearchingQuantity>,
    pub unfulfillable_quantity: Option<UnfulfillableQuantity>,
}

/// Units that are spoken for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservedQuantity {
    pub total_reserved_quantity: Option<i64>,
    pub pending_customer_order_quantity: Option<i64>,
    pub pending_transshipment_quantity: Option<i64>,
    pub fc_processing_quantity: Option<i64>,
}

/// Units that Amazon searches for; nothing is to be claimed while it does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResearchingQuantity {
    pub total_researching_quantity: Option<i64>,
    #[serde(default, deserialize_with = "list")]
    pub researching_quantity_breakdown: Vec<ResearchingQuantityEntry>,
}

/// Units by how long Amazon searches: 1 to 10, 11 to 20, or more days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResearchingQuantityEntry {
    pub name: Option<String>,
    pub quantity: Option<i64>,
}

/// Units that cannot be sold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnfulfillableQuantity {
    pub total_unfulfillable_quantity: Option<i64>,
    pub customer_damaged_quantity: Option<i64>,
    pub warehouse_damaged_quantity: Option<i64>,
    pub distributor_damaged_quantity: Option<i64>,
    pub carrier_damaged_quantity: Option<i64>,
    pub defective_quantity: Option<i64>,
    pub expired_quantity: Option<i64>,
}

/// What the sums are of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granularity {
    pub granularity_type: Option<String>,
    pub granularity_id: Option<String>,
}

impl Session {
    /// One page of what is in stock. For all pages take [`Session::inventory`].
    ///
    /// # Errors
    /// As [`Error`] says; a token that is too old is refused.
    pub async fn get_inventory_summaries(
        &self,
        query: &GetInventorySummaries,
        next_token: Option<&str>,
    ) -> Result<InventoryPage, Error> {
        let question = Question::get(Operation::GetInventorySummaries, "/fba/inventory/v1/summaries")
            .with("details", query.details.then_some("true"))
            .with("granularityType", Some("Marketplace"))
            .with("granularityId", Some(&query.marketplace_id))
            .with("marketplaceIds", Some(&query.marketplace_id))
            .with("startDateTime", query.start_date_time.map(iso))
            .with_list("sellerSkus", &query.seller_skus)
            .with("nextToken", next_token);
        let answer: Answer = self.call(&question).await?;
        let payload = answer.payload.ok_or_else(|| Error::Unreadable {
            operation: Operation::GetInventorySummaries,
            problem: "no payload in it".to_owned(),
            request_id: None,
        })?;
        Ok(InventoryPage {
            summaries: payload.inventory_summaries,
            next_token: answer
                .pagination
                .and_then(|pagination| pagination.next_token)
                .filter(|token| !token.is_empty()),
            granularity: payload.granularity,
            restarted: false,
        })
    }

    /// All pages of what is in stock.
    pub fn inventory(&self, query: GetInventorySummaries) -> InventoryPages {
        InventoryPages { session: self.clone(), query, next: Next::First, restarts: 0 }
    }
}

#[derive(Debug)]
enum Next {
    First,
    Page { token: String, since: DateTime<Utc> },
    End,
}

/// A walk through all pages. When it is interrupted for so long that its token dies, it begins anew and says so.
#[derive(Debug)]
pub struct InventoryPages {
    session: Session,
    query: GetInventorySummaries,
    next: Next,
    restarts: u32,
}

impl InventoryPages {
    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn next(&mut self) -> Result<Option<InventoryPage>, Error> {
        let mut restarted = false;
        loop {
            let now = self.session.partner().now();
            let token = match &self.next {
                Next::End => return Ok(None),
                Next::First => None,
                Next::Page { token, since } if now - *since < TOKEN_LIFE => Some(token.as_str()),
                Next::Page { .. } => {
                    self.restart()?;
                    restarted = true;
                    continue;
                }
            };
            let mut page = match self.session.get_inventory_summaries(&self.query, token).await {
                // It died on the way.
                Err(Error::Refused(refusal)) if token.is_some() && refusal.status == 400 => {
                    self.restart()?;
                    restarted = true;
                    continue;
                }
                page => page?,
            };
            let since = self.session.partner().now();
            self.next = page.next_token.clone().map_or(Next::End, |token| Next::Page { token, since });
            page.restarted = restarted;
            return Ok(Some(page));
        }
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.restarts += 1;
        self.next = Next::First;
        if self.restarts > RESTARTS {
            return Err(Error::Unavailable {
                operation: Operation::GetInventorySummaries,
                problem: "its pages are over before they can be read".to_owned(),
                request_id: None,
            });
        }
        Ok(())
    }
}
