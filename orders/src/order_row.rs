//! Orders in the database, as commands and steps see them: under lock, and written back with a new version.

use service_kit::handler::Failure;
use service_kit::store::Work;
use shared_events::outcome::Rejection;
use shared_events::{Currency, Money, OrderId};
use uuid::Uuid;

use crate::domain::process::{HoldReason, Progress};
use crate::domain::status::{Change, Standing, Status};

/// An order under lock.
#[derive(Debug, Clone)]
pub struct Order {
    /// The order.
    pub id: OrderId,
    /// Whose it is.
    pub customer_id: String,
    /// Where it stands.
    pub standing: Standing,
    /// Why it waits for a person, by the name of the reason.
    pub hold_reason: Option<String>,
    /// Which steps are done.
    pub progress: Progress,
    /// Its currency.
    pub currency: Currency,
    /// The goods, in minor units.
    pub subtotal_minor: i64,
    /// What it comes to, in minor units.
    pub grand_minor: i64,
    /// What was captured, in minor units.
    pub captured_minor: i64,
    /// What was refunded or is being refunded, in minor units.
    pub refunded_minor: i64,
    /// How it is paid.
    pub payment_method: String,
    /// How it is sent.
    pub shipping_method: String,
    /// Where it goes.
    pub ship_country: String,
    /// Addresses and payment token, sealed.
    pub private_sealed: String,
    /// How often they were written.
    pub details_version: i32,
    /// What was never taken because the rest was given up, in minor units.
    pub given_up_minor: i64,
    /// Of that for goods, without tax and shipping.
    pub given_up_goods_minor: i64,
    /// Whether it may be served from what warehouses keep back.
    pub uses_safety: bool,
    /// What its fraud score means; absent before it was scored.
    pub fraud_band: Option<String>,
    /// Who placed it.
    pub placed_by: String,
    /// The request that it follows from.
    pub correlation: Uuid,
    /// Its version.
    pub version: i32,
    /// Where it has stood since it was locked.
    passed: Vec<Status>,
    /// Its version in the database.
    written: i32,
}

/// An order that is not there, or not for the one who asks.
pub fn not_found() -> Rejection {
    Rejection::new("order_not_found", "there is no such order")
}

impl Order {
    /// Locks and reads an order.
    ///
    /// # Errors
    /// `order_not_found`.
    pub async fn lock(work: &mut Work, id: OrderId) -> Result<Self, Failure> {
        let tenant = work.tenant().clone();
        let row = sqlx::query!(
            r#"SELECT customer_id, status::text AS "status!", held_from::text, hold_reason, progress, currency, subtotal_minor, grand_minor, captured_minor,
                      refunded_minor, payment_method, shipping_method, ship_country, private_sealed, details_version, given_up_minor, given_up_goods_minor,
                      uses_safety, fraud_band, placed_by, correlation, version
               FROM orders WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
            tenant.as_str(),
            id.0,
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(not_found)?;
        let known = |name: &str| Status::from_name(name).expect("the database knows the same statuses");
        Ok(Self {
            id,
            customer_id: row.customer_id,
            standing: Standing { status: known(&row.status), held_from: row.held_from.as_deref().map(known) },
            hold_reason: row.hold_reason,
            progress: Progress::from_bits(row.progress),
            currency: stored_currency(&row.currency),
            subtotal_minor: row.subtotal_minor,
            grand_minor: row.grand_minor,
            captured_minor: row.captured_minor,
            refunded_minor: row.refunded_minor,
            payment_method: row.payment_method,
            shipping_method: row.shipping_method,
            ship_country: row.ship_country,
            private_sealed: row.private_sealed,
            details_version: row.details_version,
            given_up_minor: row.given_up_minor,
            given_up_goods_minor: row.given_up_goods_minor,
            uses_safety: row.uses_safety,
            fraud_band: row.fraud_band,
            placed_by: row.placed_by,
            correlation: row.correlation,
            version: row.version,
            passed: vec![],
            written: row.version,
        })
    }

    /// The same for somebody who may change only what is theirs or was placed by them: others' orders are not there for them.
    ///
    /// # Errors
    /// `order_not_found`.
    pub async fn lock_of(work: &mut Work, id: OrderId, only_of: Option<&str>) -> Result<Self, Failure> {
        let order = Self::lock(work, id).await?;
        if only_of.is_some_and(|who| who != order.customer_id && who != order.placed_by) {
            return Err(not_found().into());
        }
        Ok(order)
    }

    /// An amount in its currency.
    pub const fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// What it comes to.
    pub const fn total(&self) -> Money {
        self.money(self.grand_minor)
    }

    /// Its version as events carry it.
    pub fn sequence(&self) -> u64 {
        u64::from(self.version.unsigned_abs())
    }

    /// Applies a change.
    ///
    /// # Errors
    /// `order_state_conflict`.
    pub fn change(&mut self, change: Change) -> Result<(), Rejection> {
        self.standing = self.standing.after(change)?;
        self.passed.push(self.standing.status);
        Ok(())
    }

    /// Something has happened to it: it has a new version.
    pub fn move_on(&mut self) {
        self.version += 1;
    }

    /// Whether something has happened to it that is not written yet.
    pub const fn has_moved(&self) -> bool {
        self.version != self.written
    }

    /// Writes where it stands, with a new version. `next_in` is when its next step runs, in seconds from now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn save(
        &mut self,
        work: &mut Work,
        hold: Option<(HoldReason, &str)>,
        next_in: Option<i64>,
    ) -> Result<(), Failure> {
        self.move_on();
        self.write(work, hold, next_in).await
    }

