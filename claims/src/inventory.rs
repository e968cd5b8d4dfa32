//! `GET /api/v1/inventory` and `/api/v1/inventory/reconciliation`: what lies in the warehouses as three sources say it, side by side for
//! each article and place, and where they differ. They tell of different moments, so a difference is named, not judged.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::Query;
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::ConnectionId;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::detection::Fact;
use crate::kind::Kind;
use crate::report_rows::{By, Kept, rows};
use crate::reports::LedgerDay;
use crate::{READERS, State as App};

const MOST: i64 = 200;

/// Which articles.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The seller; the first one connected unless said
    connection_id: Option<Uuid>,
    /// Only this article
    fnsku: Option<String>,
    /// Only articles whose sources differ; for the reconciliation
    only_differences: Option<bool>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
    /// Articles at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// One article in one place, as each source has it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Line {
    /// Amazon's number of the article.
    pub fnsku: String,
    /// Country code.
    pub place: String,
    /// Units in warehouses by the balances of the ledger: the newest day's end, over all states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_units: Option<i64>,
    /// That day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_day: Option<NaiveDate>,
    /// Units by which balances do not add up: end less start, movements and unknown, over all days that are here.
    pub summary_off_by: i64,
    /// Units that moved by the detailed ledger, over all days that are here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail_units: Option<i64>,
    /// The newest day of the detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail_day: Option<NaiveDate>,
    /// Units in warehouses by the current inventory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_units: Option<i64>,
    /// Of these: can be sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fulfillable: Option<i64>,
    /// Of these: cannot be sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsellable: Option<i64>,
    /// Being searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub researching: Option<i64>,
    /// How the sources differ, in words; empty where they agree.
    pub differences: Vec<String>,
}

/// A page of articles.
#[derive(Debug, Serialize, ToSchema)]
pub struct Inventory {
    /// By article, then by place.
    pub items: Vec<Line>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What lies in the warehouses.
#[utoipa::path(get, path = "/api/v1/inventory", tag = "inventory", operation_id = "read_inventory", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of articles", body = Inventory)))]
pub async fn inventory(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Inventory>, Problem> {
    let mut page = page(&app, &caller, &parameters).await?;
    page.items.retain(|line| line.current_units.is_some() || line.detail_units.is_some());
    Ok(Json(page))
}

/// The sources beside one another, and their differences by name.
#[utoipa::path(get, path = "/api/v1/inventory/reconciliation", tag = "inventory", operation_id = "reconcile_inventory", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of articles", body = Inventory)))]
pub async fn reconciliation(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Inventory>, Problem> {
    let mut page = page(&app, &caller, &parameters).await?;
    if parameters.only_differences.unwrap_or_default() {
        page.items.retain(|line| !line.differences.is_empty());
    }
    Ok(Json(page))
}

async fn page(app: &App, caller: &Caller, parameters: &Parameters) -> Result<Inventory, Problem> {
    caller.require(&READERS)?;
    let limit = parameters.limit.unwrap_or(50);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::invalid_field("limit", format!("must be from 1 to {MOST}")));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let seller = sqlx::query_scalar!(
        "SELECT id FROM connections WHERE tenant = $1 AND kind = 'amazon' AND ($2::uuid IS NULL OR id = $2) ORDER BY seq LIMIT 1",
        caller.tenant.as_str(),
        parameters.connection_id,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(seller) = seller else {
        return match parameters.connection_id {
            Some(_) => Err(Problem::not_found()),
            None => Ok(Inventory { items: Vec::new(), next_cursor: None }),
        };
    };
    let mut fnskus = sqlx::query_scalar!(
        r#"SELECT fnsku AS "fnsku!" FROM (
               SELECT fnsku FROM stock_moves WHERE tenant = $1 AND connection_id = $2
               UNION SELECT fnsku FROM report_rows
                     WHERE tenant = $1 AND connection_id = $2 AND report IN ('stock', 'ledger_day') AND fnsku IS NOT NULL) AS known
           WHERE ($3::text IS NULL OR fnsku = $3) AND ($4::text IS NULL OR fnsku > $4) ORDER BY fnsku LIMIT $5"#,
        caller.tenant.as_str(),
        seller,
        parameters.fnsku,
        parameters.cursor,
        limit + 1,
    )
    .fetch_all(work.conn())
    .await?;
    let has_more = fnskus.len() as i64 > limit;
    fnskus.truncate(usize::try_from(limit).unwrap_or_default());
    let next_cursor = fnskus.last().filter(|_| has_more).cloned();
    let lines = lines(&mut work, ConnectionId(seller), &fnskus).await?;
    Ok(Inventory { items: lines, next_cursor })
}

type Places = BTreeMap<(String, String), Line>;

fn line<'a>(places: &'a mut Places, fnsku: &str, place: &str) -> &'a mut Line {
    let line = places.entry((fnsku.to_owned(), place.to_owned())).or_default();
    (line.fnsku, line.place) = (fnsku.to_owned(), place.to_owned());
    line
}

