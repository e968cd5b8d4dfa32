//! Keys of machines: made, listed, given new secrets and ended by managers; each shown once, when it is made.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, KEY_PREFIX};
use service_kit::http::{Json, Paging, Path, Query};
use service_kit::problem::Problem;
use shared_events::orders::{CreateApiKey, RevokeApiKey, RotateApiKey};
use shared_events::{ApiKeyId, Message, ids};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::ask::{Ask, Body, Ticket, text};
use super::key_ring::{self, key_of};
use super::staff::MANAGERS;
use crate::api_keys::{LONGEST_OVERLAP, subject};

/// A key that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "warehouse system", "scopes": ["orders:read", "stock:write"], "warehouses": ["east"], "reason": "goes live on Monday"}))]
pub struct NewKey {
    /// What it is for.
    name: String,
    /// What it may do: `orders:read`, `orders:write`, `orders:fulfil`, `orders:refund`, `stock:read`, `stock:write`, `catalogue:write`.
    scopes: Vec<String>,
    /// The warehouses whose things it sees; all of the tenant unless said.
    #[serde(default)]
    warehouses: Option<Vec<String>>,
    /// When it ends by itself; never unless said.
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
    /// Why; at most 500 characters.
    #[serde(default = "unsaid")]
    reason: String,
}

impl Body for NewKey {}

fn unsaid() -> String {
    "no reason was given".into()
}

/// A key as it is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shown {
    /// The key's id.
    pub key_id: Uuid,
    /// The key itself. Nothing shows it again.
    #[schema(example = "rk_0199c0de...")]
    pub key: String,
}

impl Api {
    /// A key of a command: the same for a repeat of it, so that the repeat's answer is right, and not to be guessed without our own.
    fn secret_of(&self, caller: &Caller, ticket: &Ticket) -> String {
        self.config.key.digest(format!("api key\u{1f}{}\u{1f}{}", caller.tenant, ticket.id).as_bytes())
    }

    /// Has a command about a key carried out; its answer shows the key, also when the outcome is not known in time.
    async fn show_key<M: Message>(
        &self,
        (caller, ticket): (&Caller, &Ticket),
        command: &M,
        (key_id, secret): (ApiKeyId, &str),
        done: StatusCode,
    ) -> Result<Response, Problem> {
        let answer = self.carry_out(caller, ticket, command, done).await?;
        let shown = Shown { key_id: key_id.0, key: key_of(key_id, secret) };
        let mut response = (answer.status(), axum::Json(shown)).into_response();
        if let Some(place) = answer.headers().get(header::LOCATION) {
            response.headers_mut().insert(header::LOCATION, place.clone());
        }
        Ok(response)
    }
}

/// Makes a key for a machine. The answer is the only place that shows it. For managers.
#[utoipa::path(post, path = "/api/v1/api-keys", operation_id = "create_api_key", tag = "access", request_body = NewKey, security(("bearer" = [])), responses(
    (status = 201, description = "Made; the key is shown this once", body = Shown), (status = 202, description = "Accepted", body = Shown)))]
pub async fn create(State(api): State<Api>, ask: Ask<NewKey>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Ask { caller, body, ticket } = ask;
    text("name", &body.name, 128)?;
    text("reason", &body.reason, 500)?;
    if body.scopes.len() > 20 || body.warehouses.as_ref().is_some_and(|own| own.len() > 200) {
        return Err(Problem::invalid_field("scopes", "at most 20 scopes and 200 warehouses"));
    }
    let key_id = ApiKeyId(ids::derive(&["api-key", &ticket.id.to_string()]));
    let secret = api.secret_of(&caller, &ticket);
    let command = CreateApiKey {
        key_id,
        name: body.name,
        scopes: body.scopes,
        warehouses: body.warehouses,
        digest: key_ring::digest(&api.config.key, &secret),
        expires_at: body.expires_at,
        reason: body.reason,
        by: caller.subject.clone(),
    };
    api.show_key((&caller, &ticket), &command, (key_id, &secret), StatusCode::CREATED).await
}

/// How a key gets a new secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_hours": 24, "reason": "yearly"}))]
pub struct Rotation {
    /// For how many hours the secret before works on, at most 720; 0 = it ends now.
    #[serde(default = "a_day")]
    overlap_hours: u32,
    /// Why.
    #[serde(default = "unsaid")]
    reason: String,
}

fn a_day() -> u32 {
    24
}

impl Body for Rotation {
    const OPTIONAL: bool = true;
}

