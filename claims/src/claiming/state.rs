//! Where a claim stands, and which step leads where. Nothing else changes a claim's state.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! states {
    ($($(#[$doc:meta])* $state:ident $name:literal),+ $(,)?) => {
        /// Where a claim stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum State { $($(#[$doc])* $state),+ }

        impl State {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$state),+];

            /// The name in the database and on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$state => $name),+ }
            }
        }
    };
}

states! {
    /// Documents are looked for.
    EvidencePending "evidence_pending",
    /// A person was asked whether a document proves it.
    PromptOpen "prompt_open",
    /// The check-list is complete.
    Ready "ready",
    /// Over the limit: a second person has to allow it.
    Approval "approval",
    /// Waits for its turn.
    Queued "queued",
    /// Is being sent, by a channel or by a person.
    Submitting "submitting",
    /// Nobody knows whether it arrived; never sent again before somebody does.
    SubmitUnknown "submit_unknown",
    /// The marketplace has it, under a case id.
    Submitted "submitted",
    /// The marketplace said that it has it.
    Acknowledged "acknowledged",
    /// The marketplace wants to know more.
    InfoRequested "info_requested",
    /// The marketplace looks at it.
    UnderReview "under_review",
    /// Granted.
    Approved "approved",
    /// Granted in part.
    PartiallyApproved "partially_approved",
    /// Refused.
    Denied "denied",
    /// Can be sent again, with what was missing.
    AppealReady "appeal_ready",
    /// Was sent again.
    Appealed "appealed",
    /// The money is there: reimbursed and posted.
    PayoutConfirmed "payout_confirmed",
    /// The proof packet is sealed.
    Sealed "sealed",
    /// The fee is charged.
    FeeCharged "fee_charged",
    /// Taken back by us before it was sent.
    Withdrawn "withdrawn",
    /// The window closed before it was sent.
    Expired "expired",
    /// Every attempt to send it failed.
    Failed "failed",
    /// The marketplace took its money back.
    Reversed "reversed",
}

/// What happens to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A person is asked about a document.
    AskPerson,
    /// The question is no longer open, and nothing is proved.
    StopAsking,
    /// The check-list became complete.
    Complete,
    /// Something on the check-list is missing again.
    MissAgain,
    /// A second person has to allow it.
    AskApproval,
    /// The second person did not allow it.
    Decline,
    /// It waits for its turn.
    Queue,
    /// Sending begins.
    Send,
    /// It was not sent, and will be tried again.
    TryAgain,
    /// Nobody knows whether it arrived.
    Lose,
    /// It never arrived: it turned out so, or the person it was handed to did not send it.
    NeverArrived,
    /// The same of an appeal: the marketplace has the claim itself.
    AppealNeverArrived,
    /// It arrived.
    Arrive,
    /// It arrived, as an appeal.
    ArriveAgain,
    /// It was not sent, and will not be tried again.
    GiveUp,
    /// The marketplace said that it has it.
    Acknowledge,
    /// The marketplace wants to know more.
    AskMore,
    /// The marketplace looks at it.
    Review,
    /// The marketplace grants it.
    Grant,
    /// The marketplace grants a part.
    GrantPart,
    /// The marketplace refuses it.
    Deny,
    /// What was missing is there: it can be sent again.
    Mend,
    /// The money is there.
    Confirm,
    /// The packet is sealed.
    Seal,
    /// The fee is charged.
    Charge,
    /// The marketplace took the money back.
    Reverse,
    /// We take it back.
    Withdraw,
    /// The window closed.
    Expire,
}

