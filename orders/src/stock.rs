//! Stock: set aside under the locks of its rows, so that a hundred buyers of the last piece cannot all have it; each movement in the
//! ledger. The database itself keeps `0 <= reserved <= on_hand`.

use std::collections::BTreeMap;

use service_kit::handler::Failure;
use service_kit::store::{Cause, Work, new_id};
use shared_events::OrderId;
use shared_events::orders::{Missing, ReorderSuggested};
use uuid::Uuid;

use crate::domain::allocation::{Warehouse, allocate};
use crate::reorder;

/// One movement of stock.
#[derive(Debug)]
pub struct Movement<'a> {
    /// Which article.
    pub sku: &'a str,
    /// Where.
    pub warehouse: &'a str,
    /// `received`, `counted`, `reserved`, `released`, `shipped` or `returned`.
    pub kind: &'static str,
    /// By how much what is there changes.
    pub on_hand: i64,
    /// By how much what is set aside changes.
    pub reserved: i64,
    /// For which order.
    pub order: Option<OrderId>,
    /// The command that it comes from, where a person sent one.
    pub movement: Option<Uuid>,
    /// The delivery note, or why.
    pub reference: Option<&'a str>,
    /// Who, or `process`.
    pub who: &'a str,
}

/// How an attempt to set stock aside ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Reserved {
    /// In so many warehouses.
    In(usize),
    /// It does not suffice.
    Short(Vec<Missing>),
}

/// Moves stock and writes it down. The row is there; the database refuses what must not be.
///
/// # Errors
/// When the database is away, or the movement would break the books.
pub async fn post(work: &mut Work, movement: &Movement<'_>) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "WITH moved AS (UPDATE stock_items SET on_hand = on_hand + $6, reserved = reserved + $7, version = version + 1
                        WHERE tenant = $1 AND sku = $3 AND warehouse_id = $4)
         INSERT INTO stock_ledger (tenant, at, sku, warehouse_id, movement, on_hand, reserved, order_id, movement_id, reference, who)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant.as_str(),
        now,
        movement.sku,
        movement.warehouse,
        movement.kind,
        movement.on_hand,
        movement.reserved,
        movement.order.map(|order| order.0),
        movement.movement,
        movement.reference,
        movement.who,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Sets stock aside for an order: the fewest shipments, of those the cheapest, of those the nearest. With `single`, from one warehouse only;
/// with `uses_safety`, also from what warehouses keep back.
///
/// # Errors
/// When the database is away.
pub async fn reserve(
    work: &mut Work,
    cause: &Cause,
    order: OrderId,
    country: &str,
    expires_at: chrono::DateTime<chrono::Utc>,
    single: bool,
    uses_safety: bool,
) -> Result<Reserved, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let lines = sqlx::query!(
        "SELECT line, sku, quantity FROM order_lines WHERE tenant = $1 AND order_id = $2 ORDER BY line",
        tenant.as_str(),
        order.0
    )
    .fetch_all(work.conn())
    .await?;
    // Lines of one article are joined: they draw on the same stock.
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for line in &lines {
        *wanted.entry(line.sku.clone()).or_default() += line.quantity;
    }
    let skus: Vec<String> = wanted.keys().cloned().collect();
    // One order of locking for everybody: by article, then warehouse.
    let rows = sqlx::query!(
        "SELECT s.sku, s.warehouse_id, s.on_hand - s.reserved - CASE WHEN $3 THEN 0 ELSE s.safety END AS \"free!\", w.country, w.cost_minor, w.distance_km
         FROM stock_items s JOIN warehouses w ON w.tenant = s.tenant AND w.id = s.warehouse_id
         WHERE s.tenant = $1 AND s.sku = ANY($2) AND w.is_active ORDER BY s.sku, s.warehouse_id FOR UPDATE OF s",
        tenant.as_str(),
        &skus,
        uses_safety,
    )
    .fetch_all(work.conn())
    .await?;
    let mut warehouses: BTreeMap<String, Warehouse> = BTreeMap::new();
    for row in &rows {
        let distance_km = distance_km(&row.country, country, row.distance_km);
        let entry = warehouses.entry(row.warehouse_id.clone()).or_insert_with(|| Warehouse {
            id: row.warehouse_id.clone(),
            available: vec![0; skus.len()],
            cost_minor: row.cost_minor,
            distance_km,
        });
        if let Some(place) = skus.iter().position(|sku| *sku == row.sku) {
            entry.available[place] = row.free.max(0);
        }
    }
    let amounts: Vec<i64> = wanted.values().copied().collect();
    let mut candidates: Vec<Warehouse> = warehouses.into_values().collect();
    if single {
        candidates.retain(|warehouse| warehouse.available.iter().zip(&amounts).all(|(have, want)| have >= want));
    }
    let parts = match allocate(&amounts, &candidates) {
        Ok(parts) => parts,
        Err(short) => {
            let missing = short.into_iter().map(|(line, quantity)| Missing { sku: skus[line].clone(), quantity });
            return Ok(Reserved::Short(missing.collect()));
        }
    };
    let reservation = new_id(now);
    sqlx::query!(
        "INSERT INTO reservations (tenant, id, order_id, state, expires_at, made_at) VALUES ($1, $2, $3, 'held', $4, $5)",
        tenant.as_str(),
        reservation,
        order.0,
        expires_at,
        now,
    )
    .execute(work.conn())
    .await?;
    let mut used: Vec<usize> = parts.iter().map(|part| part.warehouse).collect();
    used.sort_unstable();
    used.dedup();
    let mut open: Vec<(i32, String, i64)> =
        lines.into_iter().map(|line| (line.line, line.sku, line.quantity)).collect();
    let mut kept = Vec::with_capacity(parts.len());
    for part in &parts {
        let (sku, warehouse) = (&skus[part.line], &candidates[part.warehouse].id);
        let movement = Movement {
            sku,
            warehouse,
            kind: "reserved",
            on_hand: 0,
            reserved: part.quantity,
            order: Some(order),
            movement: None,
            reference: None,
            who: "process",
        };
        post(work, &movement).await?;
        // Back from articles to lines.
        let mut left = part.quantity;
        for (line, _, rest) in open.iter_mut().filter(|(_, of, rest)| of == sku && *rest > 0) {
            let quantity = left.min(*rest);
            if quantity == 0 {
                break;
            }
            *rest -= quantity;
            left -= quantity;
            kept.push((*line, warehouse.clone(), sku.clone(), quantity));
        }
        suggest(work, cause, sku, warehouse, Some(part.quantity)).await?;
    }
    keep_lines(work, reservation, kept).await?;
    Ok(Reserved::In(used.len()))
}

