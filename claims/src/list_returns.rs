//! `GET /api/v1/claims/returns`: refunded goods that a marketplace had sent, and how long they still have to come back.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::recovery_money::AmountView;
use crate::{READERS, State as App};

const STATES: [&str; 4] = ["running", "overdue", "closed", "unknown"];

/// Which clocks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those of this order
    order_id: Option<Uuid>,
    /// Only those in this state: `running`, `overdue`, `closed` or `unknown`
    state: Option<String>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Goods that were refunded and have not come back yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReturnView {
    /// The clock.
    pub clock_id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// The refund that started it.
    pub refund_id: Uuid,
    /// Which marketplace had sent them, by its country.
    pub marketplace: String,
    /// The article.
    pub sku: String,
    /// How many.
    pub units: i64,
    /// What was paid back for them.
    pub amount: AmountView,
    /// The day of the refund there.
    pub refunded_on: NaiveDate,
    /// From when on the marketplace can be asked to pay; absent where no policy is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<DateTime<Utc>>,
    /// The last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<DateTime<Utc>>,
    /// Which term of which version of the policy says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
    /// `running`, `overdue`, `closed`, or `unknown` without a policy.
    #[schema(example = "running")]
    pub state: String,
}

/// A page of clocks.
#[derive(Debug, Serialize, ToSchema)]
pub struct Returns {
    /// Newest first.
    pub returns: Vec<ReturnView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Refunded goods that a marketplace had sent, newest first.
#[utoipa::path(get, path = "/api/v1/claims/returns", tag = "claims", operation_id = "list_returns", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of clocks", body = Returns)))]
pub async fn list_returns(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Returns>, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    if parameters.state.as_deref().is_some_and(|state| !STATES.contains(&state)) {
        return Err(Problem::invalid_field("state", "must be running, overdue, closed or unknown"));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let mut rows = sqlx::query!(
        "SELECT seq, id, order_id, refund_id, marketplace, sku, units, amount_minor, currency, refunded_on, opens_at, closes_at, policy_version, state
         FROM return_clocks
         WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) AND ($3::uuid IS NULL OR order_id = $3) AND ($4::text IS NULL OR state = $4)
         ORDER BY seq DESC LIMIT $5",
        caller.tenant.as_str(),
        parameters.cursor,
        parameters.order_id,
        parameters.state,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    let returns = rows.into_iter().map(|row| ReturnView {
        clock_id: row.id,
        order_id: row.order_id,
        refund_id: row.refund_id,
        marketplace: row.marketplace,
        sku: row.sku,
        units: row.units,
        amount: AmountView::of(row.amount_minor, &row.currency),
        refunded_on: row.refunded_on,
        opens_at: row.opens_at,
        closes_at: row.closes_at,
        policy_version: row.policy_version,
        state: row.state,
    });
    Ok(Json(Returns { returns: returns.collect(), next_cursor }))
}
