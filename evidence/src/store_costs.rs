//! Cost documentation moves into the object store, encrypted as documents are. Until it is there and was read back, its bytes stay in its row,
//! so that it can be had from the moment on at which it is told.

use anyhow::{Context, ensure};
use providers::files::{Files, Place};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::evidence::WrappedKey;
use uuid::Uuid;

use crate::packet_store;

/// Job: stores one cost documentation.
pub struct StoreCosts {
    /// Where it goes.
    pub files: Files,
}

/// Has a cost documentation stored, if the transaction commits.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, id: Uuid) -> Result<(), sqlx::Error> {
    let due_at = work.now();
    let payload = serde_json::json!({ "cost_document_id": id });
    work.enqueue(NewJob { kind: StoreCosts::KIND, key: id.to_string(), due_at, payload, cause: cause.clone() }).await
}

impl RunsJob for StoreCosts {
    const KIND: &'static str = "evidence.store_costs";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: Uuid = serde_json::from_value(job.payload["cost_document_id"].clone()).context("what to store")?;
        let mut work = store.read(&job.tenant).await?;
        let Some((content, place)) = self.place(&mut work, id).await? else { return Ok(()) };
        // The key is on record before anything is encrypted with it: however often this runs, the object is the same.
        work.commit().await?;
        packet_store::put(&self.files, &job.tenant, &place, &content, None).await?;
        let back = self.files.read_whole(&job.tenant, &place).await.context("reading a cost documentation back")?;
        if back != content {
            return Err(anyhow::anyhow!("the cost documentation {id} is not in the store as it was put there").into());
        }
        faults::point("evidence.costs_stored");
        let mut work = store.read(&job.tenant).await?;
        let tenant = work.tenant().clone();
        sqlx::query!("UPDATE cost_documents SET content = NULL WHERE tenant = $1 AND id = $2", tenant.as_str(), id)
            .execute(work.conn())
            .await?;
        job.finish(&mut work).await?;
        work.commit().await?;
        Ok(())
    }
}

impl StoreCosts {
    /// The bytes that wait and the place that they get; none when they wait no more.
    async fn place(&self, work: &mut Work, id: Uuid) -> anyhow::Result<Option<(Vec<u8>, Place)>> {
        let tenant = work.tenant().clone();
        let row = sqlx::query!(
            "SELECT content, object, key_master, key_wrapped FROM cost_documents WHERE tenant = $1 AND id = $2 FOR UPDATE",
            tenant.as_str(),
            id,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some((content, row)) = row.and_then(|mut row| Some((row.content.take()?, row))) else { return Ok(None) };
        let bytes = content.len() as u64;
        if let (Some(object), Some(master), Some(wrapped)) = (row.object, row.key_master, row.key_wrapped) {
            return Ok(Some((content, Place { object, bytes, key: WrappedKey { master, wrapped } })));
        }
        let object = format!("costs/{id}.pdf");
        let key = packet_store::new_key(&self.files, &tenant, &object)?;
        let placed = sqlx::query!(
            "UPDATE cost_documents SET object = $3, key_master = $4, key_wrapped = $5 WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            id,
            object,
            key.master,
            key.wrapped,
        )
        .execute(work.conn())
        .await?;
        ensure!(placed.rows_affected() == 1, "the cost documentation {id} is gone");
        Ok(Some((content, Place { object, bytes, key })))
    }
}
