//! What waits is judged again when another model decides, or when the one that decides may act by itself from now on.

use serde::{Deserialize, Serialize};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};

use crate::request_proof::MATCH_REQUEST;

/// Job: has the open requests of a kind of claim judged again.
pub const JUDGE_AGAIN: &str = "evidence.judge_again";
/// Requests that one run of the job has judged again.
const AT_ONCE: i64 = 200;

/// Runs [`JUDGE_AGAIN`].
pub struct JudgeAgain;

#[derive(Serialize, Deserialize)]
struct Payload {
    claim_type: String,
    /// Names the occasion: a request that is being judged at this very moment, by what counted before, is judged once more.
    occasion: String,
    /// The last request of the run before.
    after: i64,
}

/// Has every open request of this kind judged again; `occasion` is why, and differs from one time to the next.
///
/// # Errors
/// When the database is away.
pub async fn ask_for(work: &mut Work, cause: &Cause, claim_type: &str, occasion: &str) -> Result<(), sqlx::Error> {
    go_on(work, cause, Payload { claim_type: claim_type.to_owned(), occasion: occasion.to_owned(), after: 0 }).await
}

async fn go_on(work: &mut Work, cause: &Cause, payload: Payload) -> Result<(), sqlx::Error> {
    let due_at = work.now();
    let key = format!("{}/{}/{}/{}", work.tenant(), payload.claim_type, payload.occasion, payload.after);
    let payload = serde_json::json!(payload);
    work.enqueue(NewJob { kind: JUDGE_AGAIN, key, due_at, payload, cause: cause.clone() }).await
}

impl RunsJob for JudgeAgain {
    const KIND: &'static str = JUDGE_AGAIN;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let payload: Payload = serde_json::from_value(job.payload.clone())
            .map_err(|error| Failure::reject("malformed", error.to_string()))?;
        let mut work = store.read(&job.tenant).await?;
        let (tenant, due_at) = (work.tenant().clone(), work.now());
        let waiting = sqlx::query!(
            "SELECT id, seq FROM proof_requests WHERE tenant = $1 AND claim_type = $2 AND state = 'open' AND seq > $3 ORDER BY seq LIMIT $4",
            tenant.as_str(),
            payload.claim_type,
            payload.after,
            AT_ONCE,
        )
        .fetch_all(work.conn())
        .await?;
        for request in &waiting {
            let again = NewJob {
                kind: MATCH_REQUEST,
                key: format!("{}/{}", request.id, payload.occasion),
                due_at,
                payload: serde_json::json!({ "request_id": request.id }),
                cause: job.cause.clone(),
            };
            work.enqueue(again).await?;
        }
        if let Some(last) = waiting.last().filter(|_| waiting.len() as i64 == AT_ONCE) {
            go_on(&mut work, &job.cause, Payload { after: last.seq, ..payload }).await?;
        }
        job.finish(&mut work).await?;
        work.commit().await?;
        Ok(())
    }
}
