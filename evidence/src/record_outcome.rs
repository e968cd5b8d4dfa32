//! What became of a claim says whether its document really proved it: the strongest label there is.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::evidence::RecordOutcome;

use crate::labels::{self, NewLabel, Source};
use crate::request_row;

/// Handles [`RecordOutcome`].
pub struct Record;

impl Handles<RecordOutcome> for Record {
    async fn handle(&self, work: &mut Work, message: &Delivered<RecordOutcome>) -> Result<Outcome, Failure> {
        let RecordOutcome { request_id, document_id, proved } = message.data;
        let request = request_row::lock(work, request_id)
            .await?
            .ok_or_else(|| Failure::reject("request_not_found", "there is no such request"))?;
        let said = labels::said(work, document_id)
            .await?
            .ok_or_else(|| Failure::reject("document_not_found", "there is no such document, or it was not read"))?;
        let cause = Cause::from(&message.envelope);
        let label = NewLabel {
            source: Source::Outcome(request_id, document_id),
            claim_type: &request.claim_type,
            subject: &request.subject,
            said: &said,
            proved,
            said_by: cause.actor.as_deref().unwrap_or("an outcome"),
            said_at: work.now(),
        };
        labels::write(work, &label).await?;
        labels::weigh(work, &cause, &request.claim_type, &message.envelope.id.to_string()).await?;
        Ok(Outcome::ids(&serde_json::json!({ "request_id": request_id, "document_id": document_id })))
    }
}
