//! The words of notifications: templates, their texts, and what one would look like.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{Method, Uri};
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::Caller;
use service_kit::http::{Path, unread_body};
use service_kit::problem::Problem;
use shared_events::Service;
use shared_events::notify::PutTemplate;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::ask::{Ask, Body, checked_reason};
use crate::checks;
use crate::notifications::{MANAGERS, PATIENCE};
use crate::send::{Answers, Ids};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read)).routes(routes!(put)).routes(routes!(preview))
}

/// A text, with blanks such as `{{order}}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subject": "Thanks for {{order}}", "text": "We have your order {{order}} over {{total}}.", "short": "We have {{order}}."}))]
struct NewText {
    /// One line: the subject of mails, the title of push messages.
    subject: String,
    /// The text of mails and in-app notifications.
    text: String,
    /// The text of SMS and push messages.
    short: String,
    /// Why, for the audit; 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for NewText {}

/// All templates: the built-in ones, and the tenant's own. For staff.
#[utoipa::path(get, path = "/api/v1/notification-templates", operation_id = "list_templates", tag = "notifications",
    security(("bearer" = [])), responses((status = 200, description = "All of them", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// One template with its texts and their versions. For staff.
#[utoipa::path(get, path = "/api/v1/notification-templates/{name}", operation_id = "read_template", tag = "notifications",
    params(("name" = String, Path, description = "The template")), security(("bearer" = [])),
    responses((status = 200, description = "The template", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Notify).answer(&caller, &uri).await
}

/// Writes a template's text in a language, as a new version. Its blanks must be variables of the template. For managers.
#[utoipa::path(put, path = "/api/v1/notification-templates/{name}/{language}", operation_id = "put_template", tag = "notifications",
    request_body = NewText, params(("name" = String, Path, description = "The template"), ("language" = String, Path, description = "BCP 47, such as de-AT")),
    security(("bearer" = [])), responses(Answers))]
async fn put(
    State(app): State<Shared>,
    Path((name, language)): Path<(String, String)>,
    mut ask: Ask<NewText>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    checks::text("name", &name, 64)?;
    checks::text("language", &language, 35)?;
    let NewText { subject, text, short, reason } = ask.body;
    let why = checked_reason(reason)?;
    let by = ask.caller.subject.clone();
    let command = PutTemplate { template: name.clone(), language: language.clone(), subject, text, short, why, by };
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("template", name), ("language", language)])).await
}

/// What a template would look like to a reader of a language, or a text that is not kept yet. For managers.
#[utoipa::path(post, path = "/api/v1/notification-templates/{name}/preview", operation_id = "preview_template", tag = "notifications",
    request_body = serde_json::Value, params(("name" = String, Path, description = "The template")), security(("bearer" = [])),
    responses((status = 200, description = "As it would be sent", body = serde_json::Value)))]
async fn preview(State(app): State<Shared>, caller: Caller, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (uri, headers) = (parts.uri.clone(), parts.headers.clone());
    let body = Bytes::from_request(Request::from_parts(parts, body), &app).await.map_err(unread_body)?;
    app.upstream(Service::Notify).hand_on(&caller, Method::POST, &uri, &headers, body).await
}
