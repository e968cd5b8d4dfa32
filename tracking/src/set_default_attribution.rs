//! Names who gets what carries nothing to go by.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::tracking::{DefaultAttributionSet, SetDefaultAttribution};

use crate::campaign_row;

/// Handles [`SetDefaultAttribution`].
pub struct SetDefault;

impl Handles<SetDefaultAttribution> for SetDefault {
    async fn handle(&self, work: &mut Work, message: &Delivered<SetDefaultAttribution>) -> Result<Outcome, Failure> {
        let SetDefaultAttribution { campaign_id, partner } = message.data.clone();
        let tenant = work.tenant().clone();
        let mut campaign = campaign_row::lock(work, campaign_id).await?;
        match &partner {
            Some(partner) => {
                campaign.require_enrolled(work, partner).await?;
                sqlx::query!(
                    "INSERT INTO tenant_defaults (tenant, campaign_id, partner) VALUES ($1, $2, $3)
                     ON CONFLICT (tenant) DO UPDATE SET campaign_id = excluded.campaign_id, partner = excluded.partner",
                    tenant.as_str(),
                    campaign_id.0,
                    partner.as_str(),
                )
                .execute(work.conn())
                .await?;
            }
            None => {
                sqlx::query!("DELETE FROM tenant_defaults WHERE campaign_id = $1", campaign_id.0)
                    .execute(work.conn())
                    .await?;
            }
        }
        let version = campaign.next_version();
        campaign.save(work).await?;
        let set = DefaultAttributionSet { campaign_id, partner };
        work.emit(&Cause::from(&message.envelope), version, &set);
        Ok(Outcome::ids(&set))
    }
}
