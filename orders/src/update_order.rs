//! Changes where and how an order is sent, before it is confirmed: tax and shipping are reckoned anew.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::orders::{OrderUpdated, UpdateOrder};
use shared_events::outcome::Rejection;

use crate::domain::process::{HoldReason, Step};
use crate::domain::status::Status;
use crate::domain::totals::{Given, Item, reckon, share_out};
use crate::order_row::Order;
use crate::place_order::rates;
use crate::write_order::replace_cards;
use crate::{audit, read_order, steer_order, tasks};

/// Handles [`UpdateOrder`].
pub struct Update;

impl Handles<UpdateOrder> for Update {
    async fn handle(&self, work: &mut Work, message: &Delivered<UpdateOrder>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock_of(work, data.order_id, data.only_of.as_deref()).await?;
        let is_other = data.made_from.is_some_and(|version| version != order.details_version);
        if is_other || data.replaces.as_ref().is_some_and(|sealed| *sealed != order.private_sealed) {
            let detail = "somebody else changed the order at the same moment; look at it and try again";
            return Err(Rejection::new("order_changed_conflict", detail).into());
        }
        // A held order may be past its confirmation: then only what the hold is about may change, which is not this.
        let is_confirmed = order.progress.has(Step::Approve);
        let pays_anew = waits_for_means(&order);
        if !order.standing.status.is_editable() || (is_confirmed && !pays_anew) {
            let status = order.standing.status.name();
            return Err(Rejection::new(
                "order_state_conflict",
                format!("the order is {status} and cannot be changed any more"),
            )
            .into());
        }
        if pays_anew && (data.ship_country.is_some() || data.shipping_method.is_some()) {
            return Err(Rejection::new("order_state_conflict", "only the means of payment can still be changed").into());
        }
        let before = shown_to_auditors(&order);
        let is_held = order.standing.status == Status::OnHold;
        let hold = order.hold_reason.clone().unwrap_or_default();
        // What it waited for may have come with the change; a person's own hold, or trouble, is for a person to end.
        let goes_on = if pays_anew {
            hold == HoldReason::Payment.name() && names_other_means(work, &order, data).await?
        } else {
            [HoldReason::Address, HoldReason::Fraud, HoldReason::Value].iter().any(|reason| reason.name() == hold)
        };
        if pays_anew {
            if goes_on {
                steer_order::ask_all_again(work, order.id).await?;
            }
        } else {
            order.ship_country = data.ship_country.clone().unwrap_or(order.ship_country);
            order.shipping_method = data.shipping_method.clone().unwrap_or(order.shipping_method);
            reckon_anew(work, &mut order).await?;
            // What it was scored by may be another now, and what was allowed was another order.
            order.progress = order.progress.without(Step::Validate).without(Step::ScoreFraud);
            tasks::start_over(work, order.id).await?;
        }
        if let (Some(sealed), Some(marks)) = (&data.private, &data.marks) {
            let tenant = work.tenant().clone();
            sqlx::query!(
                "UPDATE orders SET private_sealed = $3, card_mark = $4, address_mark = $5, device_mark = $6, addresses = $7, disposable_mail = $8,
                        details_version = details_version + 1
                 WHERE tenant = $1 AND id = $2",
                tenant.as_str(),
                order.id.0,
                sealed,
                marks.card,
                marks.address,
                marks.device,
                marks.addresses,
                marks.disposable_mail,
            )
            .execute(work.conn())
            .await?;
            replace_cards(work, order.id, marks).await?;
        }
        if is_held && goes_on {
            steer_order::go_on(work, &cause, &mut order, data.by.as_str()).await?;
        } else {
            order.save(work, None, (!is_held).then_some(0)).await?;
            if !is_held && let Some(step) = order.progress.next() {
                crate::advance::run_step(work, &cause, order.id, step, 0).await?;
            }
        }
        work.emit(&cause, order.sequence(), &OrderUpdated { order_id: order.id, total: order.total() });
        let entry = audit::Entry {
            who: data.by.as_str(),
            what: "update_order",
            subject: order.id.to_string(),
            before,
            after: shown_to_auditors(&order),
            why: data.why.as_deref().unwrap_or_default(),
        };
        audit::write(work, entry).await?;
        let shown = read_order::short_for(work, data.order_id, data.only_of.as_deref()).await?;
        Ok(Outcome::ids(&shown))
    }
}

/// Whether an order is confirmed and waits for nothing but means of payment: every gateway refused it, or it was not paid while stock was
/// set aside for it.
fn waits_for_means(order: &Order) -> bool {
    let next = order.progress.next();
    order.standing.status == Status::OnHold
        && (next == Some(Step::AuthorizePayment)
            || (next == Some(Step::ReserveStock) && order.hold_reason.as_deref() == Some(HoldReason::Payment.name())))
}

/// Whether the change names a means of payment that the order has not.
async fn names_other_means(work: &mut Work, order: &Order, data: &UpdateOrder) -> Result<bool, sqlx::Error> {
    let Some(marks) = &data.marks else { return Ok(false) };
    let tenant = work.tenant().clone();
    let known = sqlx::query_scalar!(
        "SELECT mark FROM order_cards WHERE tenant = $1 AND order_id = $2",
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(marks.card.iter().chain(&marks.more_cards).any(|mark| !known.contains(mark)))
}

async fn reckon_anew(work: &mut Work, order: &mut Order) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let rates = rates(work).await?;
    let lines = sqlx::query!(
        "SELECT line, quantity, unit_minor, net_minor FROM order_lines WHERE tenant = $1 AND order_id = $2 ORDER BY line",
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let own =
        sqlx::query_scalar!("SELECT given FROM orders WHERE tenant = $1 AND id = $2", tenant.as_str(), order.id.0)
            .fetch_one(work.conn())
            .await?;
    let number = |name: &str| own[name].as_i64();
    let given = Given {
        tax_basis_points: number("tax_basis_points"),
        tax_minor: number("tax_minor"),
        shipping_minor: number("shipping_minor"),
    };
    let items: Vec<Item> =
        lines.iter().map(|line| Item { quantity: line.quantity, unit_minor: line.unit_minor }).collect();
    let totals = reckon(&items, order.currency, &order.ship_country, &order.shipping_method, &rates, given)?;
    order.grand_minor = totals.grand;
    sqlx::query!(
        "UPDATE orders SET tax_minor = $3, shipping_minor = $4, grand_minor = $5, rates_version = $6, ship_country = $7, shipping_method = $8
         WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        order.id.0,
        totals.tax,
        totals.shipping,
        totals.grand,
        rates.version,
        order.ship_country,
        order.shipping_method,
    )
    .execute(work.conn())
    .await?;
    let nets: Vec<i64> = lines.iter().map(|line| line.net_minor).collect();
    for (line, tax) in lines.iter().zip(share_out(totals.tax, &nets)) {
        sqlx::query!(
            "UPDATE order_lines SET tax_minor = $4 WHERE tenant = $1 AND order_id = $2 AND line = $3",
            tenant.as_str(),
            order.id.0,
            line.line,
            tax,
        )
        .execute(work.conn())
        .await?;
    }
    Ok(())
}

/// What the audit shows of an order that is changed. Addresses and means of payment are sealed, and are not shown there either.
fn shown_to_auditors(order: &Order) -> serde_json::Value {
    serde_json::json!({
        "ship_country": order.ship_country, "shipping_method": order.shipping_method, "grand_minor": order.grand_minor
    })
}
