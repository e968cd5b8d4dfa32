//! `GET /api/v1/evidence/packets`: proof packets, newest first.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::Query;
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::read_request::READERS;

const MOST: i64 = 200;

/// Which packets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those of this request
    request_id: Option<Uuid>,
    /// Only drafts, or only sealed ones
    draft: Option<bool>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A proof packet.
#[derive(Debug, Serialize, ToSchema)]
pub struct PacketView {
    /// The packet.
    pub packet_id: Uuid,
    /// The request that it is about.
    pub request_id: Uuid,
    /// What the claim is called.
    pub claim: String,
    /// `sealing` until its file is stored, then `ready`.
    #[schema(example = "ready")]
    pub state: String,
    /// Outside the chain, and no proof of payment.
    pub draft: bool,
    /// The sealed packet that it adds to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addendum_to: Option<Uuid>,
    /// Its place in the account's chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// SHA-256 of its manifest, by which the next packet names it.
    pub manifest_sha256: String,
    /// Root of the Merkle tree over its entries.
    pub merkle_root: String,
    /// Names the key that signed it.
    pub key_id: String,
    /// SHA-256 of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// How long the file is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// When its contents were fixed.
    pub created_at: DateTime<Utc>,
    /// Until when the store is told to keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retained_until: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub(crate) seq: i64,
}

/// A page of packets.
#[derive(Debug, Serialize, ToSchema)]
pub struct Packets {
    /// Newest first.
    pub packets: Vec<PacketView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Proof packets, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/packets", tag = "packets", operation_id = "list_packets", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of packets", body = Packets)))]
pub async fn list_packets(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Packets>, Problem> {
    caller.require(&READERS)?;
    let limit = parameters.limit.unwrap_or(50);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::invalid_field("limit", format!("must be from 1 to {MOST}")));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let mut packets = sqlx::query_as!(
        PacketView,
        r#"SELECT id AS packet_id, request_id, claim, state::text AS "state!", draft, addendum_to, position, manifest_sha256, merkle_root,
                  key_id, sha256, bytes, created_at, retained_until, seq
           FROM packets
           WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) AND ($3::uuid IS NULL OR request_id = $3)
             AND ($4::boolean IS NULL OR draft = $4)
           ORDER BY seq DESC LIMIT $5"#,
        caller.tenant.as_str(),
        parameters.cursor,
        parameters.request_id,
        parameters.draft,
        limit + 1,
    )
    .fetch_all(work.conn())
    .await?;
    let has_more = packets.len() as i64 > limit;
    packets.truncate(usize::try_from(limit).unwrap_or_default());
    let next_cursor = packets.last().filter(|_| has_more).map(|packet| packet.seq.to_string());
    Ok(Json(Packets { packets, next_cursor }))
}
