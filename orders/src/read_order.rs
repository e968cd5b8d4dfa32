//! An order as it is shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use service_kit::store::Work;
use shared_events::orders::Pricing;
use shared_events::{Money, OrderId};
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::process::{Progress, Step};
use crate::order_row::stored_currency;

/// The columns of [`Row`].
pub const COLUMNS: &str = "seq, id, customer_id, channel, status::text AS status, hold_reason, hold_detail, progress, next_at, currency, \
     subtotal_minor, tax_minor, shipping_minor, grand_minor, captured_minor, refunded_minor, given_up_minor, payment_method, shipping_method, ship_country, \
     fraud_score, fraud_band, placed_by, placed_at, updated_at, cancel_reason, version";

/// An order's row.
#[derive(Debug, FromRow)]
pub struct Row {
    /// Its place in lists.
    pub seq: i64,
    /// The order.
    pub id: Uuid,
    customer_id: String,
    channel: String,
    status: String,
    hold_reason: Option<String>,
    hold_detail: Option<String>,
    progress: i16,
    next_at: Option<DateTime<Utc>>,
    /// Its currency.
    pub currency: String,
    subtotal_minor: i64,
    tax_minor: i64,
    shipping_minor: i64,
    grand_minor: i64,
    captured_minor: i64,
    refunded_minor: i64,
    given_up_minor: i64,
    payment_method: String,
    shipping_method: String,
    ship_country: String,
    fraud_score: Option<i16>,
    fraud_band: Option<String>,
    placed_by: String,
    placed_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    cancel_reason: Option<String>,
    version: i32,
}

/// An order, as lists and commands show it. Amounts are decimal texts in its currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Order {
    /// The order.
    pub id: Uuid,
    /// The same, as the workflow calls it.
    pub order_id: Uuid,
    /// Whose it is.
    #[schema(example = "cust_123")]
    pub customer_id: String,
    /// By which door it came in: `shop` or `workflow`.
    #[schema(example = "shop")]
    pub channel: String,
    /// Where it stands.
    #[schema(example = "placed")]
    pub status: String,
    /// Why it waits for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The step that comes next; absent when it is closed or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "validate")]
    pub next_step: Option<String>,
    /// When that step runs; absent when it waits for a person or for the delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<DateTime<Utc>>,
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
    /// The goods.
    #[schema(example = "175.99")]
    pub subtotal: String,
    /// Tax.
    #[schema(example = "17.60")]
    pub tax_amount: String,
    /// Shipping.
    #[schema(example = "0.00")]
    pub shipping_amount: String,
    /// In all.
    #[schema(example = "193.59")]
    pub total_amount: String,
    /// What was taken.
    #[schema(example = "0.00")]
    pub captured_amount: String,
    /// What was paid back.
    #[schema(example = "0.00")]
    pub refunded_amount: String,
    /// What was never taken because the rest was given up; absent = nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_up_amount: Option<String>,
    /// `none`, `partial` or `full`.
    #[schema(example = "none")]
    pub refund_status: &'static str,
    /// How it is paid.
    #[schema(example = "credit_card")]
    pub payment_method: String,
    /// How it is sent.
    #[schema(example = "standard")]
    pub shipping_method: String,
    /// Where it goes.
    #[schema(example = "US")]
    pub ship_country: String,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// When something last happened to it.
    pub updated_at: DateTime<Utc>,
    /// How often something happened to it.
    pub version: i32,
    /// What was ordered.
    pub items: Vec<Item>,
}

/// Why an order waits for a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Hold {
    /// `fraud` (which customers read as `review`), `value`, `stock`, `address`, `payment`, `carrier`, `quality`, `manual` or `trouble`.
    #[schema(example = "value")]
    pub reason: String,
    /// In words.
    pub detail: String,
}

/// One line of an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Item {
    /// Its number, from 1.
    pub line: i32,
    /// The catalogue's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "prod_456")]
    pub product_id: Option<String>,
    /// The seller's number.
    #[schema(example = "WIDGET-001")]
    pub sku: String,
    /// What it is called.
    #[schema(example = "Premium Widget")]
    pub name: String,
    /// How many.
    #[schema(example = 2)]
    pub quantity: i64,
    /// The price of one.
    #[schema(example = "29.99")]
    pub unit_price: String,
    /// Why it costs that, where a pricing rule decided; absent = it is the catalogue's own price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
    /// The price of all, without tax.
    #[schema(example = "59.98")]
    pub total_price: String,
    /// The line's part of the tax.
    #[schema(example = "4.80")]
    pub tax_amount: String,
    /// How many of them were refunded.
    #[schema(example = 0)]
    pub refunded_quantity: i64,
}

/// How suspicious an order is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Fraud {
    /// 0 to 100.
    #[schema(example = 25)]
    pub score: i16,
    /// `pass`, `review` or `hold`.
    #[schema(example = "pass")]
    pub band: String,
}

impl Row {
    /// How suspicious it is; nothing before it was scored.
    pub fn fraud(&self) -> Option<Fraud> {
        Some(Fraud { score: self.fraud_score?, band: self.fraud_band.clone()? })
    }

    /// Whose it is.
    pub fn customer_id(&self) -> &str {
        &self.customer_id
    }

    /// Who placed it.
    pub fn placed_by(&self) -> &str {
        &self.placed_by
    }

