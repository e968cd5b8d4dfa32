//! Claims against a marketplace: the policy, and the switch that stops their sending.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::problem::Problem;
use shared_events::claims::{SetClaimSettings, SetGeneralSwitch, SetSubmissionSwitch};
use shared_events::{Currency, Service, Subject};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::amount::Amount;
use crate::app::Shared;
use crate::ask::{Ask, Body};
use crate::send::{Answers, Ids};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(policy))
        .routes(routes!(switch))
        .routes(routes!(set_switch))
        .routes(routes!(set_general))
        .routes(routes!(set_settings))
}

/// Whether claims are sent by themselves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"stopped": true, "reason": "the marketplace asked us to wait"}))]
struct Switch {
    /// Whether nothing is sent.
    stopped: bool,
    /// Why, in at most 500 characters.
    reason: String,
}

impl Body for Switch {}

/// What may be claimed from when until when, who says so, and how sure that is.
#[utoipa::path(get, path = "/api/v1/claims/policy", operation_id = "read_policy", tag = "claims",
    params(("marketplace" = Option<String>, Query, description = "Country code of a marketplace"),
        ("claim_type" = Option<String>, Query, description = "A kind of claim")),
    security(("bearer" = [])), responses((status = 200, description = "The terms", body = serde_json::Value)))]
async fn policy(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// Whether claims are sent by themselves, and who decided so.
#[utoipa::path(get, path = "/api/v1/claims/switch", operation_id = "read_switch", tag = "claims",
    security(("bearer" = [])), responses((status = 200, description = "The switch", body = serde_json::Value)))]
async fn switch(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// Stops the sending of claims, or lets it go on.
#[utoipa::path(put, path = "/api/v1/claims/switch", operation_id = "set_switch", tag = "claims",
    request_body = Switch, security(("bearer" = [])), responses(Answers))]
async fn set_switch(State(app): State<Shared>, ask: Ask<Switch>) -> Result<Response, Problem> {
    ask.caller.require(&[Role::Admin, Role::Manager])?;
    let reason = ask.body.reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 {
        return Err(Problem::invalid_field("reason", "must have 1 to 500 characters"));
    }
    let command = SetSubmissionSwitch {
        of_tenant: ask.caller.tenant.clone(),
        stopped: ask.body.stopped,
        reason: reason.to_owned(),
        set_by: ask.caller.subject.clone(),
    };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("tenant", command.of_tenant.to_string())])).await
}

/// Stops the sending of everybody's claims, or lets it go on; for the operator's own people.
#[utoipa::path(put, path = "/api/v1/claims/switch/general", operation_id = "set_general_switch", tag = "claims",
    request_body = Switch, security(("bearer" = [])), responses(Answers))]
async fn set_general(State(app): State<Shared>, ask: Ask<Switch>) -> Result<Response, Problem> {
    ask.caller.require(&[Role::Admin])?;
    let reason = ask.body.reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 {
        return Err(Problem::invalid_field("reason", "must have 1 to 500 characters"));
    }
    let command = SetGeneralSwitch {
        of_tenant: ask.caller.tenant.clone(),
        stopped: ask.body.stopped,
        reason: reason.to_owned(),
        set_by: ask.caller.subject.clone(),
    };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("tenant", command.of_tenant.to_string())])).await
}

/// How claims are sent and what they cost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"automatic": true, "limit": "500.00", "currency": "USD", "per_day": 10, "fee_bps": 2000, "asked": "ann"}))]
struct Settings {
    /// Whether claims may go by themselves.
    automatic: bool,
    /// Up to which amount no second person is needed; absent: always.
    limit: Option<Amount>,
    /// In which currency.
    currency: Option<Currency>,
    /// How many are sent a day at most.
    per_day: u32,
    /// The success fee, in ten thousandths.
    fee_bps: u32,
    /// Who is asked about documents; absent: whoever connected the account.
    asked: Option<String>,
}

impl Body for Settings {}

/// Sets how claims are sent and what they cost.
#[utoipa::path(put, path = "/api/v1/claims/settings", operation_id = "set_claim_settings", tag = "claims",
    request_body = Settings, security(("bearer" = [])), responses(Answers))]
async fn set_settings(State(app): State<Shared>, ask: Ask<Settings>) -> Result<Response, Problem> {
    ask.caller.require(&[Role::Admin])?;
    let Settings { automatic, limit, currency, per_day, fee_bps, asked } = ask.body;
    if per_day > 1_000 {
        return Err(Problem::invalid_field("per_day", "must be from 0 to 1000"));
    }
    if fee_bps > 10_000 {
        return Err(Problem::invalid_field("fee_bps", "must be from 0 to 10000"));
    }
    let limit = match (&limit, currency) {
        (Some(limit), Some(currency)) => Some(limit.positive("limit", currency)?),
        (Some(_), None) => return Err(Problem::invalid_field("currency", "must be there beside a limit")),
        (None, _) => None,
    };
    let asked = asked.map(Subject::try_new).transpose();
    let asked = asked.map_err(|bad| Problem::invalid_field("asked", bad.to_string()))?;
    let (of_tenant, set_by) = (ask.caller.tenant.clone(), ask.caller.subject.clone());
    let command = SetClaimSettings { of_tenant, automatic, limit, per_day, fee_bps, asked, set_by };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("tenant", command.of_tenant.to_string())])).await
}