/// Gives a key a new secret, which only this answer shows; the one before works on for a while. For managers.
#[utoipa::path(post, path = "/api/v1/api-keys/{id}/rotate", operation_id = "rotate_api_key", tag = "access",
    params(("id" = Uuid, Path, description = "The key")), request_body = Rotation, security(("bearer" = [])), responses(
    (status = 200, description = "The key with its new secret", body = Shown), (status = 202, description = "Accepted", body = Shown),
    (status = 409, description = "It is revoked", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn rotate(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Rotation>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Ask { caller, body, ticket } = ask;
    text("reason", &body.reason, 500)?;
    if body.overlap_hours > LONGEST_OVERLAP {
        return Err(Problem::invalid_field("overlap_hours", format!("must be at most {LONGEST_OVERLAP}")));
    }
    let (key_id, secret) = (ApiKeyId(id), api.secret_of(&caller, &ticket));
    let command = RotateApiKey {
        key_id,
        digest: key_ring::digest(&api.config.key, &secret),
        overlap_hours: body.overlap_hours,
        reason: body.reason,
        by: caller.subject.clone(),
    };
    api.show_key((&caller, &ticket), &command, (key_id, &secret), StatusCode::OK).await
}

/// Why a key ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the system was switched off"}))]
pub struct End {
    /// Why.
    #[serde(default = "unsaid")]
    reason: String,
}

impl Body for End {
    const OPTIONAL: bool = true;
}

/// Ends a key at once. For managers.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", operation_id = "revoke_api_key", tag = "access",
    params(("id" = Uuid, Path, description = "The key")), request_body = End, security(("bearer" = [])), responses(
    (status = 200, description = "It is ended", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
    (status = 409, description = "It was ended before", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn revoke(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<End>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Ask { caller, body, ticket } = ask;
    text("reason", &body.reason, 500)?;
    let command = RevokeApiKey { key_id: ApiKeyId(id), reason: body.reason, by: caller.subject.clone() };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Which keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A key, without itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct Key {
    /// Its place in the list.
    #[serde(skip)]
    pub seq: i64,
    /// The key's id.
    pub key_id: Uuid,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The warehouses whose things it sees; absent = all of the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warehouses: Option<Vec<String>>,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: DateTime<Utc>,
    /// When it was last used, to the minute; null = never.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was ended.
    pub revoked_at: Option<DateTime<Utc>>,
    /// How many secrets of it work now: two while one takes over from another.
    pub secrets: i64,
}

/// Keys of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// Newest first.
    pub keys: Vec<Key>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Lists the keys of machines, ended ones too. For managers.
#[utoipa::path(get, path = "/api/v1/api-keys", operation_id = "list_api_keys", tag = "access", params(Which), security(("bearer" = [])),
    responses((status = 200, description = "A page of keys", body = Page)))]
pub async fn list(State(api): State<Api>, caller: Caller, Query(which): Query<Which>) -> Result<Json<Page>, Problem> {
    caller.require(&MANAGERS)?;
    let at = Paging::of(which.limit, which.cursor.as_deref())?;
    let now = api.store.now();
    let mut work = api.store.read(&caller.tenant).await?;
    let mut keys = sqlx::query_as!(
        Key,
        r#"SELECT seq, id AS key_id, name, scopes,
                  CASE WHEN is_operator THEN ARRAY(SELECT o.warehouse_id FROM warehouse_operators o
                      WHERE o.tenant = k.tenant AND o.operator = 'key-' || k.id ORDER BY o.warehouse_id) END AS warehouses,
                  made_by, made_at, last_used_at, expires_at, revoked_at,
                  (SELECT count(*) FROM api_key_secrets s WHERE s.tenant = k.tenant AND s.key_id = k.id
                     AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $3)
                     AND (s.expires_at IS NULL OR s.expires_at > $3)) AS "secrets!"
           FROM api_keys k WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $4"#,
        caller.tenant.as_str(),
        at.seen(),
        now,
        at.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut keys, |key| key.seq);
    Ok(Json(Page { keys, next_cursor }))
}

/// What a machine is by its key.
#[derive(Debug, Serialize, ToSchema)]
pub struct Itself {
    /// The key's id.
    pub key_id: Uuid,
    /// Whose it is.
    #[schema(example = "demo")]
    pub tenant: String,
    /// Who it is in the audit and in orders.
    pub subject: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// What the key is that the request is made with; 404 for people.
#[utoipa::path(get, path = "/api/v1/api-keys/self", operation_id = "read_own_api_key", tag = "access", security(("bearer" = [])),
    responses((status = 200, description = "The key, without itself", body = Itself),
        (status = 404, description = "Who asks is not a key", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn itself(State(api): State<Api>, caller: Caller) -> Result<Json<Itself>, Problem> {
    let key = caller.token.strip_prefix(KEY_PREFIX).and_then(key_ring::parts).ok_or_else(Problem::not_found)?.0;
    let mut work = api.store.read(&caller.tenant).await?;
    let row =
        sqlx::query!("SELECT name, scopes FROM api_keys WHERE tenant = $1 AND id = $2", caller.tenant.as_str(), key.0,)
            .fetch_optional(work.conn())
            .await?
            .ok_or_else(Problem::not_found)?;
    Ok(Json(Itself {
        key_id: key.0,
        tenant: caller.tenant.to_string(),
        subject: subject(key),
        name: row.name,
        scopes: row.scopes,
    }))
}
