//! Orders that a click or a coupon led to are purchases; what is refunded of them takes its part of the purchase back.
//!
//! An order counts from its placing, as a shop's own report of it would, and for its goods alone: partners earn nothing on tax and
//! shipping. One that is given up is taken back whole, one whose rest is given up as far as it was not paid; a refund that was not paid after all is withdrawn. What comes twice counts once: the inbox sees to that, and the ids of these events
//! follow from the order.

use std::sync::Arc;

use chrono::SubsecRound;
use service_kit::handler::{Delivered, Failure, Handles, HandlesRun, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::orders::{OrderCancelled, OrderPlaced, OrderRefundFailed, OrderRefunded, OrderRestGivenUp};
use shared_events::tracking::ConversionRefundWithdrawn;
use shared_events::{ConversionId, Currency, Message, Money, OrderId, RefundId, TenantId, TrackingEventId, VisitorId};

use crate::catalog::Catalogs;
use crate::domain::event::{EventKind, NewEvent, Tracked};
use crate::domain::incoming::{ORDERS_SOURCE, fold_coupon, id_of, is_text};
use crate::domain::plan::Verdict;
use crate::ingest::group::{Request, record_tenant};
use crate::ingest::write::WriteError;

/// Handles what orders tells.
#[derive(Clone, Default)]
pub struct RecordOrders(Arc<Catalogs>);

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Database(error) => error.into(),
            overtaken @ WriteError::Overtaken => Self::Retry(overtaken.into()),
        }
    }
}

/// The event that an order is recorded as.
fn purchase_of(tenant: &TenantId, order: OrderId) -> TrackingEventId {
    TrackingEventId(id_of(tenant, ORDERS_SOURCE, &order.to_string()))
}

/// The name that a refund's event is recorded under.
fn refund_name(refund: RefundId) -> String {
    format!("refund {refund}")
}

fn event<M: Message>(message: &Delivered<M>, event_id: String, kind: EventKind, order: OrderId) -> NewEvent {
    let envelope = &message.envelope;
    let facts = Tracked {
        id: TrackingEventId(id_of(&envelope.tenant, ORDERS_SOURCE, &event_id)),
        kind,
        visitor: None,
        click_id: None,
        partner: None,
        campaign: None,
        coupon: None,
        order_id: Some(order.to_string()),
        amount: None,
        occurred_at: envelope.time.trunc_subsecs(6),
        received_at: envelope.recorded.trunc_subsecs(6),
        refers_to: None,
    };
    NewEvent { facts, event_id: Some(event_id), source: ORDERS_SOURCE.to_owned(), link: None, metadata: None }
}

impl RecordOrders {
    async fn record(&self, work: &mut Work, requests: &[Request]) -> Result<Vec<Verdict>, Failure> {
        let numbered: Vec<(usize, &Request)> = requests.iter().enumerate().collect();
        Ok(record_tenant(work, &self.0, &numbered, false).await?)
    }

    /// Takes back what `amount` says, or the rest where that is more, or where nothing is said.
    async fn take_back<M: Message>(
        &self,
        work: &mut Work,
        message: &Delivered<M>,
        (event_id, order): (String, OrderId),
        amount: Option<Money>,
    ) -> Result<(), Failure> {
        let mut event = event(message, event_id, EventKind::Refund, order);
        event.facts.refers_to = Some(purchase_of(work.tenant(), order));
        event.facts.amount = amount;
        let mut request =
            Request { tenant: work.tenant().clone(), events: vec![event], cause: Cause::from(&message.envelope) };
        let mut verdicts = self.record(work, std::slice::from_ref(&request)).await?;
        if amount.is_some() && matches!(verdicts.first(), Some(Verdict::Rejected(_))) {
            // Somebody reported refunds of the same purchase beside us: only the rest is left.
            request.events[0].facts.amount = None;
            verdicts = self.record(work, &[request]).await?;
        }
        if let Some(Verdict::Rejected(refused)) = verdicts.first() {
            tracing::info!(order.id = %order, reason = refused.reason, "nothing is taken back for an order");
        }
        Ok(())
    }
}

impl HandlesRun<OrderPlaced> for RecordOrders {
    async fn handle_run(&self, work: &mut Work, run: &[Delivered<OrderPlaced>]) -> Result<(), Failure> {
        let tenant = work.tenant().clone();
        let brought = run.iter().filter_map(|message| {
            let data = &message.data;
            let click_id = data.click_id.clone().filter(|text| is_text(text));
            let coupon = data.coupon.as_deref().filter(|text| is_text(text)).map(fold_coupon);
            if click_id.is_none() && coupon.is_none() {
                return None;
            }
            let mut event = event(message, data.order_id.to_string(), EventKind::Purchase, data.order_id);
            let visitor = Some(VisitorId::of(&tenant, &data.customer_id));
            event.facts = Tracked { visitor, click_id, coupon, amount: Some(data.goods), ..event.facts };
            Some(Request { tenant: tenant.clone(), events: vec![event], cause: Cause::from(&message.envelope) })
        });
        let requests: Vec<Request> = brought.collect();
        if !requests.is_empty() {
            self.record(work, &requests).await?;
        }
        Ok(())
    }
}

