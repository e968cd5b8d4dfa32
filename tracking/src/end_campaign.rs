//! Ends a campaign.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::tracking::{CampaignEnded, EndCampaign};

use crate::campaign_row;
use crate::domain::campaign::CampaignState;

/// Handles [`EndCampaign`].
pub struct End;

impl Handles<EndCampaign> for End {
    async fn handle(&self, work: &mut Work, message: &Delivered<EndCampaign>) -> Result<Outcome, Failure> {
        let campaign_id = message.data.campaign_id;
        let version = campaign_row::change_state(work, campaign_id, CampaignState::Ended).await?;
        work.emit(&Cause::from(&message.envelope), version, &CampaignEnded { campaign_id });
        Ok(Outcome::ids(&message.data))
    }
}
