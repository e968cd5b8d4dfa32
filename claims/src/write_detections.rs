//! From findings to detections: raised, changed, resolved, expired, each with a reason, an event, and a look by claims.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, Utc};
use service_kit::store::{Cause, Work};
use shared_events::claims::{DetectionChanged, DetectionExpired, DetectionRaised, DetectionResolved};
use shared_events::ids::derive;
use shared_events::money::{Currency, Money};
use shared_events::{ConnectionId, DetectionId};
use uuid::Uuid;

use crate::books_of::Loaded;
use crate::consider_detection;
use crate::detection::{Finding, Status, Subject};
use crate::detection_row::{RowView, SubjectView};
use crate::detection_timer;
use crate::kind::Kind;
use crate::touched;

/// How many detections became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Raised, or owed again.
    pub raised: i64,
    /// Changed.
    pub changed: i64,
    /// Owed no longer.
    pub resolved: i64,
    /// Too late.
    pub expired: i64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.raised += other.raised;
        self.changed += other.changed;
        self.resolved += other.resolved;
        self.expired += other.expired;
    }
}

/// A detection as it is known before.
#[derive(Debug)]
pub struct Known {
    id: Uuid,
    about: String,
    natural_key: String,
    generation: i32,
    status: String,
    units: i64,
    expected_minor: Option<i64>,
    arithmetic: String,
    version: i32,
}

/// Where an evaluation writes to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Whose.
    pub connection: ConnectionId,
    /// What it follows from.
    pub cause: &'a Cause,
}

fn is_live(status: &str) -> bool {
    matches!(status, "researching" | "awaiting_auto" | "not_yet_open" | "claimable" | "review")
}

/// The name of a finding's status.
pub const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Researching => "researching",
        Status::AwaitingAuto => "awaiting_auto",
        Status::NotYetOpen => "not_yet_open",
        Status::Claimable => "claimable",
        Status::Expired => "expired",
        Status::Review => "review",
    }
}

/// What is known about subjects, locked: a claim that takes one waits until the evaluation is through, or is seen by it.
///
/// # Errors
/// When the database is away.
pub async fn known(
    work: &mut Work,
    connection: ConnectionId,
    abouts: &[String],
) -> Result<BTreeMap<String, Vec<Known>>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query_as!(
        Known,
        r#"SELECT id, about, natural_key, generation, status::text AS "status!", units, expected_minor, arithmetic, version
           FROM detections WHERE tenant = $1 AND connection_id = $2 AND about = ANY($3) ORDER BY id FOR UPDATE"#,
        tenant.as_str(),
        connection.0,
        abouts,
    )
    .fetch_all(work.conn())
    .await?;
    let mut known: BTreeMap<String, Vec<Known>> = BTreeMap::new();
    for row in rows {
        known.entry(row.about.clone()).or_default().push(row);
    }
    Ok(known)
}

/// Writes what is owed about one subject now, next to what was known.
///
/// # Errors
/// When the database is away.
pub async fn write(
    work: &mut Work,
    place: Place<'_>,
    subject: &Subject,
    findings: Vec<Finding>,
    (known, loaded): (Vec<Known>, &Loaded),
) -> Result<Tally, sqlx::Error> {
    let about = touched::text_of(subject);
    // The newest generation of each natural key.
    let mut by_key: BTreeMap<String, Known> = BTreeMap::new();
    for row in known {
        match by_key.get(&row.natural_key) {
            Some(other) if other.generation > row.generation => {}
            _ => drop(by_key.insert(row.natural_key.clone(), row)),
        }
    }
    let mut tally = Tally::default();
    for finding in findings {
        let key = natural_key(&finding);
        let before = by_key.remove(&key);
        let is_over = finding.status == Status::Expired;
        match before {
            // What was never known in time is not worth telling.
            None if is_over => {}
            None => {
                raise(work, place, (&about, &key, 1), &finding, loaded).await?;
                tally.raised += 1;
            }
            Some(was) if was.status == "claimed" && !is_over => {
                raise(work, place, (&about, &key, was.generation + 1), &finding, loaded).await?;
                tally.raised += 1;
            }
            Some(was) if was.status == "resolved_by_amazon" && !is_over => {
                change(work, place, &was, &finding, loaded).await?;
                tally.raised += 1;
            }
            Some(was) if is_live(&was.status) => {
                let same = was.units == finding.units
                    && was.status == status_name(finding.status)
                    && was.expected_minor == finding.expected_value.map(|money| money.minor)
                    && was.arithmetic == finding.arithmetic.join("\n");
                if !same {
                    change(work, place, &was, &finding, loaded).await?;
                    if is_over { tally.expired += 1 } else { tally.changed += 1 }
                }
            }
            // Dismissed, expired: that stays.
            Some(_) => {}
        }
    }
    for was in by_key.into_values().filter(|was| is_live(&was.status)) {
        resolve(work, place, &was, loaded).await?;
        tally.resolved += 1;
    }
    Ok(tally)
}

