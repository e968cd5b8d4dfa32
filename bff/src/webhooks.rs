//! Webhooks after the Standard Webhooks convention: systems of others that are told what happens, signed.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::notify::{
    ChangeWebhook, CreateWebhook, PingWebhook, RedeliverWebhook, RemoveWebhook, RotateWebhookSecret, webhook_purpose,
};
use shared_events::{DeliveryId, MessageId, Service, TenantId, WebhookId, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::{App, Shared};
use crate::ask::{Ask, Body, Why, checked_reason};
use crate::checks;
use crate::notifications::{MANAGERS, PATIENCE};
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(types))
        .routes(routes!(read, change, remove))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(delivery))
        .routes(routes!(redeliver))
}

/// A webhook.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://shop.example/hooks/recoup", "description": "warehouse", "types": ["order.placed", "order.cancelled"]}))]
struct NewWebhook {
    /// Where it leads; https, and on the public internet.
    url: String,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
    /// Which types of events it is told; none: all.
    #[serde(default, alias = "events", alias = "event_types")]
    types: Vec<String>,
    /// Why, for the audit; 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for NewWebhook {}

/// What changes; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"enabled": true}))]
struct Change {
    /// Where it leads.
    #[serde(default)]
    url: Option<String>,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
    /// Which types of events it is told; empty: all.
    #[serde(default, alias = "events", alias = "event_types")]
    types: Option<Vec<String>>,
    /// Whether it is told anything.
    #[serde(default)]
    enabled: Option<bool>,
    /// Why, for the audit; 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for Change {}

/// For how long the former secret signs too.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_hours": 24}))]
struct Rotation {
    /// Hours, at most 720.
    #[serde(default = "a_day")]
    overlap_hours: u32,
    /// Why, for the audit; 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

fn a_day() -> u32 {
    24
}

impl Body for Rotation {
    const OPTIONAL: bool = true;
}

impl App {
    /// A secret of a command: the same for a repeat of it, so that the repeat's answer is right, and not to be guessed without our key.
    fn webhook_secret(&self, tenant: &TenantId, command: MessageId) -> String {
        let digest = self.account_key.digest(format!("webhook secret\u{1f}{tenant}\u{1f}{command}").as_bytes());
        // 64 hexadecimal digits are 64 bytes of key with 256 bits in them.
        format!("whsec_{}", STANDARD.encode(digest))
    }

    fn seal_for(&self, tenant: &TenantId, webhook: WebhookId, what: &str, plain: &str) -> anyhow::Result<String> {
        Ok(self.account_key.seal(&webhook_purpose(tenant, webhook, what), plain)?)
    }
}

fn check_list(types: &[String]) -> Result<(), Problem> {
    if types.len() > 50 {
        return Err(Problem::invalid_field("types", "must be at most 50"));
    }
    types.iter().try_for_each(|kind| checks::text("types", kind, 64))
}

/// Tells a system of others what happens from now on. The answer is the only place that shows the secret. For managers.
#[utoipa::path(post, path = "/api/v1/webhooks", operation_id = "create_webhook", tag = "webhooks", request_body = NewWebhook,
    security(("bearer" = [])), responses(Answers))]
async fn create(State(app): State<Shared>, mut ask: Ask<NewWebhook>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let NewWebhook { url, description, types, reason } = ask.body;
    let why = checked_reason(reason)?;
    checks::text("url", &url, 2_000)?;
    let description = description.unwrap_or_default();
    if !description.is_empty() {
        checks::text("description", &description, 200)?;
    }
    check_list(&types)?;
    let tenant = &ask.caller.tenant;
    let webhook_id = WebhookId(ids::derive(&["webhook", &ask.ticket.id.to_string()]));
    let secret = app.webhook_secret(tenant, ask.ticket.id);
    let command = CreateWebhook {
        webhook_id,
        url: app.seal_for(tenant, webhook_id, "url", &url)?,
        secret: app.seal_for(tenant, webhook_id, "secret", &secret)?,
        description,
        types,
        why,
        by: ask.caller.subject.clone(),
    };
    ask.ticket.wait.get_or_insert(PATIENCE);
    let shown = Ids::from([("id", webhook_id.to_string()), ("webhook_id", webhook_id.to_string()), ("secret", secret)]);
    app.send(&ask.caller, ask.ticket, &command, shown).await
}

/// The webhooks, newest first. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks", params(Page),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// The types of events that webhooks can be told. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks/types", operation_id = "list_webhook_types", tag = "webhooks",
    security(("bearer" = [])), responses((status = 200, description = "All of them", body = serde_json::Value)))]
