//! A document is forgotten: its bytes are deleted, what was read of it too. What it was, and that it was deleted, stays on record.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::DocumentId;
use shared_events::evidence::{DeleteDocument, DocumentDeleted};

use crate::{discard_object, forget_matches};

/// SQLSTATE `restrict_violation`: the database itself holds documents that are in sealed packets.
const HELD: &str = "23001";

/// Handles [`DeleteDocument`].
pub struct Delete;

impl Handles<DeleteDocument> for Delete {
    async fn handle(&self, work: &mut Work, message: &Delivered<DeleteDocument>) -> Result<Outcome, Failure> {
        let (command, cause) = (&message.data, Cause::from(&message.envelope));
        // First the requests that it concerns, then the document: whoever locks both locks them in this order.
        forget_matches::forget(work, &cause, command.document_id).await?;
        let Some((version, object)) = mark_deleted(work, command.document_id).await? else {
            return Err(Failure::reject("document_not_found", "there is no such document, or it is deleted already"));
        };
        let tenant = work.tenant().clone();
        sqlx::query!(
            "DELETE FROM readings WHERE tenant = $1 AND document_id = $2",
            tenant.as_str(),
            command.document_id.0
        )
        .execute(work.conn())
        .await?;
        sqlx::query!("DELETE FROM known_objects WHERE object = $1", object).execute(work.conn()).await?;
        discard_object::enqueue(work, &cause, &object).await?;
        let deleted = DocumentDeleted { document_id: command.document_id, reason: command.reason.clone() };
        work.emit(&cause, version, &deleted);
        Ok(Outcome::ids(&serde_json::json!({ "document_id": command.document_id })))
    }
}

/// The new version, and the object that nobody needs any more; none when there is no such document.
async fn mark_deleted(work: &mut Work, id: DocumentId) -> Result<Option<(u64, String)>, Failure> {
    let tenant = work.tenant().clone();
    let deleted = sqlx::query!(
        "UPDATE documents SET state = 'deleted', rule = NULL, reason = NULL, version = version + 1
         WHERE tenant = $1 AND id = $2 AND state <> 'deleted' RETURNING version, object",
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await;
    match deleted {
        Ok(row) => Ok(row.map(|row| (u64::from(row.version.unsigned_abs()), row.object))),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(HELD) => {
            Err(Failure::reject("document_held_conflict", "a sealed proof packet holds this document"))
        }
        Err(error) => Err(error.into()),
    }
}