fn natural_key(finding: &Finding) -> String {
    let policy = finding.window.as_ref().map_or("", |window| window.policy_version.as_str());
    format!("{}/{policy}", finding.natural_key())
}

fn rows_of(finding: &Finding, loaded: &Loaded) -> serde_json::Value {
    let views = finding.rows.iter().map(|used| {
        let kept = loaded.rows.get(&used.key);
        RowView {
            key: used.key.to_string(),
            units: used.units,
            report: kept.map(|row| row.kind.name().to_owned()).unwrap_or_default(),
            columns: kept.map(|row| row.columns().to_vec()).unwrap_or_default(),
            raw: kept.map(|row| row.tabbed()).unwrap_or_default(),
        }
    });
    serde_json::to_value(views.collect::<Vec<_>>()).expect("texts and numbers are JSON")
}

async fn raise(
    work: &mut Work,
    place: Place<'_>,
    (about, key, generation): (&str, &str, i32),
    finding: &Finding,
    loaded: &Loaded,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let connection = place.connection;
    let id = derive(&["detection", tenant.as_str(), &connection.to_string(), key, &generation.to_string()]);
    let view = SubjectView { sku: finding.sku.clone(), ..SubjectView::of(&finding.subject) };
    let view = SubjectView { fnsku: finding.fnsku.clone().or(view.fnsku), ..view };
    let window = finding.window.as_ref();
    let now = work.now();
    sqlx::query!(
        "INSERT INTO detections (tenant, id, connection_id, claim_type, marketplace, subject, fnsku, sku, units, unit_value_minor,
             expected_minor, currency, basis, clock_start, opens_at, closes_at, safe_file_by, policy_version, certainty, status, arithmetic,
             rows, about, natural_key, generation, raised_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20::text::detection_status, $21, $22,
             $23, $24, $25, $26, $26)",
        tenant.as_str(),
        id,
        connection.0,
        finding.claim_type.name(),
        finding.marketplace.code(),
        serde_json::to_value(&view).expect("texts are JSON"),
        finding.fnsku,
        finding.sku,
        finding.units,
        finding.unit_value.map(|money| money.minor),
        finding.expected_value.map(|money| money.minor),
        finding.expected_value.or(finding.unit_value).map(|money| money.currency.code().to_owned()),
        name_of(&finding.basis),
        window.map(|window| window.clock_start),
        window.map(|window| window.opens_at),
        window.map(|window| window.closes_at),
        finding.safe_file_by,
        window.map(|window| window.policy_version.clone()),
        window.map(|window| name_of(&window.certainty)),
        status_name(finding.status),
        finding.arithmetic.join("\n"),
        rows_of(finding, loaded),
        about,
        key,
        generation,
        now,
    )
    .execute(work.conn())
    .await?;
    tell_raised(work, place, (id, 1), finding);
    after(work, place, id, finding).await
}

fn tell_raised(work: &mut Work, place: Place<'_>, (id, version): (Uuid, u64), finding: &Finding) {
    let raised = DetectionRaised {
        detection_id: DetectionId(id),
        connection_id: place.connection,
        claim_type: finding.claim_type.name(),
        marketplace: finding.marketplace.code().to_owned(),
        status: status_name(finding.status).to_owned(),
        units: finding.units,
        expected: finding.expected_value,
        closes_at: finding.window.as_ref().map(|window| window.closes_at),
    };
    work.emit(place.cause, version, &raised);
}

