//! What partners have in a campaign: their enrolment, links and coupons; and who gets what carries nothing to go by.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::tracking::{
    AcceptCampaign, AssignCoupon, CreateLink, LINK_CODE, SetDefaultAttribution, check_code, check_metadata,
};
use shared_events::{EnrolmentId, LinkId, PartnerId, VisitorId, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::ask::{Ask, Body, acting_partner};
use crate::campaigns::{MANAGERS, named};
use crate::checks;
use crate::send::Answers;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(accept))
        .routes(routes!(create_link))
        .routes(routes!(assign_coupon))
        .routes(routes!(set_default))
}

/// A partner's consent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"accepted_terms": true, "metadata": {"source": "mobile_app"}}))]
struct Acceptance {
    /// Must be true.
    accepted_terms: bool,
    /// Anything to be kept with the enrolment; at most 16 KB of JSON, 32 levels deep.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: BTreeMap<String, serde_json::Value>,
    /// The partner, where staff acts for it.
    #[serde(default)]
    partner: Option<PartnerId>,
}

impl Body for Acceptance {}

/// Enrols the caller's partner. Twice is the same enrolment.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/accept", operation_id = "accept_campaign", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123"),
        ("Prefer" = Option<String>, Header, description = "wait=N answers with the outcome, after at most N (10) seconds", example = "wait=5"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command")),
    request_body = Acceptance, security(("bearer" = [])), responses(Answers))]
async fn accept(State(app): State<Shared>, Path(id): Path<String>, ask: Ask<Acceptance>) -> Result<Response, Problem> {
    let Acceptance { accepted_terms, metadata, partner } = ask.body;
    if !accepted_terms {
        return Err(Problem::invalid_field("accepted_terms", "must be true: the terms have to be accepted"));
    }
    check_metadata(&metadata)?;
    let caller = &ask.caller;
    let partner = acting_partner(caller, partner)?;
    let (campaign_id, mut ids) = named(caller, &id)?;
    ids.insert("enrolment_id", EnrolmentId::of(campaign_id, &partner).to_string());
    ids.insert("partner", partner.to_string());
    // For staff acting for a partner the partner's own user id is not known; its name is the best that there is.
    let own_user = if caller.is_staff() { partner.as_str() } else { caller.subject.as_str() };
    let own_visitor = VisitorId::of(&caller.tenant, own_user);
    let command = AcceptCampaign { campaign_id, partner, own_visitor, metadata };
    app.send(&ask.caller, ask.ticket, &command, ids).await
}

/// A new link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"destination": "https://shop.example/spring"}))]
struct NewLink {
    /// The text after `/t/`; absent = made up.
    #[serde(default)]
    code: Option<String>,
    /// One of the campaign's destinations; absent = the default.
    #[serde(default)]
    destination: Option<String>,
    /// The partner, where staff acts for it.
    #[serde(default)]
    partner: Option<PartnerId>,
}

impl Body for NewLink {}

/// Makes a tracked link for an enrolled partner.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/links", operation_id = "create_link", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123")),
    request_body = NewLink, security(("bearer" = [])), responses(Answers))]
async fn create_link(
    State(app): State<Shared>,
    Path(id): Path<String>,
    ask: Ask<NewLink>,
) -> Result<Response, Problem> {
    let NewLink { code, destination, partner } = ask.body;
    let partner = acting_partner(&ask.caller, partner)?;
    let (campaign_id, mut answer_ids) = named(&ask.caller, &id)?;
    if let Some(destination) = &destination {
        checks::text("destination", destination, 2_000)?;
    }
    let link_id = LinkId(ids::derive(&["link", &ask.ticket.id.to_string()]));
    // 48 bits of the id: short enough to be typed; a collision is refused, not confused.
    let made_up = || format!("l{}", &link_id.0.simple().to_string()[20..]);
    let code = code.unwrap_or_else(made_up);
    check_code("code", &code, LINK_CODE)?;
    answer_ids.extend([("link_id", link_id.to_string()), ("code", code.clone())]);
    let command = CreateLink { link_id, campaign_id, partner, code, destination };
    app.send(&ask.caller, ask.ticket, &command, answer_ids).await
}

/// A coupon for a partner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"coupon": "SPRING10", "partner": "user123"}))]
struct NewCoupon {
    /// What customers enter; unique in the tenant.
    coupon: String,
    /// The enrolled partner.
    partner: PartnerId,
}

impl Body for NewCoupon {}

/// Gives a coupon code to an enrolled partner.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/coupons", operation_id = "assign_coupon", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123")),
    request_body = NewCoupon, security(("bearer" = [])), responses(Answers))]
async fn assign_coupon(
    State(app): State<Shared>,
    Path(id): Path<String>,
    ask: Ask<NewCoupon>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let NewCoupon { coupon, partner } = ask.body;
    checks::code("coupon", &coupon)?;
    let (campaign_id, mut ids) = named(&ask.caller, &id)?;
    ids.insert("coupon", coupon.clone());
    let command = AssignCoupon { campaign_id, partner, coupon };
    app.send(&ask.caller, ask.ticket, &command, ids).await
}

/// Who gets what carries nothing to go by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"partner": "user123"}))]
struct DefaultPartner {
    /// The enrolled partner; absent switches the default off.
    #[serde(default)]
    partner: Option<PartnerId>,
}

impl Body for DefaultPartner {}

/// Names the campaign and partner that get what carries nothing to go by.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/default-attribution", operation_id = "set_default_attribution", tag = "campaigns",
    params(("id" = String, Path, description = "Id or code", example = "camp123")),
    request_body = DefaultPartner, security(("bearer" = [])), responses(Answers))]
async fn set_default(
    State(app): State<Shared>,
    Path(id): Path<String>,
    ask: Ask<DefaultPartner>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let (campaign_id, ids) = named(&ask.caller, &id)?;
    let command = SetDefaultAttribution { campaign_id, partner: ask.body.partner };
    app.send(&ask.caller, ask.ticket, &command, ids).await
}