    /// The order as it is shown, with these lines.
    pub fn show(self, items: Vec<Item>) -> Order {
        let currency = stored_currency(&self.currency);
        let decimal = |minor| Money::new(minor, currency).decimal();
        let is_over = matches!(self.status.as_str(), "cancelled" | "completed" | "refunded" | "returned");
        let next_step = Progress::from_bits(self.progress).next().filter(|_| !is_over);
        let hold = self.hold_reason.map(|reason| Hold { reason, detail: self.hold_detail.unwrap_or_default() });
        let refund_status = match self.refunded_minor {
            0 => "none",
            refunded if refunded >= self.captured_minor => "full",
            _ => "partial",
        };
        Order {
            id: self.id,
            order_id: self.id,
            customer_id: self.customer_id,
            channel: self.channel,
            status: self.status,
            hold,
            next_step: next_step.map(|step: Step| step.name().to_owned()),
            next_at: self.next_at,
            subtotal: decimal(self.subtotal_minor),
            tax_amount: decimal(self.tax_minor),
            shipping_amount: decimal(self.shipping_minor),
            total_amount: decimal(self.grand_minor),
            captured_amount: decimal(self.captured_minor),
            refunded_amount: decimal(self.refunded_minor),
            given_up_amount: (self.given_up_minor > 0).then(|| decimal(self.given_up_minor)),
            refund_status,
            currency: self.currency,
            payment_method: self.payment_method,
            shipping_method: self.shipping_method,
            ship_country: self.ship_country,
            cancel_reason: self.cancel_reason,
            created_at: self.placed_at,
            updated_at: self.updated_at,
            version: self.version,
            items,
        }
    }
}

impl Order {
    /// The same for whoever is not of the staff: neither what was suspected, nor banks' words, nor what staff wrote for itself.
    #[must_use]
    pub fn for_customer(mut self) -> Self {
        let looked_at = || "somebody is looking at it".to_owned();
        self.hold = self.hold.map(|hold| match hold.reason.as_str() {
            "fraud" => Hold { reason: "review".to_owned(), detail: looked_at() },
            "payment" => Hold { detail: "it is not paid; name another means of payment".to_owned(), ..hold },
            "manual" | "quality" | "trouble" => Hold { detail: looked_at(), ..hold },
            _ => hold,
        });
        self
    }
}

/// The lines of some orders, in order.
///
/// # Errors
/// When the database is away.
pub async fn items(work: &mut Work, orders: &[Uuid]) -> Result<Vec<(Uuid, Item)>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT l.order_id, l.line, l.product_id, l.sku, l.name, l.quantity, l.unit_minor, l.net_minor, l.tax_minor, l.refunded_quantity,
                  l.pricing AS "pricing: Json<Pricing>", o.currency
           FROM order_lines l JOIN orders o ON o.tenant = l.tenant AND o.id = l.order_id
           WHERE l.tenant = $1 AND l.order_id = ANY($2) ORDER BY l.order_id, l.line"#,
        tenant.as_str(),
        orders,
    )
    .fetch_all(work.conn())
    .await?;
    let shown = rows.into_iter().map(|row| {
        let decimal = |minor| Money::new(minor, stored_currency(&row.currency)).decimal();
        let item = Item {
            line: row.line,
            unit_price: decimal(row.unit_minor),
            pricing: row.pricing.map(|pricing| pricing.0),
            total_price: decimal(row.net_minor),
            tax_amount: decimal(row.tax_minor),
            product_id: row.product_id,
            sku: row.sku,
            name: row.name,
            quantity: row.quantity,
            refunded_quantity: row.refunded_quantity,
        };
        (row.order_id, item)
    });
    Ok(shown.collect())
}

/// One order's row.
///
/// # Errors
/// When the database is away.
pub async fn row(work: &mut Work, id: OrderId) -> Result<Option<Row>, sqlx::Error> {
    let mut query = sqlx::QueryBuilder::new(format!("SELECT {COLUMNS} FROM orders WHERE tenant = "));
    let tenant = work.tenant().to_string();
    query.push_bind(tenant).push(" AND id = ").push_bind(id.0);
    query.build_query_as().fetch_optional(work.conn()).await
}

/// One order as lists show it; also what a command about it answers.
///
/// # Errors
/// When the database is away.
pub async fn short(work: &mut Work, id: OrderId) -> Result<Option<Order>, sqlx::Error> {
    let Some(row) = row(work, id).await? else { return Ok(None) };
    let items = items(work, &[id.0]).await?;
    Ok(Some(row.show(items.into_iter().map(|(_, item)| item).collect())))
}

/// The same as it is answered to whoever asked for a change: to those who may see the orders of one person only, as a customer reads it.
///
/// # Errors
/// When the database is away.
pub async fn short_for(work: &mut Work, id: OrderId, only_of: Option<&str>) -> Result<Option<Order>, sqlx::Error> {
    let order = short(work, id).await?;
    Ok(if only_of.is_some() { order.map(Order::for_customer) } else { order })
}

/// The reasons of an order's score, for staff.
///
/// # Errors
/// When the database is away.
pub async fn factors(work: &mut Work, id: OrderId) -> Result<Option<Value>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let found =
        sqlx::query_scalar!("SELECT fraud_factors FROM orders WHERE tenant = $1 AND id = $2", tenant.as_str(), id.0)
            .fetch_optional(work.conn())
            .await?;
    Ok(found.flatten())
}
