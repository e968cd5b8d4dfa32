//! Decides what moves for fees: a job that bundles what is owed into one charge of the saved card, and gives back what was charged for
//! cash that the marketplace took back. It talks to nobody: it writes down what is to be done, and a job for each does it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work, new_id};
use shared_events::FeeMoveId;
use shared_events::money::Money;
use sqlx::types::Json;
use uuid::Uuid;

use crate::claim_row::currency;
use crate::claiming::fee;
use crate::move_fee::MOVE_FEE;
use crate::secrets::Sealed;

/// The kind of the job.
pub const COLLECT_FEES: &str = "claims.collect_fees";
/// Claims whose fees are looked at in one go.
const MOST: i64 = 500;

/// Lets the fees of a tenant be looked at.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause) -> Result<(), sqlx::Error> {
    let now = work.now();
    enqueue_at(work, cause, now).await
}

/// The same, later.
///
/// # Errors
/// When the database is away.
pub async fn enqueue_at(work: &mut Work, cause: &Cause, due_at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    // A key of its own: a job that runs at this moment may not see what this transaction writes.
    let key = format!("{}/{}", work.tenant(), new_id(due_at));
    let payload = serde_json::json!({});
    work.enqueue(NewJob { kind: COLLECT_FEES, key, due_at, payload, cause: cause.clone() }).await
}

/// Runs [`COLLECT_FEES`].
pub struct Collect;

impl RunsJob for Collect {
    const KIND: &'static str = COLLECT_FEES;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        plan(&mut work, &job.cause).await?;
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

/// Who pays.
struct Payer {
    connection: Uuid,
    customer: String,
    card: Option<Json<Sealed>>,
}

/// A charge that something is given back of.
struct Charged {
    id: Uuid,
    payer: Payer,
}

/// The open fees and credits of one claim.
struct Open {
    claim: Uuid,
    currency: String,
    sum: i64,
    rows: Vec<Uuid>,
}

/// What is to move.
struct Wish {
    kind: &'static str,
    amount: Money,
    /// The fees and credits that it settles.
    rows: Vec<Uuid>,
    /// A refund: for which claim, and of which charge.
    refund: Option<(Uuid, Uuid)>,
}

async fn plan(work: &mut Work, cause: &Cause) -> Result<(), Failure> {
    // One at a time for a tenant: two would bundle the same fees.
    let tenant = work.tenant().clone();
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('claims.fees/' || $1, 0))", tenant.as_str())
        .execute(work.conn())
        .await?;
    let payer = payer(work).await?;
    let mut bundles: BTreeMap<String, (i64, Vec<Uuid>)> = BTreeMap::new();
    for open in open(work).await? {
        let back = Money::new(-open.sum, currency(&open.currency));
        if back.minor > 0
            && let Some(charge) = charge_to_refund(work, open.claim, back).await?
        {
            let (payer, refund) = (charge.payer, Some((open.claim, charge.id)));
            let wish = Wish { kind: "refund", amount: back, rows: open.rows, refund };
            write_down(work, cause, &payer, &wish).await?;
            continue;
        }
        let (sum, rows) = bundles.entry(open.currency).or_default();
        *sum += open.sum;
        rows.extend(open.rows);
    }
    // Money is given back to whoever paid it; to be charged there has to be a card.
    let Some(payer) = payer else { return Ok(()) };
    for (code, (sum, rows)) in bundles {
        let amount = Money::new(sum, currency(&code));
        // Less waits until together with later fees it reaches what can be charged.
        if fee::is_chargeable(amount) && !is_pausing(work, &code).await? {
            write_down(work, cause, &payer, &Wish { kind: "charge", amount, rows, refund: None }).await?;
        }
    }
    Ok(())
}

async fn payer(work: &mut Work) -> Result<Option<Payer>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT id, account, secret AS "card: Json<Sealed>" FROM connections
           WHERE tenant = $1 AND kind = 'stripe' AND state = 'connected' AND secret IS NOT NULL ORDER BY seq DESC LIMIT 1"#,
        tenant.as_str(),
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| Payer { connection: row.id, customer: row.account, card: row.card }))
}

