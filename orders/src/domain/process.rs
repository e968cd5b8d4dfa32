//! The way of an order: which step comes next, and what a step's end means.
//! A pure function of what was done so far, so that the way can be walked again from any point after a crash.

use shared_events::outcome::Rejection;

use super::status::Change;

/// One step of the way. Each is a durable job with an idempotency key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Is the order complete and possible?
    Validate,
    /// How suspicious is it?
    ScoreFraud,
    /// Has everybody allowed it who has to?
    Approve,
    /// Stock is set aside.
    ReserveStock,
    /// The money is promised.
    AuthorizePayment,
    /// What is sent from where.
    ChooseWarehouses,
    /// Who carries each shipment.
    ChooseCarrier,
    /// The labels.
    BuyLabel,
    /// Does what is packed fit the order?
    QualityCheck,
    /// A shipment leaves, and its part of the money is taken.
    CapturePayment,
    /// The customer is told.
    Notify,
    /// Everything arrived; the order is closed.
    Close,
}

/// The steps that are done (or skipped), as a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Progress(u16);

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It did its work.
    Done,
    /// A person has to act first.
    Held(HoldReason),
    /// It is not known yet how it ended: look again after so many seconds.
    Later(i64),
    /// The order cannot be carried out.
    Failed,
}

/// Why an order waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldReason {
    /// It is suspicious.
    Fraud,
    /// It is worth a lot.
    Value,
    /// Stock is short.
    Stock,
    /// It cannot be delivered as it is addressed.
    Address,
    /// It cannot be paid by any provider.
    Payment,
    /// No carrier takes it, or a label is needed.
    Carrier,
    /// The quality check found something.
    Quality,
    /// A person held it.
    Manual,
    /// A step failed for a reason that is not understood.
    Trouble,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This step runs, after so many seconds.
    Run(Step, i64),
    /// A person has to act at this step; a task or the order's page says what.
    Person(Step),
    /// The shipments have to arrive.
    Delivery,
    /// What was done is undone.
    Undo,
    /// Nothing: it is closed.
    End,
}

/// What a step's end leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is done now.
    pub progress: Progress,
    /// What happens to the order.
    pub changes: Vec<Change>,
    /// What comes next.
    pub next: Next,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 12] = [
        Self::Validate,
        Self::ScoreFraud,
        Self::Approve,
        Self::ReserveStock,
        Self::AuthorizePayment,
        Self::ChooseWarehouses,
        Self::ChooseCarrier,
        Self::BuyLabel,
        Self::QualityCheck,
        Self::CapturePayment,
        Self::Notify,
        Self::Close,
    ];

    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::ScoreFraud => "score_fraud",
            Self::Approve => "approve",
            Self::ReserveStock => "reserve_stock",
            Self::AuthorizePayment => "authorize_payment",
            Self::ChooseWarehouses => "choose_warehouses",
            Self::ChooseCarrier => "choose_carrier",
            Self::BuyLabel => "buy_label",
            Self::QualityCheck => "quality_check",
            Self::CapturePayment => "capture_payment",
            Self::Notify => "notify",
            Self::Close => "close",
        }
    }

    /// The step of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Whether a person may skip it. Never those that move stock or money, nor what decides whether they may.
    pub const fn can_be_skipped(self) -> bool {
        matches!(self, Self::ScoreFraud | Self::ChooseCarrier | Self::BuyLabel | Self::QualityCheck | Self::Notify)
    }

    /// What its end does to the order's status.
    const fn change(self) -> Option<Change> {
        match self {
            Self::Approve => Some(Change::Confirm),
            Self::ReserveStock => Some(Change::Allocate),
            Self::AuthorizePayment => Some(Change::Authorize),
            Self::ChooseWarehouses => Some(Change::Fulfil),
            Self::CapturePayment => Some(Change::ShipRest),
            Self::Close => Some(Change::Complete),
            _ => None,
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl Progress {
    /// Whether a step is done.
    pub const fn has(self, step: Step) -> bool {
        self.0 & step.bit() != 0
    }

    /// With a step done.
    #[must_use]
    pub const fn with(self, step: Step) -> Self {
        Self(self.0 | step.bit())
    }

    /// With a step undone.
    #[must_use]
    pub const fn without(self, step: Step) -> Self {
        Self(self.0 & !step.bit())
    }

    /// As a number, for the database.
    pub const fn bits(self) -> i16 {
        self.0 as i16
    }

    /// From the number in the database.
    pub const fn from_bits(bits: i16) -> Self {
        Self(bits as u16 & ((1 << Step::ALL.len()) - 1))
    }

    /// The first step that is not done: what is to be done now.
    pub fn next(self) -> Option<Step> {
        Step::ALL.into_iter().find(|step| !self.has(*step))
    }

    /// What follows now.
    pub fn then(self) -> Next {
        match self.next() {
            None => Next::End,
            Some(Step::Close) => Next::Delivery,
            Some(step) => Next::Run(step, 0),
        }
    }

    /// The stock that was set aside is not any more: it has to be reserved again before anything else.
    pub const fn reservation_lapsed(self) -> Self {
        self.without(Step::ReserveStock)
    }

    /// The money that was promised is not any more: it has to be authorised again before anything is sent.
    pub const fn authorization_lapsed(self) -> Self {
        self.without(Step::AuthorizePayment)
    }
}

impl HoldReason {
    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fraud => "fraud",
            Self::Value => "value",
            Self::Stock => "stock",
            Self::Address => "address",
            Self::Payment => "payment",
            Self::Carrier => "carrier",
            Self::Quality => "quality",
            Self::Manual => "manual",
            Self::Trouble => "trouble",
        }
    }
}

/// What the end of a step leads to.
pub fn decide(progress: Progress, step: Step, report: Report) -> Decision {
    match report {
        Report::Done => {
            let progress = progress.with(step);
            let mut changes: Vec<Change> = step.change().into_iter().collect();
            // An authorisation that lapsed while the order was fulfilled was renewed: it goes on where it was.
            if step == Step::AuthorizePayment && progress.has(Step::ChooseWarehouses) {
                changes.push(Change::Fulfil);
            }
            Decision { progress, changes, next: progress.then() }
        }
        Report::Held(_) => Decision { progress, changes: vec![Change::Hold], next: Next::Person(step) },
        Report::Later(seconds) => Decision { progress, changes: vec![], next: Next::Run(step, seconds.max(1)) },
        Report::Failed => Decision { progress, changes: vec![Change::Cancel], next: Next::Undo },
    }
}

/// Whether a person may skip the step that an order waits at.
///
/// # Errors
/// `step_conflict`.
pub fn check_skip(progress: Progress, step: Step) -> Result<(), Rejection> {
    let waits = progress.next();
    if waits != Some(step) {
        let at = waits.map_or("its end", Step::name);
        return Err(Rejection::new("step_conflict", format!("the order is at {at}, not at {}", step.name())).at("step"));
    }
    if !step.can_be_skipped() {
        return Err(Rejection::new("step_conflict", format!("{} cannot be skipped", step.name())).at("step"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
