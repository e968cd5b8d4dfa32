//! Opens a campaign.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::tracking::{ActivateCampaign, CampaignActivated};

use crate::campaign_row;
use crate::domain::campaign::CampaignState;

/// Handles [`ActivateCampaign`].
pub struct Activate;

impl Handles<ActivateCampaign> for Activate {
    async fn handle(&self, work: &mut Work, message: &Delivered<ActivateCampaign>) -> Result<Outcome, Failure> {
        let campaign_id = message.data.campaign_id;
        let version = campaign_row::change_state(work, campaign_id, CampaignState::Active).await?;
        work.emit(&Cause::from(&message.envelope), version, &CampaignActivated { campaign_id });
        Ok(Outcome::ids(&message.data))
    }
}
