//! What became of a commission, put together from the ledger, its payouts, refunds and later attributions.

use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::store::Work;
use utoipa::ToSchema;
use uuid::Uuid;

use super::commissions::Row;
use super::decimal;

/// Entries shown; a commission rarely has more than ten.
const MOST: i64 = 200;

/// Something that happened to a commission.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// `calculated`, `approved`, `rejected`, `reversed`, `clawed_back`, `restored`, `in_payout`, `set_off`, `refund`, `refund_withdrawn`,
    /// `attribution`.
    #[schema(example = "approved")]
    pub what: String,
    /// How much.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10.00")]
    pub amount: Option<String>,
    /// More, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The payout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout_id: Option<Uuid>,
    /// The claw-back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clawback_id: Option<Uuid>,
    /// The message that did it; absent where a hold ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Uuid>,
}

/// Everything that happened to a commission, oldest first.
pub(super) async fn read(work: &mut Work, row: &Row, made_by: Uuid) -> Result<Vec<Event>, sqlx::Error> {
    let tenant = work.tenant().clone();
    // One statement over all sources; `rank` orders what happened in the same transaction.
    let events = sqlx::query!(
        r#"SELECT at AS "at!", what AS "what!", minor, note, payout_id, clawback_id, message_id FROM (
               SELECT at, movement::text AS what, minor, NULL AS note, NULL::uuid AS payout_id, NULL::uuid AS clawback_id, cause AS message_id, 2 AS rank
               FROM ledger WHERE tenant = $1 AND commission_id = $2 AND movement <> 'calculated' AND movement <> 'clawed_back'
               UNION ALL
               SELECT calculated_at, CASE WHEN earned_minor < 0 THEN 'clawed_back' ELSE 'restored' END, earned_minor, decision, NULL, id, cause, 2
               FROM commissions WHERE tenant = $1 AND conversion_id = $3 AND reverses = $2
               UNION ALL
               SELECT p.requested_at, CASE WHEN a.netted THEN 'set_off' ELSE 'in_payout' END, a.minor, 'payout is ' || p.state, p.id, NULL, p.cause, 3
               FROM payout_allocations a JOIN payouts p ON p.tenant = $1 AND p.id = a.payout_id WHERE a.tenant = $1 AND a.commission_id = $2
               UNION ALL
               SELECT recorded_at, 'refund', amount_minor, kind || ' of the conversion', NULL, NULL, cause, 1
               FROM refunds WHERE tenant = $1 AND conversion_id = $3 AND $5::uuid IS NULL
               UNION ALL
               SELECT withdrawn_at, 'refund_withdrawn', amount_minor, kind || ' was not paid after all', NULL, NULL, NULL, 1
               FROM refunds WHERE tenant = $1 AND conversion_id = $3 AND $5::uuid IS NULL AND withdrawn_at IS NOT NULL
               UNION ALL
               SELECT recorded_at, 'attribution', NULL, outcome || ': ' || note, NULL, NULL, cause, 1
               FROM revisions WHERE tenant = $1 AND conversion_id = $3
           ) e ORDER BY at, rank LIMIT $4"#,
        tenant.as_str(),
        row.id,
        row.conversion_id,
        MOST,
        row.reverses,
    )
    .fetch_all(work.conn())
    .await?;
    let made = Event {
        at: row.calculated_at,
        what: "calculated".to_owned(),
        amount: Some(decimal(row.earned_minor, &row.currency)),
        note: None,
        payout_id: None,
        clawback_id: None,
        message_id: Some(made_by),
    };
    let later = events.into_iter().map(|event| Event {
        at: event.at,
        what: event.what,
        amount: event.minor.map(|minor| decimal(minor, &row.currency)),
        note: event.note,
        payout_id: event.payout_id,
        clawback_id: event.clawback_id,
        message_id: event.message_id,
    });
    Ok(std::iter::once(made).chain(later).collect())
}
