//! Amazon decides about cases that somebody opened, and pays.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Amazon;
use super::state::{State as Remembered, day_in};
use crate::world::Owed;
use crate::world::money_files::{REIMBURSED, described};
use crate::world::region::{Line, Paid, Region};

/// What was decided about one claim of a case.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Decision {
    pub(super) claim_type: String,
    pub(super) subject: String,
    pub(super) clock: Option<NaiveDate>,
    /// `approved`, `partially_approved` or `denied`.
    outcome: &'static str,
    /// Why it was denied.
    category: Option<&'static str>,
    pub(super) units: i64,
    pub(super) amount_minor: i64,
    pub(super) currency: &'static str,
    pub(super) reimbursement_id: Option<String>,
    /// When it is in the reimbursements, and when the money is posted.
    decided_on: NaiveDate,
    pays_on: NaiveDate,
    #[serde(skip)]
    pub(super) region: usize,
    #[serde(skip)]
    pub(super) sku: String,
    #[serde(skip)]
    pub(super) order: String,
    pub(super) reversed_minor: i64,
}

impl Decision {
    pub(super) fn is_about(&self, owed: &Owed) -> bool {
        self.claim_type == owed.claim_type
            && self.subject == owed.subject
            && self.clock.is_none_or(|clock| clock == owed.clock)
    }
}

/// A case.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Case {
    pub(super) case_id: String,
    pub(super) decisions: Vec<Decision>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opened {
    case_id: String,
    claims: Vec<Claimed>,
    /// `approve`, `partial` or `deny`; without it Amazon decides by what is true.
    outcome: Option<String>,
    /// Decides once more about what was denied in a case that is there already.
    #[serde(default)]
    appeal: bool,
    #[serde(default)]
    decide_in_days: u64,
    #[serde(default = "two")]
    pay_in_days: u64,
}

fn two() -> u64 {
    2
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claimed {
    claim_type: String,
    /// As detection names it: `fnsku X`, `order O sku S`, `shipment S fnsku F`, ...
    subject: String,
    clock: Option<NaiveDate>,
    marketplace: String,
    units: i64,
    amount_minor: i64,
}

impl Claimed {
    fn is_about(&self, decision: &Decision) -> bool {
        (&self.claim_type, &self.subject, self.clock) == (&decision.claim_type, &decision.subject, decision.clock)
    }
}

/// The reason that a reimbursement gives.
pub(super) fn reason_of(claim_type: &str) -> &'static str {
    match claim_type {
        "fc_lost" => "Lost_Warehouse",
        "fc_damaged" => "Damaged_Warehouse",
        "inbound_shortage" => "Lost_Inbound",
        "inbound_damaged" => "Damaged_Inbound",
        "removal_lost" | "removal_damaged_or_short" => "Removal_Order_Lost",
        name if name.starts_with("return") || name.starts_with("replacement") => "CustomerReturn",
        name if name.starts_with("fee") || name.starts_with("refund_commission") => "Fee_Correction",
        _ => "General_Adjustment",
    }
}

/// The word after `name` in a subject.
fn named<'a>(subject: &'a str, name: &str) -> Option<&'a str> {
    let mut words = subject.split(' ');
    words.find(|word| *word == name)?;
    words.next()
}

/// All cases.
pub(super) async fn list(State(amazon): State<Amazon>) -> Json<Vec<Case>> {
    Json(amazon.state().cases.values().cloned().collect())
}

/// One case.
pub(super) async fn one(State(amazon): State<Amazon>, Path(case_id): Path<String>) -> Response {
    let found = amazon.state().cases.get(&case_id).cloned();
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |case| Json(case).into_response())
}

/// Decides. The same case again gives the same decisions, unless it is an appeal against denials.
pub(super) async fn decide(State(amazon): State<Amazon>, Json(opened): Json<Opened>) -> Response {
    let now = amazon.now();
    let mut state = amazon.state();
    let before = state.cases.get(&opened.case_id);
    if let Some(case) = before.filter(|_| !opened.appeal) {
        return Json(case.clone()).into_response();
    }
    let mut decisions = before.map(|case| case.decisions.clone()).unwrap_or_default();
    let denied = |one: &Decision| one.outcome == "denied" && opened.claims.iter().any(|claimed| claimed.is_about(one));
    decisions.retain(|one| !denied(one));
    for claimed in &opened.claims {
        if decisions.iter().any(|one| claimed.is_about(one)) {
            continue;
        }
        let Some(region) = state.world.regions.iter().position(|region| region.marketplace == claimed.marketplace)
        else {
            return (StatusCode::BAD_REQUEST, "an unknown marketplace").into_response();
        };
        let decision = judge(&state, &opened, claimed, region, now);
        decisions.push(pay(&mut state, &opened.case_id, decision));
    }
    let case = Case { case_id: opened.case_id.clone(), decisions };
    state.cases.insert(opened.case_id, case.clone());
    Json(case).into_response()
}

