//! A manager has a document read once more: after the reader got better, or when it could not be read for reasons of the day.
//!
//! What was read before stays until something else was read ([`crate::read_again`]); what is sealed stays as it is.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{NewJob, RunsJob};
use service_kit::store::{Cause, Work};
use shared_events::evidence::RereadDocument;

use crate::read_document::ReadDocument;

/// Handles [`RereadDocument`].
pub struct Reread;

impl Handles<RereadDocument> for Reread {
    async fn handle(&self, work: &mut Work, message: &Delivered<RereadDocument>) -> Result<Outcome, Failure> {
        let id = message.data.document_id;
        let (tenant, due_at) = (work.tenant().clone(), work.now());
        let version = sqlx::query_scalar!(
            "SELECT version FROM documents WHERE tenant = $1 AND id = $2 AND state <> 'deleted'",
            tenant.as_str(),
            id.0,
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(|| Failure::reject("document_not_found", "there is no such document, or it is deleted"))?;
        // A job of its own beside the first reading, which may have been given up; asked for twice, it is read once.
        work.enqueue(NewJob {
            kind: ReadDocument::KIND,
            key: format!("{id}/again/{version}"),
            due_at,
            payload: serde_json::json!({ "document_id": id, "again": true }),
            cause: Cause::from(&message.envelope),
        })
        .await?;
        Ok(Outcome::ids(&serde_json::json!({ "document_id": id })))
    }
}
