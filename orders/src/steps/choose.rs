//! Which gateway is asked, and why; written down with the payment.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use service_kit::handler::Failure;
use service_kit::store::Work;
use shared_events::PaymentId;
use shared_events::ids::derive;
use sqlx::types::Json;

use crate::calls::Payment;
use crate::config::Parts;
use crate::directory;
use crate::domain::routing::{Candidate, Health, Wish, route};
use crate::order_row::Order;
use crate::private::Private;

/// How far back trouble with a gateway counts.
const LATELY: TimeDelta = TimeDelta::minutes(5);

/// What came of choosing.
pub enum Choice {
    /// This payment is tried.
    Payment(Payment),
    /// Nobody is asked, and why.
    None(String),
}

/// Chooses a gateway and writes the payment down.
///
/// # Errors
/// When the database is away.
pub async fn choose(parts: &Parts, work: &mut Work, order: &Order, private: &Private) -> Result<Choice, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let earlier = sqlx::query!(
        r#"SELECT gateway, state::text AS "state!", attempt, decline_code, decline_class, superseded_at FROM payments WHERE tenant = $1 AND order_id = $2"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let mut barred = BTreeMap::new();
    for terms in parts.providers.terms() {
        if parts.providers.get(&terms.name).is_some_and(|gateway| private.token_for(&terms.name, &**gateway).is_none())
        {
            barred.insert(terms.name, "the customer brought no token for it".to_owned());
        }
    }
    let refused: Vec<_> =
        earlier.iter().filter(|payment| payment.state == "declined" && payment.superseded_at.is_none()).collect();
    for payment in &refused {
        let code = payment.decline_code.as_deref().unwrap_or_default();
        barred.insert(payment.gateway.clone(), format!("it has refused this order: {code}"));
    }
    let ending = refused.iter().find(|payment| payment.decline_class.as_deref() == Some("final"));
    if let Some(payment) = ending {
        for terms in parts.providers.terms() {
            barred.entry(terms.name).or_insert_with(|| format!("{} refused for good", payment.gateway));
        }
    }
    let wish = Wish {
        currency: order.currency.code(),
        country: &order.ship_country,
        method: &order.payment_method,
        amount_minor: order.grand_minor,
        in_parts: leaves_in_parts(work, order).await?,
    };
    let health = health(work).await?;
    let candidates = route(&parts.providers.terms(), wish, &health, &barred);
    let chosen =
        candidates.first().filter(|candidate| candidate.rank.is_some()).map(|candidate| candidate.gateway.clone());
    let attempt = earlier.iter().map(|payment| payment.attempt).max().unwrap_or_default() + 1;
    let id = PaymentId(derive(&["payment", tenant.as_str(), &order.id.to_string(), &attempt.to_string()]));
    note(work, order, chosen.as_ref().map(|_| id), chosen.as_deref(), &candidates).await?;
    let Some(chosen) = chosen else {
        let why = candidates.iter().map(|candidate| format!("{}: {}", candidate.gateway, candidate.why));
        let why = why.collect::<Vec<_>>().join("; ");
        return Ok(Choice::None(format!("no payment gateway takes it, or every one that does has refused it ({why})")));
    };
    sqlx::query!(
        "INSERT INTO payments (tenant, id, order_id, attempt, gateway, currency, amount_minor, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'created', $8)",
        tenant.as_str(),
        id.0,
        order.id.0,
        attempt,
        chosen,
        order.currency.code(),
        order.grand_minor,
        now,
    )
    .execute(work.conn())
    .await?;
    // Webhooks may name it before the gateway has answered.
    directory::enter(work, &chosen, &id.to_string(), order.id, id).await?;
    Ok(Choice::Payment(Payment {
        id,
        gateway: chosen,
        currency: order.currency,
        amount_minor: order.grand_minor,
        captured_minor: 0,
        state: "created".into(),
        reference: None,
        draft: None,
        created_at: now,
        promised_at: None,
    }))
}

async fn note(
    work: &mut Work,
    order: &Order,
    payment: Option<PaymentId>,
    gateway: Option<&str>,
    candidates: &Vec<Candidate>,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO payment_routes (tenant, order_id, at, payment_id, gateway, candidates) VALUES ($1, $2, $3, $4, $5, $6)",
        tenant.as_str(),
        order.id.0,
        now,
        payment.map(|payment| payment.0),
        gateway,
        Json(candidates) as Json<&Vec<Candidate>>,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Whether the goods lie in several warehouses.
async fn leaves_in_parts(work: &mut Work, order: &Order) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT count(DISTINCT l.warehouse_id) > 1 AS "parts!" FROM reservations r
           JOIN reservation_lines l ON l.tenant = r.tenant AND l.reservation_id = r.id
           WHERE r.tenant = $1 AND r.order_id = $2 AND r.state IN ('held', 'kept')"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_one(work.conn())
    .await
}

/// The trouble that gateways had lately. Only calls that went wrong are looked at.
async fn health(work: &mut Work) -> Result<BTreeMap<String, Health>, sqlx::Error> {
    let (tenant, since) = (work.tenant().clone(), work.now() - LATELY);
    let rows = sqlx::query!(
        r#"SELECT p.gateway, count(*) FILTER (WHERE c.state = 'begun') AS "unknown!",
                  count(*) FILTER (WHERE c.state = 'refused' AND p.decline_class = 'gateway') AS "failed!"
           FROM payment_calls c JOIN payments p ON p.tenant = c.tenant AND p.id = c.payment_id
           WHERE c.tenant = $1 AND c.detail IS NOT NULL AND c.begun_at > $2 GROUP BY p.gateway"#,
        tenant.as_str(),
        since,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.gateway, Health { unknown: row.unknown, failed: row.failed })).collect())
}
