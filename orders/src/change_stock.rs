//! Goods come in and are counted; from when on to reorder.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::orders::{ChangeStock, StockChange};
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};
use crate::reorder;
use crate::stock::{self, Movement};

/// Most pieces that a movement may be of.
const MOST_PIECES: i64 = 1_000_000_000;

/// Handles [`ChangeStock`].
pub struct ChangeIt;

/// A stock row under lock.
#[derive(Clone, Copy)]
struct Item {
    on_hand: i64,
    reserved: i64,
    safety: i64,
    reorder_point: i64,
    reorder_quantity: i64,
}

impl Item {
    fn is_low(&self) -> bool {
        self.reorder_quantity > 0 && self.on_hand - self.reserved - self.safety <= self.reorder_point
    }

    fn shown(&self) -> serde_json::Value {
        serde_json::json!({
            "on_hand": self.on_hand, "reserved": self.reserved, "safety": self.safety, "reorder_point": self.reorder_point,
            "reorder_quantity": self.reorder_quantity
        })
    }
}

impl Handles<ChangeStock> for ChangeIt {
    async fn handle(&self, work: &mut Work, message: &Delivered<ChangeStock>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let item = lock(work, data).await?;
        let mut after = item;
        match data.change {
            StockChange::Receive(quantity) => {
                check(quantity, 1, "quantity")?;
                self.post(work, data, "received", quantity).await?;
                after.on_hand += quantity;
                if reorder::receive(work, &data.sku, &data.warehouse_id, quantity).await? && after.is_low() {
                    // It came in and was not enough: the next is asked for.
                    reorder::enqueue(work, &cause, &data.sku, &data.warehouse_id).await?;
                }
            }
            StockChange::Count(counted) => {
                check(counted, 0, "quantity")?;
                if counted < item.reserved {
                    let detail =
                        format!("{} are set aside for orders; release them before counting fewer", item.reserved);
                    return Err(Rejection::new("stock_conflict", detail).at("quantity").into());
                }
                self.post(work, data, "counted", counted - item.on_hand).await?;
                after.on_hand = counted;
            }
            StockChange::Rule { reorder_point, reorder_quantity, safety } => {
                for (field, value) in
                    [("reorder_point", reorder_point), ("reorder_quantity", reorder_quantity), ("safety", safety)]
                {
                    check(value, 0, field)?;
                }
                rule(work, data, reorder_point, reorder_quantity, safety).await?;
                reorder::drop_open(work, &data.sku, &data.warehouse_id).await?;
                after = Item { reorder_point, reorder_quantity, safety, ..item };
            }
        }
        // A new rule is said in any case; a movement only where it crosses the point.
        let is_rule = matches!(data.change, StockChange::Rule { .. });
        let taken = (!is_rule).then_some(item.on_hand - after.on_hand);
        stock::suggest(work, &cause, &data.sku, &data.warehouse_id, taken).await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "change_stock",
            subject: format!("{} in {}", data.sku, data.warehouse_id),
            before: item.shown(),
            after: after.shown(),
            why: &data.reference,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({
            "sku": data.sku, "warehouse_id": data.warehouse_id, "on_hand": after.on_hand, "reserved": after.reserved,
            "available": (after.on_hand - after.reserved - after.safety).max(0)
        })))
    }
}

fn check(value: i64, least: i64, field: &str) -> Result<(), Rejection> {
    if (least..=MOST_PIECES).contains(&value) {
        return Ok(());
    }
    Err(Rejection::new("invalid_quantity", format!("must be from {least} to {MOST_PIECES}")).at(field))
}

impl ChangeIt {
    async fn post(&self, work: &mut Work, data: &ChangeStock, kind: &'static str, on_hand: i64) -> Result<(), Failure> {
        let movement = Movement {
            sku: &data.sku,
            warehouse: &data.warehouse_id,
            kind,
            on_hand,
            reserved: 0,
            order: None,
            movement: Some(data.movement_id.0),
            reference: Some(&data.reference),
            who: data.by.as_str(),
        };
        Ok(stock::post(work, &movement).await?)
    }
}

/// Locks the row, which is made when the warehouse has had none of the article yet.
async fn lock(work: &mut Work, data: &ChangeStock) -> Result<Item, Failure> {
    let tenant = work.tenant().clone();
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM warehouses WHERE tenant = $1 AND id = $2) AS "known!""#,
        tenant.as_str(),
        data.warehouse_id,
    )
    .fetch_one(work.conn())
    .await?;
    if !known {
        return Err(Rejection::new("unknown_warehouse", "there is no such warehouse").at("warehouse_id").into());
    }
    sqlx::query!(
        "INSERT INTO stock_items (tenant, sku, warehouse_id, on_hand, reserved) VALUES ($1, $2, $3, 0, 0) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        data.sku,
        data.warehouse_id,
    )
    .execute(work.conn())
    .await?;
    let item = sqlx::query_as!(
        Item,
        "SELECT on_hand, reserved, safety, reorder_point, reorder_quantity FROM stock_items WHERE tenant = $1 AND sku = $2 AND warehouse_id = $3 FOR UPDATE",
        tenant.as_str(),
        data.sku,
        data.warehouse_id,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(item)
}

async fn rule(work: &mut Work, data: &ChangeStock, point: i64, quantity: i64, safety: i64) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE stock_items SET reorder_point = $4, reorder_quantity = $5, safety = $6, version = version + 1
         WHERE tenant = $1 AND sku = $2 AND warehouse_id = $3",
        tenant.as_str(),
        data.sku,
        data.warehouse_id,
        point,
        quantity,
        safety,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
