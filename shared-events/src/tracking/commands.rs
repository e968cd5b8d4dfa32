//! What tracking is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AttributionPolicy, RewardRule};
use crate::envelope::Message;
use crate::ids::{CampaignId, LinkId, PartnerId, VisitorId};
use crate::messages;
use crate::money::Currency;
use crate::topic::{Service, Topic};

/// Creates a campaign in draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateCampaign {
    /// Derived from the tenant and the code.
    pub campaign_id: CampaignId,
    /// Tenant-unique short name, used in paths.
    pub code: String,
    /// Name for people.
    pub name: String,
    /// Currency of its rewards; conversions in another currency are not attributed to it.
    pub currency: Currency,
    /// Where links may lead (https URLs; the first is the default).
    pub destinations: Vec<String>,
    /// Who gets the credit.
    pub attribution: AttributionPolicy,
    /// What is paid.
    pub rules: Vec<RewardRule>,
}

/// Opens a campaign for partners and conversions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivateCampaign {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// Suspends a campaign: links still redirect, conversions earn nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PauseCampaign {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// Ends a campaign for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndCampaign {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// Replaces the rules from now on; earlier conversions keep theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviseRules {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The new rules, whole.
    pub rules: Vec<RewardRule>,
}

/// A partner accepts a campaign's terms. Twice is the same enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptCampaign {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The partner.
    pub partner: PartnerId,
    /// Digest of the partner's own user id, so that a purchase by the partner itself can be told.
    pub own_visitor: VisitorId,
    /// Anything that the partner's client wants kept with the enrolment; at most 16 KB of JSON, 32 levels deep.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// Makes a tracked link for an enrolled partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateLink {
    /// The link.
    pub link_id: LinkId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The partner.
    pub partner: PartnerId,
    /// The text after `/t/`; unique over all tenants, since the path carries none.
    pub code: String,
    /// One of the campaign's destinations; absent = the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
}

/// Gives a coupon code to an enrolled partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignCoupon {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The partner.
    pub partner: PartnerId,
    /// The code that customers enter; unique in the tenant.
    pub coupon: String,
}

/// Names the campaign and partner that get what carries nothing to go by. Absent = nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetDefaultAttribution {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The enrolled partner; absent switches the default off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerId>,
}

/// Issues a write-only key with which a tenant's pages may send events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuePublishableKey {
    /// SHA-256 of the key, in hexadecimal; the key itself never travels.
    pub key_digest: String,
    /// What it is for, in words.
    pub label: String,
    /// Origins (`https://shop.example`) that may use it, at most 50; empty = none but servers without an Origin header.
    pub origins: Vec<String>,
    /// Events a second that it may send.
    pub events_per_second: u32,
}

/// Withdraws a publishable key for good: within seconds no event is taken from it any more. Twice is the same as once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithdrawPublishableKey {
    /// SHA-256 of the key, in hexadecimal.
    pub key_digest: String,
}

messages! { Topic::commands(Service::Tracking);
    CreateCampaign "tracking.create_campaign.v1" campaign_id,
    ActivateCampaign "tracking.activate_campaign.v1" campaign_id,
    PauseCampaign "tracking.pause_campaign.v1" campaign_id,
    EndCampaign "tracking.end_campaign.v1" campaign_id,
    ReviseRules "tracking.revise_rules.v1" campaign_id,
    AcceptCampaign "tracking.accept_campaign.v1" campaign_id,
    CreateLink "tracking.create_link.v1" campaign_id,
    AssignCoupon "tracking.assign_coupon.v1" campaign_id,
    SetDefaultAttribution "tracking.set_default_attribution.v1" campaign_id,
    IssuePublishableKey "tracking.issue_publishable_key.v1" key_digest,
    WithdrawPublishableKey "tracking.withdraw_publishable_key.v1" key_digest,
}
