//! What runs low is written down to be ordered, where that is switched on: one request at a time for an article in a warehouse, until the
//! goods came in. Nothing is ordered from anybody here; people, or whoever reads the list, do that.

use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work, new_id};

use crate::config::Parts;

/// Has it written down that an article runs low in a warehouse, if it still does by then.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, sku: &str, warehouse: &str) -> Result<(), sqlx::Error> {
    let payload = serde_json::json!({ "sku": sku, "warehouse_id": warehouse });
    let key = serde_json::json!([work.tenant().as_str(), sku, warehouse]).to_string();
    let due_at = work.now();
    work.enqueue(NewJob { kind: AskReorder::KIND, key, due_at, payload, cause: cause.clone() }).await
}

/// Goods came in: they count towards the open request. Whether one was closed by them.
///
/// # Errors
/// When the database is away.
pub async fn receive(work: &mut Work, sku: &str, warehouse: &str, quantity: i64) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let closed = sqlx::query_scalar!(
        r#"UPDATE reorder_requests SET received = received + $4,
                  state = CASE WHEN received + $4 >= quantity THEN 'received' ELSE 'open' END,
                  closed_at = CASE WHEN received + $4 >= quantity THEN $5::timestamptz END
           WHERE tenant = $1 AND sku = $2 AND warehouse_id = $3 AND state = 'open' RETURNING state = 'received' AS "closed!""#,
        tenant.as_str(),
        sku,
        warehouse,
        quantity,
        now,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(closed.unwrap_or(false))
}

/// The rule is another now: what was asked for by the old one is not asked for any more.
///
/// # Errors
/// When the database is away.
pub async fn drop_open(work: &mut Work, sku: &str, warehouse: &str) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE reorder_requests SET state = 'dropped', closed_at = $4
         WHERE tenant = $1 AND sku = $2 AND warehouse_id = $3 AND state = 'open'",
        tenant.as_str(),
        sku,
        warehouse,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Writes a request down, if requests are switched on, the article still runs low, and none is open.
pub struct AskReorder {
    /// What that needs.
    pub parts: Parts,
}

impl RunsJob for AskReorder {
    const KIND: &'static str = "orders.ask_reorder";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let text = |name: &str| job.payload[name].as_str().map(str::to_owned);
        let (Some(sku), Some(warehouse)) = (text("sku"), text("warehouse_id")) else {
            return Err(Failure::reject("malformed", "the job names no article and warehouse"));
        };
        let mut work = store.read(&job.tenant).await?;
        if self.parts.config.reorders {
            let (tenant, now) = (work.tenant().clone(), work.now());
            // The stock row is locked, so that goods that come in meanwhile find the request or prevent it.
            sqlx::query!(
                "WITH low AS (
                     SELECT reorder_quantity, on_hand - reserved - safety AS available FROM stock_items
                     WHERE tenant = $1 AND sku = $2 AND warehouse_id = $3 AND reorder_quantity > 0
                       AND on_hand - reserved - safety <= reorder_point FOR UPDATE)
                 INSERT INTO reorder_requests (tenant, id, sku, warehouse_id, quantity, available, state, asked_at)
                 SELECT $1, $4, $2, $3, reorder_quantity, available, 'open', $5 FROM low
                 ON CONFLICT (tenant, sku, warehouse_id) WHERE state = 'open' DO NOTHING",
                tenant.as_str(),
                sku,
                warehouse,
                new_id(now),
                now,
            )
            .execute(work.conn())
            .await?;
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}