async fn lines(work: &mut Work, connection: ConnectionId, fnskus: &[String]) -> Result<Vec<Line>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let mut places = Places::new();
    let moves = sqlx::query!(
        r#"SELECT fnsku, place, sum(units)::bigint AS "units!", max(day) AS "day!" FROM stock_moves
           WHERE tenant = $1 AND connection_id = $2 AND fnsku = ANY($3) GROUP BY fnsku, place"#,
        tenant.as_str(),
        connection.0,
        fnskus,
    )
    .fetch_all(work.conn())
    .await?;
    for row in moves {
        let line = line(&mut places, &row.fnsku, &row.place);
        (line.detail_units, line.detail_day) = (Some(row.units), Some(row.day));
    }
    for kept in rows(work, connection, By::Fnsku(fnskus), &[Kind::Stock]).await? {
        if let Ok(Some(Fact::Stock(stock))) = kept.fact() {
            let line = line(&mut places, &stock.fnsku, kept.place.code());
            let add = |sum: &mut Option<i64>, units: i64| *sum = Some(sum.unwrap_or_default() + units);
            add(&mut line.current_units, stock.warehouse);
            add(&mut line.fulfillable, stock.fulfillable);
            add(&mut line.unsellable, stock.unsellable);
            add(&mut line.researching, stock.researching);
        }
    }
    balances(&rows(work, connection, By::Fnsku(fnskus), &[Kind::LedgerDay]).await?, &mut places);
    let mut lines: Vec<Line> = places.into_values().collect();
    lines.iter_mut().for_each(compare);
    Ok(lines)
}

/// The newest balance of each article and place over its states, and whether all of them add up.
fn balances(kept: &[Kept], places: &mut Places) {
    let days: Vec<(&Kept, LedgerDay)> = kept.iter().filter_map(|kept| Some((kept, kept.typed().ok()?))).collect();
    let mut newest: BTreeMap<(String, String), NaiveDate> = BTreeMap::new();
    let place_of = |kept: &Kept, day: &LedgerDay| match day.location.as_str() {
        // Balances by fulfilment centre, or of old without a place, count for the report's own country.
        location if location.len() == 2 => location.to_owned(),
        _ => kept.place.code().to_owned(),
    };
    for (kept, day) in &days {
        let at = newest.entry((day.fnsku.clone(), place_of(kept, day))).or_insert(day.day);
        *at = day.day.max(*at);
    }
    for (kept, day) in &days {
        let place = place_of(kept, day);
        let is_newest = newest.get(&(day.fnsku.clone(), place.clone())) == Some(&day.day);
        let line = line(places, &day.fnsku, &place);
        line.summary_off_by += day.difference();
        if is_newest {
            line.summary_units = Some(line.summary_units.unwrap_or_default() + day.end);
            line.summary_day = Some(day.day);
        }
    }
}

/// Names the differences.
fn compare(line: &mut Line) {
    if line.summary_off_by != 0 {
        line.differences.push(format!("the ledger's balances are off by {} units in themselves", line.summary_off_by));
    }
    let pairs = [
        ("the ledger's balance", line.summary_units, "the sum of its movements", line.detail_units),
        ("the ledger's balance", line.summary_units, "the current inventory", line.current_units),
        ("the sum of the ledger's movements", line.detail_units, "the current inventory", line.current_units),
    ];
    for (one, left, other, right) in pairs {
        if let (Some(left), Some(right)) = (left, right)
            && left != right
        {
            line.differences.push(format!("{one} is {left}, {other} {right}: {} units", left - right));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_and_missing_sources_are_none() {
        let mut line =
            Line { summary_units: Some(10), detail_units: Some(10), current_units: Some(8), ..Line::default() };
        compare(&mut line);
        assert_eq!(line.differences.len(), 2, "{:?}", line.differences);
        assert!(line.differences.iter().all(|words| words.ends_with("2 units")));
        let mut alone = Line { detail_units: Some(-3), summary_off_by: 1, ..Line::default() };
        compare(&mut alone);
        assert_eq!(alone.differences, ["the ledger's balances are off by 1 units in themselves"]);
    }
}
