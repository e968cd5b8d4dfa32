//! One order, shown whole. Others' orders are not there.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::{Money, OrderId};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Api, reach};
use crate::domain::process::Step;
use crate::order_row::stored_currency;
use crate::private::{Address, Private};
use crate::read_order::{self, Fraud, Order, Row};
use crate::refund_order;

/// An order with everything about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whole {
    /// The order.
    #[serde(flatten)]
    pub order: Order,
    /// Who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_address: Option<Address>,
    /// Where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
    /// The customer's mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How suspicious it is; for staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraud: Option<Fraud>,
    /// Why; for staff. A list of `name`, `points` and `evidence`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraud_factors: Option<Value>,
    /// How each step went.
    pub steps: Vec<StepState>,
    /// How it is paid, the latest try first.
    pub payments: Vec<PaymentState>,
    /// What is sent.
    pub shipments: Vec<Shipment>,
    /// What is paid back: `refund_id`, `amount`, `status` (`requested`, `succeeded`, `failed`), `reason`, `restock`.
    pub refunds: Vec<Value>,
}

/// How a step went.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepState {
    /// The step.
    #[schema(example = "reserve_stock")]
    pub step: String,
    /// `done`, `held`, `later`, `failed`, `skipped` or `lapsed`.
    #[schema(example = "done")]
    pub state: String,
    /// How often it ran.
    pub attempts: i32,
    /// In words; for staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who, where it was a person; for staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it last ran.
    pub at: DateTime<Utc>,
}

/// How an order is paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentState {
    /// The payment.
    pub payment_id: Uuid,
    /// By which provider.
    #[schema(example = "stripe")]
    pub gateway: String,
    /// `created`, `unknown`, `declined`, `authorized`, `voided` or `lapsed`.
    #[schema(example = "authorized")]
    pub state: String,
    /// What was to be promised.
    #[schema(example = "193.59")]
    pub amount: String,
    /// What was taken.
    #[schema(example = "0.00")]
    pub captured: String,
    /// What was paid back.
    #[schema(example = "0.00")]
    pub refunded: String,
    /// Why it was refused; a bank's suspicion is `card_declined` for whoever is not of the staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
}

/// What is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shipment {
    /// The shipment.
    pub shipment_id: Uuid,
    /// Its number within the order, from 1.
    pub number: i32,
    /// From where.
    #[schema(example = "east")]
    pub warehouse_id: String,
    /// `planned`, `labelled`, `dispatched`, `delivered` or `cancelled`.
    #[schema(example = "planned")]
    pub status: String,
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// By which service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Under which number it can be followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// What the carrier last said of it: `pre_transit`, `in_transit`, `out_for_delivery`, `available_for_pickup`, `delivered`,
    /// `return_to_sender`, `failure`, `cancelled` or `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "in_transit")]
    pub tracking_status: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracked_at: Option<DateTime<Utc>>,
    /// When it left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatched_at: Option<DateTime<Utc>>,
    /// When it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<DateTime<Utc>>,
}

/// Who sees what it placed for somebody else.
pub const PLACES_FOR_OTHERS: [Role; 2] = [Role::Seller, Role::Operator];

/// The row of an order that the caller may see: a customer its own, a selling system also what it placed, an operator what it placed and
/// what leaves from its warehouses, managers every one.
pub async fn visible(work: &mut Work, caller: &Caller, id: Uuid) -> Result<Row, Problem> {
    let row = read_order::row(work, OrderId(id)).await?.ok_or_else(Problem::not_found)?;
    let subject = caller.subject.as_str();
    if row.customer_id() == subject || (row.placed_by() == subject && caller.has_any(&PLACES_FOR_OTHERS)) {
        return Ok(row);
    }
    let is_seen = match reach::warehouses(work, caller).await? {
        Some(own) => reach::touches(work, id, &own).await?,
        None => caller.is_staff(),
    };
    if is_seen { Ok(row) } else { Err(Problem::not_found()) }
}

