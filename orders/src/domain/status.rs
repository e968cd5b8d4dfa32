//! Where an order stands: one machine for customers, staff and the process (seeds 002 and 003 alike).

use shared_events::outcome::Rejection;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Taken.
    Placed,
    /// Being checked.
    Validating,
    /// Waits for a person; it goes on where it was.
    OnHold,
    /// Checked and, where needed, approved.
    Confirmed,
    /// Stock is reserved.
    Allocated,
    /// The money is promised.
    PaymentAuthorized,
    /// Its shipments are planned and prepared.
    Fulfilling,
    /// Some of its shipments are under way.
    PartiallyShipped,
    /// All of its shipments are under way.
    Shipped,
    /// All of it arrived.
    Delivered,
    /// Closed.
    Completed,
    /// Ended before anything was sent.
    Cancelled,
    /// Came back.
    Returned,
    /// All that was paid was paid back.
    Refunded,
}

/// What happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Checking begins.
    Validate,
    /// A person has to look at it.
    Hold,
    /// A person let it go on.
    Release,
    /// It passed the checks.
    Confirm,
    /// Stock was reserved.
    Allocate,
    /// The reservation ended unused.
    Deallocate,
    /// The money was promised.
    Authorize,
    /// The promise lapsed.
    Deauthorize,
    /// Its shipments are planned.
    Fulfil,
    /// One of several shipments left.
    ShipPart,
    /// The last shipment left.
    ShipRest,
    /// The last shipment arrived.
    Deliver,
    /// It is closed.
    Complete,
    /// It is given up.
    Cancel,
    /// It came back.
    Return,
    /// The last of the money was paid back.
    RefundAll,
}

/// A status, and for a held order the one that it goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Where it stands.
    pub status: Status,
    /// Where it stood when it was held; only for [`Status::OnHold`].
    pub held_from: Option<Status>,
}

impl Status {
    /// Every status, in the order of an order's life.
    pub const ALL: [Self; 14] = [
        Self::Placed,
        Self::Validating,
        Self::OnHold,
        Self::Confirmed,
        Self::Allocated,
        Self::PaymentAuthorized,
        Self::Fulfilling,
        Self::PartiallyShipped,
        Self::Shipped,
        Self::Delivered,
        Self::Completed,
        Self::Cancelled,
        Self::Returned,
        Self::Refunded,
    ];

    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Validating => "validating",
            Self::OnHold => "on_hold",
            Self::Confirmed => "confirmed",
            Self::Allocated => "allocated",
            Self::PaymentAuthorized => "payment_authorized",
            Self::Fulfilling => "fulfilling",
            Self::PartiallyShipped => "partially_shipped",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
            Self::Refunded => "refunded",
        }
    }

    /// The status of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether nothing of the order has left yet, so that it can still be given up.
    pub const fn is_before_dispatch(self) -> bool {
        matches!(
            self,
            Self::Placed
                | Self::Validating
                | Self::OnHold
                | Self::Confirmed
                | Self::Allocated
                | Self::PaymentAuthorized
                | Self::Fulfilling
        )
    }

    /// Whether money may be paid back: something was sent, so something was paid.
    pub const fn is_refundable(self) -> bool {
        matches!(self, Self::PartiallyShipped | Self::Shipped | Self::Delivered | Self::Completed | Self::Returned)
    }

    /// Whether the customer may still change address or shipping.
    pub const fn is_editable(self) -> bool {
        matches!(self, Self::Placed | Self::Validating | Self::OnHold)
    }
}

impl Standing {
    /// An order that stands at `status` and is not held.
    pub const fn at(status: Status) -> Self {
        Self { status, held_from: None }
    }

    /// Where a change leads.
    ///
    /// # Errors
    /// `order_state_conflict` when it is not possible from here.
    pub fn after(self, change: Change) -> Result<Self, Rejection> {
        use Status as S;
        let next = match (self.status, change) {
            (S::Placed, Change::Validate) => S::Validating,
            (S::Validating, Change::Confirm) => S::Confirmed,
            (S::Confirmed, Change::Allocate) => S::Allocated,
            (S::Allocated | S::PaymentAuthorized, Change::Deallocate) => S::Confirmed,
            (S::Allocated, Change::Authorize) => S::PaymentAuthorized,
            (S::PaymentAuthorized | S::Fulfilling, Change::Deauthorize) => S::Allocated,
            (S::PaymentAuthorized, Change::Fulfil) => S::Fulfilling,
            (S::Fulfilling | S::PartiallyShipped, Change::ShipPart) => S::PartiallyShipped,
            (S::Fulfilling | S::PartiallyShipped, Change::ShipRest) => S::Shipped,
            (S::Shipped, Change::Deliver) => S::Delivered,
            (S::Delivered, Change::Complete) => S::Completed,
            (S::Shipped | S::Delivered | S::Completed, Change::Return) => S::Returned,
            (status, Change::RefundAll) if status.is_refundable() => S::Refunded,
            (S::OnHold, Change::Release) => return self.released(),
            (status, Change::Cancel) if status.is_before_dispatch() => S::Cancelled,
            (status, Change::Hold) if status.is_before_dispatch() && status != S::OnHold => {
                return Ok(Self { status: S::OnHold, held_from: Some(status) });
            }
            _ => return Err(self.conflict()),
        };
        Ok(Self::at(next))
    }

    /// The same for what the process does while the order may be held: a held order stays held, and goes on from there.
    ///
    /// # Errors
    /// As [`Self::after`].
    pub fn beneath(self, change: Change) -> Result<Self, Rejection> {
        match self.held_from {
            Some(from) => Ok(Self { held_from: Some(Self::at(from).after(change)?.status), ..self }),
            None => self.after(change),
        }
    }

    /// Where an order stands again when the refund that had paid all of it back was not paid after all.
    pub fn unrefunded(self, from: Status) -> Self {
        if self.status == Status::Refunded { Self::at(from) } else { self }
    }

    fn released(self) -> Result<Self, Rejection> {
        self.held_from.map(Self::at).ok_or_else(|| self.conflict())
    }

    fn conflict(self) -> Rejection {
        let name = self.status.name();
        Rejection::new(
            "order_state_conflict",
            format!("the order is {name}; this is not possible any more, or not yet"),
        )
    }

    /// The change that a person means by naming the status that an order is to have.
    ///
    /// # Errors
    /// `order_state_conflict` for what only the process brings about, and for what is not possible from here.
    pub fn meant_by(self, wanted: Status) -> Result<Change, Rejection> {
        let change = match wanted {
            Status::OnHold => Change::Hold,
            Status::Cancelled => Change::Cancel,
            Status::Delivered => Change::Deliver,
            Status::Completed => Change::Complete,
            Status::Returned => Change::Return,
            other if self.status == Status::OnHold && self.held_from == Some(other) => Change::Release,
            other => {
                return Err(Rejection::new(
                    "order_state_conflict",
                    format!(
                        "the order is {}; {} is reached by its process, not by naming it",
                        self.status.name(),
                        other.name()
                    ),
                )
                .at("status"));
            }
        };
        self.after(change).map(|_| change).map_err(|rejection| rejection.at("status"))
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
