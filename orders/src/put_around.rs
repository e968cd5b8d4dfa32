//! Our own tables of customers and carts, for where no service knows them.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::Work;
use shared_events::orders::{PutCart, PutCustomer};
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};
use crate::place_order::MOST_LINES;

/// Handles [`PutCustomer`].
pub struct PutThem;

impl Handles<PutCustomer> for PutThem {
    async fn handle(&self, work: &mut Work, message: &Delivered<PutCustomer>) -> Result<Outcome, Failure> {
        let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
        let before = sqlx::query_scalar!(
            "SELECT is_active FROM customers WHERE tenant = $1 AND id = $2 FOR UPDATE",
            tenant.as_str(),
            data.customer_id,
        )
        .fetch_optional(work.conn())
        .await?;
        sqlx::query!(
            "INSERT INTO customers (tenant, id, is_active, updated_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, id) DO UPDATE SET is_active = $3, updated_at = $4",
            tenant.as_str(),
            data.customer_id,
            data.is_active,
            now,
        )
        .execute(work.conn())
        .await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "put_customer",
            subject: data.customer_id.clone(),
            before: serde_json::json!({ "is_active": before }),
            after: serde_json::json!({ "is_active": data.is_active }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "customer_id": data.customer_id, "is_active": data.is_active })))
    }
}

/// Handles [`PutCart`].
pub struct PutIt;

impl Handles<PutCart> for PutIt {
    async fn handle(&self, work: &mut Work, message: &Delivered<PutCart>) -> Result<Outcome, Failure> {
        let (tenant, data) = (work.tenant().clone(), &message.data);
        if data.items.len() > MOST_LINES {
            let detail = format!("a cart has at most {MOST_LINES} articles");
            return Err(Rejection::new("invalid_items", detail).at("items").into());
        }
        sqlx::query!(
            "DELETE FROM cart_items WHERE tenant = $1 AND cart_id = $2 AND customer_id = $3",
            tenant.as_str(),
            data.cart_id,
            data.customer_id,
        )
        .execute(work.conn())
        .await?;
        for (index, item) in data.items.iter().enumerate() {
            if item.quantity < 1 {
                let field = format!("items[{index}].quantity");
                return Err(Rejection::new("invalid_quantity", "must be at least 1").at(&field).into());
            }
            sqlx::query!(
                "INSERT INTO cart_items (tenant, cart_id, customer_id, product_id, quantity, seen_price) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (tenant, cart_id, customer_id, product_id) DO UPDATE SET quantity = $5, seen_price = $6",
                tenant.as_str(),
                data.cart_id,
                data.customer_id,
                item.product_id,
                item.quantity,
                item.unit_price,
            )
            .execute(work.conn())
            .await?;
        }
        Ok(Outcome::ids(&serde_json::json!({ "cart_id": data.cart_id, "items": data.items.len() })))
    }
}
