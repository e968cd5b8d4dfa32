//! A partner accepts a campaign: it takes part from now on and gets a link. Twice is the same enrolment.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::tracking::{AcceptCampaign, CampaignAccepted, check_metadata};
use shared_events::{EnrolmentId, LinkId, derive};
use sqlx::types::Json;

use crate::campaign_row;
use crate::create_link::{self, NewLink};
use crate::domain::campaign::CampaignState;

/// Handles [`AcceptCampaign`].
pub struct Accept;

impl Handles<AcceptCampaign> for Accept {
    async fn handle(&self, work: &mut Work, message: &Delivered<AcceptCampaign>) -> Result<Outcome, Failure> {
        let AcceptCampaign { campaign_id, partner, .. } = message.data.clone();
        check_metadata(&message.data.metadata)?;
        let enrolment_id = EnrolmentId::of(campaign_id, &partner);
        let code = first_code(enrolment_id);
        let ids = serde_json::json!({ "enrolment_id": enrolment_id, "campaign_id": campaign_id, "partner": partner, "link_code": code });
        let mut campaign = campaign_row::lock(work, campaign_id).await?;
        let taking_part =
            sqlx::query_scalar!("SELECT enrolment_id FROM enrolments WHERE enrolment_id = $1", enrolment_id.0);
        if taking_part.fetch_optional(work.conn()).await?.is_some() {
            return Ok(Outcome::ids(&ids));
        }
        if campaign.state != CampaignState::Active {
            return Err(campaign.conflict("be accepted"));
        }
        insert(work, enrolment_id, &message.data).await?;
        let link_id = LinkId(derive(&["first-link", &enrolment_id.to_string()]));
        let destination = campaign.destinations[0].clone();
        let link = NewLink { link_id, partner: &partner, code: &code, destination: &destination };
        if !create_link::insert(work, &campaign, &link).await? {
            return Err(Failure::Retry(anyhow::anyhow!("the link code {code} of a new enrolment is taken")));
        }
        let version = campaign.next_version();
        campaign.save(work).await?;
        work.emit(
            &Cause::from(&message.envelope),
            version,
            &CampaignAccepted { enrolment_id, campaign_id, partner, link_code: code },
        );
        Ok(Outcome::ids(&ids))
    }
}

/// The code of an enrolment's first link: 80 bits of its id, so that a collision is out of the question, in letters that are hard to mistake.
fn first_code(enrolment: EnrolmentId) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let id = derive(&["link-code", &enrolment.to_string()]).as_u128();
    (0..16).map(|place| char::from(LETTERS[(id >> (place * 5)) as usize % 32])).collect()
}

async fn insert(work: &mut Work, enrolment: EnrolmentId, command: &AcceptCampaign) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO enrolments (enrolment_id, tenant, campaign_id, partner, own_visitor, metadata, accepted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        enrolment.0,
        tenant.as_str(),
        command.campaign_id.0,
        command.partner.as_str(),
        command.own_visitor.0,
        Json(&command.metadata) as _,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
