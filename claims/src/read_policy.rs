//! `GET /api/v1/claims/policy`: what may be claimed from when until when, who says so, and how sure that is.

use axum::Json;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::Query;
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};

use crate::READERS;
use crate::policy::{ClaimType, Policy, Term};

/// Which terms.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Country code of a marketplace; absent = all.
    #[param(example = "US")]
    marketplace: Option<String>,
    /// A kind of claim; absent = all.
    claim_type: Option<ClaimType>,
}

/// The terms of the policy.
#[derive(Debug, Serialize, ToSchema)]
pub struct Terms {
    /// Each with its source and how sure it is.
    terms: Vec<Stated>,
}

/// A term, and whether it is to be shown as uncertain.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stated {
    /// The term.
    #[serde(flatten)]
    term: &'static Term,
    /// Whether sources disagree, or nothing was published.
    uncertain: bool,
}

/// What may be claimed from when until when.
#[utoipa::path(get, path = "/api/v1/claims/policy", tag = "policy", operation_id = "read_policy", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "The terms", body = Terms)))]
pub async fn read_policy(caller: Caller, Query(wanted): Query<Parameters>) -> Result<Json<Terms>, Problem> {
    caller.require(&READERS)?;
    let Parameters { marketplace, claim_type } = wanted;
    let fits = |term: &&Term| {
        marketplace.as_ref().is_none_or(|place| term.marketplaces.iter().any(|known| known == place || known == "*"))
            && claim_type.is_none_or(|kind| term.claim_types.contains(&kind))
    };
    let terms = Policy::embedded().terms.iter().filter(fits);
    Ok(Json(Terms { terms: terms.map(|term| Stated { term, uncertain: term.certainty.is_uncertain() }).collect() }))
}
