//! Payouts: a list, and one with what it pays.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Paging, Path, Query};
use service_kit::problem::Problem;
use shared_events::PartnerId;
use sqlx::{FromRow, QueryBuilder};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Api, decimal};

const COLUMNS: &str = "seq, id, partner, currency, amount_minor, method, account_masked, state::text AS state, needs_approval, requested_by, approved_by, \
     batch_id, reference, reason, requested_at, due_at, approved_at, submitted_at, finished_at";

#[derive(Debug, FromRow)]
struct Row {
    seq: i64,
    id: Uuid,
    partner: String,
    currency: String,
    amount_minor: i64,
    method: String,
    account_masked: String,
    state: String,
    needs_approval: bool,
    requested_by: String,
    approved_by: Option<String>,
    batch_id: Option<Uuid>,
    reference: Option<String>,
    reason: Option<String>,
    requested_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    approved_at: Option<DateTime<Utc>>,
    submitted_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

/// One payment to a partner.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payout {
    /// The payout.
    pub payout_id: Uuid,
    /// Who is paid.
    #[schema(example = "partner-1")]
    pub partner: String,
    /// How much.
    #[schema(example = "150.00")]
    pub amount: String,
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
    /// `paypal`, `bank` or `stripe_connect`.
    #[schema(example = "paypal")]
    pub method: String,
    /// Where to, masked.
    #[schema(example = "u***@example.com")]
    pub account: String,
    /// `requested`, `approved`, `submitted`, `completed`, `failed` or `rejected`.
    #[schema(example = "approved")]
    pub state: String,
    /// Whether somebody other than the requester has (or had) to approve.
    pub needs_approval: bool,
    /// Who asked.
    pub requested_by: String,
    /// Who approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// The file that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<Uuid>,
    /// The bank's or provider's reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why it was refused or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// Until when a second person should decide; absent where none has to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// When it was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    /// When its file was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<DateTime<Utc>>,
    /// When it was confirmed, failed or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<Row> for Payout {
    fn from(row: Row) -> Self {
        Self {
            payout_id: row.id,
            partner: row.partner,
            amount: decimal(row.amount_minor, &row.currency),
            currency: row.currency,
            method: row.method,
            account: row.account_masked,
            state: row.state,
            needs_approval: row.needs_approval,
            requested_by: row.requested_by,
            approved_by: row.approved_by,
            batch_id: row.batch_id,
            reference: row.reference,
            reason: row.reason,
            requested_at: row.requested_at,
            due_at: row.due_at,
            approved_at: row.approved_at,
            submitted_at: row.submitted_at,
            finished_at: row.finished_at,
        }
    }
}

/// Payouts of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// Newest first.
    pub payouts: Vec<Payout>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A payout and the commissions that it pays.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detailed {
    /// The payout.
    #[serde(flatten)]
    pub payout: Payout,
    /// The commissions that it pays or sets off, oldest first; at most 1,000 are shown.
    pub commissions: Vec<Part>,
}

/// One commission's part in a payout.
#[derive(Debug, Serialize, ToSchema)]
pub struct Part {
    /// The commission.
    pub commission_id: Uuid,
    /// How much of it; negative for a claw-back that is set off.
    #[schema(example = "10.00")]
    pub amount: String,
    /// Whether it was set off against a claw-back instead of paid.
    pub set_off: bool,
}

/// Which payouts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Of this partner.
    partner: Option<String>,
    /// In this state.
    #[param(inline)]
    state: Option<InState>,
    /// In this batch.
    batch: Option<Uuid>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// States by which can be filtered.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InState {
    /// Waits for approval.
    Requested,
    /// May go out.
    Approved,
    /// Stands in a file.
    Submitted,
    /// Arrived.
    Completed,
    /// Did not arrive.
    Failed,
    /// Refused.
    Rejected,
}

impl InState {
    const fn name(self) -> &'static str {
        use crate::domain::payout::State as Domain;
        match self {
            Self::Requested => Domain::Requested.name(),
            Self::Approved => Domain::Approved.name(),
            Self::Submitted => Domain::Submitted.name(),
            Self::Completed => Domain::Completed.name(),
            Self::Failed => Domain::Failed.name(),
            Self::Rejected => Domain::Rejected.name(),
        }
    }
}

/// Lists payouts, newest first. A partner sees its own.
#[utoipa::path(get, path = "/api/v1/payouts", tag = "payouts", params(Filter), security(("bearer" = [])),
    responses((status = 200, description = "A page of payouts", body = Page), (status = 422, description = "A parameter does not fit", body = service_kit::problem::Body, content_type = "application/problem+json"), (status = 404, description = "Another partner's", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn list(State(api): State<Api>, caller: Caller, Query(filter): Query<Filter>) -> Result<Json<Page>, Problem> {
    let asked = filter
        .partner
        .map(PartnerId::try_new)
        .transpose()
        .map_err(|bad| Problem::invalid_field("partner", bad.to_string()))?;
    let (partner, at) = (caller.partner_filter(asked)?, Paging::of(filter.limit, filter.cursor.as_deref())?);
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM payouts WHERE tenant = "));
    query.push_bind(caller.tenant.as_str().to_owned());
    if let Some(partner) = partner {
        query.push(" AND partner = ").push_bind(partner.as_str().to_owned());
    }
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.name()).push("::text::payout_state");
    }
    if let Some(batch) = filter.batch {
        query.push(" AND batch_id = ").push_bind(batch);
    }
    if let Some(seq) = at.seen() {
        query.push(" AND seq < ").push_bind(seq);
    }
    query.push(" ORDER BY seq DESC LIMIT ").push_bind(at.rows());
    let mut work = api.store.read(&caller.tenant).await?;
    let mut rows: Vec<Row> = query.build_query_as().fetch_all(work.conn()).await?;
    let next_cursor = at.cut(&mut rows, |row| row.seq);
    Ok(Json(Page { payouts: rows.into_iter().map(Payout::from).collect(), next_cursor }))
}

/// Shows a payout. A partner sees its own.
#[utoipa::path(get, path = "/api/v1/payouts/{id}", tag = "payouts", params(("id" = Uuid, Path, description = "The payout")),
    security(("bearer" = [])), responses((status = 200, description = "The payout", body = Detailed)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Detailed>, Problem> {
    let mut work = api.store.read(&caller.tenant).await?;
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM payouts WHERE tenant = "));
    query.push_bind(caller.tenant.as_str().to_owned()).push(" AND id = ").push_bind(id);
    let row: Row = query.build_query_as().fetch_optional(work.conn()).await?.ok_or_else(Problem::not_found)?;
    if !PartnerId::try_new(row.partner.clone()).is_ok_and(|partner| caller.may_see(&partner)) {
        return Err(Problem::not_found());
    }
    let parts = sqlx::query!(
        "SELECT a.commission_id, a.minor, a.netted FROM payout_allocations a JOIN commissions c ON c.tenant = $1 AND c.id = a.commission_id
         WHERE a.tenant = $1 AND a.payout_id = $2 ORDER BY c.seq LIMIT 1000",
        caller.tenant.as_str(),
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let commissions = parts
        .into_iter()
        .map(|part| Part {
            commission_id: part.commission_id,
            amount: decimal(part.minor, &row.currency),
            set_off: part.netted,
        })
        .collect();
    Ok(Json(Detailed { payout: row.into(), commissions }))
}
