//! Gathers what a packet tells about a request from the database.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use service_kit::handler::Failure;
use service_kit::store::Work;
use shared_events::evidence::{ProofSubject, WrappedKey};
use shared_events::{Currency, Money, ProofRequestId};
use sqlx::types::Json;
use uuid::Uuid;

use crate::matching::decision;
use crate::packet::contents::{Amount, Claim, Contents, Document, Invoice, Payout, Policy, document_path};
use crate::packet_story;
use crate::reading;

/// Documents in a packet at most.
const MOST_DOCUMENTS: i64 = 1_000;

/// Where a document's bytes are.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The document.
    pub id: Uuid,
    /// In the object store.
    pub object: String,
    /// What it is encrypted with.
    pub key: WrappedKey,
    /// How many plain bytes.
    pub bytes: u64,
}

/// A document with the row that it came from.
pub(crate) struct DocumentRow {
    pub document: Document,
    pub submitted_by: Option<String>,
    pub parser: Option<String>,
    pub read_at: Option<DateTime<Utc>>,
}

/// What a packet about a request tells now. Its documents cannot be deleted before the end of the
/// transaction. `None` when there is no such request.
///
/// # Errors
/// When the database is away, or holds what cannot be.
pub async fn gather(work: &mut Work, request: ProofRequestId) -> Result<Option<Contents>, Failure> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT claim_type, reference, subject AS "subject: Json<ProofSubject>", source_rows AS "source_rows: Json<Vec<serde_json::Value>>",
                  policy, requested_by, state::text AS "state!", requested_at
           FROM proof_requests WHERE tenant = $1 AND id = $2"#,
        tenant.as_str(),
        request.0,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let documents = documents(work, request).await?;
    let payouts = payouts(work, request).await?;
    let timeline_of_request = (row.requested_at, row.requested_by.clone());
    let (matching, timeline) = packet_story::tell(work, request, timeline_of_request, &documents, &payouts).await?;
    let claim = Claim {
        request_id: request.0,
        claim_type: row.claim_type,
        reference: row.reference,
        tenant: tenant.to_string(),
        requested_by: row.requested_by,
        requested_at: row.requested_at,
        state: row.state,
        claimed: row.subject.amount.map(Amount::from),
        subject: readable(&row.subject)?,
        payouts,
        documents: documents.iter().map(|row| row.document.clone()).collect(),
    };
    let policy = Policy {
        cited: row.policy,
        automatic_from: decision::AUTOMATIC,
        asked_from: decision::PROMPT,
        too_close: decision::TOO_CLOSE,
    };
    Ok(Some(Contents { claim, timeline, rows: row.source_rows.0, matching, policy }))
}

/// The subject with its amount as people write it.
fn readable(subject: &ProofSubject) -> Result<serde_json::Value, Failure> {
    let mut value = serde_json::to_value(subject).map_err(anyhow::Error::from)?;
    if let (Some(amount), Some(fields)) = (subject.amount, value.as_object_mut()) {
        fields.insert("amount".to_owned(), Amount::from(amount).text().into());
    }
    Ok(value)
}

/// The documents that prove the request, and those that were sent for it and not refused, in the order in which they came.
async fn documents(work: &mut Work, request: ProofRequestId) -> Result<Vec<DocumentRow>, Failure> {
    let tenant = work.tenant().clone();
    // Locked, so that nobody deletes one between this and the sealing.
    let rows = sqlx::query!(
        r#"SELECT d.id, d.sha256, d.bytes, d.media_type, d.file_name, d.received_at, d.read_at,
                  (SELECT s.submitted_by FROM submissions s WHERE s.tenant = $1 AND s.document_id = d.id ORDER BY s.seq LIMIT 1) AS submitted_by,
                  (SELECT r.parser FROM readings r WHERE r.tenant = $1 AND r.document_id = d.id) AS parser,
                  (SELECT r.invoice FROM readings r WHERE r.tenant = $1 AND r.document_id = d.id) AS "invoice: Json<reading::invoice::Invoice>"
           FROM documents d
           WHERE d.tenant = $1 AND d.state <> 'deleted' AND d.id IN (
               SELECT document_id FROM matches WHERE tenant = $1 AND request_id = $2 AND latest AND NOT shadow AND ended = 'proved'
               UNION
               SELECT s.document_id FROM submissions s WHERE s.tenant = $1 AND s.request_id = $2 AND s.state = 'received' AND NOT EXISTS (
                   SELECT FROM matches m WHERE m.tenant = $1 AND m.request_id = $2 AND m.document_id = s.document_id AND m.latest
                                           AND NOT m.shadow AND m.ended = 'refused'))
           ORDER BY d.seq LIMIT $3 FOR SHARE OF d"#,
        tenant.as_str(),
        request.0,
        MOST_DOCUMENTS,
    )
    .fetch_all(work.conn())
    .await?;
    let mut documents = Vec::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        let sha256 = row.sha256.parse().map_err(|_| anyhow::anyhow!("document {} has no SHA-256", row.id))?;
        let bytes = row.bytes.unsigned_abs();
        documents.push(DocumentRow {
            document: Document {
                document_id: row.id,
                path: document_path(at + 1, row.id, &row.media_type),
                in_packet: None,
                file_name: row.file_name,
                media_type: row.media_type,
                bytes,
                sha256,
                received_at: row.received_at,
                invoice: row.invoice.map(|invoice| head(&invoice)),
            },
            submitted_by: row.submitted_by,
            parser: row.parser,
            read_at: row.read_at,
        });
    }
    Ok(documents)
}

fn head(invoice: &reading::invoice::Invoice) -> Invoice {
    Invoice {
        issuer: invoice.issuer.as_ref().map(|found| found.value.clone()),
        number: invoice.number.as_ref().map(|found| found.value.clone()),
        dated: invoice.date.as_ref().map(|found| found.value.date),
        gross: invoice.gross.as_ref().map(|found| found.value.into()),
    }
}

async fn payouts(work: &mut Work, request: ProofRequestId) -> Result<Vec<Payout>, Failure> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT amount_minor, currency, units, reference, paid_at FROM request_payouts WHERE tenant = $1 AND request_id = $2 ORDER BY paid_at, seq",
        tenant.as_str(),
        request.0,
    )
    .fetch_all(work.conn())
    .await?;
    let mut payouts = Vec::with_capacity(rows.len());
    for row in rows {
        let currency = Currency::try_new(&row.currency).map_err(anyhow::Error::from)?;
        let amount = Money::new(row.amount_minor, currency).into();
        let units = u32::try_from(row.units).ok().filter(|units| *units > 0);
        payouts.push(Payout { amount, units, reference: row.reference, paid_at: row.paid_at });
    }
    Ok(payouts)
}

/// Says of each document that an earlier sealed packet of the request holds already where that is.
///
/// # Errors
/// When the database is away.
pub async fn refer_to_earlier(work: &mut Work, contents: &mut Contents) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT h.document_id, h.packet_id, h.path FROM packet_documents h JOIN packets p ON p.tenant = $1 AND p.id = h.packet_id
         WHERE h.tenant = $1 AND h.sealed AND p.request_id = $2",
        tenant.as_str(),
        contents.claim.request_id,
    )
    .fetch_all(work.conn())
    .await?;
    let held: BTreeMap<Uuid, (Uuid, String)> =
        rows.into_iter().map(|row| (row.document_id, (row.packet_id, row.path))).collect();
    for document in &mut contents.claim.documents {
        if let Some((packet, path)) = held.get(&document.document_id) {
            document.in_packet = Some(*packet);
            document.path.clone_from(path);
        }
    }
    Ok(())
}
