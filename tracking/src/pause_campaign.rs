//! Suspends a campaign.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::tracking::{CampaignPaused, PauseCampaign};

use crate::campaign_row;
use crate::domain::campaign::CampaignState;

/// Handles [`PauseCampaign`].
pub struct Pause;

impl Handles<PauseCampaign> for Pause {
    async fn handle(&self, work: &mut Work, message: &Delivered<PauseCampaign>) -> Result<Outcome, Failure> {
        let campaign_id = message.data.campaign_id;
        let version = campaign_row::change_state(work, campaign_id, CampaignState::Paused).await?;
        work.emit(&Cause::from(&message.envelope), version, &CampaignPaused { campaign_id });
        Ok(Outcome::ids(&message.data))
    }
}
