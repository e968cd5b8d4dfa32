//! What lies in the warehouses by balances, by movements and by the current inventory, put side by side for articles and places.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;
use service_kit::store::Work;
use shared_events::ConnectionId;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::detection::Fact;
use crate::kind::Kind;
use crate::report_rows::{By, Kept, rows};
use crate::reports::LedgerDay;

/// One article in one place, as each source has it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Line {
    /// The seller.
    pub connection_id: Uuid,
    /// Amazon's number of the article.
    pub fnsku: String,
    /// Country code.
    pub place: String,
    /// Units in warehouses by the balances of the ledger: the newest end of each state, added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_units: Option<i64>,
    /// The newest day of a balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_day: Option<NaiveDate>,
    /// Units by which balances do not add up: end less start, movements and unknown, over all days that are here.
    pub summary_off_by: i64,
    /// Units in warehouses by the detailed ledger: the balance that the oldest day of the balances began with, and all that moved since.
    /// Absent as long as no balance is here to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail_units: Option<i64>,
    /// Units that moved by the detailed ledger, over all days that are here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail_moved: Option<i64>,
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

type Places = BTreeMap<(String, String), Line>;

fn line<'a>(places: &'a mut Places, fnsku: &str, place: &str) -> &'a mut Line {
    let line = places.entry((fnsku.to_owned(), place.to_owned())).or_default();
    (line.fnsku, line.place) = (fnsku.to_owned(), place.to_owned());
    line
}

/// Articles of a seller, one line for each place that they lie in.
///
/// # Errors
/// When the database is away.
pub(crate) async fn lines(
    work: &mut Work,
    connection: ConnectionId,
    fnskus: &[String],
) -> Result<Vec<Line>, sqlx::Error> {
    let mut places = Places::new();
    let kept = rows(work, connection, By::Fnsku(fnskus), &[Kind::LedgerDay]).await?;
    let begins = balances(&kept, &mut places);
    movements(work, connection, fnskus, &begins, &mut places).await?;
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
    let mut lines: Vec<Line> = places.into_values().collect();
    for line in &mut lines {
        line.connection_id = connection.0;
        compare(line);
    }
    Ok(lines)
}

/// What lay there at the start of the oldest day that has a balance, for an article and a place.
struct Begin {
    day: NaiveDate,
    units: i64,
}

type Begins = BTreeMap<(String, String), Begin>;

/// What moved, on top of what lay there at first.
async fn movements(
    work: &mut Work,
    connection: ConnectionId,
    fnskus: &[String],
    begins: &Begins,
    places: &mut Places,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let (of, (at, since)): (Vec<String>, (Vec<String>, Vec<NaiveDate>)) =
        begins.iter().map(|((fnsku, place), begin)| (fnsku.clone(), (place.clone(), begin.day))).unzip();
    let moves = sqlx::query!(
        r#"SELECT m.fnsku, m.place, sum(m.units)::bigint AS "units!", max(m.day) AS "day!",
                  coalesce(sum(m.units) FILTER (WHERE m.day >= b.since), 0)::bigint AS "since!"
           FROM stock_moves m
           LEFT JOIN unnest($4::text[], $5::text[], $6::date[]) AS b (fnsku, place, since) ON b.fnsku = m.fnsku AND b.place = m.place
           WHERE m.tenant = $1 AND m.connection_id = $2 AND m.fnsku = ANY($3) GROUP BY m.fnsku, m.place"#,
        tenant.as_str(),
        connection.0,
        fnskus,
        &of,
        &at,
        &since,
    )
    .fetch_all(work.conn())
    .await?;
    for row in moves {
        let begin = begins.get(&(row.fnsku.clone(), row.place.clone()));
        let line = line(places, &row.fnsku, &row.place);
        (line.detail_moved, line.detail_day) = (Some(row.units), Some(row.day));
        line.detail_units = begin.map(|begin| begin.units + row.since);
    }
    Ok(())
}

/// The newest balances of each article and place, one for each state that it can be in, whether all of them add up, and with what they
/// began. A state has a balance for the days on which it moved, so that the newest of two states are of different days.
fn balances(kept: &[Kept], places: &mut Places) -> Begins {
    let mut states: BTreeMap<(String, String, String), (LedgerDay, LedgerDay)> = BTreeMap::new();
    for kept in kept {
        let Ok(day) = kept.typed::<LedgerDay>() else { continue };
        let place = match day.location.as_str() {
            // Balances by fulfilment centre, or of old without a place, count for the report's own country.
            location if location.len() == 2 => location.to_owned(),
            _ => kept.place.code().to_owned(),
        };
        line(places, &day.fnsku, &place).summary_off_by += day.difference();
        let state = format!("{} {:?}", day.location, day.disposition);
        let known = states.entry((day.fnsku.clone(), place, state)).or_insert_with(|| (day.clone(), day.clone()));
        if day.day < known.0.day {
            known.0 = day;
        } else if day.day > known.1.day {
            known.1 = day;
        }
    }
    let mut begins = Begins::new();
    for ((fnsku, place, _), (oldest, newest)) in states {
        let line = line(places, &fnsku, &place);
        line.summary_units = Some(line.summary_units.unwrap_or_default() + newest.end);
        line.summary_day = line.summary_day.max(Some(newest.day));
        let begin = begins.entry((fnsku, place)).or_insert(Begin { day: oldest.day, units: 0 });
        begin.day = begin.day.min(oldest.day);
        begin.units += oldest.start;
    }
    begins
}

/// Names the differences.
fn compare(line: &mut Line) {
    if line.summary_off_by != 0 {
        line.differences.push(format!("the ledger's balances are off by {} units in themselves", line.summary_off_by));
    }
    let on = |day: Option<NaiveDate>| day.map(|day| format!(" of {day}")).unwrap_or_default();
    let balance = (format!("the ledger's balance{}", on(line.summary_day)), line.summary_units);
    let moved = (format!("the sum of its movements{}", on(line.detail_day)), line.detail_units);
    let current = ("the current inventory".to_owned(), line.current_units);
    for ((one, left), (other, right)) in [(&balance, &moved), (&balance, &current), (&moved, &current)] {
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
