//! Labels from the past: pairs whose truth is known, without their documents.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::evidence::ImportLabels;
use shared_events::outcome::Rejection;

use crate::labels::{self, NewLabel, Source};
use crate::match_facts::Said;

/// Past matches in one import at most.
pub const MOST: usize = 500;

/// Handles [`ImportLabels`].
pub struct Import;

impl Handles<ImportLabels> for Import {
    async fn handle(&self, work: &mut Work, message: &Delivered<ImportLabels>) -> Result<Outcome, Failure> {
        let ImportLabels { import_id, claim_type, matches } = &message.data;
        if !(1..=MOST).contains(&matches.len()) {
            let detail = format!("must have 1 to {MOST} entries");
            return Err(Rejection::new("bad_import", detail).at("matches").into());
        }
        let cause = Cause::from(&message.envelope);
        for (number, past) in matches.iter().enumerate() {
            let said: Said = serde_json::from_value(past.document.clone()).map_err(|error| {
                Rejection::new("bad_import", error.to_string()).at(&format!("matches[{number}].document"))
            })?;
            let label = NewLabel {
                source: Source::Import(*import_id, number),
                claim_type,
                subject: &past.subject,
                said: &said,
                proved: past.proved,
                said_by: cause.actor.as_deref().unwrap_or("an import"),
                said_at: work.now(),
            };
            labels::write(work, &label).await?;
        }
        let tenant = work.tenant().clone();
        sqlx::query!("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant.as_str())
            .execute(work.conn())
            .await?;
        labels::weigh(work, &cause, claim_type, &import_id.to_string()).await?;
        Ok(Outcome::ids(&serde_json::json!({ "import_id": import_id, "labels": matches.len() })))
    }
}