/// Writes down how much of each line is set aside where: line, warehouse, article and pieces.
async fn keep_lines(
    work: &mut Work,
    reservation: Uuid,
    kept: Vec<(i32, String, String, i64)>,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let lines: Vec<i32> = kept.iter().map(|(line, ..)| *line).collect();
    let quantities: Vec<i64> = kept.iter().map(|(.., quantity)| *quantity).collect();
    let (warehouses, skus): (Vec<_>, Vec<_>) = kept.into_iter().map(|(_, warehouse, sku, _)| (warehouse, sku)).unzip();
    sqlx::query!(
        "INSERT INTO reservation_lines (tenant, reservation_id, line, warehouse_id, sku, quantity)
         SELECT $1, $2, * FROM unnest($3::int[], $4::text[], $5::text[], $6::bigint[])",
        tenant.as_str(),
        reservation,
        &lines,
        &warehouses,
        &skus,
        &quantities,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// What crossing a border adds to the distance, in kilometres.
const ABROAD_KM: i64 = 5_000;

/// How far a customer in a country is from a warehouse, which is so far from those in its own: abroad is farther than anywhere at home.
pub fn distance_km(of_warehouse: &str, country: &str, at_home_km: i64) -> i64 {
    if of_warehouse == country { at_home_km } else { at_home_km.saturating_add(ABROAD_KM) }
}

/// Ends the open reservation of an order unused; whether there was one.
///
/// # Errors
/// When the database is away.
pub async fn release(work: &mut Work, order: OrderId, state: &str) -> Result<bool, Failure> {
    let tenant = work.tenant().clone();
    let ended = sqlx::query_scalar!(
        "UPDATE reservations SET state = $3::text::reservation_state WHERE tenant = $1 AND order_id = $2 AND state IN ('held', 'kept') RETURNING id",
        tenant.as_str(),
        order.0,
        state,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(reservation) = ended else { return Ok(false) };
    let rows = sqlx::query!(
        r#"SELECT sku, warehouse_id, sum(quantity)::bigint AS "quantity!" FROM reservation_lines WHERE tenant = $1 AND reservation_id = $2
           GROUP BY sku, warehouse_id ORDER BY sku, warehouse_id"#,
        tenant.as_str(),
        reservation,
    )
    .fetch_all(work.conn())
    .await?;
    for row in &rows {
        let movement = Movement {
            sku: &row.sku,
            warehouse: &row.warehouse_id,
            kind: "released",
            on_hand: 0,
            reserved: -row.quantity,
            order: Some(order),
            movement: None,
            reference: Some(state),
            who: "process",
        };
        post(work, &movement).await?;
    }
    Ok(true)
}

/// Says that a warehouse should be refilled, when what can be sold there has just fallen to its reorder point: by `taken`, or in whichever
/// way where that is not said; and has it written down to be ordered, where that is switched on. The row is locked.
///
/// # Errors
/// When the database is away.
pub async fn suggest(
    work: &mut Work,
    cause: &Cause,
    sku: &str,
    warehouse: &str,
    taken: Option<i64>,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let low = sqlx::query!(
        r#"SELECT on_hand - reserved - safety AS "available!", reorder_point, reorder_quantity, version FROM stock_items
           WHERE tenant = $1 AND sku = $2 AND warehouse_id = $3 AND reorder_quantity > 0 AND on_hand - reserved - safety <= reorder_point"#,
        tenant.as_str(),
        sku,
        warehouse,
    )
    .fetch_optional(work.conn())
    .await?;
    let has_crossed = |available: i64, point: i64| taken.is_none_or(|taken| available + taken > point);
    if let Some(low) = low.filter(|low| has_crossed(low.available, low.reorder_point)) {
        let suggested = ReorderSuggested {
            sku: sku.to_owned(),
            warehouse_id: warehouse.to_owned(),
            available: low.available,
            quantity: low.reorder_quantity,
        };
        work.emit(cause, u64::from(low.version.unsigned_abs()), &suggested);
        reorder::enqueue(work, cause, sku, warehouse).await?;
    }
    Ok(())
}
