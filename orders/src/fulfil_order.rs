//! Takes the labels that were bought by hand, so that an order's shipments can leave.

use serde_json::Value;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::OrderId;
use shared_events::orders::FulfilOrder;
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};
use crate::domain::process::Step;
use crate::domain::status::Status;
use crate::order_row::Order;
use crate::{read_order, steer_order};

/// Handles [`FulfilOrder`].
pub struct Fulfil;

impl Handles<FulfilOrder> for Fulfil {
    async fn handle(&self, work: &mut Work, message: &Delivered<FulfilOrder>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock(work, data.order_id).await?;
        let waits = order.standing.status == Status::OnHold && order.progress.next() == Some(Step::BuyLabel);
        if !waits {
            let status = order.standing.status.name();
            let step = order.progress.next().map_or("its end", Step::name);
            let detail = format!("the order is {status} at {step}; it does not wait for labels");
            return Err(Rejection::new("order_state_conflict", detail).into());
        }
        let tenant = work.tenant().clone();
        let before = labels(work, order.id).await?;
        for (index, label) in data.shipments.iter().enumerate() {
            let named = sqlx::query!(
                "UPDATE shipments SET state = 'labelled', carrier = $4, tracking_number = $5
                 WHERE tenant = $1 AND order_id = $2 AND number = $3 AND state IN ('planned', 'labelled')
                   AND ($6::text[] IS NULL OR warehouse_id = ANY($6))",
                tenant.as_str(),
                order.id.0,
                label.shipment,
                label.carrier,
                label.tracking_number,
                data.only_in.as_deref(),
            )
            .execute(work.conn())
            .await?;
            if named.rows_affected() == 0 {
                let detail = format!("the order has no shipment {} that waits", label.shipment);
                return Err(Rejection::new("unknown_shipment", detail)
                    .at(&format!("shipments[{index}].shipment"))
                    .into());
            }
        }
        let open = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM shipments WHERE tenant = $1 AND order_id = $2 AND state = 'planned'"#,
            tenant.as_str(),
            order.id.0,
        )
        .fetch_one(work.conn())
        .await?;
        // Parcels of other warehouses wait for those who work there.
        let waits_for_others = data.only_in.is_some() && !data.shipments.is_empty();
        if open > 0 && !waits_for_others {
            let detail = format!("{open} shipment(s) still wait for carrier and tracking number");
            return Err(Rejection::new("order_state_conflict", detail).at("shipments").into());
        }
        if open == 0 {
            steer_order::go_on(work, &cause, &mut order, data.by.as_str()).await?;
        }
        let entry = Entry {
            who: data.by.as_str(),
            what: "fulfil",
            subject: order.id.to_string(),
            before: serde_json::json!({ "shipments": before }),
            after: serde_json::json!({ "shipments": labels(work, order.id).await? }),
            why: "labels were named by hand",
        };
        audit::write(work, entry).await?;
        let shown = read_order::short(work, data.order_id).await?;
        Ok(Outcome::ids(&shown))
    }
}

/// The labels of an order's shipments, for the audit.
async fn labels(work: &mut Work, order: OrderId) -> Result<Value, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT COALESCE(jsonb_agg(jsonb_build_object('shipment', number, 'carrier', carrier, 'tracking_number', tracking_number) ORDER BY number),
                  '[]') AS "labels!" FROM shipments WHERE tenant = $1 AND order_id = $2"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_one(work.conn())
    .await
}
