//! Refunded units by where they had been sent from: back into stock there, or a marketplace's to get back.

use service_kit::handler::Failure;
use service_kit::store::Work;
use shared_events::OrderId;
use shared_events::orders::MarketplaceUnits;

use crate::order_row::Order;
use crate::refund_order::KeptLine;
use crate::stock::{self, Movement};

/// Units of a line that were sent, and those of them that came back.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// The line.
    pub line: i32,
    /// How many were sent.
    pub quantity: i64,
    /// How many of them are back.
    pub returned: i64,
}

/// What was sent of an order's lines, and what of it is back.
///
/// # Errors
/// When the database is away.
pub async fn sent(work: &mut Work, order: OrderId) -> Result<Vec<Sent>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Sent,
        r#"SELECT l.line, l.returned_quantity AS returned, COALESCE((SELECT sum(i.quantity) FROM shipments s
              JOIN shipment_lines i ON i.tenant = s.tenant AND i.shipment_id = s.id
              WHERE s.tenant = l.tenant AND s.order_id = l.order_id AND i.line = l.line AND s.state IN ('dispatched', 'delivered')), 0)::bigint
              AS "quantity!"
           FROM order_lines l WHERE l.tenant = $1 AND l.order_id = $2 ORDER BY l.line"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_all(work.conn())
    .await
}

/// Counts units as back, as far as they were sent and are not back yet; how many of each line that were.
///
/// # Errors
/// When the database is away.
pub async fn count_back(work: &mut Work, order: OrderId, lines: &[(i32, i64)]) -> Result<Vec<(i32, i64)>, sqlx::Error> {
    let (tenant, sent) = (work.tenant().clone(), sent(work, order).await?);
    let mut counted = Vec::with_capacity(lines.len());
    for (line, quantity) in lines {
        let open = sent.iter().find(|sent| sent.line == *line).map_or(0, |sent| sent.quantity - sent.returned);
        let back = (*quantity).min(open);
        sqlx::query!(
            "UPDATE order_lines SET returned_quantity = returned_quantity + $4 WHERE tenant = $1 AND order_id = $2 AND line = $3",
            tenant.as_str(),
            order.0,
            line,
            back,
        )
        .execute(work.conn())
        .await?;
        counted.push((*line, back));
    }
    Ok(counted)
}

/// Goods of a refund are back: those that did not come back before are put where they were sent from.
///
/// # Errors
/// When the database is away.
pub async fn restock(work: &mut Work, order: OrderId, lines: &[KeptLine]) -> Result<(), Failure> {
    let wanted: Vec<(i32, i64)> = lines.iter().map(|(line, quantity, _)| (*line, *quantity)).collect();
    let back = count_back(work, order, &wanted).await?;
    put_back(work, order, &back, "refund", "process").await
}

/// Puts goods back where they were sent from, nowhere more than was sent from there and did not come back before.
///
/// # Errors
/// When the database is away.
pub async fn put_back(
    work: &mut Work,
    order: OrderId,
    lines: &[(i32, i64)],
    reference: &str,
    who: &str,
) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    for (line, quantity) in lines {
        let sent = sqlx::query!(
            r#"SELECT s.warehouse_id, i.quantity, l.sku,
                 (SELECT COALESCE(-sum(g.on_hand), 0)::bigint FROM stock_ledger g WHERE g.tenant = $1 AND g.order_id = $2 AND g.sku = l.sku
                    AND g.warehouse_id = s.warehouse_id AND g.movement IN ('shipped', 'returned')) AS "away!"
             FROM shipments s JOIN shipment_lines i ON i.tenant = s.tenant AND i.shipment_id = s.id
             JOIN order_lines l ON l.tenant = s.tenant AND l.order_id = s.order_id AND l.line = i.line
             WHERE s.tenant = $1 AND s.order_id = $2 AND i.line = $3 AND s.state IN ('dispatched', 'delivered') ORDER BY s.number"#,
            tenant.as_str(),
            order.0,
            line,
        )
        .fetch_all(work.conn())
        .await?;
        let mut left = *quantity;
        for row in sent {
            let back = left.min(row.quantity).min(row.away);
            if back <= 0 {
                continue;
            }
            left -= back;
            let movement = Movement {
                sku: &row.sku,
                warehouse: &row.warehouse_id,
                kind: "returned",
                on_hand: back,
                reserved: 0,
                order: Some(order),
                movement: None,
                reference: Some(reference),
                who,
            };
            stock::post(work, &movement).await?;
        }
    }
    Ok(())
}

/// Which of the refunded units a marketplace had sent. Units of one line that came from several places are taken from marketplaces last.
///
/// # Errors
/// When the database is away.
pub async fn of_marketplaces(
    work: &mut Work,
    order: &Order,
    lines: &[KeptLine],
) -> Result<Vec<MarketplaceUnits>, sqlx::Error> {
    let (tenant, numbers) = (work.tenant().clone(), lines.iter().map(|(line, ..)| *line).collect::<Vec<_>>());
    let sent = sqlx::query!(
        r#"SELECT i.line, l.sku, l.quantity AS ordered, l.refunded_quantity, w.marketplace AS "marketplace!", sum(i.quantity)::bigint AS "sent!"
           FROM shipments s JOIN shipment_lines i ON i.tenant = s.tenant AND i.shipment_id = s.id
           JOIN warehouses w ON w.tenant = s.tenant AND w.id = s.warehouse_id
           JOIN order_lines l ON l.tenant = s.tenant AND l.order_id = s.order_id AND l.line = i.line
           WHERE s.tenant = $1 AND s.order_id = $2 AND i.line = ANY($3) AND s.state IN ('dispatched', 'delivered') AND w.marketplace IS NOT NULL
           GROUP BY i.line, l.sku, l.quantity, l.refunded_quantity, w.marketplace ORDER BY i.line, w.marketplace"#,
        tenant.as_str(),
        order.id.0,
        &numbers,
    )
    .fetch_all(work.conn())
    .await?;
    let mut found = Vec::new();
    for (line, quantity, minor) in lines {
        let of_line: Vec<_> = sent.iter().filter(|row| row.line == *line).collect();
        let by_marketplaces: i64 = of_line.iter().map(|row| row.sent).sum();
        let by_others = of_line.first().map_or(0, |row| row.ordered - by_marketplaces);
        let refunded = of_line.first().map_or(*quantity, |row| row.refunded_quantity);
        let theirs = |refunded: i64| (refunded - by_others).clamp(0, by_marketplaces);
        let mut left = theirs(refunded) - theirs(refunded - quantity);
        for row in of_line {
            let units = left.min(row.sent);
            if units == 0 {
                break;
            }
            left -= units;
            let part = i128::from(*minor) * i128::from(units) / i128::from((*quantity).max(1));
            found.push(MarketplaceUnits {
                marketplace: row.marketplace.clone(),
                line: *line,
                sku: row.sku.clone(),
                quantity: units,
                amount: order.money(i64::try_from(part).unwrap_or(*minor)),
            });
        }
    }
    Ok(found)
}