/// Approves what is owed and not approved yet, as far as it is; mostly.
fn judge(state: &Remembered, opened: &Opened, claimed: &Claimed, at: usize, now: DateTime<Utc>) -> Decision {
    let region = &state.world.regions[at];
    let today = day_in(region, now);
    let decided_on = today + Days::new(opened.decide_in_days);
    let mut decision = Decision {
        claim_type: claimed.claim_type.clone(),
        subject: claimed.subject.clone(),
        clock: claimed.clock,
        outcome: "denied",
        category: None,
        units: 0,
        amount_minor: 0,
        currency: region.currency,
        reimbursement_id: None,
        decided_on,
        pays_on: decided_on + Days::new(opened.pay_in_days),
        region: at,
        sku: sku_of(region, &claimed.subject),
        order: named(&claimed.subject, "order").unwrap_or_default().to_owned(),
        reversed_minor: 0,
    };
    let owed: Vec<&Owed> = region.truth_on(today).filter(|owed| decision.is_about(owed)).collect();
    let (units, minor) = (owed.iter().map(|owed| owed.units).sum(), owed.iter().map(|owed| owed.minor).sum());
    let before = state.cases.values().flat_map(|case| &case.decisions);
    let before: i64 =
        before.filter(|past| owed.iter().any(|owed| past.is_about(owed))).map(|past| past.amount_minor).sum();
    let open: i64 = minor;
    let open = (open - before).max(0);
    // A case's number decides where nothing else does.
    let luck = opened.case_id.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 10;
    let wish = opened.outcome.as_deref().unwrap_or(match luck {
        _ if owed.is_empty() || open == 0 => "deny",
        0 => "deny",
        1 => "partial",
        _ => "approve",
    });
    let most =
        if opened.outcome.is_some() && owed.is_empty() { claimed.amount_minor } else { claimed.amount_minor.min(open) };
    let most_units = if owed.is_empty() { claimed.units } else { claimed.units.min(units) };
    match wish {
        "approve" if most > 0 => {
            let whole = most == claimed.amount_minor;
            decision.outcome = if whole { "approved" } else { "partially_approved" };
            (decision.units, decision.amount_minor) = (most_units, most);
        }
        "partial" if most > 1 => {
            decision.outcome = "partially_approved";
            // Half of the units, or half of one.
            let half = most_units / 2;
            (decision.units, decision.amount_minor) =
                if half > 0 { (half, most * half / most_units) } else { (1, most / 2) };
        }
        _ => {
            decision.category = Some(match () {
                () if owed.is_empty() && opened.outcome.is_none() => "INVALID_CLAIM",
                () if open == 0 && opened.outcome.is_none() => "ALREADY_REIMBURSED",
                () => "INSUFFICIENT_EVIDENCE",
            });
        }
    }
    decision
}

fn sku_of(region: &Region, subject: &str) -> String {
    let by_fnsku = named(subject, "fnsku")
        .and_then(|fnsku| region.articles.iter().find(|article| article.fnsku == fnsku))
        .map(|article| article.sku.clone());
    by_fnsku.or_else(|| named(subject, "sku").map(str::to_owned)).unwrap_or_default()
}

/// Writes the reimbursement and its posting, for the days on which they will be there.
fn pay(state: &mut Remembered, case_id: &str, mut decision: Decision) -> Decision {
    if decision.amount_minor <= 0 {
        return decision;
    }
    let reason = reason_of(&decision.claim_type);
    let whole = decision.units > 0 && decision.amount_minor % decision.units == 0;
    let cash = if whole { decision.units } else { 1 };
    let region = &mut state.world.regions[decision.region];
    let order = decision.order.clone();
    let paid = Paid {
        day: decision.decided_on,
        case: Some(case_id.to_owned()),
        order: &order,
        reason,
        per_unit: decision.amount_minor / cash,
        cash,
        inventory: 0,
        original: None,
    };
    decision.reimbursement_id = book(region, &decision.sku, &paid, decision.pays_on);
    decision
}

/// A row of the reimbursements and a posting.
pub(super) fn book(region: &mut Region, sku: &str, paid: &Paid<'_>, pays_on: NaiveDate) -> Option<String> {
    let article = region.articles.iter().find(|article| article.sku == sku).or(region.articles.first())?.clone();
    let id = format!("98{}", region.number());
    let row = region.reimbursement(&article, paid, &id);
    region.paper(REIMBURSED).add_punctual(paid.day, row);
    let (description, minor) = (described(paid.reason), paid.per_unit.abs() * paid.cash);
    let (transaction, kind) = ("other-transaction", "FBA Inventory Reimbursement");
    let (sku, quantity) = (article.sku.as_str(), Some(paid.cash));
    let line = Line { day: pays_on, transaction, order: paid.order, kind, description, minor, sku, quantity };
    region.post_seen(&line, true);
    Some(id)
}
