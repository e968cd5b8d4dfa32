//! What the marketplace answered: understood, and turned into the next step.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{ClaimAnswered, RecordReply, ReplyKind};
use shared_events::money::Money;

use crate::claim_row::{self, Claim};
use crate::claiming::refusal::{Category, Next, classify, next};
use crate::claiming::state::{State, Step};
use crate::{claim_timers, confirm_payouts};

/// Handles [`RecordReply`].
pub struct Record;

impl Handles<RecordReply> for Record {
    async fn handle(&self, work: &mut Work, message: &Delivered<RecordReply>) -> Result<Outcome, Failure> {
        let (reply, cause) = (&message.data, Cause::from(&message.envelope));
        let mut claim = claim_row::lock(work, reply.claim_id).await?;
        let told_again = claim.state() == State::Approved && reply.kind == ReplyKind::Approved;
        if !claim.state().is_with_marketplace() && claim.state() != State::PartiallyApproved && !told_again {
            return Err(Failure::reject("claim_state_conflict", "the marketplace does not have this claim"));
        }
        answered(work, &cause, &mut claim, reply.kind, &reply.text, reply.amount).await?;
        Ok(Outcome::ids(
            &serde_json::json!({ "claim_id": claim.id, "status": claim.state_name, "denial": claim.denial }),
        ))
    }
}

/// Takes an answer in.
///
/// # Errors
/// `claim_state_conflict`, `wrong_currency`.
pub async fn answered(
    work: &mut Work,
    cause: &Cause,
    claim: &mut Claim,
    kind: ReplyKind,
    text: &str,
    amount: Option<Money>,
) -> Result<(), Failure> {
    if amount.is_some_and(|amount| amount.currency != claim.amount().currency) {
        return Err(Failure::reject("wrong_currency", "the amount is in another currency than the claim"));
    }
    let step = match kind {
        ReplyKind::Acknowledged => Step::Acknowledge,
        ReplyKind::InfoRequested => Step::AskMore,
        ReplyKind::UnderReview => Step::Review,
        ReplyKind::Approved => Step::Grant,
        ReplyKind::PartiallyApproved => Step::GrantPart,
        ReplyKind::Denied => Step::Deny,
    };
    let is_known = claim.state() == State::Approved;
    claim.step(step)?;
    let category = match kind {
        ReplyKind::Denied => Some(classify(text)),
        ReplyKind::InfoRequested => Some(Category::MissingDocument),
        _ => None,
    };
    claim.denial = category.map(|category| category.name().to_owned());
    let mut todo = "wait";
    if let Some(category) = category {
        todo = match next(category, claim.appeals, claim.is_of_fee()) {
            Next::Mend => {
                claim.checklist.refuse_documents();
                "bring_documents"
            }
            Next::Link => {
                confirm_payouts::enqueue(work, cause, claim.connection()).await?;
                "find_reimbursement"
            }
            Next::Ask => "read",
            Next::Close => "nothing",
        };
    }
    if matches!(kind, ReplyKind::Approved | ReplyKind::PartiallyApproved) {
        claim.approved_minor = Some(amount.map_or(claim.amount_minor, |amount| amount.minor));
        claim.approved_at = claim.approved_at.filter(|_| is_known).or(Some(work.now()));
        claim_timers::watch_for_money(work, cause, claim).await?;
    }
    let category = claim.denial.clone();
    let told = ClaimAnswered { claim_id: claim.claim_id(), kind, category, amount, next: todo.to_owned() };
    let mut detail = serde_json::to_value(&told).map_err(anyhow::Error::from)?;
    detail["text"] = text.into();
    claim.tell_with(work, cause, &told, detail).await
}
