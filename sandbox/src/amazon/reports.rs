//! Reports: asked for, in the making, and through.

use chrono::{DateTime, Days, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::ask::{Ask, moment};
use super::dispatch::Answer;
use super::state::{State, day_in};
use crate::faults::Kind;
use crate::world::money_files::{SETTLEMENTS, kinds};
use crate::world::region::Region;

/// A report is through after so many questions about it, or after a minute.
const POLLS: u32 = 2;
const MAKING: TimeDelta = TimeDelta::minutes(1);
/// Days of a settlement.
const SETTLED: u64 = 14;

/// A report that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    pub(super) report: &'static str,
    pub(super) region: usize,
    marketplaces: Vec<String>,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    polls: u32,
    outcome: Option<Outcome>,
    /// For settlements: which one.
    pub(super) settlement: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Outcome {
    status: &'static str,
    at: DateTime<Utc>,
    header_only: bool,
}

/// A time as Amazon writes it.
pub(super) fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The name of a report, if there is such a one.
fn known(name: &str) -> Option<&'static str> {
    kinds(true).into_iter().map(|(report, ..)| report).find(|report| *report == name)
}

/// A row and its day, as a download at a time shows them.
fn is_of_a_time(report: &str) -> bool {
    // These two tell of now.
    !report.contains("ESTIMATED") && !report.contains("MYI_UNSUPPRESSED")
}

impl Ordered {
    /// The rows of a span of time that can be seen on a day.
    fn rows<'a>(&self, region: &'a Region, seen: NaiveDate) -> Vec<&'a [String]> {
        let Some(paper) = region.papers.get(self.report) else { return Vec::new() };
        if let Some(number) = self.settlement {
            let (first, last) = settlement_days(region, number);
            // The world's one row of a sum is left out: each settlement has its own.
            return paper.rows_between(first, last).into_iter().filter(|row| row[4].is_empty()).collect();
        }
        let day = |at: DateTime<Utc>| region.zone.date_of(at);
        let within = |row: &NaiveDate| {
            self.start.is_none_or(|start| day(start) <= *row) && self.end.is_none_or(|end| *row <= day(end))
        };
        let rows = paper.rows(seen).into_iter();
        let rows = rows.filter(|(row, _)| *row <= seen && (!is_of_a_time(self.report) || within(row)));
        rows.map(|(_, fields)| fields).collect()
    }

    /// The file, once it is made.
    pub(super) fn file(&self, region: &Region) -> Option<Vec<u8>> {
        let outcome = self.outcome.filter(|outcome| outcome.status == "DONE")?;
        let (_, header, quoted) = kinds(region.marketplace == "US").into_iter().find(|kind| kind.0 == self.report)?;
        let seen = region.zone.date_of(outcome.at);
        let rows = if outcome.header_only { Vec::new() } else { self.rows(region, seen) };
        if let Some(number) = self.settlement {
            let rows = settled(region, number, &rows);
            let rows = rows.iter().map(Vec::as_slice);
            return Some(crate::world::paper::written(header, rows, region.habit, quoted));
        }
        Some(crate::world::paper::written(header, rows.into_iter(), region.habit, quoted))
    }

    /// Moves on with time.
    fn goes_on(&mut self, region: &Region, now: DateTime<Utc>) {
        let is_through = self.polls > POLLS || now - self.created_at >= MAKING;
        if self.outcome.is_some() || !is_through {
            return;
        }
        let has_rows = !self.rows(region, day_in(region, now)).is_empty();
        // Where there is nothing to tell Amazon mostly cancels, and for these reports sends the header alone.
        let header_only = !has_rows && (self.report.contains("RETURNS") || !is_of_a_time(self.report));
        let status = if has_rows || header_only { "DONE" } else { "CANCELLED" };
        self.outcome = Some(Outcome { status, at: now, header_only });
    }

    fn status(&self) -> &'static str {
        match self.outcome {
            Some(outcome) => outcome.status,
            None if self.polls <= 1 => "IN_QUEUE",
            None => "IN_PROGRESS",
        }
    }

    fn json(&self, id: &str) -> Value {
        let mut report = Map::new();
        let mut set = |name: &str, value: Value| report.insert(name.to_owned(), value);
        set("reportId", id.into());
        set("reportType", self.report.into());
        set("marketplaceIds", json!(self.marketplaces));
        set("createdTime", iso(self.created_at).into());
        set("processingStatus", self.status().into());
        for (name, time) in [("dataStartTime", self.start), ("dataEndTime", self.end)] {
            if let Some(time) = time {
                set(name, iso(time).into());
            }
        }
        if let Some(outcome) = self.outcome {
            set("processingStartTime", iso(self.created_at).into());
            set("processingEndTime", iso(outcome.at).into());
            if outcome.status == "DONE" {
                set("reportDocumentId", format!("amzn1.spdoc.1.4.na.{id}").into());
            }
        }
        Value::Object(report)
    }
}

