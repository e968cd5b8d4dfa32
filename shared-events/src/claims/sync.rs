//! Syncs: which reports are fetched, how far that is, and what no report tells.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{ConnectionId, Subject, SyncId, SyncRunId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// Fetches reports now instead of at their time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartSync {
    /// Names the runs that are started together.
    pub sync_id: SyncId,
    /// Of this seller; of all sellers of the tenant without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// Only these kinds: `ledger`, `reimbursement`, ...; all when empty.
    #[serde(default)]
    pub reports: Vec<String>,
    /// Who wants it.
    pub asked_by: Subject,
}

/// Notes what an article costs to buy, without freight, duty and labelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordSourcingCost {
    /// Amazon's number of the article.
    pub fnsku: String,
    /// For one unit.
    pub unit: Money,
    /// From this day on.
    pub valid_from: NaiveDate,
    /// Who says so.
    pub told_by: Subject,
}

/// Notes what no report tells: when a shipment to Amazon arrived, what arrived of a removal, which parcel went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordArrival {
    /// The seller.
    pub connection_id: ConnectionId,
    /// What arrived.
    pub arrival: Arrival,
    /// Who says so.
    pub told_by: Subject,
}

/// What arrived, or did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Arrival {
    /// A shipment to Amazon.
    Inbound {
        /// Amazon's number of the shipment.
        shipment_id: String,
        /// The day that the carrier delivered it.
        delivered_on: NaiveDate,
        /// Whether Amazon's own carrier brought it.
        #[serde(default)]
        partnered: bool,
    },
    /// A parcel of a removal.
    Removal {
        /// The removal order.
        order_id: String,
        /// The parcel.
        tracking: String,
        /// The article.
        fnsku: String,
        /// Country code of the marketplace.
        marketplace: String,
        /// When it arrived; absent when the carrier has no delivery.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivered_on: Option<NaiveDate>,
        /// Units that arrived whole.
        good: i64,
        /// Units that arrived damaged, or were another article.
        damaged: i64,
    },
    /// A parcel of Amazon Shipping, which was lost or damaged.
    Parcel {
        /// The parcel.
        tracking: String,
        /// The day of the loss or damage.
        day: NaiveDate,
        /// What happened, in Amazon's words: `LOST_IN_TRANSIT`, ...
        reason: String,
        /// Its declared value.
        value: Money,
        /// Country code of the marketplace.
        marketplace: String,
    },
}

/// How far a run of a sync is. Said when its state changes, and every two seconds while it reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncProgressed {
    /// The run.
    pub run_id: SyncRunId,
    /// The runs that were started together.
    pub sync_id: SyncId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// The kind of report.
    pub report: String,
    /// Country code.
    pub marketplace: String,
    /// `queued`, `requested`, `processing`, `downloading`, `parsing`, `committed`, `no_data` or `failed`.
    pub state: String,
    /// Rows read so far.
    pub rows_in: u64,
    /// How much of the file was read, if its length is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Rows read and committed in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_second: Option<u64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A report is in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowsCommitted {
    /// The run.
    pub run_id: SyncRunId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// The kind of report.
    pub report: String,
    /// Country code.
    pub marketplace: String,
    /// Rows that were not known.
    pub rows_new: u64,
    /// Rows that read otherwise than before.
    pub rows_changed: u64,
    /// Rows with a reason that nobody knows; they count for nothing.
    pub rows_quarantined: u64,
    /// Rows that cannot be read.
    pub rows_rejected: u64,
}

/// A report is empty that had rows before. Nothing was deleted; somebody should look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportEmptied {
    /// The run.
    pub run_id: SyncRunId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// The kind of report.
    pub report: String,
    /// Country code.
    pub marketplace: String,
}

messages! { Topic::commands(Service::Claims);
    StartSync "claims.start_sync.v1" sync_id,
    RecordSourcingCost "claims.record_sourcing_cost.v1" fnsku,
    RecordArrival "claims.record_arrival.v1" connection_id,
}

messages! { Topic::events(Service::Claims);
    SyncProgressed "claims.sync_progressed.v1" run_id,
    RowsCommitted "claims.rows_committed.v1" run_id,
    ReportEmptied "claims.report_emptied.v1" run_id,
}
