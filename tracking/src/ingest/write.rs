//! Writes what a plan says, a whole group per statement.

use service_kit::store::Work;
use shared_events::TrackingEventId;
use uuid::Uuid;

use crate::domain::event::{NewEvent, Standing, Touchpoint};
use crate::domain::plan::Update;

/// Why a group was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another process was there first: everything has to be looked at again.
    #[error("another process wrote the same events")]
    Overtaken,
    /// The database said so.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

fn touchpoints(touchpoints: &[Touchpoint]) -> Option<String> {
    (!touchpoints.is_empty()).then(|| serde_json::to_string(touchpoints).expect("texts and numbers serialise"))
}

fn reason(standing: &Standing) -> Option<&str> {
    Some(standing.decision.reason.as_str()).filter(|reason| !reason.is_empty())
}

/// One column of a group.
macro_rules! column {
    ($rows:expr, $pattern:pat => $value:expr) => {
        &$rows.iter().map(|$pattern| $value).collect::<Vec<_>>()[..]
    };
}

/// Inserts new events. All of them, or the group starts over.
///
/// # Errors
/// [`WriteError::Overtaken`] when an id is there after all.
pub async fn insert(work: &mut Work, events: &[&NewEvent], inserts: &[(usize, Standing)]) -> Result<(), WriteError> {
    if inserts.is_empty() {
        return Ok(());
    }
    let rows: Vec<(&NewEvent, &Standing)> =
        inserts.iter().map(|(place, standing)| (events[*place], standing)).collect();
    let tenant = work.tenant().clone();
    let inserted = sqlx::query_file!(
        "src/ingest/insert.sql",
        tenant.as_str(),
        column!(rows, (_, now) => now.facts.id.0),
        column!(rows, (_, now) => now.facts.kind.name()) as &[&str],
        column!(rows, (new, _) => new.source.as_str()) as &[&str],
        column!(rows, (new, _) => new.event_id.as_deref()) as &[Option<&str>],
        column!(rows, (_, now) => now.facts.visitor.map(|id| id.0)) as &[Option<Uuid>],
        column!(rows, (_, now) => now.facts.click_id.as_deref()) as &[Option<&str>],
        column!(rows, (new, _) => new.link.as_deref()) as &[Option<&str>],
        column!(rows, (_, now) => now.facts.partner.as_ref().map(|partner| partner.as_str())) as &[Option<&str>],
        column!(rows, (_, now) => now.facts.campaign.map(|id| id.0)) as &[Option<Uuid>],
        column!(rows, (_, now) => now.facts.coupon.as_deref()) as &[Option<&str>],
        column!(rows, (_, now) => now.facts.order_id.as_deref()) as &[Option<&str>],
        column!(rows, (_, now) => now.facts.amount.map(|money| money.minor)) as &[Option<i64>],
        column!(rows, (_, now) => now.facts.amount.as_ref().map(|money| money.currency.code())) as &[Option<&str>],
        column!(rows, (_, now) => now.facts.occurred_at),
        column!(rows, (_, now) => now.facts.received_at),
        column!(rows, (new, _) => new.metadata.as_ref().map(|json| json.get())) as &[Option<&str>],
        column!(rows, (_, now) => now.facts.refers_to.map(|id| id.0)) as &[Option<Uuid>],
        column!(rows, (_, now) => now.state.name()) as &[&str],
        column!(rows, (_, now) => now.decision.won.map(|won| won.campaign.0)) as &[Option<Uuid>],
        column!(rows, (_, now) => now.decision.won.map(|won| won.rules_version.cast_signed())) as &[Option<i32>],
        column!(rows, (_, now) => now.revision.cast_signed()),
        column!(rows, (_, now) => touchpoints(&now.decision.touchpoints)) as &[Option<String>],
        column!(rows, (_, now) => reason(now)) as &[Option<&str>],
        column!(rows, (_, now) => now.duplicate_of.map(|id| id.0)) as &[Option<Uuid>],
        column!(rows, (_, now) => now.refunded_minor),
        column!(rows, (_, now) => now.version.cast_signed()),
    )
    .execute(work.conn())
    .await?
    .rows_affected();
    if inserted == rows.len() as u64 { Ok(()) } else { Err(WriteError::Overtaken) }
}

