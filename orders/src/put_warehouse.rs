//! Warehouses that orders are sent from.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::Work;
use shared_events::orders::PutWarehouse;
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};

/// Handles [`PutWarehouse`].
pub struct Put;

impl Handles<PutWarehouse> for Put {
    async fn handle(&self, work: &mut Work, message: &Delivered<PutWarehouse>) -> Result<Outcome, Failure> {
        let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
        for (field, value) in [("cost", data.cost_minor), ("distance_km", data.distance_km)] {
            if value < 0 {
                return Err(Rejection::new("invalid_amount", "must not be negative").at(field).into());
            }
        }
        let before = sqlx::query_scalar!(
            "SELECT to_jsonb(w) - 'tenant' - 'id' - 'updated_at' FROM warehouses w WHERE tenant = $1 AND id = $2 FOR UPDATE",
            tenant.as_str(),
            data.warehouse_id,
        )
        .fetch_optional(work.conn())
        .await?;
        sqlx::query!(
            "INSERT INTO warehouses (tenant, id, name, country, cost_minor, distance_km, is_active, updated_at, marketplace, address)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (tenant, id) DO UPDATE
             SET name = $3, country = $4, cost_minor = $5, distance_km = $6, is_active = $7, updated_at = $8, marketplace = $9, address = $10",
            tenant.as_str(),
            data.warehouse_id,
            data.name,
            data.country,
            data.cost_minor,
            data.distance_km,
            data.is_active,
            now,
            data.marketplace,
            data.address,
        )
        .execute(work.conn())
        .await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "put_warehouse",
            subject: data.warehouse_id.clone(),
            before: before.flatten().unwrap_or_else(|| serde_json::json!({})),
            after: serde_json::json!({
                "name": data.name, "country": data.country, "cost_minor": data.cost_minor, "distance_km": data.distance_km,
                "is_active": data.is_active, "marketplace": data.marketplace, "address": data.address
            }),
            why: data.reason.as_deref().unwrap_or_default(),
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "warehouse_id": data.warehouse_id })))
    }
}
