//! Amazon takes back what it paid for a case.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::Days;
use serde::Deserialize;

use super::Amazon;
use super::cases::{Decision, book, reason_of};
use super::state::day_in;
use crate::world::region::Paid;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reversed {
    reimbursement_id: String,
    /// All of it without.
    units: Option<i64>,
    #[serde(default)]
    in_days: u64,
}

/// Takes back what was paid for a case.
pub(super) async fn reverse(State(amazon): State<Amazon>, Json(asked): Json<Reversed>) -> Response {
    let now = amazon.now();
    let mut state = amazon.state();
    let is_it = |decision: &&Decision| decision.reimbursement_id.as_deref() == Some(asked.reimbursement_id.as_str());
    let found = state.cases.values().find_map(|case| {
        let decision = case.decisions.iter().find(is_it)?;
        Some((case.case_id.clone(), decision.clone()))
    });
    let Some((case_id, decision)) = found else {
        return (StatusCode::NOT_FOUND, "no case was paid by this reimbursement").into_response();
    };
    let left = decision.amount_minor - decision.reversed_minor;
    let whole = decision.units > 0 && decision.amount_minor % decision.units == 0;
    let (per_unit, most) = if whole {
        (decision.amount_minor / decision.units, left * decision.units / decision.amount_minor)
    } else {
        (left, 1)
    };
    let units = asked.units.unwrap_or(most).min(most);
    if units <= 0 || per_unit <= 0 {
        return (StatusCode::CONFLICT, "nothing is left of it").into_response();
    }
    let region = &mut state.world.regions[decision.region];
    let day = day_in(region, now) + Days::new(asked.in_days);
    let paid = Paid {
        day,
        case: Some(case_id.clone()),
        order: &decision.order,
        reason: "Reimbursement_Reversal",
        per_unit,
        cash: -units,
        inventory: 0,
        original: Some((asked.reimbursement_id.clone(), reason_of(&decision.claim_type))),
    };
    let id = book(region, &decision.sku, &paid, day + Days::new(1));
    for case in state.cases.values_mut().filter(|case| case.case_id == case_id) {
        for decision in &mut case.decisions {
            if decision.reimbursement_id.as_deref() == Some(asked.reimbursement_id.as_str()) {
                decision.reversed_minor += per_unit * units;
            }
        }
    }
    let answer =
        serde_json::json!({"reimbursement_id": id, "amount_minor": -per_unit * units, "currency": decision.currency});
    Json(answer).into_response()
}
