//! One detection as it is written down: raised, changed, resolved; each with its event, its timers and a look by claims.

use chrono::{DateTime, Days, Utc};
use service_kit::store::Work;
use shared_events::DetectionId;
use shared_events::claims::{DetectionChanged, DetectionExpired, DetectionRaised, DetectionResolved};
use shared_events::ids::derive;
use uuid::Uuid;

use crate::books_of::Loaded;
use crate::consider_detection;
use crate::detection::{Finding, Status};
use crate::detection_row::{RowView, SubjectView};
use crate::detection_timer;
use crate::kind::Kind;
use crate::write_detections::{Known, Place, status_name};

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

/// Writes a detection down that was not known, with `generation` counting those of its natural key.
///
/// # Errors
/// When the database is away.
pub(crate) async fn raise(
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

/// Brings a detection up to what is found now, and says what became different.
///
/// # Errors
/// When the database is away.
pub(crate) async fn change(
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

/// Ends a detection of which nothing is owed any more.
///
/// # Errors
/// When the database is away.
pub(crate) async fn resolve(
    work: &mut Work,
    place: Place<'_>,
    was: &Known,
    loaded: &Loaded,
) -> Result<(), sqlx::Error> {
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
