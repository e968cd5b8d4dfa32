//! Campaigns: creating, opening, pausing, ending, new rules, and looking at them.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::tracking::{
    ActivateCampaign, AttributionPolicy, CreateCampaign, EndCampaign, PauseCampaign, ReviseRules, RewardRule,
    check_campaign, check_rules,
};
use shared_events::{CampaignId, Currency, Message, Service};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::ask::{Ask, Body, Nothing};
use crate::checks;
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// Who shapes campaigns.
pub const MANAGERS: [Role; 2] = [Role::Admin, Role::Manager];

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(read))
        .routes(routes!(activate))
        .routes(routes!(pause))
        .routes(routes!(end))
        .routes(routes!(revise_rules))
}

/// A new campaign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "camp123", "name": "Spring", "currency": "USD", "destinations": ["https://shop.example/spring"],
    "attribution": {"model": "last_click", "click_window_days": 30},
    "rules": [{"on": "sale", "value": {"basis_points": 1000}, "hold_days": 30}]
}))]
struct NewCampaign {
    /// Short name, unique in the tenant; used in paths.
    code: String,
    /// Name for people.
    name: String,
    /// Currency of its rewards.
    currency: Currency,
    /// Where links may lead (https; the first is the default).
    destinations: Vec<String>,
    /// Who gets the credit.
    attribution: AttributionPolicy,
    /// What is paid.
    rules: Vec<RewardRule>,
}

impl Body for NewCampaign {}

/// New rules, whole.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rules": [{"on": "sale", "value": {"basis_points": 1200}, "hold_days": 30}]}))]
struct NewRules {
    /// The rules.
    rules: Vec<RewardRule>,
}

impl Body for NewRules {}

/// The campaign that a path names, and the ids to answer with.
pub fn named(caller: &Caller, id_or_code: &str) -> Result<(CampaignId, Ids), Problem> {
    checks::code("id", id_or_code).map_err(|_| Problem::not_found())?;
    let campaign_id = CampaignId::resolve(&caller.tenant, id_or_code);
    Ok((campaign_id, Ids::from([("campaign_id", campaign_id.to_string())])))
}

/// Creates a campaign in draft.
#[utoipa::path(post, path = "/api/v1/campaigns", operation_id = "create_campaign", tag = "campaigns", request_body = NewCampaign,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command")),
    security(("bearer" = [])), responses(Answers))]
async fn create(State(app): State<Shared>, ask: Ask<NewCampaign>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let NewCampaign { code, name, currency, destinations, attribution, rules } = ask.body;
    let campaign_id = CampaignId::from_code(&ask.caller.tenant, &code);
    let ids = Ids::from([("campaign_id", campaign_id.to_string()), ("code", code.clone())]);
    let command = CreateCampaign { campaign_id, code, name, currency, destinations, attribution, rules };
    check_campaign(&command)?;
    app.send(&ask.caller, ask.ticket, &command, ids).await
}

async fn change<M: Message>(
    app: &Shared,
    ask: Ask<Nothing>,
    id: &str,
    command: impl Fn(CampaignId) -> M,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let (campaign_id, ids) = named(&ask.caller, id)?;
    app.send(&ask.caller, ask.ticket, &command(campaign_id), ids).await
}

/// Opens a campaign for partners and conversions.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/activate", operation_id = "activate_campaign", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123")), request_body = Option<Nothing>,
    security(("bearer" = [])), responses(Answers))]
async fn activate(State(app): State<Shared>, Path(id): Path<String>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    change(&app, ask, &id, |campaign_id| ActivateCampaign { campaign_id }).await
}

/// Suspends a campaign: links still redirect, conversions earn nothing.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/pause", operation_id = "pause_campaign", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123")), request_body = Option<Nothing>,
    security(("bearer" = [])), responses(Answers))]
async fn pause(State(app): State<Shared>, Path(id): Path<String>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    change(&app, ask, &id, |campaign_id| PauseCampaign { campaign_id }).await
}

/// Ends a campaign for good.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/end", operation_id = "end_campaign", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123")), request_body = Option<Nothing>,
    security(("bearer" = [])), responses(Answers))]
async fn end(State(app): State<Shared>, Path(id): Path<String>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    change(&app, ask, &id, |campaign_id| EndCampaign { campaign_id }).await
}

/// Replaces the rules from now on; earlier conversions keep theirs.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/rules", operation_id = "revise_rules", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123")), request_body = NewRules,
    security(("bearer" = [])), responses(Answers))]
async fn revise_rules(
    State(app): State<Shared>,
    Path(id): Path<String>,
    ask: Ask<NewRules>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    check_rules(&ask.body.rules)?;
    let (campaign_id, ids) = named(&ask.caller, &id)?;
    let command = ReviseRules { campaign_id, rules: ask.body.rules };
    app.send(&ask.caller, ask.ticket, &command, ids).await
}

/// Campaigns, in the order of their codes.
#[utoipa::path(get, path = "/api/v1/campaigns", operation_id = "list_campaigns", tag = "campaigns",
    params(Page,
        ("state" = Option<String>, Query, description = "Only those in this state")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Tracking).answer(&caller, &uri).await
}

/// One campaign, with its rules.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}", operation_id = "read_campaign", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123")),
    security(("bearer" = [])), responses((status = 200, description = "The campaign", body = serde_json::Value)))]
async fn read(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    named(&caller, &id)?;
    app.upstream(Service::Tracking).answer(&caller, &uri).await
}
