//! What somebody is told: sent by managers, read by whom it is for, and followed as it comes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::notify::{Channel, MarkNotificationRead, SendNotification, names_of};
use shared_events::{NotificationId, Service, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::{Ask, Body, Nothing};
use crate::checks;
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// Who may tell others something.
pub const MANAGERS: [Role; 2] = [Role::Admin, Role::Manager];
/// How long the answer waits for the outcome unless the caller says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list, send))
        .routes(routes!(follow))
        .routes(routes!(audit))
        .routes(routes!(read))
        .routes(routes!(mark_read))
}

/// What a caller goes by as a recipient.
pub fn recipients_of(caller: &Caller) -> Vec<String> {
    let partner = caller.partner.as_ref().filter(|_| caller.has_any(&[Role::Partner]));
    names_of(&caller.subject, partner, caller.is_staff())
}

/// A notification.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"recipient": "ann", "template": "message", "variables": {"subject": "We moved", "text": "Our shop is at 2 Main Street now."}, "dedupe_key": "moved-2026"}))]
struct NewNotification {
    /// Whom: a subject, `partner:<id>` or `@staff`.
    recipient: String,
    /// By which template.
    template: String,
    /// What the template's blanks are filled with.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// What makes it the same notification: a second one with this key, for whomever, changes nothing. Absent: this request alone.
    #[serde(default)]
    dedupe_key: Option<String>,
    /// In which language, instead of the recipient's own.
    #[serde(default)]
    language: Option<String>,
    /// By which channels, instead of the template's own.
    #[serde(default)]
    channels: Option<Vec<Channel>>,
}

impl Body for NewNotification {}

/// A recipient as a path or a body names it.
///
/// # Errors
/// 422 for what is none.
pub fn check_recipient(field: &str, recipient: &str) -> Result<(), Problem> {
    checks::text(field, recipient, 136)?;
    if recipient.starts_with('@') && recipient != shared_events::notify::STAFF {
        return Err(Problem::invalid_field(field, "must be a subject, partner:<id> or @staff"));
    }
    Ok(())
}

/// Tells somebody something, once for each `dedupe_key`. For managers.
#[utoipa::path(post, path = "/api/v1/notifications", operation_id = "send_notification", tag = "notifications", request_body = NewNotification,
    security(("bearer" = [])), responses(Answers))]
async fn send(State(app): State<Shared>, mut ask: Ask<NewNotification>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let NewNotification { recipient, template, variables, dedupe_key, language, channels } = ask.body;
    check_recipient("recipient", &recipient)?;
    checks::text("template", &template, 64)?;
    let command_id = ask.ticket.id.to_string();
    let dedupe_key = match dedupe_key {
        Some(key) => {
            checks::text("dedupe_key", &key, 200)?;
            // Keys of ours begin with a template's name and a slash; those of others cannot be taken for them.
            format!("asked/{key}")
        }
        None => format!("asked/{command_id}"),
    };
    if let Some(language) = &language {
        checks::text("language", language, 35)?;
    }
    let id = NotificationId(ids::derive(&["notification", ask.caller.tenant.as_str(), &dedupe_key]));
    let sent_by = ask.caller.subject.to_string();
    let command = SendNotification {
        notification_id: id,
        recipient,
        template,
        variables,
        dedupe_key,
        language,
        channels,
        sent_by,
    };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("notification_id", id.to_string())])).await
}

/// What the caller was told, newest first; a manager can look at others' and at everybody's.
#[utoipa::path(get, path = "/api/v1/notifications", operation_id = "list_notifications", tag = "notifications", params(Page,
        ("recipient" = Option<String>, Query, description = "Of this recipient; for managers"),
        ("all" = Option<bool>, Query, description = "Everybody's; for managers"),
        ("unread" = Option<bool>, Query, description = "Only those that were not read yet")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// The caller's notifications as they come, as server-sent events called `notification`, or those after `Last-Event-ID`.
#[utoipa::path(get, path = "/api/v1/notifications/stream", operation_id = "stream_notifications", tag = "notifications",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen; what came after it follows")),
    security(("bearer" = [])), responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")))]
async fn follow(State(app): State<Shared>, caller: Caller, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    app.upstream(Service::Notify).follow(&caller, &uri, &headers).await
}

/// Who changed webhooks, templates, suppressions and contacts. For managers.
#[utoipa::path(get, path = "/api/v1/notifications/audit", operation_id = "notify_audit", tag = "notifications", params(Page),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn audit(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// One notification and how it went by each channel: the caller's own, or any for a manager.
#[utoipa::path(get, path = "/api/v1/notifications/{id}", operation_id = "read_notification", tag = "notifications",
    params(("id" = Uuid, Path, description = "The notification")), security(("bearer" = [])),
    responses((status = 200, description = "The notification", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// Marks one of the caller's own notifications as read.
#[utoipa::path(post, path = "/api/v1/notifications/{id}/read", operation_id = "mark_notification_read", tag = "notifications",
    params(("id" = Uuid, Path, description = "The notification")), security(("bearer" = [])), responses(Answers))]
async fn mark_read(
    State(app): State<Shared>,
    Path(id): Path<Uuid>,
    mut ask: Ask<Nothing>,
) -> Result<Response, Problem> {
    let (recipients, by) = (recipients_of(&ask.caller), ask.caller.subject.clone());
    let command = MarkNotificationRead { notification_id: NotificationId(id), recipients, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("notification_id", id.to_string())])).await
}
