//! The reward rules that tracking told us, by campaign and version. A version never changes, so a copy in memory stays right.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::Work;
use shared_events::tracking::{RewardOn, RewardRule, RewardRulesRevised};
use shared_events::{CampaignId, Currency, TenantId};
use sqlx::types::Json;

use crate::domain::payout::stored_currency;

/// Versions kept in memory; beyond that they are read again.
const MOST_IN_MEMORY: usize = 10_000;

/// One version of a campaign's rules.
#[derive(Debug)]
pub struct Rules {
    /// Currency of the rewards.
    pub currency: Currency,
    rules: Vec<RewardRule>,
}

impl Rules {
    /// The rule for this kind of conversion, if there is one.
    pub fn rule(&self, on: RewardOn) -> Option<&RewardRule> {
        self.rules.iter().find(|rule| rule.on == on)
    }
}

/// Which rules.
type Key = (TenantId, CampaignId, u32);

/// Finds rules, in memory or in the database; clones share the memory.
#[derive(Debug, Clone, Default)]
pub struct RuleBook(Arc<Mutex<HashMap<Key, Arc<Rules>>>>);

impl RuleBook {
    /// The rules of a version.
    ///
    /// # Errors
    /// `Retry` while the version is not known here: it travels on another partition and comes soon.
    pub async fn find(&self, work: &mut Work, campaign: CampaignId, version: u32) -> Result<Arc<Rules>, Failure> {
        let key = (work.tenant().clone(), campaign, version);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(rules) = known {
            return Ok(rules);
        }
        let row = sqlx::query!(
            r#"SELECT currency, rules AS "rules: Json<Vec<RewardRule>>" FROM reward_rules WHERE tenant = $1 AND campaign_id = $2 AND version = $3"#,
            key.0.as_str(),
            campaign.0,
            i32::try_from(version).unwrap_or(i32::MAX),
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(|| Failure::Retry(anyhow::anyhow!("rules version {version} of campaign {campaign} is not known yet")))?;
        let rules = Arc::new(Rules { currency: stored_currency(&row.currency), rules: row.rules.0 });
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= MOST_IN_MEMORY {
            memory.clear();
        }
        memory.insert(key, Arc::clone(&rules));
        Ok(rules)
    }
}

/// Keeps our copy of the rules.
pub struct LearnRules;

impl Handles<RewardRulesRevised> for LearnRules {
    async fn handle(&self, work: &mut Work, message: &Delivered<RewardRulesRevised>) -> Result<Outcome, Failure> {
        let (tenant, now, revised) = (work.tenant().clone(), work.now(), &message.data);
        sqlx::query!("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant.as_str())
            .execute(work.conn())
            .await?;
        sqlx::query!(
            "INSERT INTO reward_rules (tenant, campaign_id, version, campaign_code, currency, rules, received_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            revised.campaign_id.0,
            i32::try_from(revised.rules_version)
                .map_err(|_| Failure::reject("bad_version", "the rules version is out of range"))?,
            revised.campaign_code,
            revised.currency.code(),
            Json(&revised.rules) as _,
            now,
        )
        .execute(work.conn())
        .await?;
        Ok(Outcome::none())
    }
}
