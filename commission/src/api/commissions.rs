//! Lists commissions, newest first.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Paging, Query};
use service_kit::problem::Problem;
use shared_events::{CampaignId, PartnerId, TenantId};
use sqlx::{FromRow, Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Api, decimal};

/// Columns that [`Row`] reads.
pub(super) const COLUMNS: &str = "seq, id, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on::text AS rewarded_on, weight_bps, \
     currency, base_minor, earned_minor, reversed_minor, clawed_back_minor, paid_minor, state::text AS state, hold_until, held, review, decision, \
     order_id, occurred_at, calculated_at, reverses";

/// A commission as it lies in the database.
#[derive(Debug, FromRow)]
pub(super) struct Row {
    pub seq: i64,
    pub id: Uuid,
    pub conversion_id: Uuid,
    pub revision: i32,
    pub campaign_id: Uuid,
    pub partner: String,
    pub rules_version: i32,
    pub rewarded_on: String,
    pub weight_bps: i32,
    pub currency: String,
    pub base_minor: i64,
    pub earned_minor: i64,
    pub reversed_minor: i64,
    pub clawed_back_minor: i64,
    pub paid_minor: i64,
    pub state: String,
    pub hold_until: DateTime<Utc>,
    pub held: bool,
    pub review: Vec<String>,
    pub decision: Option<String>,
    pub order_id: Option<String>,
    pub occurred_at: DateTime<Utc>,
    pub calculated_at: DateTime<Utc>,
    pub reverses: Option<Uuid>,
}

/// What one partner earns by one conversion. Amounts are decimal texts in `currency`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Commission {
    /// The commission.
    pub commission_id: Uuid,
    /// The conversion that earned it.
    pub conversion_id: Uuid,
    /// The revision of the attribution.
    pub revision: i32,
    /// The campaign.
    pub campaign_id: Uuid,
    /// Who earns it.
    #[schema(example = "partner-1")]
    pub partner: String,
    /// `click`, `lead` or `sale`.
    #[schema(example = "sale")]
    pub rewarded_on: String,
    /// `pending`, `approved`, `in_payout`, `paid`, `rejected` or `reversed`.
    #[schema(example = "pending")]
    pub state: String,
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
    /// What the conversion was worth.
    #[schema(example = "100.00")]
    pub base: String,
    /// The partner's weight in basis points.
    pub weight_bps: i32,
    /// What was earned; negative for a claw-back.
    #[schema(example = "10.00")]
    pub earned: String,
    /// What was taken back before it went into a payout.
    #[schema(example = "0.00")]
    pub reversed: String,
    /// What was taken back afterwards, by claw-backs of their own.
    #[schema(example = "0.00")]
    pub clawed_back: String,
    /// What is left.
    #[schema(example = "10.00")]
    pub remaining: String,
    /// What was paid.
    #[schema(example = "0.00")]
    pub paid: String,
    /// The version of the campaign's rules.
    pub rules_version: i32,
    /// Until when it waits.
    pub hold_until: DateTime<Utc>,
    /// Whether a person has to look first.
    pub held_for_review: bool,
    /// The signals for which.
    pub review: Vec<String>,
    /// Why it was approved, rejected or reversed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The shop's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// When the conversion happened.
    pub occurred_at: DateTime<Utc>,
    /// When the commission was worked out.
    pub calculated_at: DateTime<Utc>,
    /// The commission that this claw-back takes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverses: Option<Uuid>,
}

impl From<Row> for Commission {
    fn from(row: Row) -> Self {
        let money = |minor| decimal(minor, &row.currency);
        Self {
            commission_id: row.id,
            conversion_id: row.conversion_id,
            revision: row.revision,
            campaign_id: row.campaign_id,
            base: money(row.base_minor),
            earned: money(row.earned_minor),
            reversed: money(row.reversed_minor),
            clawed_back: money(row.clawed_back_minor),
            remaining: money(row.earned_minor - row.reversed_minor - row.clawed_back_minor),
            paid: money(row.paid_minor),
            weight_bps: row.weight_bps,
            partner: row.partner,
            rewarded_on: row.rewarded_on,
            held_for_review: row.state == "pending" && row.held,
            state: row.state,
            rules_version: row.rules_version,
            hold_until: row.hold_until,
            review: row.review,
            decision: row.decision,
            order_id: row.order_id,
            occurred_at: row.occurred_at,
            calculated_at: row.calculated_at,
            reverses: row.reverses,
            currency: row.currency,
        }
    }
}