impl State {
    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.name() == name)
    }

    /// Where a step leads; none when it is not allowed here.
    pub fn after(self, step: Step) -> Option<Self> {
        let to = match step {
            Step::AskPerson if matches!(self, Self::EvidencePending) => Self::PromptOpen,
            Step::StopAsking if matches!(self, Self::PromptOpen) => Self::EvidencePending,
            Step::Complete if matches!(self, Self::EvidencePending | Self::PromptOpen) => Self::Ready,
            Step::MissAgain if matches!(self, Self::Ready | Self::Approval | Self::AppealReady) => {
                Self::EvidencePending
            }
            Step::AskApproval if matches!(self, Self::Ready | Self::AppealReady) => Self::Approval,
            Step::Decline if matches!(self, Self::Approval) => Self::Ready,
            Step::Queue if matches!(self, Self::Ready | Self::Approval | Self::AppealReady | Self::Failed) => {
                Self::Queued
            }
            Step::Send if matches!(self, Self::Queued) => Self::Submitting,
            Step::TryAgain if matches!(self, Self::Submitting) => Self::Queued,
            Step::Lose if matches!(self, Self::Submitting) => Self::SubmitUnknown,
            // Of a sending by hand; what a channel is about to send is not for others to take back.
            Step::NeverArrived if matches!(self, Self::Submitting | Self::SubmitUnknown) => Self::Ready,
            Step::AppealNeverArrived if matches!(self, Self::Submitting | Self::SubmitUnknown) => Self::AppealReady,
            Step::Arrive if matches!(self, Self::Submitting | Self::SubmitUnknown) => Self::Submitted,
            Step::ArriveAgain if matches!(self, Self::Submitting | Self::SubmitUnknown) => Self::Appealed,
            Step::GiveUp if matches!(self, Self::Submitting) => Self::Failed,
            Step::Acknowledge if matches!(self, Self::Submitted | Self::Appealed) => Self::Acknowledged,
            Step::AskMore if self.is_with_marketplace() => Self::InfoRequested,
            Step::Review if self.is_with_marketplace() => Self::UnderReview,
            // A grant is told twice: by a mail, and by the row of the reimbursement.
            Step::Grant if self.is_with_marketplace() || matches!(self, Self::PartiallyApproved | Self::Approved) => {
                Self::Approved
            }
            Step::GrantPart if self.is_with_marketplace() || self == Self::PartiallyApproved => Self::PartiallyApproved,
            // A sending that is refused at the door was never with the marketplace.
            Step::Deny if self.is_with_marketplace() || matches!(self, Self::Submitting | Self::SubmitUnknown) => {
                Self::Denied
            }
            Step::Mend if matches!(self, Self::Denied | Self::InfoRequested | Self::PartiallyApproved) => {
                Self::AppealReady
            }
            // Money speaks louder than mails: it may come before anybody says that it will, and after a refusal.
            Step::Confirm
                if self.is_with_marketplace()
                    || matches!(
                        self,
                        Self::Submitting
                            | Self::SubmitUnknown
                            | Self::Approved
                            | Self::PartiallyApproved
                            | Self::Denied
                            | Self::AppealReady
                    ) =>
            {
                Self::PayoutConfirmed
            }
            Step::Seal if matches!(self, Self::PayoutConfirmed) => Self::Sealed,
            Step::Charge if matches!(self, Self::Sealed) => Self::FeeCharged,
            Step::Reverse if self.is_paid() => Self::Reversed,
            Step::Withdraw if self.is_unsent() => Self::Withdrawn,
            Step::Expire if self.is_unsent() => Self::Expired,
            _ => return None,
        };
        Some(to)
    }

    /// Whether nothing of it has left us.
    pub const fn is_unsent(self) -> bool {
        matches!(
            self,
            Self::EvidencePending | Self::PromptOpen | Self::Ready | Self::Approval | Self::Queued | Self::Failed
        )
    }

    /// Whether the marketplace has it and has not decided.
    pub const fn is_with_marketplace(self) -> bool {
        matches!(self, Self::Submitted | Self::Acknowledged | Self::InfoRequested | Self::UnderReview | Self::Appealed)
    }

    /// Whether its money arrived and was not taken back.
    pub const fn is_paid(self) -> bool {
        matches!(self, Self::PayoutConfirmed | Self::Sealed | Self::FeeCharged)
    }

    /// Whether its units and charges are spoken for: no other claim may have them. Only what was never sent gives them back.
    pub const fn holds_units(self) -> bool {
        !matches!(self, Self::Withdrawn | Self::Expired)
    }
}

#[cfg(test)]
mod tests;