    /// Writes where it stands after everything that has happened to it, one or more versions later.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn write(
        &mut self,
        work: &mut Work,
        hold: Option<(HoldReason, &str)>,
        next_in: Option<i64>,
    ) -> Result<(), Failure> {
        let (tenant, now) = (work.tenant().clone(), work.now());
        let stands = self.standing.status;
        let passed = |status: Status| stands == status || self.passed.contains(&status);
        let next_at = next_in.map(|seconds| now + chrono::TimeDelta::seconds(seconds));
        let is_held = self.standing.status == Status::OnHold;
        sqlx::query!(
            "UPDATE orders SET status = $3::text::order_status, held_from = $4::text::order_status, progress = $5, version = $6, updated_at = $7,
                    captured_minor = $8, refunded_minor = $9, next_at = $10,
                    hold_reason = CASE WHEN $11 THEN COALESCE($12, hold_reason) END, hold_detail = CASE WHEN $11 THEN COALESCE($13, hold_detail) END,
                    confirmed_at = CASE WHEN $14 THEN COALESCE(confirmed_at, $7) ELSE confirmed_at END,
                    shipped_at = CASE WHEN $15 THEN COALESCE(shipped_at, $7) ELSE shipped_at END,
                    finished_at = CASE WHEN $3 IN ('completed', 'cancelled', 'returned', 'refunded') THEN COALESCE(finished_at, $7) END,
                    refunded_from = CASE WHEN $3 = 'refunded' AND status <> 'refunded' THEN status WHEN $3 = 'refunded' THEN refunded_from END
             WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            self.id.0,
            self.standing.status.name(),
            self.standing.held_from.map(Status::name),
            self.progress.bits(),
            self.version,
            now,
            self.captured_minor,
            self.refunded_minor,
            next_at,
            is_held,
            hold.map(|(reason, _)| reason.name()),
            hold.map(|(_, detail)| detail),
            passed(Status::Confirmed),
            passed(Status::Shipped),
        )
        .execute(work.conn())
        .await?;
        self.written = self.version;
        Ok(())
    }
}

/// A currency that was checked when it was written.
pub fn stored_currency(code: &str) -> Currency {
    Currency::try_new(code).expect("only listed currencies are stored")
}
