//! Creates a campaign in draft.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::outcome::Rejection;
use shared_events::tracking::{CampaignCreated, CreateCampaign, RewardRulesRevised};

use crate::domain::campaign::{self, CampaignState};
use crate::{campaign_row, catalog, revise_rules};

/// Handles [`CreateCampaign`].
pub struct Create;

impl Handles<CreateCampaign> for Create {
    async fn handle(&self, work: &mut Work, message: &Delivered<CreateCampaign>) -> Result<Outcome, Failure> {
        let command = &message.data;
        campaign::check_new(work.tenant(), command)?;
        catalog::changes(work).await?;
        if !insert(work, command).await? {
            let detail = format!("there is already a campaign with the code {}", command.code);
            return Err(Rejection::new("campaign_code_taken", detail).at("code").into());
        }
        campaign_row::remember_state(work, command.campaign_id, CampaignState::Draft, 1).await?;
        revise_rules::insert_rules(work, command.campaign_id, 1, &command.rules).await?;
        let cause = Cause::from(&message.envelope);
        let CreateCampaign { campaign_id, code, name, currency, .. } = command.clone();
        work.emit(&cause, 1, &CampaignCreated { campaign_id, code: code.clone(), name, currency });
        let rules = command.rules.clone();
        work.emit(
            &cause,
            2,
            &RewardRulesRevised { campaign_id, campaign_code: code.clone(), rules_version: 1, currency, rules },
        );
        Ok(Outcome::ids(&serde_json::json!({ "campaign_id": campaign_id, "code": code })))
    }
}

/// False when the code is taken.
async fn insert(work: &mut Work, command: &CreateCampaign) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let inserted = sqlx::query!(
        "INSERT INTO campaigns (campaign_id, tenant, code, name, currency, destinations, model, click_window_days, state, rules_version,
                                version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'draft', 1, 2, $9)
         ON CONFLICT DO NOTHING",
        command.campaign_id.0,
        tenant.as_str(),
        command.code,
        command.name,
        command.currency.code(),
        &command.destinations,
        catalog::model_name(command.attribution.model),
        command.attribution.click_window_days.cast_signed(),
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}