/// What no move settles yet, by claim, the oldest first. A claim of which money moves at the moment is left alone until that ended.
async fn open(work: &mut Work) -> Result<Vec<Open>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Open,
        r#"SELECT f.claim_id AS claim, f.currency, sum(f.amount_minor)::bigint AS "sum!", array_agg(f.id) AS "rows!"
           FROM claim_fees f
           WHERE f.tenant = $1 AND f.move_id IS NULL AND NOT EXISTS (
               SELECT FROM claim_fees g JOIN fee_moves m ON m.tenant = g.tenant AND m.id = g.move_id
               WHERE g.tenant = $1 AND g.claim_id = f.claim_id AND m.state IN ('planned', 'asked', 'processing'))
           GROUP BY f.claim_id, f.currency ORDER BY min(f.seq) LIMIT $2"#,
        tenant.as_str(),
        MOST,
    )
    .fetch_all(work.conn())
    .await
}

/// The newest charge that has so much of this claim left. What cannot be given back of one charge is set against the next one.
async fn charge_to_refund(work: &mut Work, claim: Uuid, amount: Money) -> Result<Option<Charged>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT m.id, m.connection_id, m.customer FROM fee_moves m JOIN claim_fees f ON f.tenant = m.tenant AND f.move_id = m.id
           WHERE m.tenant = $1 AND f.claim_id = $2 AND m.kind = 'charge' AND m.state = 'done' AND m.currency = $4
             AND NOT EXISTS (SELECT FROM fee_moves r WHERE r.tenant = $1 AND r.of_move = m.id AND r.claim_id = $2 AND r.state = 'declined')
           GROUP BY m.tenant, m.id
           HAVING sum(f.amount_minor) - coalesce((SELECT sum(r.amount_minor) FROM fee_moves r
                  WHERE r.tenant = $1 AND r.of_move = m.id AND r.claim_id = $2), 0) >= $3::bigint
           ORDER BY m.seq DESC LIMIT 1"#,
        tenant.as_str(),
        claim,
        amount.minor,
        amount.currency.code(),
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| {
        // No card: a refund goes back where the money came from.
        let payer = Payer { connection: row.connection_id, customer: row.customer, card: None };
        Charged { id: row.id, payer }
    }))
}

/// Whether a declined charge of this currency waits for its next try. Another card is tried at once.
async fn is_pausing(work: &mut Work, code: &str) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query_scalar!(
        r#"SELECT coalesce(m.state = 'declined' AND m.ended_at >= c.changed_at AND m.retry_at > $3, false) AS "pausing!"
           FROM fee_moves m JOIN connections c ON c.tenant = m.tenant AND c.id = m.connection_id
           WHERE m.tenant = $1 AND m.currency = $2 AND m.kind = 'charge' ORDER BY m.seq DESC LIMIT 1"#,
        tenant.as_str(),
        code,
        now,
    )
    .fetch_optional(work.conn())
    .await
    .map(|pausing| pausing.unwrap_or(false))
}

async fn write_down(work: &mut Work, cause: &Cause, payer: &Payer, wish: &Wish) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let id = FeeMoveId(new_id(now));
    sqlx::query!(
        "INSERT INTO fee_moves (tenant, id, kind, state, amount_minor, currency, connection_id, customer, secret, claim_id, of_move, planned_at)
         VALUES ($1, $2, $3, 'planned', $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant.as_str(),
        id.0,
        wish.kind,
        wish.amount.minor,
        wish.amount.currency.code(),
        payer.connection,
        payer.customer,
        payer.card.as_ref() as _,
        wish.refund.map(|(claim, _)| claim),
        wish.refund.map(|(_, charge)| charge),
        now,
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "UPDATE claim_fees SET move_id = $2 WHERE tenant = $1 AND id = ANY($3)",
        tenant.as_str(),
        id.0,
        &wish.rows,
    )
    .execute(work.conn())
    .await?;
    let payload = serde_json::json!({ "move_id": id });
    work.enqueue(NewJob { kind: MOVE_FEE, key: id.to_string(), due_at: now, payload, cause: cause.clone() }).await
}
