//! Sending was stopped, or may go on: the claims that wait are looked at at once, and not when their turn comes. What is in line for a
//! channel falls back to people; what became ready meanwhile, and would go by itself, gets in line.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work, new_id};
use service_kit::tenants::Tenants;
use shared_events::{ClaimId, TenantId};
use uuid::Uuid;

use crate::channel::ASSISTED;
use crate::queue_claim::SEND_CLAIM;
use crate::weigh_claim::go_by_itself;
use crate::{claim_row, claim_settings};

/// Claims that are looked at together.
const AT_ONCE: i64 = 500;

/// Looks at the claims that wait.
pub struct LookAtLine;

#[derive(Serialize, Deserialize)]
struct Payload {
    /// Of every tenant: the operator's switch was set.
    everybody: bool,
}

/// Lets the claims that wait be looked at: the tenant's, or everybody's.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, everybody: bool) -> Result<(), sqlx::Error> {
    let payload = serde_json::json!({ "everybody": everybody });
    let (key, due_at) = (new_id(work.now()).to_string(), work.now());
    work.enqueue(NewJob { kind: LookAtLine::KIND, key, due_at, payload, cause: cause.clone() }).await
}

impl RunsJob for LookAtLine {
    const KIND: &'static str = "claims.look_at_line";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let payload: Payload = serde_json::from_value(job.payload.clone()).context("whose claims")?;
        if payload.everybody {
            let mut tenants = Tenants::of(store);
            while let Some(tenant) = tenants.next().await? {
                look(store, &tenant, &job.cause).await?;
            }
        } else {
            look(store, &job.tenant, &job.cause).await?;
        }
        let mut work = store.read(&job.tenant).await?;
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

async fn look(store: &Store, tenant: &TenantId, cause: &Cause) -> Result<(), Failure> {
    let mut work = store.read(tenant).await?;
    let stopped = claim_settings::is_stopped(&mut work).await?;
    drop(work);
    let mut last = Uuid::nil();
    loop {
        let mut work = store.read(tenant).await?;
        let claims = if stopped { in_line(&mut work, last).await? } else { ready(&mut work, last).await? };
        let Some((newest, ..)) = claims.last() else { return Ok(()) };
        last = *newest;
        for (claim, attempt, sending) in &claims {
            match sending {
                // The job that waits for its turn finds it done; both look at the claim locked.
                Some(sending) => hurry(&mut work, cause, (*claim, *attempt, *sending)).await?,
                None => {
                    if let Some(mut claim) = claim_row::find(&mut work, ClaimId(*claim)).await? {
                        go_by_itself(&mut work, cause, &mut claim).await?;
                    }
                }
            }
        }
        work.commit().await?;
    }
}

/// A claim, which sending of it, and that sending's key where it is in line.
type Waiting = (Uuid, i32, Option<Uuid>);

async fn hurry(
    work: &mut Work,
    cause: &Cause,
    (claim, attempt, sending): (Uuid, i32, Uuid),
) -> Result<(), sqlx::Error> {
    let payload = serde_json::json!({ "claim_id": claim, "attempt": attempt });
    let (key, due_at) = (format!("{sending}/stopped"), work.now());
    work.enqueue(NewJob { kind: SEND_CLAIM, key, due_at, payload, cause: cause.clone() }).await
}

/// Claims in line for a channel.
async fn in_line(work: &mut Work, after: Uuid) -> Result<Vec<Waiting>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT c.id, s.attempt, s.id AS sending FROM claims c
         JOIN claim_submissions s ON s.tenant = c.tenant AND s.claim_id = c.id AND s.attempt = c.attempt
         WHERE c.tenant = $1 AND c.state = 'queued' AND s.state = 'queued' AND s.channel <> $4 AND c.id > $2 ORDER BY c.id LIMIT $3",
        tenant.as_str(),
        after,
        AT_ONCE,
        ASSISTED,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.attempt, Some(row.sending))).collect())
}

/// Claims that are ready by a model's word and that no person had in hand yet.
async fn ready(work: &mut Work, after: Uuid) -> Result<Vec<Waiting>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT id, attempt FROM claims c
         WHERE tenant = $1 AND state = 'ready' AND by_model AND attempt = 0 AND id > $2
           AND NOT EXISTS (SELECT FROM claim_approvals a WHERE a.tenant = c.tenant AND a.claim_id = c.id)
         ORDER BY id LIMIT $3",
        tenant.as_str(),
        after,
        AT_ONCE,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.attempt, None)).collect())
}
