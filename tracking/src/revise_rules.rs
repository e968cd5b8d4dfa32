//! Replaces a campaign's rules from now on. Earlier conversions keep the version that was in force at their time.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::CampaignId;
use shared_events::tracking::{ReviseRules, RewardRule, RewardRulesRevised, check_rules};
use sqlx::types::Json;

use crate::campaign_row;
use crate::domain::campaign::CampaignState;

/// Handles [`ReviseRules`].
pub struct Revise;

impl Handles<ReviseRules> for Revise {
    async fn handle(&self, work: &mut Work, message: &Delivered<ReviseRules>) -> Result<Outcome, Failure> {
        let ReviseRules { campaign_id, rules } = message.data.clone();
        check_rules(&rules)?;
        let mut campaign = campaign_row::lock(work, campaign_id).await?;
        if campaign.state == CampaignState::Ended {
            return Err(campaign.conflict("get new rules"));
        }
        campaign.rules_version += 1;
        let (rules_version, version) = (campaign.rules_version, campaign.next_version());
        campaign.save(work).await?;
        insert_rules(work, campaign_id, rules_version, &rules).await?;
        let revised = RewardRulesRevised {
            campaign_id,
            campaign_code: campaign.code,
            rules_version,
            currency: campaign.currency,
            rules,
        };
        work.emit(&Cause::from(&message.envelope), version, &revised);
        Ok(Outcome::ids(&serde_json::json!({ "campaign_id": campaign_id, "rules_version": rules_version })))
    }
}

/// Stores a version of the rules, in force from now on.
///
/// # Errors
/// When the database is away.
pub async fn insert_rules(
    work: &mut Work,
    campaign: CampaignId,
    rules_version: u32,
    rules: &[RewardRule],
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO campaign_rules (tenant, campaign_id, rules_version, valid_from, rules) VALUES ($1, $2, $3, $4, $5)",
        tenant.as_str(),
        campaign.0,
        rules_version.cast_signed(),
        now,
        Json(rules) as _,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
