//! `GET /api/recoveries`: claims, newest first.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::claiming::state;
use crate::recovery_money::AmountView;
use crate::{READERS, State as App};

/// Further back only cursors lead: an offset reads everything before it.
const FURTHEST: i64 = 10_000;

/// Which claims.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those in this state: `ready`, `submitted`, `approved`, `denied`, ...
    status: Option<String>,
    /// Only those of this kind
    claim_type: Option<String>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// How many to leave out first; at most 10000
    #[param(minimum = 0, maximum = 10000)]
    offset: Option<i64>,
    /// `next_cursor` of the page before; better than an offset
    cursor: Option<i64>,
}

/// One claim in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryView {
    /// The claim.
    pub id: Uuid,
    /// Where it stands.
    #[schema(example = "submitted")]
    pub status: String,
    /// What it is about.
    #[schema(example = "fc_lost")]
    pub claim_type: String,
    /// Country code.
    pub marketplace: String,
    /// What is claimed.
    pub amount: AmountView,
    /// Units.
    pub units: i64,
    /// The marketplace's number of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_id: Option<String>,
    /// By which channel it goes.
    pub channel: String,
    /// Whether the service decided by itself to send it.
    pub automatic: bool,
    /// With which probability its documents prove it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Until when it can be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DateTime<Utc>>,
    /// When it was prepared.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// A page of claims.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recoveries {
    /// Newest first.
    pub recoveries: Vec<RecoveryView>,
    /// How many there are in all, on every page.
    pub total: i64,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Claims, newest first.
#[utoipa::path(get, path = "/api/recoveries", tag = "claims", operation_id = "list_recoveries", params(Parameters), security(("bearer" = [])),
    responses((status = 200, description = "A page of claims", body = Recoveries)))]
pub async fn list_recoveries(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Recoveries>, Problem> {
    caller.require(&READERS)?;
    let (limit, offset) = (Limit::of(parameters.limit)?, parameters.offset.unwrap_or_default());
    if !(0..=FURTHEST).contains(&offset) {
        return Err(Problem::invalid_field("offset", format!("must be from 0 to {FURTHEST}; use a cursor beyond")));
    }
    if parameters.status.as_deref().is_some_and(|name| state::State::from_name(name).is_none()) {
        return Err(Problem::invalid_field("status", "must be the state of a claim"));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "total!" FROM claims
           WHERE tenant = $1 AND ($2::text IS NULL OR state = $2::claim_state) AND ($3::text IS NULL OR claim_type = $3)"#,
        caller.tenant.as_str(),
        parameters.status,
        parameters.claim_type,
    )
    .fetch_one(work.conn())
    .await?;
    let mut rows = sqlx::query!(
        r#"SELECT seq, id, state::text AS "state!", claim_type, marketplace, amount_minor, currency, units, case_id, channel, automatic,
                  probability, closes_at, created_at, changed_at
           FROM claims
           WHERE tenant = $1 AND ($2::text IS NULL OR state = $2::claim_state) AND ($3::text IS NULL OR claim_type = $3)
             AND ($4::bigint IS NULL OR seq < $4)
           ORDER BY seq DESC LIMIT $5 OFFSET $6"#,
        caller.tenant.as_str(),
        parameters.status,
        parameters.claim_type,
        parameters.cursor,
        limit.rows(),
        offset,
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    let recoveries = rows.into_iter().map(|row| RecoveryView {
        id: row.id,
        status: row.state,
        claim_type: row.claim_type,
        marketplace: row.marketplace,
        amount: AmountView::of(row.amount_minor, &row.currency),
        units: row.units,
        case_id: row.case_id,
        channel: row.channel,
        automatic: row.automatic,
        probability: row.probability,
        deadline: row.closes_at,
        created_at: row.created_at,
        updated_at: row.changed_at,
    });
    Ok(Json(Recoveries { recoveries: recoveries.collect(), total, next_cursor }))
}
