//! `GET /api/v1/campaigns`, page by page, in the order of their codes.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use shared_events::tracking::RewardRule;
use sqlx::types::Json as Jsonb;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::domain::campaign::CampaignState;
use crate::read_campaign::{CampaignView, EnrolmentView, Row, enrolments, view, viewer};

/// Which campaigns.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those in this state. Partners see active ones and their own whatever they ask for.
    state: Option<CampaignState>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// How many at most; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A page of campaigns.
#[derive(Debug, Serialize, ToSchema)]
pub struct Campaigns {
    /// The campaigns, by code.
    pub campaigns: Vec<CampaignView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Campaigns: all of the tenant's for staff; for a partner those that it may join or takes part in.
#[utoipa::path(
    get,
    path = "/api/v1/campaigns",
    tag = "campaigns",
    operation_id = "list_campaigns",
    params(Parameters),
    security(("bearer" = [])),
    responses((status = 200, description = "A page of campaigns", body = Campaigns)),
)]
pub async fn list_campaigns(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Campaigns>, Problem> {
    let viewer = viewer(&caller)?;
    let limit = Limit::of(parameters.limit)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT c.campaign_id, c.code, c.name, c.state, c.currency, c.destinations, c.model, c.click_window_days, c.rules_version, c.created_at,
                  r.rules AS "rules: Jsonb<Vec<RewardRule>>"
           FROM campaigns c JOIN campaign_rules r USING (campaign_id, rules_version)
           WHERE c.tenant = $1 AND c.code > $2 AND ($3::text IS NULL OR c.state = $3)
             AND ($4::text IS NULL OR c.state = 'active'
                  OR EXISTS (SELECT 1 FROM enrolments e WHERE e.campaign_id = c.campaign_id AND e.partner = $4))
           ORDER BY c.code LIMIT $5"#,
        caller.tenant.as_str(),
        parameters.cursor.unwrap_or_default(),
        parameters.state.map(CampaignState::name),
        viewer.map(|partner| partner.as_str()),
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.code.clone());
    let ids: Vec<Uuid> = rows.iter().map(|row| row.campaign_id).collect();
    let mut campaigns = rows.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    if let Some(partner) = viewer {
        let mut own: HashMap<Uuid, EnrolmentView> = enrolments(&mut work, &ids, partner).await?.into_iter().collect();
        for campaign in &mut campaigns {
            campaign.enrolment = own.remove(&campaign.campaign_id.0);
        }
    }
    Ok(Json(Campaigns { campaigns, next_cursor }))
}
