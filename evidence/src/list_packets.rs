//! `GET /api/v1/evidence/packets`: proof packets, newest first.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::read_request::READERS;

/// Which packets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those of this request
    request_id: Option<Uuid>,
    /// Only drafts, or only sealed ones
    draft: Option<bool>,
    /// Only those in this state
    state: Option<PacketState>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// How far a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PacketState {
    /// It is being put together.
    Sealing,
    /// Its file can be had.
    Ready,
    /// It could not be sealed; a person may have it tried again.
    Failed,
}

impl PacketState {
    const fn name(self) -> &'static str {
        match self {
            Self::Sealing => "sealing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
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
    /// `sealing` until its file is stored, then `ready`; `failed` when it could not be, until it is tried again.
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
    /// SHA-256 of its manifest, by which the next packet names it; absent as long as its contents could not be fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_sha256: Option<String>,
    /// Root of the Merkle tree over its entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merkle_root: Option<String>,
    /// Names the key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// SHA-256 of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// How long the file is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// When its contents were fixed, or could not be.
    pub created_at: DateTime<Utc>,
    /// Until when the store is told to keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retained_until: Option<DateTime<Utc>>,
    /// Why it failed, as a stable word: `packet_too_large`, `document_damaged`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "document_damaged")]
    pub failure_code: Option<String>,
    /// Why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// When it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<DateTime<Utc>>,
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
    let limit = Limit::of(parameters.limit)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let mut packets = sqlx::query_as!(
        PacketView,
        r#"SELECT packet_id AS "packet_id!", request_id AS "request_id!", claim AS "claim!", state AS "state!", draft AS "draft!", addendum_to,
                  position, manifest_sha256, merkle_root, key_id, sha256, bytes, created_at AS "created_at!", retained_until, failure_code,
                  failure_reason, failed_at, seq AS "seq!"
           FROM packets_shown
           WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) AND ($3::uuid IS NULL OR request_id = $3)
             AND ($4::boolean IS NULL OR draft = $4) AND ($5::text IS NULL OR state = $5)
           ORDER BY seq DESC LIMIT $6"#,
        caller.tenant.as_str(),
        parameters.cursor,
        parameters.request_id,
        parameters.draft,
        parameters.state.map(PacketState::name),
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut packets, |packet| packet.seq);
    Ok(Json(Packets { packets, next_cursor }))
}
