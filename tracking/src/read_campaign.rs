//! `GET /api/v1/campaigns/{campaign}`, by id or code.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::tracking::{AttributionModel, RewardRule};
use shared_events::{CampaignId, Currency, PartnerId};
use sqlx::types::Json as Jsonb;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::State as App;
use crate::catalog::model_named;
use crate::domain::campaign::CampaignState;

/// A campaign, as its tenant and its partners see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampaignView {
    /// Its id.
    pub campaign_id: CampaignId,
    /// Its tenant-unique code.
    #[schema(example = "camp123")]
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: CampaignState,
    /// The currency it pays in.
    #[schema(value_type = String, example = "USD")]
    pub currency: Currency,
    /// Where links may lead; the first is the default.
    pub destinations: Vec<String>,
    /// How credit is divided.
    pub model: AttributionModel,
    /// For how many days a click earns credit.
    pub click_window_days: i32,
    /// The version of the rules below.
    pub rules_version: i32,
    /// What is paid.
    pub rules: Vec<RewardRule>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// The caller's own participation; absent for callers that are no partner and for partners that do not take part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<EnrolmentView>,
}

/// A partner's participation.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentView {
    /// Its id.
    pub enrolment_id: Uuid,
    /// The partner.
    pub partner: PartnerId,
    /// Since when.
    pub accepted_at: DateTime<Utc>,
    /// Codes of its links (`/t/{code}`), at most 100.
    pub link_codes: Vec<String>,
    /// Its coupons, at most 100.
    pub coupons: Vec<String>,
}

/// A campaign: its state, rules, and the caller's own participation.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns/{campaign}",
    tag = "campaigns",
    operation_id = "read_campaign",
    params(("campaign" = String, Path, description = "Id or code", example = "camp123")),
    security(("bearer" = [])),
    responses((status = 200, description = "The campaign", body = CampaignView)),
)]
pub async fn read_campaign(
    State(app): State<App>,
    caller: Caller,
    Path(campaign): Path<String>,
) -> Result<Json<CampaignView>, Problem> {
    let viewer = viewer(&caller)?;
    let id = CampaignId::resolve(&caller.tenant, &campaign);
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query_as!(
        Row,
        r#"SELECT c.campaign_id, c.code, c.name, c.state, c.currency, c.destinations, c.model, c.click_window_days, c.rules_version, c.created_at,
                  r.rules AS "rules: Jsonb<Vec<RewardRule>>"
           FROM campaigns c JOIN campaign_rules r USING (campaign_id, rules_version)
           WHERE c.campaign_id = $1"#,
        id.0
    );
    let row = row.fetch_optional(work.conn()).await?.ok_or_else(Problem::not_found)?;
    let mut view = view(row)?;
    if let Some(partner) = viewer {
        view.enrolment = enrolments(&mut work, &[id.0], partner).await?.pop().map(|(_, enrolment)| enrolment);
        // What a partner cannot join and is not in, it does not see.
        if view.state != CampaignState::Active && view.enrolment.is_none() {
            return Err(Problem::not_found());
        }
    }
    Ok(Json(view))
}

/// `None` for staff, who see everything; the partner for partners. Others see no campaigns.
///
/// # Errors
/// 403 for callers that are neither.
pub fn viewer(caller: &Caller) -> Result<Option<&PartnerId>, Problem> {
    if caller.is_staff() {
        return Ok(None);
    }
    caller.require(&[Role::Partner])?;
    caller.partner.as_ref().map(Some).ok_or_else(|| Problem::forbidden("the token names no partner"))
}

/// A campaign with its newest rules.
pub(crate) struct Row {
    pub(crate) campaign_id: Uuid,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) currency: String,
    pub(crate) destinations: Vec<String>,
    pub(crate) model: String,
    pub(crate) click_window_days: i32,
    pub(crate) rules_version: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) rules: Jsonb<Vec<RewardRule>>,
}

/// A row as it is shown, without an enrolment.
///
/// # Errors
/// When the database holds what it cannot.
pub(crate) fn view(row: Row) -> Result<CampaignView, Problem> {
    let unknown_state = || anyhow::anyhow!("unknown campaign state {}", row.state);
    Ok(CampaignView {
        campaign_id: CampaignId(row.campaign_id),
        state: CampaignState::from_name(&row.state).ok_or_else(unknown_state)?,
        code: row.code,
        name: row.name,
        currency: Currency::try_new(&row.currency).map_err(Problem::internal)?,
        destinations: row.destinations,
        model: model_named(&row.model)?,
        click_window_days: row.click_window_days,
        rules_version: row.rules_version,
        rules: row.rules.0,
        created_at: row.created_at,
        enrolment: None,
    })
}

/// A partner's participation in these campaigns.
///
/// # Errors
/// When the database is away.
pub async fn enrolments(
    work: &mut Work,
    campaigns: &[Uuid],
    partner: &PartnerId,
) -> Result<Vec<(Uuid, EnrolmentView)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT e.campaign_id, e.enrolment_id, e.accepted_at,
                  array(SELECT l.code FROM links l WHERE l.campaign_id = e.campaign_id AND l.partner = e.partner ORDER BY l.created_at, l.code LIMIT 100)
                      AS "link_codes!",
                  array(SELECT c.coupon FROM coupons c WHERE c.campaign_id = e.campaign_id AND c.partner = e.partner ORDER BY c.coupon LIMIT 100)
                      AS "coupons!"
           FROM enrolments e WHERE e.campaign_id = ANY ($1) AND e.partner = $2"#,
        campaigns,
        partner.as_str(),
    )
    .fetch_all(work.conn())
    .await?;
    let shown = rows.into_iter().map(|row| {
        let (enrolment_id, accepted_at, partner) = (row.enrolment_id, row.accepted_at, partner.clone());
        (
            row.campaign_id,
            EnrolmentView { enrolment_id, partner, accepted_at, link_codes: row.link_codes, coupons: row.coupons },
        )
    });
    Ok(shown.collect())
}
