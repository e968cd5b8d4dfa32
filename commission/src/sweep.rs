//! Holds end: pending commissions without open questions become payable. Several processes may sweep at once.

use std::time::Duration;

use service_kit::store::{Cause, Store};
use service_kit::tenants::Tenants;
use shared_events::commission::CommissionApproved;
use shared_events::{CommissionId, MessageId, Money, TenantId};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::accounts::{self, Entry};
use crate::domain::ledger::Movement;
use crate::domain::payout::stored_currency;
use crate::stored::partner_id;

/// Commissions approved in one transaction: short enough that nobody waits long for the balances.
const BATCH: i64 = 500;
/// How often ended holds are looked for. The development clock may jump at any time, so there is no sleeping until the next hold ends.
const EVERY: Duration = Duration::from_secs(1);

/// Sweeps until `stop`.
pub async fn run(store: Store, stop: CancellationToken) {
    loop {
        if let Err(error) = sweep(&store, &stop).await {
            tracing::warn!(%error, "ended holds cannot be approved now, it will be tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Approves everything that is due now, tenant by tenant in batches; returns how many.
///
/// # Errors
/// When the database is away.
pub async fn sweep(store: &Store, stop: &CancellationToken) -> Result<usize, sqlx::Error> {
    let mut tenants = Tenants::of(store);
    let mut approved = 0;
    while let Some(tenant) = tenants.next().await? {
        loop {
            let (seen, done) = sweep_batch(store, &tenant).await?;
            approved += done;
            if stop.is_cancelled() {
                return Ok(approved);
            }
            if seen < BATCH as usize {
                break;
            }
        }
    }
    Ok(approved)
}

/// One batch of one tenant: how many were due, and how many this process approved.
async fn sweep_batch(store: &Store, tenant: &TenantId) -> Result<(usize, usize), sqlx::Error> {
    let mut work = store.read(tenant).await?;
    let now = work.now();
    let due = sqlx::query!(
        "SELECT id, partner, currency FROM commissions WHERE tenant = $1 AND state = 'pending' AND NOT held AND hold_until <= $2
         ORDER BY hold_until LIMIT $3",
        tenant.as_str(),
        now,
        BATCH,
    )
    .fetch_all(work.conn())
    .await?;
    if due.is_empty() {
        return Ok((0, 0));
    }
    let seen = due.len();
    let ids: Vec<Uuid> = due.iter().map(|row| row.id).collect();
    // The partners' money is locked first, so another sweeper waits here and then finds its rows approved.
    accounts::lock(&mut work, due.into_iter().map(|row| (row.partner, row.currency))).await?;
    let reason = "the hold ended";
    let rows = sqlx::query!(
        // One probe for each id: a plan made while the table was small stays in use, and it would read the whole of a tenant.
        r#"UPDATE commissions SET state = 'approved', decision = $3, version = version + 1
           WHERE ctid = ANY (ARRAY(
               SELECT found.ctid FROM unnest($2::uuid[]) AS u (id) CROSS JOIN LATERAL (
                   SELECT c.ctid FROM commissions c WHERE c.tenant = $1 AND c.id = u.id AND c.state = 'pending' AND NOT c.held LIMIT 1) found))
           RETURNING id, partner, currency, earned_minor - reversed_minor AS "left!", cause, correlation, version"#,
        tenant.as_str(),
        &ids,
        reason,
    )
    .fetch_all(work.conn())
    .await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in &rows {
        let owner = (row.partner.clone(), row.currency.clone());
        entries.push(Entry {
            owner,
            movement: Movement::Approved,
            minor: row.left,
            commission: Some(row.id),
            payout: None,
            cause: None,
        });
        let approved = CommissionApproved {
            commission_id: CommissionId(row.id),
            partner: partner_id(&row.partner),
            earnings: Money::new(row.left, stored_currency(&row.currency)),
            reason: reason.to_owned(),
        };
        let cause = Cause { message: Some(MessageId(row.cause)), ..Cause::root(row.correlation, None) };
        work.emit(&cause, u64::from(row.version.unsigned_abs()), &approved);
    }
    accounts::post(&mut work, &entries).await?;
    work.commit().await?;
    Ok((seen, rows.len()))
}