/// First and last day of a settlement; the one numbered 25 ends with the world's year.
fn settlement_days(region: &Region, number: u64) -> (NaiveDate, NaiveDate) {
    let first = region.last + Days::new(1) - Days::new(26 * SETTLED) + Days::new(number * SETTLED);
    (first, first + Days::new(SETTLED - 1))
}

/// Rows of a settlement, under its number and after its sum.
fn settled(region: &Region, number: u64, rows: &[&[String]]) -> Vec<Vec<String>> {
    let id = (55_000_200 + number).to_string();
    let (first, last) = settlement_days(region, number);
    let total: i64 = region
        .postings
        .iter()
        .filter(|posted| first <= posted.day && posted.day <= last)
        .map(|posted| posted.minor)
        .sum();
    let format = if region.marketplace == "US" { "%Y-%m-%d %H:%M:%S UTC" } else { "%d.%m.%Y %H:%M:%S UTC" };
    let moment = |day, hour| region.zone.at(day, hour, 0).to_utc().format(format).to_string();
    let mut sum = vec![String::new(); crate::world::headers::SETTLEMENT.len()];
    sum[0].clone_from(&id);
    sum[1] = moment(first, 1);
    sum[2] = moment(last, 23);
    sum[3] = moment(last + Days::new(2), 12);
    sum[4] = region.amount(total);
    sum[5] = region.currency.to_owned();
    let mut all = vec![sum];
    all.extend(rows.iter().map(|row| {
        let mut row = row.to_vec();
        row[0].clone_from(&id);
        row
    }));
    all
}