/// Commissions of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// Newest first.
    pub commissions: Vec<Commission>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// States by which can be filtered.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InState {
    /// On hold or in review.
    Pending,
    /// Payable.
    Approved,
    /// In a payout.
    InPayout,
    /// Paid.
    Paid,
    /// Refused, or nothing was earned.
    Rejected,
    /// Taken back whole.
    Reversed,
}

impl InState {
    const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::InPayout => "in_payout",
            Self::Paid => "paid",
            Self::Rejected => "rejected",
            Self::Reversed => "reversed",
        }
    }
}

/// Which commissions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Of this partner.
    partner: Option<String>,
    /// Of this campaign (id or code).
    campaign: Option<String>,
    /// In this state.
    #[param(inline)]
    state: Option<InState>,
    /// Only those that wait for a reviewer.
    review: Option<bool>,
    /// Of this conversion.
    conversion: Option<Uuid>,
    /// Of this order.
    order: Option<String>,
    /// Conversions from this moment on.
    from: Option<DateTime<Utc>>,
    /// Conversions before this moment.
    to: Option<DateTime<Utc>>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Lists commissions, newest first. A partner sees its own.
#[utoipa::path(get, path = "/api/v1/commission/commissions", tag = "commissions", params(Filter), security(("bearer" = [])),
    responses((status = 200, description = "A page of commissions", body = Page), (status = 422, description = "A parameter does not fit", body = service_kit::problem::Body, content_type = "application/problem+json"), (status = 404, description = "Another partner's", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn list(
    State(api): State<Api>,
    caller: Option<Caller>,
    Query(filter): Query<Filter>,
) -> Result<Json<Page>, Problem> {
    let asked = filter
        .partner
        .clone()
        .map(PartnerId::try_new)
        .transpose()
        .map_err(|bad| Problem::invalid_field("partner", bad.to_string()))?;
    let (tenant, partner) = match (caller, api.open_tenant.clone()) {
        (Some(caller), _) => (caller.tenant.clone(), caller.partner_filter(asked)?),
        (None, Some(tenant)) => (tenant, asked),
        (None, None) => return Err(Problem::unauthorized()),
    };
    let at = Paging::of(filter.limit, filter.cursor.as_deref())?;
    let mut query = select(&tenant, partner.as_ref(), &filter, at);
    let mut work = api.store.read(&tenant).await?;
    let mut rows: Vec<Row> = query.build_query_as().fetch_all(work.conn()).await?;
    let next_cursor = at.cut(&mut rows, |row| row.seq);
    Ok(Json(Page { commissions: rows.into_iter().map(Commission::from).collect(), next_cursor }))
}

/// The query with the filters that are set, so that each finds its index.
fn select(tenant: &TenantId, partner: Option<&PartnerId>, filter: &Filter, at: Paging) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM commissions WHERE tenant = "));
    query.push_bind(tenant.as_str().to_owned());
    if let Some(partner) = partner {
        query.push(" AND partner = ").push_bind(partner.as_str().to_owned());
    }
    if let Some(campaign) = &filter.campaign {
        query.push(" AND campaign_id = ").push_bind(CampaignId::resolve(tenant, campaign).0);
    }
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.name()).push("::text::commission_state");
    }
    if filter.review == Some(true) {
        query.push(" AND state = 'pending' AND held");
    }
    if let Some(conversion) = filter.conversion {
        query.push(" AND conversion_id = ").push_bind(conversion);
    }
    if let Some(order) = &filter.order {
        query.push(" AND order_id = ").push_bind(order.clone());
    }
    if let Some(from) = filter.from {
        query.push(" AND occurred_at >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" AND occurred_at < ").push_bind(to);
    }
    if let Some(seq) = at.seen() {
        query.push(" AND seq < ").push_bind(seq);
    }
    // One more than asked for tells whether there is a next page.
    query.push(" ORDER BY seq DESC LIMIT ").push_bind(at.rows());
    query
}
