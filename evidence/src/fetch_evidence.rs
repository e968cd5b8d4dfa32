//! Fetches a file from the address that a submission names, behind the guard of [`providers::fetch`].
//!
//! Killed in between, the job runs again; what it had stored by then is an object without a row, which is swept.

use anyhow::Context;
use providers::fetch::{FetchError, Fetcher};
use providers::files::{Files, Refused};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Store, Work};
use shared_events::evidence::{EvidenceRegistered, EvidenceRejected, StoredFile};
use shared_events::{CampaignId, EvidenceId, PartnerId};
use uuid::Uuid;

use crate::{discard_object, document_row, take_attachments};

/// Attempts before an address that does not answer is given up: they take a good minute together.
const MOST_ATTEMPTS: i32 = 6;

/// Job: fetches one file.
pub struct FetchEvidence {
    /// Behind the guard.
    pub fetcher: Fetcher,
    /// Where files go.
    pub files: Files,
}

/// Why there will be no file.
struct Refusal {
    code: &'static str,
    reason: String,
}

/// What the attempt led to.
enum Attempt {
    Fetched(Box<StoredFile>),
    Refused(Refusal),
    Later(anyhow::Error),
}

struct Submission {
    url: Option<String>,
    campaign_id: Option<Uuid>,
    partner: Option<String>,
    evidence_type: String,
}

impl RunsJob for FetchEvidence {
    const KIND: &'static str = "evidence.fetch";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: EvidenceId =
            serde_json::from_value(job.payload["evidence_id"].clone()).context("the job names no submission")?;
        let mut work = store.read(&job.tenant).await?;
        let Some(submission) = fetching(&mut work, id).await? else { return Ok(()) };
        // No transaction stays open while somebody else's server answers.
        drop(work);
        let attempt = self.attempt(job, submission.url.as_deref().unwrap_or_default()).await;
        let mut work = store.read(&job.tenant).await?;
        match attempt {
            Attempt::Later(error) if job.attempt < MOST_ATTEMPTS => return Err(error.into()),
            Attempt::Later(error) => {
                let reason = format!("tried {MOST_ATTEMPTS} times: {error}");
                reject(&mut work, job, id, &Refusal { code: "fetch_failed", reason }).await?;
            }
            Attempt::Refused(refusal) => reject(&mut work, job, id, &refusal).await?,
            Attempt::Fetched(file) => receive(&mut work, job, id, submission, &file).await?,
        }
        job.finish(&mut work).await?;
        work.commit().await?;
        Ok(())
    }
}

impl FetchEvidence {
    async fn attempt(&self, job: &Job, url: &str) -> Attempt {
        let fetched = async {
            let mut coming = self.fetcher.fetch(url).await?;
            let mut intake = self.files.intake(&job.tenant);
            while let Some(piece) = coming.piece().await? {
                if let Err(refused) = intake.push(&piece).await {
                    return Ok(Err(refused));
                }
            }
            Ok(intake.finish(coming.file_name.take()).await)
        };
        match fetched.await {
            Ok(Ok(file)) => Attempt::Fetched(Box::new(file)),
            Ok(Err(refused)) => refused.into(),
            Err(FetchError::Refused { code, reason }) => Attempt::Refused(Refusal { code, reason }),
            Err(FetchError::Failed(reason)) => Attempt::Later(anyhow::anyhow!(reason)),
        }
    }
}

impl From<Refused> for Attempt {
    fn from(refused: Refused) -> Self {
        match refused.code() {
            Some(code) => Self::Refused(Refusal { code, reason: refused.to_string() }),
            None => {
                Self::Later(anyhow::anyhow!("the file cannot be stored for the moment").context(refused.to_string()))
            }
        }
    }
}

async fn fetching(work: &mut Work, id: EvidenceId) -> Result<Option<Submission>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Submission,
        "SELECT url, campaign_id, partner, evidence_type FROM submissions WHERE tenant = $1 AND id = $2 AND state = 'fetching'",
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await
}

async fn receive(
    work: &mut Work,
    job: &Job,
    id: EvidenceId,
    submission: Submission,
    file: &StoredFile,
) -> Result<(), Failure> {
    let document_id = document_row::keep(work, &job.cause, id, file).await?;
    let Some(version) = settle(work, id, "received", Some(document_id.0), None).await? else {
        // Another worker was faster, with an object of its own.
        return Ok(discard_object::enqueue(work, &job.cause, &file.object).await?);
    };
    let registered = EvidenceRegistered {
        evidence_id: id,
        document_id: Some(document_id),
        campaign_id: submission.campaign_id.map(CampaignId),
        partner: submission.partner.and_then(|partner| PartnerId::try_new(partner).ok()),
        evidence_type: submission.evidence_type,
    };
    work.emit(&job.cause, version, &registered);
    take_attachments::pass_on(work, &job.cause, document_id, id).await?;
    tracing::info!(evidence.id = %id, document.id = %document_id, bytes = file.bytes, "evidence fetched");
    Ok(())
}

async fn reject(work: &mut Work, job: &Job, id: EvidenceId, refusal: &Refusal) -> Result<(), Failure> {
    let Some(version) = settle(work, id, "rejected", None, Some(refusal)).await? else { return Ok(()) };
    let rejected = EvidenceRejected { evidence_id: id, code: refusal.code.to_owned(), reason: refusal.reason.clone() };
    work.emit(&job.cause, version, &rejected);
    tracing::info!(evidence.id = %id, code = refusal.code, "evidence rejected");
    Ok(())
}

/// Ends the fetching of a submission; returns its new version, or none when it had ended before.
async fn settle(
    work: &mut Work,
    id: EvidenceId,
    state: &str,
    document_id: Option<Uuid>,
    refusal: Option<&Refusal>,
) -> Result<Option<u64>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE submissions SET state = $3::text::submission_state, document_id = $4, code = $5, reason = $6, version = version + 1
         WHERE tenant = $1 AND id = $2 AND state = 'fetching' RETURNING version",
        tenant.as_str(),
        id.0,
        state,
        document_id,
        refusal.map(|refusal| refusal.code),
        refusal.map(|refusal| refusal.reason.as_str()),
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(version.map(|version| u64::from(version.unsigned_abs())))
}
