//! What somebody was told, and how it went.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Paging, Path, Query};
use service_kit::problem::Problem;
use service_kit::store::Work;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Api, MANAGERS, recipients_of};

/// Which notifications.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Of this recipient; for managers. Without it a caller sees its own.
    recipient: Option<String>,
    /// Everybody's; for managers.
    #[serde(default)]
    #[param(required = false)]
    all: bool,
    /// Only those that were not read yet.
    #[serde(default)]
    #[param(required = false)]
    unread: bool,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// How a notification went by one channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sending {
    /// `email`, `sms`, `push` or `in_app`.
    #[schema(example = "email")]
    pub channel: String,
    /// `queued`, `begun`, `sent`, `delivered`, `bounced`, `failed`, `unknown`, `suppressed` or `skipped`.
    #[schema(example = "sent")]
    pub state: String,
    /// Why it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: i32,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
}

/// Something that somebody was told.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notification {
    /// The notification.
    pub id: Uuid,
    /// Its number.
    #[serde(skip)]
    pub seq: i64,
    /// The transaction that wrote it; streams go on after it.
    #[serde(skip)]
    pub written: i64,
    /// Whom.
    pub recipient: String,
    /// By which template.
    #[schema(example = "order_placed")]
    pub template: String,
    /// Of which kind.
    #[schema(example = "orders")]
    pub category: String,
    /// In which language.
    #[schema(example = "en")]
    pub language: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was read; absent: not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<DateTime<Utc>>,
}

/// A notification with how it went.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whole {
    /// The notification.
    #[serde(flatten)]
    pub notification: Notification,
    /// By each channel.
    pub sendings: Vec<Sending>,
}

/// Notifications of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notifications {
    /// Newest first.
    pub notifications: Vec<Notification>,
    /// How many the caller, or the recipient that was asked about, has not read.
    pub unread: i64,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What a caller was told, newest first; a manager can look at others' and at everybody's.
#[utoipa::path(get, path = "/api/v1/notifications", operation_id = "list_notifications", tag = "notifications", params(Filter),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = Notifications)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Notifications>, Problem> {
    let at = Paging::of(filter.limit, filter.cursor.as_deref())?;
    let own = recipients_of(&caller);
    let recipients = match filter.recipient {
        Some(recipient) if own.contains(&recipient) => Some(vec![recipient]),
        Some(recipient) => {
            caller.require(&MANAGERS)?;
            Some(vec![recipient])
        }
        None if filter.all => {
            caller.require(&MANAGERS)?;
            None
        }
        None => Some(own),
    };
    let mut work = api.store.read(&caller.tenant).await?;
    // What is skipped in the list of its recipient, because it is not wanted there, is shown to managers that look at all.
    let mut notifications = sqlx::query_as!(
        Notification,
        "SELECT n.id, n.seq, n.written, n.recipient, n.template, n.category, n.language, n.subject, n.text, n.created_at, n.read_at
         FROM notifications n
         WHERE n.tenant = $1 AND ($2::text[] IS NULL OR n.recipient = ANY($2)) AND ($3::bigint IS NULL OR n.seq < $3)
           AND (NOT $4 OR n.read_at IS NULL)
           AND ($2::text[] IS NULL OR EXISTS (SELECT 1 FROM sendings s WHERE s.tenant = n.tenant AND s.notification_id = n.id
                                              AND s.channel = 'in_app' AND s.state = 'sent'))
         ORDER BY n.seq DESC LIMIT $5",
        caller.tenant.as_str(),
        recipients.as_deref(),
        at.seen(),
        filter.unread,
        at.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let unread = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM notifications n JOIN sendings s
             ON s.tenant = n.tenant AND s.notification_id = n.id AND s.channel = 'in_app' AND s.state = 'sent'
           WHERE n.tenant = $1 AND ($2::text[] IS NULL OR n.recipient = ANY($2)) AND n.read_at IS NULL"#,
        caller.tenant.as_str(),
        recipients.as_deref(),
    )
    .fetch_one(work.conn())
    .await?;
    let next_cursor = at.cut(&mut notifications, |row| row.seq);
    Ok(Json(Notifications { notifications, unread, next_cursor }))
}

/// One notification, if it is one of these recipients', or anybody's when `None`.
pub async fn read(
    work: &mut Work,
    id: Uuid,
    recipients: Option<&[String]>,
) -> Result<Option<Notification>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Notification,
        "SELECT id, seq, written, recipient, template, category, language, subject, text, created_at, read_at FROM notifications
         WHERE tenant = $1 AND id = $2 AND ($3::text[] IS NULL OR recipient = ANY($3))",
        tenant.as_str(),
        id,
        recipients,
    )
    .fetch_optional(work.conn())
    .await
}

/// One notification and how it went: the caller's own, or any for a manager.
#[utoipa::path(get, path = "/api/v1/notifications/{id}", operation_id = "read_notification", tag = "notifications",
    params(("id" = Uuid, Path, description = "The notification")), security(("bearer" = [])),
    responses((status = 200, description = "The notification", body = Whole)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Whole>, Problem> {
    let own = recipients_of(&caller);
    let recipients = if caller.has_any(&MANAGERS) { None } else { Some(own.as_slice()) };
    let mut work = api.store.read(&caller.tenant).await?;
    let notification = read(&mut work, id, recipients).await?.ok_or_else(Problem::not_found)?;
    let sendings = sqlx::query_as!(
        Sending,
        r#"SELECT channel::text AS "channel!", state::text AS "state!", reason, attempts, ended_at FROM sendings
           WHERE tenant = $1 AND notification_id = $2 ORDER BY channel"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(Json(Whole { notification, sendings }))
}
