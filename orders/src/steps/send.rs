//! What is sent from where, by whom, and whether it is what was ordered.

use service_kit::handler::Failure;
use service_kit::store::{Cause, Work};
use shared_events::orders::OrderDispatched;

use crate::advance::Ending;
use crate::ask_arrival;
use crate::config::Parts;
use crate::domain::approval::Kind;
use crate::domain::carriers::Parcel;
use crate::domain::process::HoldReason;
use crate::domain::route::{Router, Stop};
use crate::domain::totals::share_out;
use crate::order_row::Order;
use crate::put_rates::carriers;
use crate::stock;
use crate::tasks::{self, Verdict};
use shared_events::ids::derive;

/// One shipment for each warehouse that stock was set aside in, numbered in the order in which they leave; each takes its part of the money.
pub async fn plan(router: Router, work: &mut Work, order: &Order) -> Result<Ending, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let rows = sqlx::query!(
        r#"SELECT r.warehouse_id, r.line, r.quantity, l.quantity AS ordered, l.net_minor + l.tax_minor AS "gross!", l.grams,
                  w.cost_minor, w.distance_km, w.country
           FROM reservation_lines r JOIN reservations v ON v.tenant = r.tenant AND v.id = r.reservation_id
           JOIN order_lines l ON l.tenant = r.tenant AND l.order_id = v.order_id AND l.line = r.line
           JOIN warehouses w ON w.tenant = r.tenant AND w.id = r.warehouse_id
           WHERE v.tenant = $1 AND v.order_id = $2 AND v.state IN ('held', 'kept') ORDER BY r.warehouse_id, r.line"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let mut stops: Vec<Stop> = rows
        .iter()
        .map(|row| Stop {
            warehouse: row.warehouse_id.clone(),
            cost_minor: row.cost_minor,
            distance_km: stock::distance_km(&row.country, &order.ship_country, row.distance_km),
        })
        .collect();
    stops.dedup();
    if stops.is_empty() {
        return Ok(Ending::held(HoldReason::Stock, "nothing is set aside for the order"));
    }
    let route = router.route(stops);
    let warehouses: Vec<&str> = route.stops.iter().map(|stop| stop.warehouse.as_str()).collect();
    // Each shipment's weight in money is what its pieces come to.
    let worth = |row_gross: i64, quantity: i64, ordered: i64| {
        i64::try_from(i128::from(row_gross) * i128::from(quantity) / i128::from(ordered.max(1))).unwrap_or(i64::MAX)
    };
    let of = |warehouse: &str| rows.iter().filter(move |row| row.warehouse_id == warehouse).collect::<Vec<_>>();
    let weights: Vec<i64> = warehouses
        .iter()
        .map(|warehouse| of(warehouse).iter().map(|row| worth(row.gross, row.quantity, row.ordered)).sum())
        .collect();
    let amounts = share_out(order.grand_minor, &weights);
    for (index, warehouse) in warehouses.iter().enumerate() {
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
        let id = derive(&["shipment", tenant.as_str(), &order.id.to_string(), &number.to_string()]);
        let grams: i64 = of(warehouse).iter().map(|row| worth(row.grams, row.quantity, row.ordered)).sum();
        let written = sqlx::query!(
            "INSERT INTO shipments (tenant, id, order_id, number, warehouse_id, state, grams, amount_minor, planned_at)
             VALUES ($1, $2, $3, $4, $5, 'planned', $6, $7, $8) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            id,
            order.id.0,
            number,
            *warehouse,
            grams,
            amounts[index],
            now,
        )
        .execute(work.conn())
        .await?;
        if written.rows_affected() == 0 {
            continue;
        }
        let (lines, quantities): (Vec<i32>, Vec<i64>) =
            of(warehouse).into_iter().map(|row| (row.line, row.quantity)).unzip();
        sqlx::query!(
            "INSERT INTO shipment_lines (tenant, shipment_id, line, quantity) SELECT $1, $2, * FROM unnest($3::int[], $4::bigint[])",
            tenant.as_str(),
            id,
            &lines,
            &quantities,
        )
        .execute(work.conn())
        .await?;
    }
    let count = format!("{} shipment(s)", warehouses.len());
    Ok(Ending::done(
        route.why.filter(|_| warehouses.len() > 1).map_or_else(|| count.clone(), |why| format!("{count}; {why}")),
    ))
}

/// A marketplace sends from its own warehouse by itself; there is nothing to choose and no label to buy.
pub async fn leave_to_marketplaces(work: &mut Work, order: &Order) -> Result<Vec<String>, Failure> {
    let tenant = work.tenant().clone();
    let left = sqlx::query!(
        r#"UPDATE shipments s SET carrier = 'marketplace', state = 'labelled' FROM warehouses w
           WHERE s.tenant = $1 AND s.order_id = $2 AND s.state = 'planned' AND w.tenant = s.tenant AND w.id = s.warehouse_id AND w.marketplace IS NOT NULL
           RETURNING s.number, w.marketplace AS "marketplace!""#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(left
        .into_iter()
        .map(|row| format!("the marketplace in {} sends shipment {}", row.marketplace, row.number))
        .collect())
}

