//! A campaign's row, locked by a command.

use service_kit::handler::Failure;
use service_kit::store::Work;
use shared_events::outcome::Rejection;
use shared_events::{CampaignId, Currency, EnrolmentId, PartnerId};

use crate::catalog;
use crate::domain::campaign::CampaignState;

/// What commands need of a campaign.
#[derive(Debug)]
pub struct CampaignRow {
    /// Its id.
    pub id: CampaignId,
    /// Its code.
    pub code: String,
    /// Its currency.
    pub currency: Currency,
    /// Its state.
    pub state: CampaignState,
    /// Where links may lead.
    pub destinations: Vec<String>,
    /// The version of its newest rules.
    pub rules_version: u32,
    version: u64,
}

/// Locks a campaign for a command, and the tenant's catalog before it.
///
/// # Errors
/// A refusal when there is none.
pub async fn lock(work: &mut Work, id: CampaignId) -> Result<CampaignRow, Failure> {
    catalog::changes(work).await?;
    let row = sqlx::query!(
        "SELECT code, currency, state, destinations, rules_version, version FROM campaigns WHERE campaign_id = $1 FOR UPDATE",
        id.0
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(|| Rejection::new("campaign_not_found", "there is no such campaign").at("campaign_id"))?;
    Ok(CampaignRow {
        id,
        code: row.code,
        currency: Currency::try_new(&row.currency).map_err(anyhow::Error::from)?,
        state: CampaignState::from_name(&row.state)
            .ok_or_else(|| anyhow::anyhow!("unknown campaign state {}", row.state))?,
        destinations: row.destinations,
        rules_version: row.rules_version.unsigned_abs(),
        version: row.version.unsigned_abs(),
    })
}

impl CampaignRow {
    /// The version for the next event about the campaign; written by [`CampaignRow::save`].
    pub const fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Writes state and versions.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn save(&self, work: &mut Work) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "UPDATE campaigns SET state = $2, rules_version = $3, version = $4 WHERE campaign_id = $1",
            self.id.0,
            self.state.name(),
            self.rules_version.cast_signed(),
            self.version.cast_signed(),
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }

    /// A refusal because of the campaign's state.
    pub fn conflict(&self, wish: &str) -> Failure {
        let detail = format!("campaign {} is {}, it cannot {wish}", self.code, self.state.name());
        Rejection::new("campaign_state_conflict", detail).at("campaign_id").into()
    }

    /// Demands that a partner takes part.
    ///
    /// # Errors
    /// A refusal otherwise.
    pub async fn require_enrolled(&self, work: &mut Work, partner: &PartnerId) -> Result<(), Failure> {
        let enrolment = EnrolmentId::of(self.id, partner);
        let found = sqlx::query_scalar!("SELECT enrolment_id FROM enrolments WHERE enrolment_id = $1", enrolment.0);
        if found.fetch_optional(work.conn()).await?.is_some() {
            return Ok(());
        }
        let detail = format!("partner {partner} does not take part in campaign {}", self.code);
        Err(Rejection::new("partner_not_enrolled", detail).at("partner").into())
    }
}

/// Changes a campaign's state and remembers since when; gives the campaign's new version.
///
/// # Errors
/// A refusal when there is no such campaign or its state does not allow it.
pub async fn change_state(work: &mut Work, id: CampaignId, state: CampaignState) -> Result<u64, Failure> {
    let mut campaign = lock(work, id).await?;
    if !campaign.state.may_become(state) {
        return Err(campaign.conflict(&format!("become {}", state.name())));
    }
    campaign.state = state;
    let version = campaign.next_version();
    campaign.save(work).await?;
    remember_state(work, id, state, version).await?;
    Ok(version)
}

/// Remembers since when a campaign is in a state.
///
/// # Errors
/// When the database is away.
pub async fn remember_state(
    work: &mut Work,
    id: CampaignId,
    state: CampaignState,
    version: u64,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO campaign_states (tenant, campaign_id, since, version, state) VALUES ($1, $2, $3, $4, $5)",
        tenant.as_str(),
        id.0,
        now,
        version.cast_signed(),
        state.name(),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
