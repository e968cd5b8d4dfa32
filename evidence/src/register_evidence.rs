//! Evidence comes in: a file that the edge has stored, or an address to fetch one from.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{NewJob, RunsJob};
use service_kit::store::{Cause, Work};
use shared_events::DocumentId;
use shared_events::claims::DocumentReceived;
use shared_events::evidence::{EvidenceRegistered, EvidenceSource, RegisterEvidence};

use crate::fetch_evidence::FetchEvidence;
use crate::{document_row, take_attachments};

/// Handles [`RegisterEvidence`].
pub struct Register;

impl Handles<RegisterEvidence> for Register {
    async fn handle(&self, work: &mut Work, message: &Delivered<RegisterEvidence>) -> Result<Outcome, Failure> {
        let document_id = register(work, &message.data, Cause::from(&message.envelope)).await?;
        let ids = serde_json::json!({ "evidence_id": message.data.evidence_id, "document_id": document_id });
        Ok(Outcome::ids(&ids))
    }
}

/// Handles [`DocumentReceived`]: a file that came by mail is evidence as if somebody had sent it.
pub struct Received;

impl Handles<DocumentReceived> for Received {
    async fn handle(&self, work: &mut Work, message: &Delivered<DocumentReceived>) -> Result<Outcome, Failure> {
        let DocumentReceived { evidence_id, file, evidence_type, received_for, .. } = message.data.clone();
        let command = RegisterEvidence {
            evidence_id,
            source: EvidenceSource::File(file),
            campaign_id: None,
            request_id: None,
            evidence_type,
            metadata: serde_json::json!({ "source": "imap" }),
            partner: None,
            submitted_by: received_for,
        };
        register(work, &command, Cause::from(&message.envelope)).await?;
        Ok(Outcome::none())
    }
}

async fn register(work: &mut Work, command: &RegisterEvidence, cause: Cause) -> Result<Option<DocumentId>, Failure> {
    document_row::know_tenant(work).await?;
    let document_id = match &command.source {
        EvidenceSource::File(file) => Some(document_row::keep(work, &cause, command.evidence_id, file).await?),
        EvidenceSource::Url(_) => None,
    };
    if !insert(work, command, document_id, &cause).await? {
        return Err(Failure::reject("evidence_exists", "there is already a submission with this id"));
    }
    work.emit(&cause, 1, &registered(command, document_id));
    if let Some(mail) = document_id {
        // A mail that was here before: its files are.
        take_attachments::pass_on(work, &cause, mail, command.evidence_id).await?;
    }
    if document_id.is_none() {
        let due_at = work.now();
        work.enqueue(NewJob {
            kind: FetchEvidence::KIND,
            key: command.evidence_id.to_string(),
            due_at,
            payload: serde_json::json!({ "evidence_id": command.evidence_id }),
            cause,
        })
        .await?;
    }
    Ok(document_id)
}

fn registered(command: &RegisterEvidence, document_id: Option<DocumentId>) -> EvidenceRegistered {
    EvidenceRegistered {
        evidence_id: command.evidence_id,
        document_id,
        campaign_id: command.campaign_id,
        partner: command.partner.clone(),
        evidence_type: command.evidence_type.clone(),
    }
}

async fn insert(
    work: &mut Work,
    command: &RegisterEvidence,
    document_id: Option<DocumentId>,
    cause: &Cause,
) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let url = match &command.source {
        EvidenceSource::Url(url) => Some(url.as_str()),
        EvidenceSource::File(_) => None,
    };
    let inserted = sqlx::query!(
        "INSERT INTO submissions (tenant, id, state, document_id, url, campaign_id, request_id, evidence_type, metadata, partner, submitted_by,
                                  submitted_at, cause, correlation)
         VALUES ($1, $2, $3::text::submission_state, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        command.evidence_id.0,
        if document_id.is_some() { "received" } else { "fetching" },
        document_id.map(|id| id.0),
        url,
        command.campaign_id.map(|id| id.0),
        command.request_id.map(|id| id.0),
        command.evidence_type,
        command.metadata,
        command.partner.as_ref().map(|partner| partner.as_str()),
        command.submitted_by.as_str(),
        now,
        cause.message.map(|id| id.0).unwrap_or_default(),
        cause.correlation,
    )
    .execute(work.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}
