//! `GET /api/recoveries/{id}` and `/{id}/status`: a claim with its evidence, its history and its money.

use axum::Json as Answer;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::ClaimId;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::claim_row;
use crate::claiming::checklist::{Checklist, Line};
use crate::claiming::letter::Letter;
use crate::recovery_money::{self, AmountView, Fee, Payout};
use crate::send_claim::letter_of;
use crate::{READERS, State as App};

/// One line of a claim's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct Step {
    /// Counts them.
    pub version: i32,
    /// What happened: `claim_prepared`, `claim_queued`, ...
    pub event: String,
    /// Where the claim stood then.
    pub status: String,
    /// Who did it; absent when the service did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What was told.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// When.
    pub at: DateTime<Utc>,
}

/// One sending of a claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct Submission {
    /// Which, counted from 1.
    pub attempt: i32,
    /// By which channel.
    pub channel: String,
    /// `queued`, `sending`, `handed_over` (to a person), `accepted`, `refused`, `unknown`, `not_sent`, `dropped`.
    pub outcome: String,
    /// How often it was tried.
    pub tries: i32,
    /// Whether it goes on in a case.
    pub is_appeal: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The packet that was handed over with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_id: Option<Uuid>,
    /// When it was put in line.
    pub queued_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
}

/// What proves a claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct Evidence {
    /// The request for proof that evidence has for it.
    pub request_id: Uuid,
    /// What it has to bring along, and what of it is there.
    pub checklist: Vec<Line>,
    /// The document that was matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<Uuid>,
    /// With which probability it proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Who said so: a model's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The packet that goes along with the text, to be had from evidence (`/api/v1/evidence/packets/{id}/download`); a draft, and marked so,
    /// while no money has arrived. Absent as long as nobody was handed the claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed_packet_id: Option<Uuid>,
    /// The sealed proof packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_id: Option<Uuid>,
}

/// A claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recovery {
    /// The claim.
    pub id: Uuid,
    /// Where it stands.
    #[schema(example = "submitted")]
    pub status: String,
    /// What it is about.
    pub claim_type: String,
    /// Of which detection.
    pub detection_id: Uuid,
    /// Whose account.
    pub connection_id: Uuid,
    /// Country code.
    pub marketplace: String,
    /// What it is about.
    #[schema(value_type = Object)]
    pub subject: Value,
    /// Units.
    pub units: i64,
    /// What is claimed.
    pub amount: AmountView,
    /// How that was worked out.
    pub arithmetic: String,
    /// The version of the policy that it cites.
    pub policy_version: String,
    /// When the clock started.
    pub clock_start: NaiveDate,
    /// From when on it can be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<DateTime<Utc>>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DateTime<Utc>>,
    /// By which channel it goes.
    pub channel: String,
    /// Whether the service decided by itself to send it.
    pub automatic: bool,
    /// The marketplace's number of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_id: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<String>,
    /// What was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<AmountView>,
    /// The text, ready to paste.
    pub letter: Letter,
    /// What proves it.
    pub evidence: Evidence,
    /// Its sendings.
    pub submissions: Vec<Submission>,
    /// Money that came, or was taken back.
    pub payouts: Vec<Payout>,
    /// Fees and credits.
    pub fees: Vec<Fee>,
    /// What happened, oldest first.
    pub timeline: Vec<Step>,
}

/// Where a claim stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// The claim.
    pub id: Uuid,
    /// Where it stands.
    pub status: String,
    /// What is missing before it can be sent.
    pub missing: Vec<String>,
    /// The marketplace's number of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_id: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<String>,
    /// Until when it can be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DateTime<Utc>>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// One claim, with its evidence, its history and its money.
#[utoipa::path(get, path = "/api/recoveries/{id}", tag = "claims", operation_id = "read_recovery",
    params(("id" = Uuid, Path, description = "The claim")), security(("bearer" = [])),
    responses((status = 200, description = "The claim", body = Recovery)))]
pub async fn read_recovery(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Answer<Recovery>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let claim = claim_row::look(&mut work, ClaimId(id)).await?.ok_or_else(Problem::not_found)?;
    let letter = letter_of(&claim);
    let submissions = submissions(&mut work, id).await?;
    Ok(Answer(Recovery {
        payouts: recovery_money::payouts(&mut work, id).await?,
        fees: recovery_money::fees(&mut work, id).await?,
        timeline: timeline(&mut work, id).await?,
        id,
        amount: AmountView::of(claim.amount_minor, &claim.currency),
        status: claim.state_name,
        claim_type: claim.claim_type,
        detection_id: claim.detection_id,
        connection_id: claim.connection_id,
        marketplace: claim.marketplace,
        subject: claim.subject.0,
        units: claim.units,
        arithmetic: claim.arithmetic,
        policy_version: claim.policy_version,
        clock_start: claim.clock_start,
        opens_at: claim.opens_at,
        deadline: claim.closes_at,
        channel: claim.channel,
        automatic: claim.automatic,
        case_id: claim.case_id,
        denial: claim.denial,
        approved: claim.approved_minor.map(|minor| AmountView::of(minor, &claim.currency)),
        letter,
        evidence: Evidence {
            request_id: id,
            checklist: claim.checklist.0.0,
            document_id: claim.document_id,
            probability: claim.probability,
            model: claim.model,
            handed_packet_id: submissions.iter().rev().find_map(|sent| sent.packet_id),
            packet_id: claim.packet_id,
        },
        submissions,
    }))
}

/// Where a claim stands.
#[utoipa::path(get, path = "/api/recoveries/{id}/status", tag = "claims", operation_id = "read_recovery_status",
    params(("id" = Uuid, Path, description = "The claim")), security(("bearer" = [])),
    responses((status = 200, description = "Where it stands", body = Status)))]
pub async fn read_recovery_status(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Answer<Status>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query!(
        r#"SELECT state::text AS "state!", checklist AS "checklist: Json<Checklist>", case_id,
                  denial, closes_at, changed_at
           FROM claims WHERE tenant = $1 AND id = $2"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(Problem::not_found)?;
    Ok(Answer(Status {
        id,
        status: row.state,
        missing: row.checklist.missing().map(|item| item.name()).collect(),
        case_id: row.case_id,
        denial: row.denial,
        deadline: row.closes_at,
        updated_at: row.changed_at,
    }))
}

async fn timeline(work: &mut Work, claim: Uuid) -> Result<Vec<Step>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Step,
        r#"SELECT version, kind AS event, state::text AS "status!", actor, detail, at FROM claim_events
           WHERE tenant = $1 AND claim_id = $2 ORDER BY version LIMIT 1000"#,
        tenant.as_str(),
        claim,
    )
    .fetch_all(work.conn())
    .await
}

async fn submissions(work: &mut Work, claim: Uuid) -> Result<Vec<Submission>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Submission,
        "SELECT attempt, channel, state AS outcome, tries, is_appeal, problem, packet_id, queued_at, ended_at
         FROM claim_submissions
         WHERE tenant = $1 AND claim_id = $2 ORDER BY attempt LIMIT 100",
        tenant.as_str(),
        claim,
    )
    .fetch_all(work.conn())
    .await
}
