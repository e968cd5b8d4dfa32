//! Documents as they are stored: kept once however often their bytes come, found again, forgotten.

use service_kit::handler::Failure;
use service_kit::jobs::{NewJob, RunsJob};
use service_kit::store::{Cause, Work};
use shared_events::evidence::{DocumentReceived, StoredFile};
use shared_events::{DocumentId, EvidenceId};

use crate::discard_object;
use crate::read_document::ReadDocument;

/// Makes a stored file a document of the tenant, or finds the one that has the same bytes. The file that is one too many is discarded.
///
/// # Errors
/// When the database is away. A rejection when the object was swept in the meantime.
pub async fn keep(
    work: &mut Work,
    cause: &Cause,
    evidence_id: EvidenceId,
    file: &StoredFile,
) -> Result<DocumentId, Failure> {
    let id = DocumentId::of(work.tenant(), &file.sha256);
    let Some(version) = insert(work, cause, id, file).await? else {
        discard_object::enqueue(work, cause, &file.object).await?;
        return Ok(id);
    };
    if !is_ours(work, &file.object).await? {
        return Err(Failure::reject("upload_expired", "the file was not registered in time; upload it again"));
    }
    let received = DocumentReceived {
        document_id: id,
        evidence_id,
        sha256: file.sha256.clone(),
        bytes: file.bytes,
        media_type: file.media_type,
    };
    work.emit(cause, version, &received);
    let due_at = work.now();
    work.enqueue(NewJob {
        kind: ReadDocument::KIND,
        key: id.to_string(),
        due_at,
        payload: serde_json::json!({ "document_id": id }),
        cause: cause.clone(),
    })
    .await?;
    Ok(id)
}

/// The version of the document that this file makes (or brings back, when it was deleted); none when its bytes are here already.
async fn insert(work: &mut Work, cause: &Cause, id: DocumentId, file: &StoredFile) -> Result<Option<u64>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = sqlx::query_scalar!(
        "INSERT INTO documents AS old (tenant, id, sha256, bytes, media_type, file_name, object, key_master, key_wrapped, state, received_at,
                                       cause, correlation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'received', $10, $11, $12)
         ON CONFLICT (tenant, id) DO UPDATE SET file_name = excluded.file_name, object = excluded.object, key_master = excluded.key_master,
                key_wrapped = excluded.key_wrapped, state = 'received', rule = NULL, reason = NULL, received_at = excluded.received_at,
                read_at = NULL, cause = excluded.cause, correlation = excluded.correlation, version = old.version + 1
         WHERE old.state = 'deleted'
         RETURNING version",
        tenant.as_str(),
        id.0,
        file.sha256,
        i64::try_from(file.bytes).unwrap_or(i64::MAX),
        file.media_type.name(),
        file.file_name,
        file.object,
        file.key.master,
        file.key.wrapped,
        now,
        cause.message.map(|id| id.0).unwrap_or_default(),
        cause.correlation,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(version.map(|version| u64::from(version.unsigned_abs())))
}

/// Takes an object for a document, unless the sweep was faster.
async fn is_ours(work: &mut Work, object: &str) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!("INSERT INTO known_objects (object) VALUES ($1) ON CONFLICT DO NOTHING", object)
        .execute(work.conn())
        .await?;
    if taken.rows_affected() == 1 {
        return Ok(true);
    }
    let kept =
        sqlx::query_scalar!(r#"SELECT swept_at IS NULL AS "kept!" FROM known_objects WHERE object = $1"#, object)
            .fetch_optional(work.conn())
            .await?;
    Ok(kept.unwrap_or_default())
}

/// Counts one more event about a document, whose row the caller has locked; returns the new version.
///
/// # Errors
/// When the database is away.
pub(crate) async fn count(work: &mut Work, id: DocumentId) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE documents SET version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id.0,
    );
    Ok(u64::from(version.fetch_one(work.conn()).await?.unsigned_abs()))
}

/// Makes sure that sweeps look after this tenant.
///
/// # Errors
/// When the database is away.
pub async fn know_tenant(work: &mut Work) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant.as_str())
        .execute(work.conn())
        .await?;
    Ok(())
}
