//! The chapters on a seller: connected at Amazon's and Stripe's pages, told about what no report tells, and synced.

use anyhow::Context;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::output::table;

use super::edge::{Edge, Who, until};
use super::outside::Outside;
use super::report::{Chapter, say};

/// The number that the seller's world is made from. Every run has the same seller, whose year ends the day before.
const SEED: u64 = 1;
/// Country of the books that are followed.
pub const PLACE: &str = "US";
/// Most that goes without a second person, in dollars.
const LIMIT: &str = "150.00";
/// Steps of the clock while Amazon makes reports.
const STEP: TimeDelta = TimeDelta::seconds(20);

/// The seller as connected.
pub struct Seller {
    /// Its connection.
    pub connection: String,
    /// Who pays the fee, at Stripe.
    pub customer: String,
}

/// Connects the seller and whoever pays our fee, sets how claims are sent, and tells what the seller knows by itself.
pub async fn connect(edge: &Edge, outside: &Outside) -> anyhow::Result<Seller> {
    let chapter = Chapter::begin(13, "A seller is connected")?;
    let world = outside.begin(edge, SEED).await?;
    let amazon = outside.consent(edge, Who::Seller, "amazon").await?;
    let connection = amazon["connection_id"].as_str().context("the connection has no id")?.to_owned();
    say(
        "sam gives consent at the page of Amazon's stand-in (sandbox/README.md: nobody is really asked, and no money moves):",
    )?;
    say(format!(
        "   seller {} in {}, a generated year until {}",
        text(&amazon["account"]),
        PLACE,
        text(&world["last_day"])
    ))?;
    let stripe = outside.consent(edge, Who::Seller, "stripe").await?;
    say(format!("and saves a card at Stripe's stand-in: {}; its number never comes to us", text(&stripe["account"])))?;
    let settings =
        json!({"automatic": true, "limit": LIMIT, "currency": "USD", "per_day": 100, "fee_bps": 2_000, "asked": "sam"});
    edge.set(Who::Admin, "/api/v1/claims/settings", &settings).await?;
    say(format!(
        "ada (admin) decides: above ${LIMIT} a second person allows a claim; the fee is 20 % of what comes in cash"
    ))?;
    let told = tell(edge, outside, &connection).await?;
    say(format!("sam tells what no report does: {told}"))?;
    chapter.end()?;
    Ok(Seller { connection, customer: text(&stripe["account"]).to_owned() })
}

/// What articles cost, and what arrived when.
async fn tell(edge: &Edge, outside: &Outside, connection: &str) -> anyhow::Result<String> {
    let knowledge = outside.ask("knowledge").await?;
    let known = |what: &str| {
        let all = knowledge[what].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|one| one["marketplace"] == PLACE).collect::<Vec<_>>()
    };
    let (costs, shipments, removals, parcels) =
        (known("costs"), known("shipments"), known("removals"), known("parcels"));
    for cost in &costs {
        let unit = json!({"minor": cost["minor"], "currency": cost["currency"]});
        let body = json!({"fnsku": cost["fnsku"], "unit_cost": unit, "valid_from": cost["since"]});
        edge.must(Who::Seller, "/api/v1/inventory/costs", &body).await?;
    }
    let counts = (costs.len(), shipments.len(), removals.len(), parcels.len());
    let shipments = shipments.into_iter().map(|one| {
        json!({"kind": "inbound", "shipment_id": one["shipment_id"], "delivered_on": one["delivered_on"], "partnered": one["partnered"]})
    });
    let removals = removals.into_iter().map(|one| {
        json!({"kind": "removal", "order_id": one["order_id"], "tracking": one["tracking"], "fnsku": one["fnsku"], "marketplace": PLACE,
               "delivered_on": one["delivered_on"], "good": one["good"], "damaged": one["damaged"]})
    });
    let parcels = parcels.into_iter().map(|one| {
        let value = json!({"minor": one["minor"], "currency": one["currency"]});
        json!({"kind": "parcel", "tracking": one["tracking"], "day": one["day"], "reason": one["reason"], "value": value, "marketplace": PLACE})
    });
    for arrival in shipments.chain(removals).chain(parcels) {
        let body = json!({"connection_id": connection, "arrival": arrival});
        edge.must(Who::Seller, "/api/v1/inventory/arrivals", &body).await?;
    }
    Ok(format!(
        "{} costs, {} deliveries, {} parcels of removals, {} of its own parcels that went wrong",
        counts.0, counts.1, counts.2, counts.3
    ))
}

/// Fetches every report, and waits until all are read and evaluated. Amazon takes its time to make them, so the clock is moved meanwhile.
pub async fn sync(edge: &Edge, outside: &Outside, which: &str) -> anyhow::Result<()> {
    let chapter = (which == "first").then(|| Chapter::begin(14, "Its year is synced")).transpose()?;
    // What the connection started by itself comes first, then one more time: nothing is missed, and nothing is added twice.
    settle(edge, outside).await?;
    edge.must(Who::Seller, "/api/integrations/sync/start", &json!({})).await?;
    let reports = settle(edge, outside).await?;
    evaluated(edge).await?;
    let Some(chapter) = chapter else { return Ok(()) };
    let runs = edge.list(Who::Seller, "/api/integrations/sync/activity", "runs").await?;
    let rows = reports.iter().map(|report| {
        let of = |count: &str| {
            let own = runs
                .iter()
                .filter(|run| run["report"] == report["report"] && run["marketplace"] == report["marketplace"]);
            own.map(|run| run[count].as_i64().unwrap_or_default()).sum::<i64>().to_string()
        };
        let again = (of("rows").parse::<i64>().unwrap_or_default() - of("rows_new").parse::<i64>().unwrap_or_default())
            .to_string();
        vec![format!("   {}", text(&report["report"])), text(&report["state"]).to_owned(), of("rows_new"), again]
    });
    table(&["   report", "state", "#rows", "#read again, not added"], &rows.collect::<Vec<_>>())?;
    chapter.end()
}

async fn settle(edge: &Edge, outside: &Outside) -> anyhow::Result<Vec<Value>> {
    let mut looks = 0;
    until("the reports", async || {
        let status = edge.get(Who::Seller, "/api/integrations/sync/status").await?;
        if status["running"] == 0 && status["status"] != "never_synced" {
            return Ok(status["reports"].as_array().cloned());
        }
        looks += 1;
        // Ten looks are half a second: what is not through by then waits for a moment that the clock has to reach.
        if looks % 10 == 0 {
            outside.pass(edge, STEP).await?;
        }
        Ok(None)
    })
    .await
}

/// Waits until an evaluation that begins now is through.
async fn evaluated(edge: &Edge) -> anyhow::Result<()> {
    let run = edge.must(Who::Seller, "/api/detections/run", &json!({})).await?;
    let path = format!("/api/detections/status/{}", run["run_id"].as_str().context("the answer names no run")?);
    until("the evaluation", async || {
        let run = edge.get(Who::Seller, &path).await?;
        Ok(run["finished_at"].is_string().then_some(()))
    })
    .await
}

/// A text of an answer.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// The cents of an amount as answers have it: `{"amount": "12.34"}` or `{"minor": 1234}`.
pub fn cents(value: &Value) -> i64 {
    let read = || {
        let digits: String = value["amount"].as_str()?.chars().filter(|sign| *sign != '.').collect();
        digits.parse().ok()
    };
    value["minor"].as_i64().or_else(read).unwrap_or_default()
}
