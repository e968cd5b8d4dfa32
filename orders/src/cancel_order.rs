//! Gives an order up before anything of it left; what was done for it is undone by a job.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::orders::{CancelOrder, OrderCancelled};
use shared_events::outcome::Rejection;

use crate::advance::give_up;
use crate::audit::{self, Entry};
use crate::domain::status::Change;
use crate::order_row::Order;
use crate::{read_order, steps};

/// Handles [`CancelOrder`].
pub struct Cancel;

impl Handles<CancelOrder> for Cancel {
    async fn handle(&self, work: &mut Work, message: &Delivered<CancelOrder>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock_of(work, data.order_id, data.only_of.as_deref()).await?;
        cancel(work, &cause, &mut order, data.by.as_str(), &data.reason).await?;
        let shown = read_order::short_for(work, data.order_id, data.only_of.as_deref()).await?;
        Ok(Outcome::ids(&shown))
    }
}

/// Cancels a locked order.
///
/// # Errors
/// `order_state_conflict`, also while a shipment's money is being taken: then it is leaving.
pub async fn cancel(work: &mut Work, cause: &Cause, order: &mut Order, by: &str, reason: &str) -> Result<(), Failure> {
    let before = order.standing.status.name();
    order.change(Change::Cancel)?;
    if steps::capture_begun(work, order.id).await? {
        return Err(Rejection::new("order_state_conflict", "a shipment of the order is leaving at this moment").into());
    }
    order.save(work, None, None).await?;
    let cancelled = OrderCancelled { order_id: order.id, reason: reason.to_owned(), by: by.to_owned() };
    work.emit(cause, order.sequence(), &cancelled);
    give_up(work, cause, order, reason).await?;
    let entry = Entry {
        who: by,
        what: "cancel",
        subject: order.id.to_string(),
        before: serde_json::json!({ "status": before }),
        after: serde_json::json!({ "status": order.standing.status.name() }),
        why: reason,
    };
    Ok(audit::write(work, entry).await?)
}