/// The snake-case name of a plain enum.
fn name_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Timers for the moments at which the detection changes by itself, and a look by claims.
async fn after(work: &mut Work, place: Place<'_>, id: Uuid, finding: &Finding) -> Result<(), sqlx::Error> {
    let mut moments: Vec<DateTime<Utc>> = Vec::new();
    if let Some(window) = &finding.window {
        moments.extend([window.opens_at, window.closes_at + chrono::TimeDelta::seconds(1)]);
        moments.extend(window.auto_until);
        // Amazon looks for units for sixty days at most.
        moments.push(finding.marketplace.start_of(window.clock_start + Days::new(61)));
    }
    moments.extend(finding.safe_file_by);
    detection_timer::set(work, place.cause, DetectionId(id), &moments).await?;
    consider_detection::enqueue(work, place.cause, DetectionId(id)).await
}

async fn change(
    work: &mut Work,
    place: Place<'_>,
    was: &Known,
    finding: &Finding,
    loaded: &Loaded,
) -> Result<(), sqlx::Error> {
    let Place { connection, cause } = place;
    let known: Vec<&str> = was.arithmetic.lines().collect();
    let new: Vec<&str> = finding.arithmetic.iter().map(String::as_str).filter(|step| !known.contains(step)).collect();
    let reason = if new.is_empty() { format!("{} now", status_name(finding.status)) } else { new.join("; ") };
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE detections SET units = $3, unit_value_minor = $4, expected_minor = $5, currency = $6, basis = $7, safe_file_by = $8,
             status = $9::text::detection_status, arithmetic = $10, rows = $11, reason = $12, changed_at = $13, version = version + 1
         WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        was.id,
        finding.units,
        finding.unit_value.map(|money| money.minor),
        finding.expected_value.map(|money| money.minor),
        finding.expected_value.or(finding.unit_value).map(|money| money.currency.code().to_owned()),
        name_of(&finding.basis),
        finding.safe_file_by,
        status_name(finding.status),
        finding.arithmetic.join("\n"),
        rows_of(finding, loaded),
        reason,
        now,
    )
    .execute(work.conn())
    .await?;
    let (detection_id, version) = (DetectionId(was.id), u64::from(was.version.unsigned_abs()) + 1);
    if finding.status == Status::Expired {
        work.emit(cause, version, &DetectionExpired { detection_id, connection_id: connection });
    } else if was.status == "resolved_by_amazon" {
        tell_raised(work, place, (was.id, version), finding);
    } else {
        let changed = DetectionChanged {
            detection_id,
            connection_id: connection,
            status: status_name(finding.status).to_owned(),
            units: finding.units,
            units_before: was.units,
            expected: finding.expected_value,
            reason,
        };
        work.emit(cause, version, &changed);
    }
    after(work, place, was.id, finding).await
}

async fn resolve(work: &mut Work, place: Place<'_>, was: &Known, loaded: &Loaded) -> Result<(), sqlx::Error> {
    let mut paid: Vec<String> = Vec::new();
    for row in loaded.rows.values().filter(|row| row.kind == Kind::Reimbursement) {
        if let Ok(Some(crate::detection::Fact::Reimbursement(paid_back))) = row.fact()
            && !paid_back.is_reversal()
            && concerns(&was.natural_key, &paid_back)
        {
            paid.push(paid_back.reimbursement_id);
        }
    }
    paid.sort_unstable();
    paid.truncate(10);
    let settled = if paid.is_empty() { String::new() } else { format!(" (reimbursements {})", paid.join(", ")) };
    let reason = format!("{} owed before; rows that arrived since settle all of it{settled}", was.units);
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE detections SET status = 'resolved_by_amazon', reason = $3, changed_at = $4, version = version + 1
         WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        was.id,
        reason,
        now,
    )
    .execute(work.conn())
    .await?;
    let (detection_id, connection_id) = (DetectionId(was.id), place.connection);
    let version = u64::from(was.version.unsigned_abs()) + 1;
    work.emit(place.cause, version, &DetectionResolved { detection_id, connection_id, reason });
    consider_detection::enqueue(work, place.cause, detection_id).await
}

/// Whether a reimbursement is about what a natural key names.
fn concerns(natural_key: &str, paid: &crate::reports::Reimbursement) -> bool {
    let names = |name: &str| !name.is_empty() && natural_key.contains(&format!(" {name}"));
    names(&paid.fnsku) && paid.order_id.is_none()
        || natural_key.contains(&format!("/fnsku {}/", paid.fnsku)) && paid.order_id.is_none()
        || paid.order_id.as_deref().is_some_and(names)
}

/// What is expected, as money.
pub fn expected(minor: Option<i64>, currency: Option<&str>) -> Option<Money> {
    Some(Money::new(minor?, Currency::try_new(currency?).ok()?))
}