/// Chooses the cheapest carrier for each shipment that keeps the promise.
pub async fn choose_carrier(work: &mut Work, order: &Order) -> Result<Ending, Failure> {
    let mut words = leave_to_marketplaces(work, order).await?;
    let tenant = work.tenant().clone();
    let shipments = sqlx::query!(
        "SELECT s.id, s.number, s.grams, w.country FROM shipments s JOIN warehouses w ON w.tenant = s.tenant AND w.id = s.warehouse_id
         WHERE s.tenant = $1 AND s.order_id = $2 AND s.state = 'planned' ORDER BY s.number",
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let (table, _) = carriers(work).await?;
    for shipment in shipments {
        let parcel = Parcel {
            from: &shipment.country,
            to: &order.ship_country,
            grams: shipment.grams,
            method: &order.shipping_method,
        };
        let Some((quote, why)) = table.explain(parcel) else {
            let detail = format!("no carrier takes shipment {} as {}", shipment.number, order.shipping_method);
            return Ok(Ending::held(HoldReason::Carrier, detail));
        };
        sqlx::query!(
            "UPDATE shipments SET carrier = $3, service = $4, rate_minor = $5, rate_currency = $6, choice = $7 WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            shipment.id,
            quote.carrier,
            quote.service,
            quote.price.minor,
            quote.price.currency.code(),
            why,
        )
        .execute(work.conn())
        .await?;
        words.push(why);
    }
    Ok(Ending::done(words.join("; ")))
}

/// Every shipment needs a label. No carrier is connected, so a person buys them and names their numbers.
pub async fn label(work: &mut Work, order: &Order) -> Result<Ending, Failure> {
    let tenant = work.tenant().clone();
    let without = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM shipments WHERE tenant = $1 AND order_id = $2 AND state = 'planned'"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_one(work.conn())
    .await?;
    if without == 0 {
        return Ok(Ending::done("every shipment has its label"));
    }
    let detail =
        format!("{without} shipment(s) wait for labels: name carrier and tracking number of each to fulfil the order");
    Ok(Ending::held(HoldReason::Carrier, detail))
}

/// Compares what is to be sent with what was ordered; a person has to allow what does not fit.
pub async fn check(parts: &Parts, work: &mut Work, cause: &Cause, order: &Order) -> Result<Ending, Failure> {
    if !parts.config.checks_quality {
        return Ok(Ending::done("shipments are not checked here"));
    }
    let tenant = work.tenant().clone();
    let wrong = sqlx::query!(
        r#"SELECT l.line, l.quantity, COALESCE(sum(s.quantity), 0)::bigint AS "sent!" FROM order_lines l
           LEFT JOIN (SELECT i.line, i.quantity FROM shipment_lines i JOIN shipments h ON h.tenant = i.tenant AND h.id = i.shipment_id
                      WHERE h.tenant = $1 AND h.order_id = $2 AND h.state <> 'cancelled') s ON s.line = l.line
           WHERE l.tenant = $1 AND l.order_id = $2 GROUP BY l.line, l.quantity HAVING l.quantity <> COALESCE(sum(s.quantity), 0)"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let twice = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM shipments s WHERE s.tenant = $1 AND s.order_id = $2 AND s.tracking_number IN
             (SELECT o.tracking_number FROM shipments o
              WHERE o.tenant = $1 AND o.order_id = $2 AND o.id <> s.id AND o.carrier = s.carrier AND o.tracking_number IS NOT NULL)"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_one(work.conn())
    .await?;
    let mut findings: Vec<String> = wrong
        .iter()
        .map(|row| format!("line {}: {} ordered, {} to be sent", row.line, row.quantity, row.sent))
        .collect();
    if twice > 0 {
        findings.push("two shipments have the same tracking number".into());
    }
    if findings.is_empty() {
        return Ok(Ending::done("what is sent is what was ordered"));
    }
    let summary = findings.join("; ");
    tasks::open(work, cause, order, Kind::QcException, "", &summary).await?;
    match tasks::verdict(work, order.id).await? {
        Verdict::Refused => Ok(Ending::failed("a person refused to send it so")),
        Verdict::Open => Ok(Ending::held(HoldReason::Quality, summary)),
        Verdict::Clear => Ok(Ending::done(format!("allowed by a person: {summary}"))),
    }
}

/// Tells that everything is under way; whoever notifies customers listens.
pub async fn notify(work: &mut Work, cause: &Cause, order: &Order) -> Result<Ending, Failure> {
    let tenant = work.tenant().clone();
    let shipments = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM shipments WHERE tenant = $1 AND order_id = $2 AND state = 'dispatched'"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_one(work.conn())
    .await?;
    let dispatched = OrderDispatched { order_id: order.id, customer_id: order.customer_id.clone(), shipments };
    work.emit(cause, order.sequence() + 1, &dispatched);
    ask_arrival::remember(work, cause, order.id).await?;
    Ok(Ending::done("told"))
}
