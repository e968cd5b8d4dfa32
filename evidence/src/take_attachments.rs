//! The files in a mail become documents of their own: each is stored, recognised by its content and read like any other, and whoever sent
//! the mail has sent them. The mail itself is kept as it came.
//!
//! Killed in between, the job runs again; what it had stored by then is an object without a row, which is swept.

use anyhow::Context;
use providers::files::{Files, Refused};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::store::{Cause, Store, Work};
use shared_events::evidence::{EvidenceRegistered, StoredFile};
use shared_events::{CampaignId, DocumentId, EvidenceId, PartnerId, TenantId, ids};
use uuid::Uuid;

use crate::document_row;
use crate::read_document::{self, ReadDocument};
use crate::reading::apart::{self, Limits};
use crate::reading::mail::{Enclosed, Mail};
use crate::reading::refusal::Refusal;

/// Submissions of one mail whose purposes its files take over.
const MOST_SUBMISSIONS: i64 = 50;

/// A file of a mail that is in the store: its place in the mail, from 1.
type Stored = (i32, StoredFile);

impl ReadDocument {
    /// Takes the files out of a mail and keeps each as a document.
    pub(crate) async fn take_attachments(
        &self,
        store: &Store,
        job: &Job,
        mail: DocumentId,
        bytes: Vec<u8>,
        again: bool,
    ) -> Result<(), Failure> {
        let opened = self.apart(job, move |program| apart::open_mail(program, &bytes, Limits::default())).await?;
        let (taken, left) = match &opened {
            Ok(Mail { files, left }) => {
                let (taken, refused) = store_all(&self.files, &job.tenant, files).await?;
                (taken, left + refused)
            }
            Err(_) => (Vec::new(), 0),
        };
        faults::point("evidence.attachments_stored");
        let mut work = store.read(&job.tenant).await?;
        match &opened {
            Ok(_) => keep(&mut work, &job.cause, mail, &taken, left, again).await?,
            Err(refusal) => read_document::refuse(&mut work, job, mail, refusal, again).await?,
        }
        job.finish(&mut work).await?;
        work.commit().await?;
        tracing::info!(document.id = %mail, taken = taken.len(), left, again, "mail opened");
        Ok(())
    }
}

/// Stores the files that can be documents; how many cannot.
async fn store_all(files: &Files, tenant: &TenantId, enclosed: &[Enclosed]) -> Result<(Vec<Stored>, usize), Failure> {
    let (mut stored, mut refused) = (Vec::new(), 0);
    for (file, position) in enclosed.iter().zip(1..) {
        let bytes = file.bytes().context("the reader's answer is broken")?;
        let mut intake = files.intake(tenant);
        let finished = match intake.push(&bytes).await {
            Ok(()) => intake.finish(file.name.clone()).await,
            Err(refused) => Err(refused),
        };
        match finished {
            Ok(file) => stored.push((position, file)),
            Err(away @ (Refused::Store(_) | Refused::Vault(_))) => return Err(anyhow::Error::from(away).into()),
            Err(other) => {
                tracing::info!(reason = other.code(), "a file of a mail is not taken");
                refused += 1;
            }
        }
    }
    // In one order, whatever the mail's: two mails with the same files lock them in the same order.
    stored.sort_by(|(_, one), (_, other)| one.sha256.cmp(&other.sha256));
    Ok((stored, refused))
}

async fn keep(
    work: &mut Work,
    cause: &Cause,
    mail: DocumentId,
    taken: &[Stored],
    left: usize,
    again: bool,
) -> Result<(), Failure> {
    let (tenant, said) = (work.tenant().clone(), words(taken.len(), left));
    if again {
        crate::read_again::note(work, mail, None).await?;
    }
    // This locks the mail: a submission that comes meanwhile waits, and then finds what is written here.
    let opened = Refusal::kept("mail", said);
    if read_document::settle(work, mail, "kept", Some(&opened), again).await?.is_none() {
        return Ok(());
    }
    let submissions = submissions(work, mail).await?;
    // A document has come with the mail's first submission, even where that was only fetched.
    let first = submissions.first().copied().unwrap_or(mail.0);
    for (position, file) in taken {
        let id = document_row::keep(work, cause, evidence_id(&tenant, first, *position), file).await;
        let id = id.map_err(|failure| Failure::Retry(anyhow::anyhow!("a file of a mail is not kept: {failure:?}")))?;
        sqlx::query!(
            "INSERT INTO document_attachments (tenant, mail_id, position, document_id, file_name) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            mail.0,
            position,
            id.0,
            file.file_name,
        )
        .execute(work.conn())
        .await?;
    }
    for submission in submissions {
        pass_on(work, cause, mail, EvidenceId(submission)).await?;
    }
    Ok(())
}

fn words(taken: usize, left: usize) -> String {
    let counted = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    match (taken, left) {
        (0, 0) => "a mail without files".to_owned(),
        (taken, 0) => format!("a mail; {} in it became documents", counted(taken)),
        (0, left) => format!("a mail; {} in it cannot be documents", counted(left)),
        (taken, left) => format!("a mail; {} in it became documents, {} did not", counted(taken), counted(left)),
    }
}

async fn submissions(work: &mut Work, mail: DocumentId) -> Result<Vec<Uuid>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        "SELECT id FROM submissions WHERE tenant = $1 AND document_id = $2 AND state = 'received' ORDER BY seq LIMIT $3",
        tenant.as_str(),
        mail.0,
        MOST_SUBMISSIONS,
    )
    .fetch_all(work.conn())
    .await
}

/// The submission of a file that came with the submission of a mail.
fn evidence_id(tenant: &TenantId, submission: Uuid, position: i32) -> EvidenceId {
    EvidenceId(ids::derive(&["attachment", tenant.as_str(), &submission.to_string(), &position.to_string()]))
}

/// Makes a submission of each file of a mail, for the purposes of a submission of the mail; nothing for what is no mail, or is not opened yet.
///
/// # Errors
/// When the database is away.
pub(crate) async fn pass_on(
    work: &mut Work,
    cause: &Cause,
    mail: DocumentId,
    submission: EvidenceId,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let files = sqlx::query!(
        "SELECT position, document_id FROM document_attachments WHERE tenant = $1 AND mail_id = $2 ORDER BY position",
        tenant.as_str(),
        mail.0,
    )
    .fetch_all(work.conn())
    .await?;
    for file in files {
        let id = evidence_id(&tenant, submission.0, file.position);
        let made = sqlx::query!(
            "INSERT INTO submissions (tenant, id, state, document_id, campaign_id, request_id, evidence_type, metadata, partner, submitted_by,
                                      submitted_at, cause, correlation)
             SELECT $1, $3, 'received', $4, s.campaign_id, s.request_id, s.evidence_type, $5, s.partner, s.submitted_by, $6, $7, $8
             FROM submissions s WHERE s.tenant = $1 AND s.id = $2
             ON CONFLICT DO NOTHING RETURNING campaign_id, partner, evidence_type",
            tenant.as_str(),
            submission.0,
            id.0,
            file.document_id,
            serde_json::json!({ "source": "attachment", "mail": mail }),
            now,
            cause.message.map(|id| id.0).unwrap_or_default(),
            cause.correlation,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(made) = made else { continue };
        let registered = EvidenceRegistered {
            evidence_id: id,
            document_id: Some(DocumentId(file.document_id)),
            campaign_id: made.campaign_id.map(CampaignId),
            partner: made.partner.and_then(|partner| PartnerId::try_new(partner).ok()),
            evidence_type: made.evidence_type,
        };
        work.emit(cause, 1, &registered);
    }
    Ok(())
}
