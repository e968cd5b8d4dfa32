//! The local catalogue: what is sold, at what price.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::Work;
use shared_events::orders::PutProduct;
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};

/// Handles [`PutProduct`].
pub struct Put;

impl Handles<PutProduct> for Put {
    async fn handle(&self, work: &mut Work, message: &Delivered<PutProduct>) -> Result<Outcome, Failure> {
        let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
        if data.unit_price.minor < 0 {
            return Err(Rejection::new("invalid_amount", "must not be negative").at("unit_price").into());
        }
        if data.grams < 0 {
            return Err(Rejection::new("invalid_weight", "must not be negative").at("grams").into());
        }
        let taken = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM products WHERE tenant = $1 AND sku = $2 AND product_id <> $3) AS "taken!""#,
            tenant.as_str(),
            data.sku,
            data.product_id,
        )
        .fetch_one(work.conn())
        .await?;
        if taken {
            return Err(Rejection::new("sku_taken", "another product has this sku").at("sku").into());
        }
        let before = sqlx::query_scalar!(
            "SELECT jsonb_build_object('sku', sku, 'name', name, 'unit_minor', unit_minor, 'currency', currency, 'grams', grams, 'is_active', is_active)
             FROM products WHERE tenant = $1 AND product_id = $2 FOR UPDATE",
            tenant.as_str(),
            data.product_id,
        )
        .fetch_optional(work.conn())
        .await?;
        sqlx::query!(
            "INSERT INTO products (tenant, product_id, sku, name, currency, unit_minor, grams, is_active, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (tenant, product_id) DO UPDATE SET sku = $3, name = $4, currency = $5, unit_minor = $6, grams = $7, is_active = $8, updated_at = $9",
            tenant.as_str(),
            data.product_id,
            data.sku,
            data.name,
            data.unit_price.currency.code(),
            data.unit_price.minor,
            data.grams,
            data.is_active,
            now,
        )
        .execute(work.conn())
        .await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "put_product",
            subject: data.product_id.clone(),
            before: before.flatten().unwrap_or_else(|| serde_json::json!({})),
            after: serde_json::json!({
                "sku": data.sku, "name": data.name, "unit_minor": data.unit_price.minor, "currency": data.unit_price.currency.code(),
                "grams": data.grams, "is_active": data.is_active
            }),
            why: data.reason.as_deref().unwrap_or_default(),
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "product_id": data.product_id, "sku": data.sku })))
    }
}
