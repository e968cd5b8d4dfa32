//! How a sending stands, in the database.

use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::store::{Store, Work};
use shared_events::notify::{AddressSuppressed, Channel, NotificationNotSent, NotificationSent, SuppressionReason};
use shared_events::{NotificationId, SuppressionId, TenantId, ids};
use uuid::Uuid;

/// Where a recipient is reached by one channel.
#[derive(Debug)]
pub struct Point {
    /// The address, sealed.
    pub sealed: String,
    /// Tells equal addresses.
    pub mark: String,
    /// As it may be shown.
    pub masked: String,
    /// Whether it is not written to.
    pub is_suppressed: bool,
}

/// How a sending ends.
#[derive(Debug)]
pub enum End {
    /// It was handed over.
    Sent {
        /// The carrier's name of it.
        reference: Option<String>,
    },
    /// The address takes nothing, now or ever.
    Bounced {
        /// The carrier's code.
        reason: String,
    },
    /// It was refused, or tried too often.
    Failed {
        /// Why.
        reason: String,
    },
    /// Nobody knows.
    Unknown {
        /// What was seen.
        reason: String,
    },
    /// The address is not written to.
    Suppressed,
    /// There is no address any more.
    Skipped {
        /// Why.
        reason: &'static str,
    },
}

impl End {
    fn parts(&self) -> (&'static str, Option<&str>, Option<&str>) {
        match self {
            Self::Sent { reference } => ("sent", reference.as_deref(), None),
            Self::Bounced { reason } => ("bounced", None, Some(reason)),
            Self::Failed { reason } => ("failed", None, Some(reason)),
            Self::Unknown { reason } => ("unknown", None, Some(reason)),
            Self::Suppressed => ("suppressed", None, None),
            Self::Skipped { reason } => ("skipped", None, Some(reason)),
        }
    }
}

/// Where a recipient is reached by a channel.
///
/// # Errors
/// When the database is away.
pub async fn point(work: &mut Work, recipient: &str, channel: Channel) -> Result<Option<Point>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Point,
        r#"SELECT p.sealed, p.mark, p.masked, s.id IS NOT NULL AS "is_suppressed!" FROM contact_points p
           LEFT JOIN suppressions s ON s.tenant = p.tenant AND s.channel = p.channel AND s.mark = p.mark
           WHERE p.tenant = $1 AND p.recipient = $2 AND p.channel = $3::text::channel"#,
        tenant.as_str(),
        recipient,
        channel.name(),
    )
    .fetch_optional(work.conn())
    .await
}

/// The sending begins.
///
/// # Errors
/// When the database is away.
pub async fn begin(
    work: &mut Work,
    id: Uuid,
    channel: Channel,
    begun_at: chrono::DateTime<chrono::Utc>,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE sendings SET state = 'begun', begun_at = $4, attempts = attempts + 1
         WHERE tenant = $1 AND notification_id = $2 AND channel = $3::text::channel",
        tenant.as_str(),
        id,
        channel.name(),
        begun_at,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The sending begins anew, with the time of it.
///
/// # Errors
/// When the database is away.
pub async fn begin_again(store: &Store, tenant: &TenantId, id: Uuid, channel: Channel) -> Result<(), sqlx::Error> {
    let mut work = store.read(tenant).await?;
    let now = work.now();
    begin(&mut work, id, channel, now).await?;
    work.commit().await
}

/// Nothing went out; it can begin anew.
///
/// # Errors
/// When the database is away.
pub async fn reopen(work: &mut Work, id: Uuid, channel: Channel) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE sendings SET state = 'queued'
         WHERE tenant = $1 AND notification_id = $2 AND channel = $3::text::channel AND state = 'begun'",
        tenant.as_str(),
        id,
        channel.name(),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The sending ends, and it is said.
///
/// # Errors
/// When the database is away, or the sending ended otherwise meanwhile.
pub async fn end(work: &mut Work, job: &Job, id: Uuid, channel: Channel, end: End) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let (state, reference, reason) = end.parts();
    let ended = sqlx::query!(
        "UPDATE sendings SET state = $4::text::sending_state, reference = $5, reason = $6, ended_at = $7
         WHERE tenant = $1 AND notification_id = $2 AND channel = $3::text::channel AND state IN ('queued', 'begun')",
        tenant.as_str(),
        id,
        channel.name(),
        state,
        reference,
        reason,
        now,
    )
    .execute(work.conn())
    .await?;
    if ended.rows_affected() == 0 {
        return Err(Failure::Retry(anyhow::anyhow!("the sending ended otherwise meanwhile")));
    }
    let row = sqlx::query!(
        "UPDATE notifications SET version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version, recipient",
        tenant.as_str(),
        id,
    )
    .fetch_one(work.conn())
    .await?;
    let (notification_id, recipient) = (NotificationId(id), row.recipient);
    let version = u64::try_from(row.version).unwrap_or_default();
    metrics::counter!("recoup_notifications_total", "channel" => channel.name(), "outcome" => state).increment(1);
    match end {
        End::Sent { .. } => {
            work.emit(&job.cause, version, &NotificationSent { notification_id, recipient, channel });
        }
        End::Bounced { reason } | End::Failed { reason } | End::Unknown { reason } => {
            let outcome = state.to_owned();
            let event = NotificationNotSent { notification_id, recipient, channel, outcome, reason };
            work.emit(&job.cause, version, &event);
        }
        End::Suppressed | End::Skipped { .. } => {
            let (outcome, reason) = (state.to_owned(), "the address is not there any more, or not written to".into());
            let event = NotificationNotSent { notification_id, recipient, channel, outcome, reason };
            work.emit(&job.cause, version, &event);
        }
    }
    Ok(())
}

/// An address that bounced is not written to again.
///
/// # Errors
/// When the database is away.
pub async fn suppress(
    work: &mut Work,
    job: &Job,
    channel: Channel,
    mark: &str,
    masked: &str,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let id = ids::derive(&["suppression", tenant.as_str(), &job.key, &now.to_rfc3339()]);
    let added = sqlx::query!(
        "INSERT INTO suppressions (tenant, id, channel, mark, masked, reason, added_by, added_at)
         VALUES ($1, $2, $3::text::channel, $4, $5, 'bounce', 'notify', $6) ON CONFLICT (tenant, channel, mark) DO NOTHING",
        tenant.as_str(),
        id,
        channel.name(),
        mark,
        masked,
        now,
    )
    .execute(work.conn())
    .await?;
    if added.rows_affected() > 0 {
        let reason = SuppressionReason::Bounce;
        work.emit(&job.cause, 1, &AddressSuppressed { suppression_id: SuppressionId(id), channel, reason });
    }
    Ok(())
}

/// The carrier's names of all texts to the recipients of an address that are known to have gone out.
///
/// # Errors
/// When the database is away.
pub async fn known_references(store: &Store, tenant: &TenantId, mark: &str) -> Result<Vec<String>, sqlx::Error> {
    let mut work = store.read(tenant).await?;
    sqlx::query_scalar!(
        r#"SELECT s.reference AS "reference!" FROM sendings s
           JOIN notifications n ON n.tenant = s.tenant AND n.id = s.notification_id
           JOIN contact_points p ON p.tenant = n.tenant AND p.recipient = n.recipient AND p.channel = s.channel
           WHERE s.tenant = $1 AND s.channel = 'sms' AND p.mark = $2 AND s.reference IS NOT NULL ORDER BY s.ended_at DESC LIMIT 500"#,
        tenant.as_str(),
        mark,
    )
    .fetch_all(work.conn())
    .await
}
