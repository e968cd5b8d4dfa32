//! Deletes an object that nobody needs: its bytes came twice, or its document was deleted.

use anyhow::Context;
use providers::objects::{ObjectKey, Objects};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};

/// Job: deletes one object.
pub struct DiscardObject {
    /// Where it is.
    pub objects: Objects,
}

/// Has an object deleted, if the transaction commits.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, object: &str) -> Result<(), sqlx::Error> {
    let due_at = work.now();
    let payload = serde_json::json!({ "object": object });
    work.enqueue(NewJob { kind: DiscardObject::KIND, key: object.to_owned(), due_at, payload, cause: cause.clone() })
        .await
}

impl RunsJob for DiscardObject {
    const KIND: &'static str = "evidence.discard_object";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let object = job.payload["object"].as_str().context("the job names no object")?;
        let kept = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM known_objects WHERE object = $1 AND swept_at IS NULL) AS "kept!""#,
            object
        )
        .fetch_one(store.pool())
        .await?;
        if kept {
            tracing::warn!(object, "an object was to be discarded that a document needs");
            return Ok(());
        }
        let key = ObjectKey::try_new(object).context("the job names no object")?;
        self.objects.delete(&key).await.context("deleting an object")?;
        Ok(())
    }
}