/// What was paid for the goods of an order; nothing for an order that nobody brought.
async fn paid(work: &mut Work, order: OrderId) -> Result<Option<Money>, Failure> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "SELECT amount_minor, currency FROM events WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        purchase_of(&tenant, order).0,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some((minor, currency)) = row.and_then(|row| row.amount_minor.zip(row.currency)) else { return Ok(None) };
    let currency = Currency::try_new(&currency).map_err(anyhow::Error::from)?;
    Ok(Some(Money::new(minor, currency)))
}

/// The part of `goods` that has gone back once `refunded` of `total` has. Parts are differences of this, so that they add up.
fn gone(goods: i64, refunded: i64, total: i64) -> i64 {
    if total <= 0 {
        return 0;
    }
    let part = i128::from(goods) * i128::from(refunded.clamp(0, total)) / i128::from(total);
    i64::try_from(part).unwrap_or(goods)
}

impl Handles<OrderRefunded> for RecordOrders {
    async fn handle(&self, work: &mut Work, message: &Delivered<OrderRefunded>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let Some(goods) = paid(work, data.order_id).await? else { return Ok(Outcome::none()) };
        // Partners earned on the goods, so they give back for goods that went back. Where the refund does not say what of it is for goods,
        // the whole order's proportion has to do.
        let part = match data.goods_refunded_minor {
            Some(part) => part.min(goods.minor),
            None => {
                let before = data.refunded_total_minor - data.amount.minor;
                gone(goods.minor, data.refunded_total_minor, data.total_minor)
                    - gone(goods.minor, before, data.total_minor)
            }
        };
        if part > 0 {
            let names = (refund_name(data.refund_id), data.order_id);
            self.take_back(work, message, names, Some(Money::new(part, goods.currency))).await?;
        }
        Ok(Outcome::none())
    }
}

impl Handles<OrderRefundFailed> for RecordOrders {
    async fn handle(&self, work: &mut Work, message: &Delivered<OrderRefundFailed>) -> Result<Outcome, Failure> {
        let tenant = work.tenant().clone();
        let refund_id = TrackingEventId(id_of(&tenant, ORDERS_SOURCE, &refund_name(message.data.refund_id)));
        // Only what was taken off a purchase is put back: a refund of goods nobody brought, or one that was never told, left no trace.
        let taken = sqlx::query!(
            r#"UPDATE events SET state = 'refused', reason = 'the refund was not paid after all', version = version + 1
               WHERE tenant = $1 AND id = $2 AND state = 'applied' RETURNING amount_minor AS "minor!", currency AS "currency!", refers_to AS "purchase!""#,
            tenant.as_str(),
            refund_id.0,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(taken) = taken else { return Ok(Outcome::none()) };
        let purchase = sqlx::query!(
            "UPDATE events SET refunded_minor = refunded_minor - $3, version = version + 1 WHERE tenant = $1 AND id = $2
             RETURNING refunded_minor, version",
            tenant.as_str(),
            taken.purchase,
            taken.minor,
        )
        .fetch_one(work.conn())
        .await?;
        let currency = Currency::try_new(&taken.currency).map_err(anyhow::Error::from)?;
        let withdrawn = ConversionRefundWithdrawn {
            conversion_id: ConversionId(taken.purchase),
            refund_id,
            amount: Money::new(taken.minor, currency),
            refunded_total_minor: purchase.refunded_minor,
        };
        work.emit(&Cause::from(&message.envelope), purchase.version.unsigned_abs(), &withdrawn);
        Ok(Outcome::none())
    }
}

impl Handles<OrderRestGivenUp> for RecordOrders {
    async fn handle(&self, work: &mut Work, message: &Delivered<OrderRestGivenUp>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let Some(goods) = paid(work, data.order_id).await? else { return Ok(Outcome::none()) };
        // Nobody paid for what was never sent, so nobody earned on it.
        let part = data.goods_not_taken_minor.min(goods.minor);
        if part > 0 {
            let names = (format!("rest {}", data.order_id), data.order_id);
            self.take_back(work, message, names, Some(Money::new(part, goods.currency))).await?;
        }
        Ok(Outcome::none())
    }
}

impl Handles<OrderCancelled> for RecordOrders {
    async fn handle(&self, work: &mut Work, message: &Delivered<OrderCancelled>) -> Result<Outcome, Failure> {
        let order = message.data.order_id;
        if paid(work, order).await?.is_some_and(|goods| goods.minor > 0) {
            self.take_back(work, message, (format!("cancel {order}"), order), None).await?;
        }
        Ok(Outcome::none())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_add_up_to_the_goods(goods in 0_i64..1_000_000, refunds in proptest::collection::vec(1_i64..10_000, 1..8)) {
            let total: i64 = refunds.iter().sum();
            let (mut before, mut back) = (0, 0);
            for refund in refunds {
                let part = gone(goods, before + refund, total) - gone(goods, before, total);
                prop_assert!(part >= 0);
                before += refund;
                back += part;
            }
            prop_assert_eq!(back, goods);
        }
    }
}
