//! What a campaign must look like and how its state may change.

use serde::{Deserialize, Serialize};
use shared_events::outcome::Rejection;
use shared_events::tracking::{CreateCampaign, check_campaign};
use shared_events::{CampaignId, TenantId};
use utoipa::ToSchema;

/// Whether a campaign takes partners and conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Being prepared.
    Draft,
    /// Open.
    Active,
    /// Links lead on, conversions earn nothing.
    Paused,
    /// Over for good.
    Ended,
}

impl CampaignState {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Draft, Self::Active, Self::Paused, Self::Ended].into_iter().find(|state| state.name() == name)
    }

    /// Whether a campaign in this state may go to `next`: draft > active <> paused, and any of them > ended.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Draft | Self::Paused, Self::Active)
                | (Self::Active, Self::Paused)
                | (Self::Draft | Self::Active | Self::Paused, Self::Ended)
        )
    }
}

/// Whether a new campaign makes sense.
///
/// # Errors
/// A [`Rejection`] that names the first field at fault.
pub fn check_new(tenant: &TenantId, command: &CreateCampaign) -> Result<(), Rejection> {
    check_campaign(command)?;
    if command.campaign_id != CampaignId::from_code(tenant, &command.code) {
        let detail = "the id of a campaign follows from its code";
        return Err(Rejection::new("campaign_invalid", detail).at("campaign_id"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_campaign_stays_ended() {
        use CampaignState::{Active, Draft, Ended, Paused};
        for next in [Draft, Active, Paused, Ended] {
            assert!(!Ended.may_become(next));
        }
        assert!(
            Draft.may_become(Active)
                && Active.may_become(Paused)
                && Paused.may_become(Active)
                && !Draft.may_become(Paused)
        );
    }
}