/// The shipments of an order.
pub async fn shipments(work: &mut Work, id: Uuid) -> Result<Vec<Shipment>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT id, number, warehouse_id, state::text AS "state!", carrier, service, tracking_number, tracking_status, tracked_at,
                  dispatched_at, delivered_at FROM shipments WHERE tenant = $1 AND order_id = $2 ORDER BY number"#,
        tenant.as_str(),
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let shown = rows.into_iter().map(|row| Shipment {
        shipment_id: row.id,
        number: row.number,
        warehouse_id: row.warehouse_id,
        status: row.state,
        carrier: row.carrier,
        service: row.service,
        tracking_number: row.tracking_number,
        tracking_status: row.tracking_status,
        tracked_at: row.tracked_at,
        dispatched_at: row.dispatched_at,
        delivered_at: row.delivered_at,
    });
    Ok(shown.collect())
}

/// An order with everything about it that the caller may see.
pub async fn whole(api: &Api, caller: &Caller, id: Uuid) -> Result<Json<Whole>, Problem> {
    let mut work = api.store.read(&caller.tenant).await?;
    let row = visible(&mut work, caller, id).await?;
    let currency = stored_currency(&row.currency);
    let tenant = caller.tenant.as_str();
    let sealed = sqlx::query_scalar!("SELECT private_sealed FROM orders WHERE tenant = $1 AND id = $2", tenant, id)
        .fetch_one(work.conn())
        .await?;
    let private = Private::open(&api.config.key, &caller.tenant, OrderId(id), &sealed).map_err(Problem::internal)?;
    let is_staff = caller.is_staff();
    let mut steps = sqlx::query_as!(
        StepState,
        // Those that ended in one transaction ended at one time.
        "SELECT step, state, attempts, detail, by, last_at AS at FROM order_steps WHERE tenant = $1 AND order_id = $2
         ORDER BY first_at, array_position($3::text[], step)",
        tenant,
        id,
        &Step::ALL.map(|step| step.name().to_owned()),
    )
    .fetch_all(work.conn())
    .await?;
    if !is_staff {
        for step in &mut steps {
            (step.detail, step.by) = (None, None);
        }
    }
    let payments = sqlx::query!(
        r#"SELECT id, gateway, state::text AS "state!", amount_minor, captured_minor, refunded_minor,
                  CASE WHEN NOT $3 AND decline_class = 'final' THEN 'card_declined' ELSE decline_code END AS decline_code FROM payments
           WHERE tenant = $1 AND order_id = $2 ORDER BY attempt DESC LIMIT 50"#,
        tenant,
        id,
        is_staff,
    )
    .fetch_all(work.conn())
    .await?;
    let decimal = |minor| Money::new(minor, currency).decimal();
    let payments = payments.into_iter().map(|row| PaymentState {
        payment_id: row.id,
        gateway: row.gateway,
        state: row.state,
        amount: decimal(row.amount_minor),
        captured: decimal(row.captured_minor),
        refunded: decimal(row.refunded_minor),
        decline_code: row.decline_code,
    });
    let shipments = shipments(&mut work, id).await?;
    let refunds = refund_order::shown(&mut work, OrderId(id)).await?;
    let fraud_factors = if is_staff { read_order::factors(&mut work, OrderId(id)).await? } else { None };
    let items = read_order::items(&mut work, &[id]).await?.into_iter().map(|(_, item)| item).collect();
    let fraud = row.fraud().filter(|_| is_staff);
    Ok(Json(Whole {
        order: if is_staff { row.show(items) } else { row.show(items).for_customer() },
        billing_address: private.billing,
        shipping_address: private.shipping,
        email: private.email,
        fraud,
        fraud_factors,
        steps,
        payments: payments.collect(),
        shipments,
        refunds,
    }))
}

/// Shows an order. A customer sees its own.
#[utoipa::path(get, path = "/orders/{id}", operation_id = "read_order", tag = "orders", params(("id" = Uuid, Path, description = "The order")),
    security(("bearer" = [])), responses((status = 200, description = "The order", body = Whole)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Whole>, Problem> {
    whole(&api, &caller, id).await
}
