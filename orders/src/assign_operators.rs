//! Who works in which warehouse: operators see and move what is in theirs, and no more.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::Work;
use shared_events::orders::AssignOperators;
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};

/// Handles [`AssignOperators`].
pub struct Assign;

impl Handles<AssignOperators> for Assign {
    async fn handle(&self, work: &mut Work, message: &Delivered<AssignOperators>) -> Result<Outcome, Failure> {
        let (tenant, data) = (work.tenant().clone(), &message.data);
        // The warehouse's row is locked, so that two assignments do not mix.
        let known = sqlx::query_scalar!(
            "SELECT id FROM warehouses WHERE tenant = $1 AND id = $2 FOR UPDATE",
            tenant.as_str(),
            data.warehouse_id,
        )
        .fetch_optional(work.conn())
        .await?;
        if known.is_none() {
            return Err(Rejection::new("warehouse_not_found", "there is no such warehouse").into());
        }
        let mut before = sqlx::query_scalar!(
            "DELETE FROM warehouse_operators WHERE tenant = $1 AND warehouse_id = $2 RETURNING operator",
            tenant.as_str(),
            data.warehouse_id,
        )
        .fetch_all(work.conn())
        .await?;
        before.sort_unstable();
        let operators: Vec<String> = data.operators.iter().map(ToString::to_string).collect();
        sqlx::query!(
            "INSERT INTO warehouse_operators (tenant, warehouse_id, operator) SELECT DISTINCT $1, $2, operator FROM unnest($3::text[]) operator",
            tenant.as_str(),
            data.warehouse_id,
            &operators,
        )
        .execute(work.conn())
        .await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "assign_operators",
            subject: data.warehouse_id.clone(),
            before: serde_json::json!({ "operators": before }),
            after: serde_json::json!({ "operators": operators }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "warehouse_id": data.warehouse_id, "operators": operators })))
    }
}
