//! What tracking is asked and what it tells: campaigns, enrolments, links, coupons, conversions and their refunds.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Message, Service, Topic};
use crate::ids::{CampaignId, ConversionId, EnrolmentId, LinkId, PartnerId, TrackingEventId, VisitorId};
use crate::money::{Currency, Money};

/// Declares messages: type, wire name, topic and key in one place.
#[macro_export]
macro_rules! messages {
    ($topic:expr; $($name:ident $wire:literal $key:ident),+ $(,)?) => {$(
        impl Message for $name {
            const TYPE: &'static str = $wire;
            const TOPIC: Topic = $topic;
            fn key(&self) -> String {
                self.$key.to_string()
            }
        }
    )+};
}

/// How the credit for a conversion is divided among the clicks before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributionModel {
    /// All to the latest click in the window.
    LastClick,
    /// All to the earliest click in the window.
    FirstClick,
    /// In equal parts to every click in the window.
    Linear,
    /// 40 % to the first, 40 % to the last, the rest in equal parts to those between; two clicks share equally.
    PositionBased,
}

/// Attribution policy of a campaign. A coupon and an explicitly named partner always win over clicks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributionPolicy {
    /// How credit is divided.
    pub model: AttributionModel,
    /// A click earns credit for this many days (1 to 3,650).
    pub click_window_days: u32,
}

/// What a reward is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewardOn {
    /// A click.
    Click,
    /// A lead (a sign-up, a form).
    Lead,
    /// A purchase.
    Sale,
}

impl RewardOn {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Lead => "lead",
            Self::Sale => "sale",
        }
    }
}

/// The size of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewardValue {
    /// Hundredths of a percent of the amount (1,000 = 10 %), 0 to 10,000.
    BasisPoints(u32),
    /// A fixed amount in minor units of the campaign's currency.
    FlatMinor(i64),
}

/// From this many conversions, or this much turnover, in the calendar month (UTC), another value applies.
/// The conversion that reaches the threshold already earns it; earlier ones keep theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Conversions of the partner in the month, this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_count: Option<u64>,
    /// Turnover of the partner in the month in minor units, this conversion included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_amount_minor: Option<i64>,
    /// What applies from there.
    pub value: RewardValue,
}

/// One rule of a campaign: what is paid for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RewardRule {
    /// What it rewards; a campaign has at most one rule for each.
    pub on: RewardOn,
    /// The base reward.
    pub value: RewardValue,
    /// Better rewards for more; either all by count or all by amount, rising.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// Most that one conversion earns, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_per_event_minor: Option<i64>,
    /// Most that one partner earns by this rule in a calendar month (UTC), in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_per_partner_month_minor: Option<i64>,
    /// For how many months after a customer's first conversion later ones earn too: absent = without end, 0 = the first only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurring_months: Option<u32>,
    /// Days that a commission waits before it is approved.
    pub hold_days: u32,
    /// Smallest payout, in minor units.
    #[serde(default)]
    pub min_payout_minor: i64,
}

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
    /// Anything that the partner's client wants kept with the enrolment; at most 20 short texts.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
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
    /// Origins (`https://shop.example`) that may use it; empty = none but servers without an Origin header.
    pub origins: Vec<String>,
    /// Events a second that it may send.
    pub events_per_second: u32,
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
}

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
    ConversionAttributed "tracking.conversion_attributed.v1" conversion_id,
    ConversionUnattributed "tracking.conversion_unattributed.v1" conversion_id,
    ConversionRefunded "tracking.conversion_refunded.v1" conversion_id,
}
