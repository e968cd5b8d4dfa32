//! What follows from events of other services: a notification, and a delivery for each webhook that is told of them.

use std::collections::BTreeSet;

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::notify::Channel;
use shared_events::orders::OrderPlaced;
use shared_events::{NotificationId, ids};

use crate::create::{Wanted, create};
use crate::fan_out;
use crate::put_contact;
use crate::told::{Notice, To, Told};

/// Reacts to any event that is told.
#[derive(Debug, Clone)]
pub struct React {
    /// Channels that something can be sent by.
    pub configured: BTreeSet<Channel>,
}

impl React {
    async fn react<M: Told>(&self, work: &mut Work, message: &Delivered<M>) -> Result<Outcome, Failure> {
        let (cause, envelope) = (Cause::from(&message.envelope), &message.envelope);
        fan_out::tell(work, &cause, envelope, M::PUBLIC, &message.data.public()).await?;
        if let Some(notice) = message.data.notice(envelope.sequence) {
            self.notify(work, &cause, M::TYPE, notice).await?;
        }
        Ok(Outcome::none())
    }

    async fn notify(&self, work: &mut Work, cause: &Cause, kind: &str, notice: Notice) -> Result<(), Failure> {
        let recipient = match notice.to {
            To::Recipient(recipient) => Some(recipient),
            To::CustomerOf(order) => {
                let tenant = work.tenant().clone();
                sqlx::query_scalar!(
                    "SELECT customer_id FROM order_customers WHERE tenant = $1 AND order_id = $2",
                    tenant.as_str(),
                    order.0
                )
                .fetch_optional(work.conn())
                .await?
            }
        };
        // An order from before notify kept them: nobody is known who could be told.
        let Some(recipient) = recipient else { return Ok(()) };
        let dedupe_key = format!("{}/{}", notice.template, notice.key);
        let id = ids::derive(&["notification", work.tenant().as_str(), &dedupe_key]);
        let wanted = Wanted {
            id: NotificationId(id),
            recipient,
            template: notice.template.to_owned(),
            variables: notice.variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            dedupe_key,
            language: None,
            channels: None,
            sent_by: kind.to_owned(),
        };
        create(work, cause, &wanted, &self.configured).await?;
        Ok(())
    }
}

/// Events that are told and nothing else.
macro_rules! reacts_to {
    ($($event:ty),+ $(,)?) => {$(
        impl Handles<$event> for React {
            async fn handle(&self, work: &mut Work, message: &Delivered<$event>) -> Result<Outcome, Failure> {
                self.react(work, message).await
            }
        }
    )+};
}

reacts_to! {
    shared_events::orders::OrderConfirmed,
    shared_events::orders::OrderHeld,
    shared_events::orders::OrderReleased,
    shared_events::orders::PaymentCaptured,
    shared_events::orders::ShipmentDispatched,
    shared_events::orders::OrderDispatched,
    shared_events::orders::OrderDelivered,
    shared_events::orders::OrderCompleted,
    shared_events::orders::OrderCancelled,
    shared_events::orders::OrderRefunded,
    shared_events::orders::OrderReturned,
    shared_events::orders::OrderRefundFailed,
    shared_events::orders::DisputeOpened,
    shared_events::orders::DisputeClosed,
    shared_events::orders::ShipmentException,
    shared_events::orders::ShipmentReturned,
    shared_events::orders::OrderTaskOpened,
    shared_events::orders::OrderTaskEscalated,
    shared_events::orders::ReorderSuggested,
    shared_events::commission::PayoutCompleted,
    shared_events::commission::PayoutFailed,
    shared_events::commission::PayoutEscalated,
    shared_events::claims::ClaimSubmitted,
    shared_events::claims::ClaimApprovalWanted,
    shared_events::claims::ClaimSubmitUnknown,
    shared_events::claims::ClaimAnswered,
    shared_events::claims::PayoutOverdue,
    shared_events::claims::FeeDeclined,
    shared_events::claims::AccountTokenFailed,
    shared_events::claims::ReportEmptied,
    shared_events::claims::DetectionExpiring,
    shared_events::claims::PayoutConfirmed,
    shared_events::claims::PayoutReversed,
    shared_events::evidence::PromptCreated,
    shared_events::evidence::PromptExpiringSoon,
}

impl Handles<OrderPlaced> for React {
    async fn handle(&self, work: &mut Work, message: &Delivered<OrderPlaced>) -> Result<Outcome, Failure> {
        let (tenant, order) = (work.tenant().clone(), &message.data);
        sqlx::query!(
            "INSERT INTO order_customers (tenant, order_id, customer_id) VALUES ($1, $2, $3) ON CONFLICT (tenant, order_id) DO NOTHING",
            tenant.as_str(),
            order.order_id.0,
            order.customer_id,
        )
        .execute(work.conn())
        .await?;
        if let Some(point) = &order.email {
            put_contact::learn(work, &Cause::from(&message.envelope), &order.customer_id, point).await?;
        }
        self.react(work, message).await
    }
}
