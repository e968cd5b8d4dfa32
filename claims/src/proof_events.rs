//! What evidence tells about the documents of a claim. Its requests have the ids of our claims; those of others are not ours.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{ClaimAmended, ClaimSealed};
use shared_events::evidence::{
    EvidenceAmbiguous, EvidenceMatched, MatchRejected, MatchedBy, PromptAnswered, PromptCancelled, PromptExpired,
    ProofPacketReady,
};
use shared_events::{ClaimId, ProofRequestId};

use crate::claim_fees;
use crate::claim_row::{self, Claim};
use crate::claiming::state::{State, Step};
use crate::weigh_claim::weigh;

async fn ours(work: &mut Work, request: ProofRequestId) -> Result<Option<Claim>, sqlx::Error> {
    claim_row::find(work, ClaimId(request.0)).await
}

/// Handles [`EvidenceMatched`]: the document counts, and so does the probability.
pub struct Matched;

impl Handles<EvidenceMatched> for Matched {
    async fn handle(&self, work: &mut Work, message: &Delivered<EvidenceMatched>) -> Result<Outcome, Failure> {
        let matched = &message.data;
        let Some(mut claim) = ours(work, matched.request_id).await? else { return Ok(Outcome::none()) };
        if !claim.state().is_unsent() && !matches!(claim.state(), State::Denied | State::InfoRequested) {
            return Ok(Outcome::none());
        }
        claim.checklist.matched(&matched.document_id.to_string());
        claim.probability = Some(matched.probability);
        claim.by_model = Some(matched.by == MatchedBy::Model);
        claim.model = Some(matched.model.clone());
        claim.document_id = Some(matched.document_id.0);
        weigh(work, &Cause::from(&message.envelope), &mut claim, &matched.explanation).await?;
        Ok(Outcome::none())
    }
}

/// Handles [`EvidenceAmbiguous`]: a person is asked.
pub struct Ambiguous;

impl Handles<EvidenceAmbiguous> for Ambiguous {
    async fn handle(&self, work: &mut Work, message: &Delivered<EvidenceAmbiguous>) -> Result<Outcome, Failure> {
        let asked = &message.data;
        let Some(claim) = ours(work, asked.request_id).await? else { return Ok(Outcome::none()) };
        note(work, &Cause::from(&message.envelope), claim, Step::AskPerson, &asked.explanation).await
    }
}

/// Takes a step, where it leads anywhere, and tells why.
async fn note(work: &mut Work, cause: &Cause, mut claim: Claim, step: Step, why: &str) -> Result<Outcome, Failure> {
    if claim.state().after(step).is_some() {
        claim.step(step)?;
        let (claim_id, units, amount) = (claim.claim_id(), claim.units, claim.amount());
        claim.tell(work, cause, &ClaimAmended { claim_id, units, amount, reason: why.to_owned() }).await?;
    }
    Ok(Outcome::none())
}

/// Handles the ends of prompts and refused matches: nobody is asked any more. An answer that proves something is told as
/// [`EvidenceMatched`] besides.
pub struct NotAsked;

macro_rules! not_asked {
    ($($event:ident $words:literal),+ $(,)?) => {$(
        impl Handles<$event> for NotAsked {
            async fn handle(&self, work: &mut Work, message: &Delivered<$event>) -> Result<Outcome, Failure> {
                let Some(claim) = ours(work, message.data.request_id).await? else { return Ok(Outcome::none()) };
                note(work, &Cause::from(&message.envelope), claim, Step::StopAsking, $words).await
            }
        }
    )+};
}

not_asked! {
    PromptAnswered "the question was answered",
    PromptExpired "nobody answered in time",
    PromptCancelled "the question is no longer of interest",
    MatchRejected "the document does not prove it",
}

/// Handles [`ProofPacketReady`]: a paid claim is sealed, and its fee accrues.
pub struct PacketReady;

impl Handles<ProofPacketReady> for PacketReady {
    async fn handle(&self, work: &mut Work, message: &Delivered<ProofPacketReady>) -> Result<Outcome, Failure> {
        let (packet, cause) = (&message.data, Cause::from(&message.envelope));
        if packet.draft {
            return Ok(Outcome::none());
        }
        let Some(mut claim) = ours(work, packet.request_id).await? else { return Ok(Outcome::none()) };
        if claim.packet_id.is_none() {
            claim.packet_id = Some(packet.packet_id.0);
            if claim.state().after(Step::Seal).is_some() {
                claim.step(Step::Seal)?;
            }
            let sealed = ClaimSealed { claim_id: claim.claim_id(), packet_id: packet.packet_id };
            claim.tell(work, &cause, &sealed).await?;
        }
        claim_fees::settle(work, &cause, &mut claim).await?;
        Ok(Outcome::none())
    }
}