/// Changes stored events, and keeps the attributions that are replaced.
///
/// # Errors
/// [`WriteError::Overtaken`] when another process has changed one since it was read.
pub async fn update(work: &mut Work, updates: &[Update]) -> Result<(), WriteError> {
    if updates.is_empty() {
        return Ok(());
    }
    // One probe for each event (OFFSET 0), whatever the planner thinks of the table's size.
    let updated = sqlx::query!(
        "UPDATE events SET state = new.state, campaign_id = new.campaign_id, rules_version = new.rules_version, revision = new.revision,
                touchpoints = new.touchpoints::jsonb, reason = new.reason, refunded_minor = new.refunded_minor, version = new.version,
                amount_minor = coalesce(events.amount_minor, new.amount_minor), currency = coalesce(events.currency, new.currency),
                refers_to = new.refers_to
         FROM (SELECT changed.*, stored.ctid AS place
               FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::int[], $6::int[], $7::text[], $8::text[], $9::bigint[],
                           $10::bigint[], $11::bigint[], $12::text[], $13::uuid[])
                    AS changed (id, read_version, state, campaign_id, rules_version, revision, touchpoints, reason, refunded_minor, version,
                                amount_minor, currency, refers_to)
               CROSS JOIN LATERAL (SELECT ctid FROM events WHERE events.id = changed.id OFFSET 0) AS stored) AS new
         WHERE events.ctid = new.place AND events.version = new.read_version",
        column!(updates, new => new.standing.facts.id.0),
        column!(updates, new => new.read_version.cast_signed()),
        column!(updates, new => new.standing.state.name()) as &[&str],
        column!(updates, new => new.standing.decision.won.map(|won| won.campaign.0)) as &[Option<Uuid>],
        column!(updates, new => new.standing.decision.won.map(|won| won.rules_version.cast_signed())) as &[Option<i32>],
        column!(updates, new => new.standing.revision.cast_signed()),
        column!(updates, new => touchpoints(&new.standing.decision.touchpoints)) as &[Option<String>],
        column!(updates, new => reason(&new.standing)) as &[Option<&str>],
        column!(updates, new => new.standing.refunded_minor),
        column!(updates, new => new.standing.version.cast_signed()),
        column!(updates, new => new.standing.facts.amount.map(|money| money.minor)) as &[Option<i64>],
        column!(updates, new => new.standing.facts.amount.as_ref().map(|money| money.currency.code())) as &[Option<&str>],
        column!(updates, new => new.standing.facts.refers_to.map(|id| id.0)) as &[Option<Uuid>],
    )
    .execute(work.conn())
    .await?
    .rows_affected();
    if updated != updates.len() as u64 {
        return Err(WriteError::Overtaken);
    }
    keep_history(work, updates).await?;
    Ok(())
}

async fn keep_history(work: &mut Work, updates: &[Update]) -> Result<(), sqlx::Error> {
    let replaced = |update: &Update| update.replaced.clone().map(|replaced| (update.standing.facts.id, replaced));
    let old: Vec<(TrackingEventId, crate::domain::plan::Replaced)> = updates.iter().filter_map(replaced).collect();
    if old.is_empty() {
        return Ok(());
    }
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO attribution_history (tenant, id, revision, state, campaign_id, rules_version, touchpoints, reason, replaced_at)
         SELECT $1, id, revision, state, campaign_id, rules_version, touchpoints::jsonb, reason, $2
         FROM unnest($3::uuid[], $4::int[], $5::text[], $6::uuid[], $7::int[], $8::text[], $9::text[])
              AS old (id, revision, state, campaign_id, rules_version, touchpoints, reason)",
        tenant.as_str(),
        now,
        column!(old, (id, _) => id.0),
        column!(old, (_, old) => old.revision.cast_signed()),
        column!(old, (_, old) => old.state.name()) as &[&str],
        column!(old, (_, old) => old.decision.won.map(|won| won.campaign.0)) as &[Option<Uuid>],
        column!(old, (_, old) => old.decision.won.map(|won| won.rules_version.cast_signed())) as &[Option<i32>],
        column!(old, (_, old) => touchpoints(&old.decision.touchpoints)) as &[Option<String>],
        column!(old, (_, old) => old.decision.reason.as_str()) as &[&str],
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