async fn types(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// One webhook. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", operation_id = "read_webhook", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook")), security(("bearer" = [])),
    responses((status = 200, description = "The webhook", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// Changes a webhook, or switches it off or on again. For managers.
#[utoipa::path(put, path = "/api/v1/webhooks/{id}", operation_id = "change_webhook", tag = "webhooks", request_body = Change,
    params(("id" = Uuid, Path, description = "The webhook")), security(("bearer" = [])), responses(Answers))]
async fn change(State(app): State<Shared>, Path(id): Path<Uuid>, mut ask: Ask<Change>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Change { url, description, types, enabled, reason } = ask.body;
    let why = checked_reason(reason)?;
    let webhook_id = WebhookId(id);
    let url = match url {
        Some(url) => {
            checks::text("url", &url, 2_000)?;
            Some(app.seal_for(&ask.caller.tenant, webhook_id, "url", &url)?)
        }
        None => None,
    };
    if let Some(description) = description.as_deref().filter(|text| !text.is_empty()) {
        checks::text("description", description, 200)?;
    }
    check_list(types.as_deref().unwrap_or_default())?;
    let by = ask.caller.subject.clone();
    let command = ChangeWebhook { webhook_id, url, description, types, enabled, why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("webhook_id", id.to_string())])).await
}

/// Removes a webhook and its log. For managers.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", operation_id = "remove_webhook", tag = "webhooks", request_body = Why,
    params(("id" = Uuid, Path, description = "The webhook")), security(("bearer" = [])), responses(Answers))]
async fn remove(State(app): State<Shared>, Path(id): Path<Uuid>, mut ask: Ask<Why>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let (why, by) = (ask.body.checked()?, ask.caller.subject.clone());
    let command = RemoveWebhook { webhook_id: WebhookId(id), why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("webhook_id", id.to_string())])).await
}

/// Signs with a new secret, which only this answer shows; for a while the former one signs too. For managers.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/rotate", operation_id = "rotate_webhook_secret", tag = "webhooks", request_body = Rotation,
    params(("id" = Uuid, Path, description = "The webhook")), security(("bearer" = [])), responses(Answers))]
async fn rotate(State(app): State<Shared>, Path(id): Path<Uuid>, mut ask: Ask<Rotation>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let (tenant, webhook_id) = (&ask.caller.tenant, WebhookId(id));
    let secret = app.webhook_secret(tenant, ask.ticket.id);
    let command = RotateWebhookSecret {
        webhook_id,
        secret: app.seal_for(tenant, webhook_id, "secret", &secret)?,
        overlap_hours: ask.body.overlap_hours,
        why: checked_reason(ask.body.reason)?,
        by: ask.caller.subject.clone(),
    };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("webhook_id", id.to_string()), ("secret", secret)])).await
}

/// Sends a webhook a message that means nothing (`webhook.ping`), to try it. For managers.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", operation_id = "test_webhook", tag = "webhooks", request_body = Why,
    params(("id" = Uuid, Path, description = "The webhook")), security(("bearer" = [])), responses(Answers))]
async fn test(State(app): State<Shared>, Path(id): Path<Uuid>, mut ask: Ask<Why>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let delivery_id = DeliveryId(ids::derive(&["delivery", &ask.ticket.id.to_string()]));
    let (why, by) = (ask.body.checked()?, ask.caller.subject.clone());
    let command = PingWebhook { webhook_id: WebhookId(id), delivery_id, why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    let shown = Ids::from([("webhook_id", id.to_string()), ("delivery_id", delivery_id.to_string())]);
    app.send(&ask.caller, ask.ticket, &command, shown).await
}

/// What a webhook was sent, newest first. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", operation_id = "list_deliveries", tag = "webhooks",
    params(Page, ("id" = Uuid, Path, description = "The webhook"),
        ("state" = Option<String>, Query, description = "`waiting`, `delivered`, `failed` or `cancelled`")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn deliveries(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// One delivery: what is sent, and what each attempt was answered. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries/{delivery}", operation_id = "read_delivery", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook"), ("delivery" = Uuid, Path, description = "The delivery")),
    security(("bearer" = [])), responses((status = 200, description = "The delivery", body = serde_json::Value)))]
async fn delivery(
    State(app): State<Shared>,
    caller: Caller,
    Path(_ids): Path<(Uuid, Uuid)>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// Sends a message again, whatever came of it before. For managers.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/{delivery}/redeliver", operation_id = "redeliver_webhook", tag = "webhooks", request_body = Why,
    params(("id" = Uuid, Path, description = "The webhook"), ("delivery" = Uuid, Path, description = "The delivery")),
    security(("bearer" = [])), responses(Answers))]
async fn redeliver(
    State(app): State<Shared>,
    Path((id, delivery)): Path<(Uuid, Uuid)>,
    mut ask: Ask<Why>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let (webhook_id, delivery_id) = (WebhookId(id), DeliveryId(delivery));
    let (why, by) = (ask.body.checked()?, ask.caller.subject.clone());
    let command = RedeliverWebhook { webhook_id, delivery_id, why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    let shown = Ids::from([("webhook_id", id.to_string()), ("delivery_id", delivery.to_string())]);
    app.send(&ask.caller, ask.ticket, &command, shown).await
}
