//! A detection as it is stored, and what claims may change about it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use service_kit::store::{Cause, Work};
use shared_events::{ClaimId, ConnectionId, DetectionId};
use sqlx::types::Json;
use uuid::Uuid;

use crate::touched;

/// What a detection is about, as far as it names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubjectView {
    /// All of it in words, such as `order 113-1 sku SKU1`.
    pub text: String,
    /// Amazon's number of the article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fnsku: Option<String>,
    /// The seller's number of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// The customer's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The shipment to Amazon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment_id: Option<String>,
    /// The reimbursement, or the reversal of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reimbursement_id: Option<String>,
    /// The removal order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal_id: Option<String>,
    /// The parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
}

impl SubjectView {
    /// From the words of a finding's subject: pairs such as `shipment FBA1 fnsku X001`.
    pub fn of(text: &str) -> Self {
        let mut view = Self { text: text.to_owned(), ..Self::default() };
        // The article comes last, and a seller's number may hold blanks.
        let padded = format!(" {text}");
        let (head, article) = match (padded.split_once(" fnsku "), padded.split_once(" sku ")) {
            (Some((head, fnsku)), _) => (head, (Some(fnsku.to_owned()), None)),
            (None, Some((head, sku))) => (head, (None, Some(sku.to_owned()))),
            (None, None) => (padded.as_str(), (None, None)),
        };
        (view.fnsku, view.sku) = article;
        if let Some((name, value)) = head.trim().split_once(' ') {
            let value = Some(value.to_owned());
            match name {
                "order" => view.order_id = value,
                "shipment" => view.shipment_id = value,
                "reimbursement" | "reversal" => view.reimbursement_id = value,
                "removal" => view.removal_id = value,
                "parcel" => view.tracking = value,
                _ => {}
            }
        }
        view
    }
}

/// A row that a detection rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowView {
    /// Its key: hash and occurrence.
    pub key: String,
    /// Units of it that are claimed; 0 for a row that was only looked at.
    pub units: i64,
    /// The kind of report: `ledger`, `reimbursement`, ...
    pub report: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Its fields, parted by tabs.
    pub raw: String,
}

/// A detection.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub connection_id: Uuid,
    /// The kind of claim: `fc_lost`, ...
    pub claim_type: String,
    /// Country code.
    pub marketplace: String,
    /// What it is about.
    pub subject: Json<SubjectView>,
    /// Units owed.
    pub units: i64,
    /// Value of one, in minor units.
    pub unit_value_minor: Option<i64>,
    /// Value of all, in minor units.
    pub expected_minor: Option<i64>,
    /// Of which currency.
    pub currency: Option<String>,
    /// What the value rests on: `sourcing_cost`, `sales_price`, `difference`, `amount`.
    pub basis: String,
    /// The day that the clock started.
    pub clock_start: Option<NaiveDate>,
    /// From when on it may be claimed.
    pub opens_at: Option<DateTime<Utc>>,
    /// The last second.
    pub closes_at: Option<DateTime<Utc>>,
    /// By when it should be filed.
    pub safe_file_by: Option<DateTime<Utc>>,
    /// Which term of which version of the policy says so.
    pub policy_version: Option<String>,
    /// How sure that is.
    pub certainty: Option<String>,
    /// `researching`, `awaiting_auto`, `not_yet_open`, `claimable`, `review`, `claimed`, `resolved_by_amazon`, `expired`, `dismissed`.
    pub status: String,
    /// How it was worked out, one step a line.
    pub arithmetic: String,
    /// The rows it rests on.
    pub rows: Json<Vec<RowView>>,
    /// Why it changed last.
    pub reason: Option<String>,
    /// The claim made of it.
    pub claim_id: Option<Uuid>,
    /// Amazon's number of that claim's case.
    pub case_id: Option<String>,
    /// What rules looked at to find it.
    pub about: String,
    /// Counts its changes.
    pub version: i32,
}

/// Locks a detection, so that decisions about it come one after the other.
///
/// # Errors
/// When the database is away.
pub async fn lock(work: &mut Work, id: DetectionId) -> Result<Option<Detection>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Detection,
        r#"SELECT id, connection_id, claim_type, marketplace, subject AS "subject: Json<SubjectView>", units, unit_value_minor,
                  expected_minor, currency, basis, clock_start, opens_at, closes_at, safe_file_by, policy_version, certainty,
                  status::text AS "status!", arithmetic, rows AS "rows: Json<Vec<RowView>>", reason, claim_id, case_id, about, version
           FROM detections WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await
}

/// Notes the claim that is being prepared of a detection, or that there is none any more. The detection goes on following the reports.
///
/// # Errors
/// When the database is away.
pub async fn link(work: &mut Work, id: DetectionId, claim: Option<ClaimId>) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE detections SET claim_id = $3, version = version + 1 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        id.0,
        claim.map(|claim| claim.0),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// A claim was submitted: from now on it holds the rows and units of the detection, whatever becomes of it, and nothing of them is
/// claimed again. Call it again when Amazon's number of the case becomes known, so that what the case brings is set against it.
///
/// # Errors
/// When the database is away.
pub async fn claim(
    work: &mut Work,
    cause: &Cause,
    id: DetectionId,
    claim: ClaimId,
    case_id: Option<&str>,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "UPDATE detections SET status = 'claimed', claim_id = $3, case_id = coalesce($4, case_id), changed_at = $5, version = version + 1
         WHERE tenant = $1 AND id = $2 RETURNING connection_id, about",
        tenant.as_str(),
        id.0,
        claim.0,
        case_id,
        work.now(),
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(()) };
    touched::again(work, cause, ConnectionId(row.connection_id), &[row.about]).await
}

/// A claim was withdrawn before anything came of it: its units are open again, as far as they still are owed.
///
/// # Errors
/// When the database is away.
pub async fn release(work: &mut Work, cause: &Cause, id: DetectionId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "UPDATE detections SET status = 'review', claim_id = NULL, case_id = NULL, changed_at = $3, version = version + 1
         WHERE tenant = $1 AND id = $2 AND status = 'claimed' RETURNING connection_id, about",
        tenant.as_str(),
        id.0,
        work.now(),
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(()) };
    touched::again(work, cause, ConnectionId(row.connection_id), &[row.about]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_subject_become_fields() {
        let view = SubjectView::of("shipment FBA15 fnsku X001");
        assert_eq!((view.shipment_id.as_deref(), view.fnsku.as_deref()), (Some("FBA15"), Some("X001")));
        let view = SubjectView::of("order 113-1 sku A B");
        assert_eq!((view.order_id.as_deref(), view.sku.as_deref()), (Some("113-1"), Some("A B")));
        assert_eq!(SubjectView::of("fnsku X001").fnsku.as_deref(), Some("X001"));
        assert_eq!(SubjectView::of("storage 2026-05-01 fnsku X").order_id, None);
    }
}
