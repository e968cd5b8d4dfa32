//! What the carrier of texts says later of one that it took: that it arrived, or that it did not.
//!
//! A call may come before we have written down the carrier's name of the text, so that it is kept as a job and tried again for a while.

use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::notify::{Channel, NotificationNotSent};
use shared_events::{NotificationId, TenantId};

/// Attempts after which a text that is not known is none of ours.
const MOST_ATTEMPTS: i32 = 6;

/// What was said of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The carrier's name of it.
    pub reference: String,
    /// Whether it arrived; else it never will.
    pub arrived: bool,
    /// The carrier's code, where it did not.
    pub code: Option<String>,
}

/// Keeps what was said until it is heeded.
///
/// # Errors
/// When the database is away.
pub async fn keep(store: &Store, tenant: &TenantId, cause: Cause, said: &Said) -> Result<(), sqlx::Error> {
    let mut work = store.read(tenant).await?;
    let due_at = work.now();
    let key = format!("{tenant}/{}/{}", said.reference, if said.arrived { "arrived" } else { "lost" });
    work.enqueue(NewJob { kind: HeedText::KIND, key, due_at, payload: json!(said), cause }).await?;
    work.commit().await
}

/// Heeds it.
pub struct HeedText;

impl RunsJob for HeedText {
    const KIND: &'static str = "notify.heed_text";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let said: Said = serde_json::from_value(job.payload.clone()).map_err(anyhow::Error::from)?;
        let mut work = store.read(&job.tenant).await?;
        let known = apply(&mut work, &job.cause, &said).await?;
        if !known && job.attempt < MOST_ATTEMPTS {
            return Err(Failure::Retry(anyhow::anyhow!("the text is not known yet")));
        }
        if !known {
            tracing::info!(reference = said.reference, "the carrier spoke of a text that is not known here");
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

/// Whether there is such a text. One that has ended stays as it is: what comes twice or late changes nothing.
async fn apply(work: &mut Work, cause: &Cause, said: &Said) -> Result<bool, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let row = sqlx::query!(
        r#"SELECT s.notification_id, s.state::text AS "state!", n.recipient FROM sendings s
           JOIN notifications n ON n.tenant = s.tenant AND n.id = s.notification_id
           WHERE s.tenant = $1 AND s.channel = 'sms' AND s.reference = $2 FOR UPDATE OF s"#,
        tenant.as_str(),
        said.reference,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(false) };
    if row.state != "sent" {
        return Ok(true);
    }
    let state = if said.arrived { "delivered" } else { "failed" };
    sqlx::query!(
        "UPDATE sendings SET state = $4::text::sending_state, reason = $5, ended_at = $6
         WHERE tenant = $1 AND notification_id = $2 AND channel = $3::text::channel",
        tenant.as_str(),
        row.notification_id,
        Channel::Sms.name(),
        state,
        said.code,
        now,
    )
    .execute(work.conn())
    .await?;
    let version = sqlx::query_scalar!(
        "UPDATE notifications SET version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        row.notification_id,
    )
    .fetch_one(work.conn())
    .await?;
    if !said.arrived {
        let not_sent = NotificationNotSent {
            notification_id: NotificationId(row.notification_id),
            recipient: row.recipient,
            channel: Channel::Sms,
            outcome: state.to_owned(),
            reason: said.code.clone().unwrap_or_else(|| "the carrier could not deliver it".to_owned()),
        };
        work.emit(cause, u64::try_from(version).unwrap_or_default(), &not_sent);
    }
    Ok(true)
}