/// Notes a wish.
pub(super) fn create(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    let text = |name: &str| ask.body[name].as_str();
    let Some(report) = text("reportType").and_then(known).filter(|report| *report != SETTLEMENTS) else {
        return Answer::invalid("Report type is not supported, or cannot be requested.");
    };
    let marketplaces: Vec<String> = ask.body["marketplaceIds"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if marketplaces.is_empty() {
        return Answer::invalid("marketplaceIds is missing.");
    }
    let (start, end) = (text("dataStartTime").and_then(moment), text("dataEndTime").and_then(moment));
    if start.is_some_and(|start| end.is_some_and(|end| end < start)) {
        return Answer::invalid("dataEndTime is before dataStartTime.");
    }
    let fault = state.fault("getReport", &[Kind::Cancelled, Kind::Fatal, Kind::HeaderOnly]);
    let outcome = fault.map(|fault| Outcome {
        status: match fault.kind {
            Kind::Cancelled => "CANCELLED",
            Kind::Fatal => "FATAL",
            _ => "DONE",
        },
        at: now,
        header_only: true,
    });
    let id = format!("{}", 50_000_000_000 + state.number());
    let region = ask.region;
    let ordered =
        Ordered { report, region, marketplaces, start, end, created_at: now, polls: 0, outcome, settlement: None };
    state.reports.insert(id.clone(), ordered);
    Answer { status: 202, body: json!({"reportId": id}).to_string() }
}

fn missing() -> Answer {
    Answer::refused(404, "NotFound", "The requested report or document does not exist.")
}

/// How far a report is.
pub(super) fn get(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    settle(state, now);
    let id = ask.get("reportId").unwrap_or_default();
    let Some(ordered) = state.reports.get_mut(id) else { return missing() };
    ordered.polls += 1;
    ordered.goes_on(&state.world.regions[ordered.region], now);
    Answer::ok(&ordered.json(id))
}

/// Makes the settlements that are over by now.
fn settle(state: &mut State, now: DateTime<Utc>) {
    for (at, region) in state.world.regions.iter().enumerate() {
        for number in 0.. {
            let (first, last) = settlement_days(region, number);
            let closed_at = region.zone.at(last, 23, 30).to_utc();
            if closed_at > now {
                break;
            }
            let id = format!("{}{:04}", 40_000_000 + at, number);
            state.reports.entry(id).or_insert_with(|| Ordered {
                report: SETTLEMENTS,
                region: at,
                marketplaces: vec![marketplace(region).to_owned()],
                start: Some(region.zone.at(first, 1, 0).to_utc()),
                end: Some(region.zone.at(last, 23, 0).to_utc()),
                created_at: closed_at,
                polls: 0,
                outcome: Some(Outcome { status: "DONE", at: closed_at, header_only: false }),
                settlement: Some(number),
            });
        }
    }
}

/// Amazon's id of the region's marketplace.
pub(super) fn marketplace(region: &Region) -> &'static str {
    if region.marketplace == "US" { "ATVPDKIKX0DER" } else { "A1PA6795UKMFR9" }
}

/// Lists reports, the newest first.
pub(super) fn list(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    settle(state, now);
    let page = match ask.get("nextToken") {
        Some(token) => state.page("getReports", token, now, None),
        None => {
            let (types, statuses) = (ask.list("reportTypes"), ask.list("processingStatuses"));
            if types.is_empty() {
                return Answer::invalid("reportTypes or nextToken is missing.");
            }
            let since = ask.moment("createdSince").unwrap_or(now - TimeDelta::days(90));
            let until = ask.moment("createdUntil").unwrap_or(now);
            let (reports, regions) = (&mut state.reports, &state.world.regions);
            let mut found: Vec<(DateTime<Utc>, Value)> = Vec::new();
            for (id, ordered) in reports.iter_mut() {
                ordered.goes_on(&regions[ordered.region], now);
                let fits = ordered.region == ask.region
                    && types.contains(&ordered.report)
                    && (statuses.is_empty() || statuses.contains(&ordered.status()))
                    && since <= ordered.created_at
                    && ordered.created_at <= until;
                if fits {
                    found.push((ordered.created_at, ordered.json(id)));
                }
            }
            found.sort_by_key(|(created_at, _)| std::cmp::Reverse(*created_at));
            let size = ask.get("pageSize").and_then(|size| size.parse().ok()).unwrap_or(10).min(100);
            Ok(state.first_page("getReports", found.into_iter().map(|(_, report)| report).collect(), size, now))
        }
    };
    let Ok((reports, next)) = page else { return Answer::invalid("nextToken is invalid.") };
    let mut answer = json!({"reports": reports});
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Answer::ok(&answer)
}

/// A link to a document.
pub(super) fn document(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    let document = ask.get("reportDocumentId").unwrap_or_default();
    let id = document.rsplit('.').next().unwrap_or_default();
    let is_there = state.reports.get(id).is_some_and(|ordered| ordered.status() == "DONE");
    if !is_there {
        return missing();
    }
    let expired = state.fault("getReportDocument", &[Kind::ExpireLink]).is_some();
    let life = if expired { TimeDelta::seconds(-1) } else { TimeDelta::minutes(5) };
    let url = format!("http://{}/_documents/{id}?expires={}", ask.host, (now + life).timestamp_millis());
    Answer::ok(&json!({"reportDocumentId": document, "url": url, "compressionAlgorithm": "GZIP"}))
}
