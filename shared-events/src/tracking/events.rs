//! What tracking tells.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RewardOn, RewardRule};
use crate::envelope::Message;
use crate::ids::{CampaignId, ConversionId, EnrolmentId, LinkId, PartnerId, TrackingEventId, VisitorId};
use crate::messages;
use crate::money::{Currency, Money};
use crate::topic::{Service, Topic};

/// A campaign exists, in draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignCreated {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Its tenant-unique code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Currency of its rewards.
    pub currency: Currency,
}

/// A campaign takes conversions from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignActivated {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// A campaign takes no conversions for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignPaused {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// A campaign is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignEnded {
    /// The campaign.
    pub campaign_id: CampaignId,
}

/// Rules apply from now on, under a version of their own. Said at creation too (version 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RewardRulesRevised {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The campaign's code, for explanations.
    pub campaign_code: String,
    /// Counted from 1.
    pub rules_version: u32,
    /// Currency of the rewards.
    pub currency: Currency,
    /// The rules, whole.
    pub rules: Vec<RewardRule>,
}

/// A partner takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignAccepted {
    /// The enrolment.
    pub enrolment_id: EnrolmentId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The partner.
    pub partner: PartnerId,
    /// Its first link's code (`/t/{code}`).
    pub link_code: String,
}

/// A tracked link exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkCreated {
    /// The link.
    pub link_id: LinkId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The partner.
    pub partner: PartnerId,
    /// The text after `/t/`.
    pub code: String,
}

/// A coupon belongs to a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CouponAssigned {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The partner.
    pub partner: PartnerId,
    /// The code.
    pub coupon: String,
}

/// What carries nothing to go by is credited like this from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DefaultAttributionSet {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The partner; absent = switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerId>,
}

/// A publishable key works from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishableKeyIssued {
    /// SHA-256 of the key, in hexadecimal.
    pub key_digest: String,
    /// What it is for.
    pub label: String,
}

/// A publishable key does not work any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishableKeyWithdrawn {
    /// SHA-256 of the key, in hexadecimal.
    pub key_digest: String,
}

/// One partner's share of a conversion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Credit {
    /// The partner.
    pub partner: PartnerId,
    /// Its share in basis points; the shares of a conversion add up to 10,000.
    pub weight_bps: u32,
    /// The click that earned it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click: Option<TrackingEventId>,
}

/// What tracking noticed that may be fraud. Commission decides what to make of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signals {
    /// Partners among the winners whose own user id is the customer's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub self_referral: Vec<PartnerId>,
    /// An earlier conversion with the same order id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<ConversionId>,
    /// Milliseconds from the credited (latest) click to the conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis_from_click: Option<i64>,
    /// Clicks of the same visitor in the hour before the conversion.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clicks_last_hour: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A conversion belongs to one or more partners. Said again with a higher revision when a late click or purchase changed who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversionAttributed {
    /// The conversion.
    pub conversion_id: ConversionId,
    /// Counted from 1; a higher revision replaces the lower ones.
    pub revision: u32,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The rules that were in force when it happened.
    pub rules_version: u32,
    /// What happened.
    pub on: RewardOn,
    /// What was paid; absent for clicks and leads without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The shop's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor: Option<VisitorId>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Who brought it; weights add up to 10,000.
    pub credits: Vec<Credit>,
    /// Why they did, in one sentence.
    pub reason: String,
    /// What looked odd.
    #[serde(default)]
    pub signals: Signals,
}

/// A conversion belongs to nobody, and why. With a revision above 1 it takes back an earlier attribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversionUnattributed {
    /// The conversion.
    pub conversion_id: ConversionId,
    /// Counted from 1.
    pub revision: u32,
    /// Why, in one sentence.
    pub reason: String,
}

/// Whether the customer asked the shop or the bank for the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundKind {
    /// The shop gave it back.
    Refund,
    /// The bank took it back.
    Chargeback,
}

/// Money of a purchase went back to the customer, in part or whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversionRefunded {
    /// The purchase.
    pub conversion_id: ConversionId,
    /// The event that said so.
    pub refund_id: TrackingEventId,
    /// By whom.
    pub kind: RefundKind,
    /// What went back this time; positive.
    pub amount: Money,
    /// All that went back so far, this included; never above the purchase.
    pub refunded_total_minor: i64,
    /// What was paid, in minor units.
    pub purchase_minor: i64,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
}

/// Money that was told to have gone back did not: the refund of a purchase counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversionRefundWithdrawn {
    /// The purchase.
    pub conversion_id: ConversionId,
    /// The event that had said that money went back.
    pub refund_id: TrackingEventId,
    /// What did not go back; positive.
    pub amount: Money,
    /// All that has gone back so far, without it.
    pub refunded_total_minor: i64,
}

messages! { Topic::events(Service::Tracking);
    CampaignCreated "tracking.campaign_created.v1" campaign_id,
    CampaignActivated "tracking.campaign_activated.v1" campaign_id,
    CampaignPaused "tracking.campaign_paused.v1" campaign_id,
    CampaignEnded "tracking.campaign_ended.v1" campaign_id,
    RewardRulesRevised "tracking.reward_rules_revised.v1" campaign_id,
    CampaignAccepted "tracking.campaign_accepted.v1" campaign_id,
    LinkCreated "tracking.link_created.v1" campaign_id,
    CouponAssigned "tracking.coupon_assigned.v1" campaign_id,
    DefaultAttributionSet "tracking.default_attribution_set.v1" campaign_id,
    PublishableKeyIssued "tracking.publishable_key_issued.v1" key_digest,
    PublishableKeyWithdrawn "tracking.publishable_key_withdrawn.v1" key_digest,
    ConversionAttributed "tracking.conversion_attributed.v1" conversion_id,
    ConversionUnattributed "tracking.conversion_unattributed.v1" conversion_id,
    ConversionRefunded "tracking.conversion_refunded.v1" conversion_id,
    ConversionRefundWithdrawn "tracking.conversion_refund_withdrawn.v1" conversion_id,
}
