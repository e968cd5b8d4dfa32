//! What the claims service tells: a claim needs proof, or no longer; a person was given it to send; it was refused; its money came, or was
//! taken back. A claim's request has its id.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{
    ClaimAnswered, ClaimSubmissionAttempted, PayoutConfirmed, PayoutReversed, ProofUnwanted, ProofWanted, ReplyKind,
};
use shared_events::evidence::{RecordPayout, RequestProof};
use shared_events::money::Money;
use shared_events::{ClaimId, ProofRequestId, ids};

use crate::{draft_packet, learn_from_outcome, record_payout, request_proof, request_row, withdraw_request};

/// The request for proof of a claim.
pub fn request_of(claim: ClaimId) -> ProofRequestId {
    ProofRequestId(claim.0)
}

/// Handles [`ProofWanted`].
pub struct Wanted;

impl Handles<ProofWanted> for Wanted {
    async fn handle(&self, work: &mut Work, message: &Delivered<ProofWanted>) -> Result<Outcome, Failure> {
        let wanted = message.data.clone();
        let request = RequestProof {
            request_id: request_of(wanted.claim_id),
            claim_type: wanted.claim_type,
            reference: Some(wanted.claim_id.to_string()),
            subject: wanted.subject,
            source_rows: wanted.source_rows,
            policy: wanted.policy,
            requested_by: wanted.asked,
        };
        request_proof::begin(work, &request, Cause::from(&message.envelope)).await?;
        Ok(Outcome::none())
    }
}

/// Handles [`ProofUnwanted`].
pub struct Unwanted;

impl Handles<ProofUnwanted> for Unwanted {
    async fn handle(&self, work: &mut Work, message: &Delivered<ProofUnwanted>) -> Result<Outcome, Failure> {
        let request_id = request_of(message.data.claim_id);
        let known = request_row::lock(work, request_id).await?;
        if known.is_some_and(|request| request.state != "withdrawn") {
            let reason = message.data.reason.clone();
            withdraw_request::withdraw(work, &Cause::from(&message.envelope), request_id, reason).await?;
        }
        Ok(Outcome::none())
    }
}

/// Handles [`ClaimSubmissionAttempted`]: whoever is to send it by hand gets a packet to send along, under the id that was told. Told again,
/// the same id leads to the same packet.
pub struct HandedOver;

impl Handles<ClaimSubmissionAttempted> for HandedOver {
    async fn handle(&self, work: &mut Work, message: &Delivered<ClaimSubmissionAttempted>) -> Result<Outcome, Failure> {
        let ClaimSubmissionAttempted { claim_id, packet_id, .. } = &message.data;
        if let Some(packet_id) = *packet_id {
            draft_packet::draft(work, packet_id, request_of(*claim_id), Cause::from(&message.envelope)).await?;
        }
        Ok(Outcome::none())
    }
}

/// Handles [`ClaimAnswered`]: a refusal because of the documents says that they do not prove it.
pub struct Answered;

/// Why a claim is refused when its documents do not convince. Other reasons, and questions for more, say nothing about those that were sent.
const UNCONVINCED: [&str; 2] = ["insufficient_evidence", "missing_document"];

impl Handles<ClaimAnswered> for Answered {
    async fn handle(&self, work: &mut Work, message: &Delivered<ClaimAnswered>) -> Result<Outcome, Failure> {
        let ClaimAnswered { claim_id, kind, category, .. } = &message.data;
        let unconvinced = category.as_deref().is_some_and(|category| UNCONVINCED.contains(&category));
        if *kind == ReplyKind::Denied
            && unconvinced
            && let Some(request) = request_row::lock(work, request_of(*claim_id)).await?
        {
            let by = message.envelope.id.to_string();
            learn_from_outcome::learn(work, &Cause::from(&message.envelope), &request, false, &by).await?;
        }
        Ok(Outcome::none())
    }
}

/// Records a claim's payout. Its id follows from its reference, so that however often it is told there is one packet.
async fn record(work: &mut Work, claim: ClaimId, payout: RecordPayout, cause: Cause) -> Result<Outcome, Failure> {
    let tenant = work.tenant().to_string();
    let id = ids::derive(&["claim payout", &tenant, &claim.to_string(), &payout.reference]);
    record_payout::record(work, id, &payout, cause).await
}

/// Handles [`PayoutConfirmed`]: the packet is sealed, whether money came or units.
pub struct Confirmed;

impl Handles<PayoutConfirmed> for Confirmed {
    async fn handle(&self, work: &mut Work, message: &Delivered<PayoutConfirmed>) -> Result<Outcome, Failure> {
        let PayoutConfirmed { claim_id, amount, units, reference, paid_at, .. } = message.data.clone();
        // Told before events named the units: nobody knows how many, so nothing can be sealed.
        if amount.minor == 0 && units.is_none() {
            return Ok(Outcome::none());
        }
        let payout = RecordPayout { request_id: request_of(claim_id), amount, units, reference, paid_at };
        record(work, claim_id, payout, Cause::from(&message.envelope)).await
    }
}

/// Handles [`PayoutReversed`]: an addendum says so, the sealed packet stays as it is.
pub struct Reversed;

impl Handles<PayoutReversed> for Reversed {
    async fn handle(&self, work: &mut Work, message: &Delivered<PayoutReversed>) -> Result<Outcome, Failure> {
        let PayoutReversed { claim_id, amount, reference, paid_at, .. } = message.data.clone();
        let amount = Money::new(-amount.minor, amount.currency);
        let payout = RecordPayout { request_id: request_of(claim_id), amount, units: None, reference, paid_at };
        record(work, claim_id, payout, Cause::from(&message.envelope)).await
    }
}
