//! Writes a new order: its row, its lines, and the marks of the cards that it may be paid with.

use chrono::{DateTime, Utc};
use service_kit::handler::{Delivered, Failure};
use service_kit::store::Work;
use shared_events::orders::{Marks, PlaceOrder};
use shared_events::{Currency, OrderId};

use crate::domain::status::Status;
use crate::domain::totals::{Given, Totals, share_out};
use crate::place_order::{Priced, number};

/// Writes the order itself; its place among all orders.
pub(crate) async fn insert(
    work: &mut Work,
    message: &Delivered<PlaceOrder>,
    currency: Currency,
    totals: &Totals,
    given: Given,
    rates_version: &str,
) -> Result<i64, Failure> {
    let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
    let given = serde_json::json!({
        "tax_basis_points": given.tax_basis_points, "tax_minor": given.tax_minor, "shipping_minor": given.shipping_minor
    });
    let seq = sqlx::query_scalar!(
        "INSERT INTO orders (tenant, id, customer_id, channel, status, currency, subtotal_minor, tax_minor, shipping_minor, grand_minor, given,
                rates_version, payment_method, shipping_method, ship_country, private_sealed, card_mark, address_mark, device_mark, addresses,
                disposable_mail, click_id, coupon, placed_by, placed_at, updated_at, next_at, correlation)
         VALUES ($1, $2, $3, $4, $5::text::order_status, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
                 $25, $25, $25, $26)
         ON CONFLICT DO NOTHING RETURNING seq",
        tenant.as_str(),
        data.order_id.0,
        data.customer_id,
        data.channel.name(),
        Status::Placed.name(),
        currency.code(),
        totals.subtotal,
        totals.tax,
        totals.shipping,
        totals.grand,
        given,
        rates_version,
        data.payment_method,
        data.shipping_method,
        data.ship_country,
        data.private,
        data.marks.card,
        data.marks.address,
        data.marks.device,
        data.marks.addresses,
        data.marks.disposable_mail,
        data.click_id,
        data.coupon,
        data.placed_by.as_str(),
        now,
        message.envelope.correlation,
    )
    .fetch_optional(work.conn())
    .await?;
    seq.ok_or_else(|| Failure::reject("order_exists", "this order was placed before"))
}

/// Keeps the marks of every card that an order may be paid with. `seq` and `placed_at` are the order's.
pub(crate) async fn insert_cards(
    work: &mut Work,
    order: OrderId,
    marks: &Marks,
    seq: i64,
    placed_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let cards: Vec<String> = marks.card.iter().chain(&marks.more_cards).cloned().collect();
    if cards.is_empty() {
        return Ok(());
    }
    let tenant = work.tenant().clone();
    sqlx::query!(
        "INSERT INTO order_cards (tenant, order_id, mark, placed_at, seq) SELECT $1, $2, mark, $4, $5 FROM unnest($3::text[]) AS mark
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        order.0,
        &cards,
        placed_at,
        seq,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Keeps them in place of those before.
///
/// # Errors
/// When the database is away.
pub async fn replace_cards(work: &mut Work, order: OrderId, marks: &Marks) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!("DELETE FROM order_cards WHERE tenant = $1 AND order_id = $2", tenant.as_str(), order.0)
        .execute(work.conn())
        .await?;
    let row = sqlx::query!("SELECT seq, placed_at FROM orders WHERE tenant = $1 AND id = $2", tenant.as_str(), order.0)
        .fetch_one(work.conn())
        .await?;
    insert_cards(work, order, marks, row.seq, row.placed_at).await
}

/// Writes its lines, each with its part of the tax.
pub(crate) async fn insert_lines(
    work: &mut Work,
    data: &PlaceOrder,
    lines: &[Priced],
    totals: &Totals,
) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let nets: Vec<i64> = lines.iter().map(|line| line.quantity * line.unit.minor).collect();
    let taxes = share_out(totals.tax, &nets);
    let numbers: Vec<i32> = (0..lines.len()).map(number).collect();
    let texts = |of: fn(&Priced) -> String| lines.iter().map(of).collect::<Vec<_>>();
    let products: Vec<Option<String>> = lines.iter().map(|line| line.product_id.clone()).collect();
    let (skus, names) = (texts(|line| line.sku.clone()), texts(|line| line.name.clone()));
    let amounts = |of: fn(&Priced) -> i64| lines.iter().map(of).collect::<Vec<_>>();
    let (quantities, units) = (amounts(|line| line.quantity), amounts(|line| line.unit.minor));
    let grams = amounts(|line| line.grams * line.quantity);
    let pricings: Vec<Option<serde_json::Value>> = lines
        .iter()
        .map(|line| line.pricing.as_ref().map(serde_json::to_value).transpose())
        .collect::<Result<_, _>>()
        .map_err(anyhow::Error::from)?;
    sqlx::query!(
        "INSERT INTO order_lines (tenant, order_id, line, product_id, sku, name, quantity, unit_minor, net_minor, tax_minor, grams, pricing)
         SELECT $1, $2, * FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
                                      $11::bigint[], $12::jsonb[])",
        tenant.as_str(),
        data.order_id.0,
        &numbers,
        &products as &[Option<String>],
        &skus,
        &names,
        &quantities,
        &units,
        &nets,
        &taxes,
        &grams,
        &pricings as &[Option<serde_json::Value>],
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
