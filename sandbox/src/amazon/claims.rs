//! Claims for parcels of Amazon Shipping.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Of;
use serde_json::json;

use super::Amazon;
use super::ask::Ask;
use super::dispatch::Answer;
use super::state::State;

const REASONS: [&str; 5] =
    ["LOST_IN_TRANSIT", "DAMAGED_IN_TRANSIT", "DELIVERED_NOT_RECEIVED", "ITEM_MISSING_SWITCHEROO", "COD_ABUSE"];

/// The claims there are, by their parcels: what a person sees at Amazon's pages.
pub(super) async fn list(Of(amazon): Of<Amazon>) -> Json<BTreeMap<String, String>> {
    Json(amazon.state().claims.clone())
}

/// `createClaim`: one for each parcel.
pub(super) fn create(state: &mut State, ask: &Ask) -> Answer {
    let invalid = |details: &str| {
        let error = json!({
            "code": "InvalidInputException",
            "message": "Request is missing or has invalid parameters",
            "details": details,
        });
        Answer { status: 400, body: json!({"errors": [error]}).to_string() }
    };
    let Some(parcel) = ask.body["trackingId"].as_str().filter(|parcel| !parcel.is_empty()) else {
        return invalid("trackingId is missing");
    };
    if !ask.body["claimReason"].as_str().is_some_and(|reason| REASONS.contains(&reason)) {
        return invalid("claimReason is unknown");
    }
    if !ask.body["settlementType"].as_str().is_some_and(|kind| ["REFUND", "CERTIFICATE_OF_FACT"].contains(&kind)) {
        return invalid("settlementType is unknown");
    }
    if state.claims.contains_key(parcel) {
        return invalid("Claim already exists for the trackingId");
    }
    let id = format!("{}", 1_318_160_000_000 + state.number());
    state.claims.insert(parcel.to_owned(), id.clone());
    Answer { status: 201, body: json!({"claimId": id}).to_string() }
}
