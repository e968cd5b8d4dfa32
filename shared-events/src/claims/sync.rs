//! Connections, syncs and detections: what claims is asked about them, and what it tells. No message holds a secret in clear.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Message, Service, Topic};
use crate::ids::{ConnectionId, DetectionId, DetectionRunId, Subject, SyncId, SyncRunId};
use crate::messages;
use crate::money::Money;

/// What is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// A seller's account in one of Amazon's regions.
    Amazon,
    /// A mailbox at Google, by consent.
    Gmail,
    /// Any mailbox, by password.
    Imap,
    /// A payer at Stripe.
    Stripe,
}

impl ConnectionKind {
    /// Its name: `amazon`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amazon => "amazon",
            Self::Gmail => "gmail",
            Self::Imap => "imap",
            Self::Stripe => "stripe",
        }
    }
}

/// Uses a consent that somebody gave, or a password. The same connection may be connected again, by a new consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectAccount {
    /// The connection; follows from what is connected.
    pub connection_id: ConnectionId,
    /// What is connected.
    pub kind: ConnectionKind,
    /// Amazon's region: `na`, `eu`, `fe`; empty otherwise.
    pub region: String,
    /// Amazon's id of the seller, or the mailbox's address; empty where the exchange tells it.
    pub account: String,
    /// The code or password, sealed by the BFF for the tenant and `nonce`.
    pub sealed_secret: String,
    /// Names the consent; one that was used is refused.
    pub nonce: String,
    /// Where the consent page sent the person back to.
    #[serde(default)]
    pub redirect_uri: String,
    /// Host and port of a mailbox, for IMAP.
    #[serde(default)]
    pub host: Option<String>,
    /// Host and port of the server that sends for a mailbox; none: as its provider mostly calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp_host: Option<String>,
    /// The consent has to be used before.
    pub expires_at: DateTime<Utc>,
    /// Who gave it.
    pub connected_by: Subject,
}

/// Forgets the secrets of a connection and stops its syncs. What was read stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DisconnectAccount {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub asked_by: Subject,
}

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

/// Evaluates everything again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunDetection {
    /// Names the run.
    pub run_id: DetectionRunId,
    /// Of this seller; of all sellers of the tenant without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// Who wants it.
    pub asked_by: Subject,
}

/// Leaves a detection alone from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DismissDetection {
    /// The detection.
    pub detection_id: DetectionId,
    /// Why.
    pub reason: String,
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

messages! { Topic::commands(Service::Claims);
    ConnectAccount "claims.connect_account.v1" connection_id,
    DisconnectAccount "claims.disconnect_account.v1" connection_id,
    StartSync "claims.start_sync.v1" sync_id,
    RunDetection "claims.run_detection.v1" run_id,
    DismissDetection "claims.dismiss_detection.v1" detection_id,
    RecordSourcingCost "claims.record_sourcing_cost.v1" fnsku,
    RecordArrival "claims.record_arrival.v1" connection_id,
}

/// An account can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountConnected {
    /// The connection.
    pub connection_id: ConnectionId,
    /// What is connected.
    pub kind: ConnectionKind,
    /// Amazon's region; empty otherwise.
    pub region: String,
    /// Country codes in which a seller sells.
    pub marketplaces: Vec<String>,
}

/// An account can be used no longer: a new consent is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountTokenFailed {
    /// The connection.
    pub connection_id: ConnectionId,
    /// What was connected.
    pub kind: ConnectionKind,
    /// What was seen.
    pub problem: String,
}

/// The secrets of a connection are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountDisconnected {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Why.
    pub reason: String,
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

/// Something seems to be owed, or is owed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionRaised {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// The kind of claim.
    pub claim_type: String,
    /// Country code.
    pub marketplace: String,
    /// Where it stands: `claimable`, `researching`, ...
    pub status: String,
    /// Units.
    pub units: i64,
    /// What is expected, if it can be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Money>,
    /// The last second in which it can be claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<DateTime<Utc>>,
}

/// It is owed to another extent, or stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionChanged {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// Where it stands now.
    pub status: String,
    /// Units now.
    pub units: i64,
    /// Units before.
    pub units_before: i64,
    /// What is expected now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Money>,
    /// What is new in its arithmetic.
    pub reason: String,
}

/// It is owed no longer: Amazon paid, or found the units, by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionResolved {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// Why, in words.
    pub reason: String,
}

/// Its time runs out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionExpiring {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// Whole days that are left.
    pub days: i64,
    /// The last second in which it can be claimed.
    pub closes_at: DateTime<Utc>,
}

/// It is too late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionExpired {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
}

/// Somebody decided to leave it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionDismissed {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// Why.
    pub reason: String,
}

/// An evaluation that somebody asked for is through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionRunFinished {
    /// The run.
    pub run_id: DetectionRunId,
    /// Detections that were raised.
    pub raised: u64,
    /// Detections that changed.
    pub changed: u64,
    /// Detections that are owed no longer.
    pub resolved: u64,
    /// Detections that are too late.
    pub expired: u64,
    /// Who asked for it.
    pub requested_by: Subject,
}

messages! { Topic::events(Service::Claims);
    AccountConnected "claims.account_connected.v1" connection_id,
    AccountTokenFailed "claims.account_token_failed.v1" connection_id,
    AccountDisconnected "claims.account_disconnected.v1" connection_id,
    SyncProgressed "claims.sync_progressed.v1" run_id,
    RowsCommitted "claims.rows_committed.v1" run_id,
    ReportEmptied "claims.report_emptied.v1" run_id,
    DetectionRaised "claims.detection_raised.v1" detection_id,
    DetectionChanged "claims.detection_changed.v1" detection_id,
    DetectionResolved "claims.detection_resolved.v1" detection_id,
    DetectionExpiring "claims.detection_expiring.v1" detection_id,
    DetectionExpired "claims.detection_expired.v1" detection_id,
    DetectionDismissed "claims.detection_dismissed.v1" detection_id,
    DetectionRunFinished "claims.detection_run_finished.v1" run_id,
}
