//! What a webhook leads to: an open call is looked up now instead of later, a promise that is over is asked for anew, a refund that fell
//! through counts no more, a dispute is noted.

use providers::webhook::About;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::orders::{DisputeClosed, DisputeOpened};
use shared_events::{OrderId, PaymentId};
use uuid::Uuid;

use crate::advance::{STEP_JOB, UNDO_JOB};
use crate::calls::{self, Payment};
use crate::config::Parts;
use crate::domain::approval::Kind;
use crate::order_row::Order;
use crate::pay_refund::{self, RunRefund};
use crate::payments::{Found, Lookup, Purpose};
use crate::steps::{Lapse, order_of};
use crate::tasks;
use crate::webhooks::HEED_JOB;

/// Heeds webhooks.
pub struct Heed {
    /// What it needs.
    pub parts: Parts,
}

/// A webhook as it was kept.
struct Kept {
    gateway: String,
    event_id: String,
    about: About,
    payment: PaymentId,
    object: Option<String>,
    minor: Option<i64>,
}

impl RunsJob for Heed {
    const KIND: &'static str = HEED_JOB;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let order = order_of(job)?;
        let mut work = store.read(&job.tenant).await?;
        let kept = kept(&mut work, job).await?;
        let payment = calls::open_payment(&mut work, order).await?;
        work.commit().await?;
        let is_over = match (&kept, &payment) {
            (Some(kept), Some(payment)) if kept.about == About::Lapsed => self.is_over(kept, payment).await?,
            _ => false,
        };
        let mut work = store.read(&job.tenant).await?;
        let mut order = Order::lock(&mut work, order).await?;
        if let Some(kept) = &kept {
            match kept.about {
                About::Progress => hasten_calls(&mut work, order.id, kept.payment).await?,
                About::Lapsed if is_over => hasten(&mut work, &[Lapse::KIND], &[kept.payment.to_string()]).await?,
                About::RefundFailed => refund_failed(&mut work, &job.cause, &mut order, kept).await?,
                About::Disputed => dispute(&mut work, &job.cause, &order, kept, "open").await?,
                About::DisputeWon => dispute(&mut work, &job.cause, &order, kept, "won").await?,
                About::DisputeLost => dispute(&mut work, &job.cause, &order, kept, "lost").await?,
                About::Lapsed | About::Other => {}
            }
            heeded(&mut work, kept).await?;
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

impl Heed {
    /// Whether the promise of a payment that we rely on is over; the gateway is asked.
    async fn is_over(&self, kept: &Kept, payment: &Payment) -> Result<bool, Failure> {
        let relied_on = payment.id == kept.payment && payment.state == "authorized" && payment.captured_minor == 0;
        let Some(gateway) = self.parts.providers.get(&kept.gateway).filter(|_| relied_on) else { return Ok(false) };
        let call = payment.call(Purpose::Authorize, payment.id.0, payment.amount_minor);
        let lookup = Lookup {
            key: call.id,
            payment: payment.id.0,
            reference: payment.reference.as_deref(),
            draft: payment.draft.as_deref(),
            purpose: Purpose::Authorize,
            amount: call.amount,
            since: payment.created_at,
            captured_before_minor: 0,
        };
        match gateway.lookup(lookup).await {
            Found::Refused(_) | Found::Nothing => Ok(true),
            Found::Done(_) => Ok(false),
            Found::Unknown(why) => Err(Failure::Retry(anyhow::anyhow!("the gateway has not answered: {why}"))),
        }
    }
}

async fn kept(work: &mut Work, job: &Job) -> Result<Option<Kept>, Failure> {
    let tenant = work.tenant().clone();
    let text = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
    let (gateway, event_id) = (text("gateway"), text("event_id"));
    let row = sqlx::query!(
        "SELECT about, payment_id, object, minor FROM payment_webhooks
         WHERE tenant = $1 AND gateway = $2 AND event_id = $3 AND heeded_at IS NULL",
        tenant.as_str(),
        gateway,
        event_id,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| Kept {
        gateway,
        event_id,
        about: About::from_name(&row.about).unwrap_or(About::Other),
        payment: PaymentId(row.payment_id),
        object: row.object,
        minor: row.minor,
    }))
}

async fn heeded(work: &mut Work, kept: &Kept) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE payment_webhooks SET heeded_at = $4 WHERE tenant = $1 AND gateway = $2 AND event_id = $3",
        tenant.as_str(),
        kept.gateway,
        kept.event_id,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Brings the jobs forward that will look up the open calls of a payment. One that runs now finds out by itself.
async fn hasten_calls(work: &mut Work, order: OrderId, payment: PaymentId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let subjects: Vec<Uuid> = sqlx::query_scalar!(
        "SELECT subject FROM payment_calls WHERE tenant = $1 AND payment_id = $2 AND state = 'begun'",
        tenant.as_str(),
        payment.0,
    )
    .fetch_all(work.conn())
    .await?;
    if subjects.is_empty() {
        return Ok(());
    }
    let steps = ["authorize_payment", "capture_payment"].map(|step| format!("{order}:{step}"));
    let keys: Vec<String> = subjects.iter().map(Uuid::to_string).chain(steps).chain([order.to_string()]).collect();
    hasten(work, &[STEP_JOB, UNDO_JOB, RunRefund::KIND, Lapse::KIND], &keys).await
}

async fn hasten(work: &mut Work, kinds: &[&str], keys: &[String]) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    sqlx::query!(
        "UPDATE jobs SET due_at = $4 WHERE tenant = $1 AND kind = ANY($2) AND key = ANY($3) AND failed_at IS NULL AND due_at > $4",
        tenant.as_str(),
        &kinds,
        keys,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The refund was counted when it was accepted; now it is not paid after all.
async fn refund_failed(work: &mut Work, cause: &Cause, order: &mut Order, kept: &Kept) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let Some(object) = &kept.object else { return Ok(()) };
    let refund = sqlx::query_scalar!(
        "SELECT subject FROM payment_calls WHERE tenant = $1 AND payment_id = $2 AND purpose = 'refund' AND state = 'done' AND provider_ref = $3",
        tenant.as_str(),
        kept.payment.0,
        object,
    )
    .fetch_optional(work.conn())
    .await?;
    match refund {
        Some(refund) => pay_refund::fell_through(work, cause, order, refund, &kept.gateway).await,
        None => Ok(()),
    }
}

/// A dispute counts against the customer unless it is won. That it is over may be heard before that it began.
async fn dispute(work: &mut Work, cause: &Cause, order: &Order, kept: &Kept, state: &str) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let dispute = kept.object.as_deref().unwrap_or(&kept.event_id);
    let changed = sqlx::query!(
        "INSERT INTO payment_disputes AS d (tenant, gateway, dispute, order_id, payment_id, minor, state, opened_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $7 <> 'open' THEN $8::timestamptz END)
         ON CONFLICT (tenant, gateway, dispute) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at WHERE d.state = 'open'",
        tenant.as_str(),
        kept.gateway,
        dispute,
        order.id.0,
        kept.payment.0,
        kept.minor,
        state,
        now,
    )
    .execute(work.conn())
    .await?;
    if changed.rows_affected() > 0 {
        if state == "open" {
            let summary = format!("the payment at {} is disputed: {dispute}", kept.gateway);
            tasks::open(work, cause, order, Kind::PaymentDispute, dispute, &summary).await?;
        }
        tell_dispute(work, cause, order, kept, (dispute, state));
    }
    sqlx::query!(
        "UPDATE payments p SET disputed_at = (SELECT min(opened_at) FROM payment_disputes d
           WHERE d.tenant = p.tenant AND d.payment_id = p.id AND d.state <> 'won') WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        kept.payment.0,
    )
    .execute(work.conn())
    .await?;
    tracing::warn!(order.id = %order.id, gateway = kept.gateway, state, "a payment is disputed");
    Ok(())
}

/// Says that a dispute began or ended: staff has a few days to send the bank what it asks for.
fn tell_dispute(work: &mut Work, cause: &Cause, order: &Order, kept: &Kept, (dispute, state): (&str, &str)) {
    let (order_id, payment_id) = (order.id, kept.payment);
    let (gateway, dispute) = (kept.gateway.clone(), dispute.to_owned());
    if state == "open" {
        let amount = kept.minor.map(|minor| order.money(minor));
        work.emit(cause, order.sequence(), &DisputeOpened { order_id, payment_id, gateway, dispute, amount });
    } else {
        let is_won = state == "won";
        work.emit(cause, order.sequence(), &DisputeClosed { order_id, payment_id, gateway, dispute, is_won });
    }
}
