//! The catalog of a tenant, read from the database and kept in memory.
//!
//! Every command that changes it raises `catalog_versions` in its own transaction, and every ingest transaction reads that number with
//! the statement it begins with. A kept catalog is used only when its number is the one just read, so no process ever decides by an old
//! one, and an unchanged catalog costs no statement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use service_kit::store::Work;
use shared_events::tracking::{AttributionModel, AttributionPolicy, RewardRule};
use shared_events::{CampaignId, Currency, PartnerId, TenantId, VisitorId};
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::campaign::CampaignState;
use crate::domain::catalog::{Campaign, Catalog, RulesVersion};

/// Catalogs kept at a time; beyond that all are dropped and read again when needed.
const KEPT: usize = 200;

/// The catalogs of the tenants that this process has seen lately.
#[derive(Debug, Default)]
pub struct Catalogs(Mutex<HashMap<TenantId, (i64, Arc<Catalog>)>>);

impl Catalogs {
    /// The catalog of the tenant of `work` at `version` or newer.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn at(&self, work: &mut Work, version: i64) -> Result<Arc<Catalog>, sqlx::Error> {
        let tenant = work.tenant().clone();
        if let Some((kept, catalog)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant)
            && *kept == version
        {
            return Ok(Arc::clone(catalog));
        }
        // What is read now may be newer than `version`; then it is read again next time, which is harmless.
        let catalog = Arc::new(load(work).await?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(tenant, (version, Arc::clone(&catalog)));
        Ok(catalog)
    }
}

/// Says that the catalog changes with this transaction. Every command that changes it calls this first, so that the commands of a tenant
/// queue here and not in the middle of their work.
///
/// # Errors
/// When the database is away.
pub async fn changes(work: &mut Work) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "INSERT INTO catalog_versions (tenant, version) VALUES ($1, 1) ON CONFLICT (tenant) DO UPDATE SET version = catalog_versions.version + 1",
        tenant.as_str(),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

async fn load(work: &mut Work) -> Result<Catalog, sqlx::Error> {
    let mut campaigns = campaigns(work).await?;
    for row in sqlx::query!("SELECT campaign_id, since, state FROM campaign_states ORDER BY campaign_id, version")
        .fetch_all(work.conn())
        .await?
    {
        if let (Some(campaign), Some(state)) =
            (campaigns.get_mut(&row.campaign_id), CampaignState::from_name(&row.state))
        {
            campaign.states.push((row.since, state));
        }
    }
    let rules = sqlx::query!(
        r#"SELECT campaign_id, rules_version, valid_from, rules AS "rules: Json<Vec<RewardRule>>" FROM campaign_rules ORDER BY campaign_id, rules_version"#
    );
    for row in rules.fetch_all(work.conn()).await? {
        if let Some(campaign) = campaigns.get_mut(&row.campaign_id) {
            campaign.rules.push(rules_version(row.rules_version, row.valid_from, &row.rules));
        }
    }
    for row in sqlx::query!("SELECT campaign_id, partner, own_visitor FROM enrolments").fetch_all(work.conn()).await? {
        if let (Some(campaign), Ok(partner)) = (campaigns.get_mut(&row.campaign_id), PartnerId::try_new(row.partner)) {
            campaign.enrolled.insert(partner, VisitorId(row.own_visitor));
        }
    }
    let coupons = sqlx::query!("SELECT coupon, campaign_id, partner FROM coupons").fetch_all(work.conn()).await?;
    let whose = |campaign: Uuid, partner: String| {
        PartnerId::try_new(partner).ok().map(|partner| (CampaignId(campaign), partner))
    };
    let coupons = coupons
        .into_iter()
        .filter_map(|row| whose(row.campaign_id, row.partner).map(|whose| (row.coupon, whose)))
        .collect();
    let default = sqlx::query!("SELECT campaign_id, partner FROM tenant_defaults").fetch_optional(work.conn()).await?;
    let default = default.and_then(|row| whose(row.campaign_id, row.partner));
    Ok(Catalog::new(campaigns.into_values().collect(), coupons, default))
}

async fn campaigns(work: &mut Work) -> Result<HashMap<Uuid, Campaign>, sqlx::Error> {
    let rows = sqlx::query!("SELECT campaign_id, code, currency, model, click_window_days FROM campaigns")
        .fetch_all(work.conn())
        .await?;
    rows.into_iter()
        .map(|row| {
            let currency = Currency::try_new(&row.currency).map_err(|error| sqlx::Error::Decode(error.into()))?;
            let policy = AttributionPolicy {
                model: model_named(&row.model)?,
                click_window_days: row.click_window_days.unsigned_abs(),
            };
            let campaign = Campaign {
                id: CampaignId(row.campaign_id),
                code: row.code,
                currency,
                policy,
                states: Vec::new(),
                rules: Vec::new(),
                enrolled: HashMap::new(),
            };
            Ok((row.campaign_id, campaign))
        })
        .collect()
}

fn rules_version(version: i32, valid_from: DateTime<Utc>, rules: &[RewardRule]) -> RulesVersion {
    RulesVersion { version: version.unsigned_abs(), valid_from, rewards: rules.iter().map(|rule| rule.on).collect() }
}

/// The name of an attribution model in the database.
pub const fn model_name(model: AttributionModel) -> &'static str {
    match model {
        AttributionModel::LastClick => "last_click",
        AttributionModel::FirstClick => "first_click",
        AttributionModel::Linear => "linear",
        AttributionModel::PositionBased => "position_based",
    }
}

/// The attribution model with this name in the database.
///
/// # Errors
/// When there is none, which the table's check rules out.
pub fn model_named(name: &str) -> Result<AttributionModel, sqlx::Error> {
    let all = [
        AttributionModel::LastClick,
        AttributionModel::FirstClick,
        AttributionModel::Linear,
        AttributionModel::PositionBased,
    ];
    let unknown = || sqlx::Error::Decode(format!("unknown attribution model {name}").into());
    all.into_iter().find(|model| model_name(*model) == name).ok_or_else(unknown)
}
