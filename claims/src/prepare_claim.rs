//! A detection was raised or changed: a claim is prepared of it, follows it as long as it is not sent, or is taken back.

use anyhow::Context;
use serde_json::Value;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::claims::{ClaimPrepared, ProofWanted};
use shared_events::evidence::ProofSubject;
use shared_events::money::Money;
use shared_events::{ClaimId, DetectionId, Subject, ids};
use sqlx::types::Json;
use uuid::Uuid;

use crate::claim_row::{self, Claim, currency};
use crate::claiming::checklist::Checklist;
use crate::claiming::state::State;
use crate::detection_row::{self, Detection};
use crate::drop_claim::{self, Why};
use crate::kind::Kind;
use crate::policy::ClaimType;
use crate::weigh_claim::weigh;
use crate::{claim_settings, claim_timers, consider_detection, hold_units};

/// The column of the report of returns that names the unit.
const LICENSE_PLATE: &str = "license-plate-number";

/// Looks at one detection.
pub struct Consider;

impl RunsJob for Consider {
    const KIND: &'static str = consider_detection::KIND;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: Uuid = serde_json::from_value(job.payload["detection_id"].clone()).context("which detection")?;
        let mut work = store.read(&job.tenant).await?;
        let looked = consider(&mut work, &job.cause, DetectionId(id)).await?;
        if !looked {
            // Other claims have the units: nothing of this transaction may stay.
            drop(work);
            work = store.read(&job.tenant).await?;
            tracing::info!(detection.id = %id, "no claim: another claim has some of its units");
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

/// Looks at a detection; `false`, and nothing of the transaction may be kept, when other claims have some of its units.
///
/// # Errors
/// When the database is away.
pub async fn consider(work: &mut Work, cause: &Cause, id: DetectionId) -> Result<bool, Failure> {
    let Some(detection) = detection_row::lock(work, id).await? else { return Ok(true) };
    let (newest, count) = claim_row::of_detection(work, id).await?;
    let dropped = newest.as_ref().is_some_and(|claim| claim.dropped_by.is_some());
    let open = newest.filter(|claim| claim.state().holds_units());
    match (detection.status.as_str(), open) {
        ("claimable", None) if !dropped => prepare(work, cause, &detection, count).await,
        ("claimable", Some(claim)) if claim.state().is_unsent() => follow(work, cause, &detection, claim).await,
        ("claimable" | "claimed", _) | (_, None) => Ok(true),
        (status, Some(mut claim)) if claim.state().is_unsent() => {
            let reason = detection.reason.clone().unwrap_or_else(|| format!("the detection is {status}"));
            let why = if status == "expired" { Why::Expired } else { Why::Withdrawn(&reason) };
            drop_claim::drop_it(work, cause, &mut claim, why).await?;
            Ok(true)
        }
        _ => Ok(true),
    }
}

/// What a detection has to have before it can be claimed: a value, a date and units.
fn value_of(detection: &Detection) -> Option<(Money, chrono::NaiveDate)> {
    let minor = detection.expected_minor.filter(|minor| *minor > 0 && detection.units > 0)?;
    let code = detection.currency.as_deref()?;
    Some((Money::new(minor, currency(code)), detection.clock_start?))
}

fn keys(detection: &Detection) -> Vec<String> {
    detection.rows.iter().map(|row| row.key.clone()).collect()
}

/// What a claim says that it is about: the detection's subject, and the licence plate of the unit that came back, where the row of the
/// return names it.
fn subject_of(detection: &Detection) -> Result<Value, Failure> {
    let mut subject = serde_json::to_value(&detection.subject.0).context("the subject")?;
    let plate = detection.rows.iter().filter(|row| row.report == Kind::Return.name()).find_map(|row| {
        let at = row.columns.iter().position(|name| name == LICENSE_PLATE)?;
        row.raw.split('\t').nth(at).map(str::trim).filter(|plate| !plate.is_empty())
    });
    if let Some(plate) = plate {
        subject["license_plate"] = plate.into();
    }
    Ok(subject)
}

fn checklist(detection: &Detection) -> Result<Checklist, Failure> {
    let claim_type: ClaimType =
        serde_json::from_value(serde_json::json!(detection.claim_type)).context("a known kind of claim")?;
    let subject = subject_of(detection)?;
    let rows: Vec<(&str, &str)> = detection.rows.iter().map(|row| (row.report.as_str(), row.key.as_str())).collect();
    Ok(Checklist::of(claim_type, &subject, &rows))
}

async fn prepare(work: &mut Work, cause: &Cause, detection: &Detection, count: usize) -> Result<bool, Failure> {
    let Some((amount, clock_start)) = value_of(detection) else { return Ok(true) };
    let (tenant, now) = (work.tenant().clone(), work.now());
    let id = ids::derive(&["claim", tenant.as_str(), &detection.id.to_string(), &count.to_string()]);
    let asked = match claim_settings::settings(work).await?.asked {
        Some(asked) => asked,
        None => owner(work, detection.connection_id).await?,
    };
    sqlx::query!("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant.as_str())
        .execute(work.conn())
        .await?;
    sqlx::query!(
        "INSERT INTO claims (tenant, id, detection_id, connection_id, claim_type, marketplace, subject, units, amount_minor, currency,
                             arithmetic, policy_version, clock_start, opens_at, closes_at, rows, checklist, asked, channel, state,
                             correlation, created_at, changed_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 'assisted', 'evidence_pending', $19, $20, $20, 0)",
        tenant.as_str(),
        id,
        detection.id,
        detection.connection_id,
        detection.claim_type,
        detection.marketplace,
        Json(subject_of(detection)?) as _,
        detection.units,
        amount.minor,
        amount.currency.code(),
        detection.arithmetic,
        detection.policy_version.as_deref().unwrap_or("unknown"),
        clock_start,
        detection.opens_at,
        detection.closes_at,
        &keys(detection),
        Json(checklist(detection)?) as _,
        asked,
        cause.correlation,
        now,
    )
    .execute(work.conn())
    .await?;
    let mut claim = claim_row::lock(work, ClaimId(id)).await?;
    if !hold_units::hold(work, &claim, &detection.rows).await? {
        return Ok(false);
    }
    detection_row::link(work, claim.detection(), Some(claim.claim_id())).await?;
    let prepared = ClaimPrepared {
        claim_id: claim.claim_id(),
        detection_id: claim.detection(),
        claim_type: claim.claim_type.clone(),
        units: claim.units,
        amount,
        closes_at: claim.closes_at,
    };
    claim.tell(work, cause, &prepared).await?;
    want_proof(work, cause, &mut claim, detection).await?;
    claim_timers::expire_at_the_end(work, cause, &claim).await?;
    weigh(work, cause, &mut claim, "the claim was prepared").await?;
    Ok(true)
}

async fn want_proof(work: &mut Work, cause: &Cause, claim: &mut Claim, detection: &Detection) -> Result<(), Failure> {
    let subject = &detection.subject;
    let wanted = ProofWanted {
        claim_id: claim.claim_id(),
        claim_type: claim.claim_type.clone(),
        subject: ProofSubject {
            order_id: subject.order_id.clone().or_else(|| subject.shipment_id.clone()),
            sku: subject.sku.clone().or_else(|| subject.fnsku.clone()),
            quantity: Some(claim.units),
            amount: Some(claim.amount()),
            order_date: None,
            dispute_date: Some(claim.clock_start),
            ..ProofSubject::default()
        },
        source_rows: detection.rows.iter().filter_map(|row| serde_json::to_value(row).ok()).collect(),
        policy: serde_json::json!({
            "version": claim.policy_version, "opens_at": claim.opens_at, "closes_at": claim.closes_at,
            "certainty": detection.certainty, "arithmetic": claim.arithmetic,
        }),
        asked: Subject::try_new(claim.asked.clone()).context("who is asked")?,
    };
    // The rows stand in the claim and in evidence's request; its history need not repeat them.
    let detail = serde_json::json!({ "rows": wanted.source_rows.len(), "asked": wanted.asked });
    claim.tell_with(work, cause, &wanted, detail).await
}

async fn owner(work: &mut Work, connection: Uuid) -> Result<String, sqlx::Error> {
    let tenant = work.tenant().clone();
    let owner = sqlx::query_scalar!(
        "SELECT connected_by FROM connections WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        connection
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(owner.unwrap_or_else(|| "claims".to_owned()))
}

/// An unsent claim becomes what the detection is now.
async fn follow(work: &mut Work, cause: &Cause, detection: &Detection, mut claim: Claim) -> Result<bool, Failure> {
    let Some((amount, _)) = value_of(detection) else {
        drop_claim::drop_it(work, cause, &mut claim, Why::Withdrawn("nothing of value is left")).await?;
        return Ok(true);
    };
    let (rows, list) = (keys(detection), checklist(detection)?.keeping(&claim.checklist));
    let same = claim.units == detection.units
        && claim.amount() == amount
        && claim.rows == rows
        && claim.checklist.0 == list
        && claim.closes_at == detection.closes_at;
    // What is in line already is sent as it was decided upon, or not at all: it leaves the line when it became less.
    if same {
        return Ok(true);
    }
    if claim.state() == State::Queued {
        drop_claim::leave_the_line(work, &mut claim).await?;
    }
    claim.units = detection.units;
    claim.amount_minor = amount.minor;
    claim.arithmetic.clone_from(&detection.arithmetic);
    (claim.opens_at, claim.closes_at) = (detection.opens_at, detection.closes_at);
    claim.rows = rows;
    claim.checklist = Json(list);
    if amount.currency.code() != claim.currency {
        drop_claim::drop_it(work, cause, &mut claim, Why::Withdrawn("its value is in another currency now")).await?;
        return Ok(true);
    }
    if !hold_units::hold(work, &claim, &detection.rows).await? {
        return Ok(false);
    }
    let why = detection.reason.clone().unwrap_or_else(|| "the detection changed".to_owned());
    weigh(work, cause, &mut claim, &why).await?;
    Ok(true)
}
