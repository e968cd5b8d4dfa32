//! Makes a tracked link for an enrolled partner.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::outcome::Rejection;
use shared_events::tracking::{CreateLink, LINK_CODE, LinkCreated, check_code};
use shared_events::{LinkId, PartnerId};

use crate::campaign_row::{self, CampaignRow};
use crate::domain::campaign::CampaignState;

/// Handles [`CreateLink`].
pub struct Create;

impl Handles<CreateLink> for Create {
    async fn handle(&self, work: &mut Work, message: &Delivered<CreateLink>) -> Result<Outcome, Failure> {
        let CreateLink { link_id, campaign_id, partner, code, destination } = message.data.clone();
        check_code("code", &code, LINK_CODE)?;
        let mut campaign = campaign_row::lock(work, campaign_id).await?;
        if campaign.state == CampaignState::Ended {
            return Err(campaign.conflict("get new links"));
        }
        campaign.require_enrolled(work, &partner).await?;
        let destination = destination.unwrap_or_else(|| campaign.destinations[0].clone());
        if !campaign.destinations.contains(&destination) {
            let detail = "a link leads to one of the campaign's destinations";
            return Err(Rejection::new("destination_not_registered", detail).at("destination").into());
        }
        let link = NewLink { link_id, partner: &partner, code: &code, destination: &destination };
        if !insert(work, &campaign, &link).await? {
            return Err(Rejection::new("link_code_taken", format!("the code {code} is taken")).at("code").into());
        }
        let version = campaign.next_version();
        campaign.save(work).await?;
        let created = LinkCreated { link_id, campaign_id, partner, code };
        work.emit(&Cause::from(&message.envelope), version, &created);
        Ok(Outcome::ids(&created))
    }
}

/// A link to store.
#[derive(Debug)]
pub struct NewLink<'a> {
    /// Its id.
    pub link_id: LinkId,
    /// Whose it is.
    pub partner: &'a PartnerId,
    /// The text after `/t/`.
    pub code: &'a str,
    /// Where it leads.
    pub destination: &'a str,
}

/// Stores a link. False when its code (or id) is taken, by whatever tenant.
///
/// # Errors
/// When the database is away.
pub async fn insert(work: &mut Work, campaign: &CampaignRow, link: &NewLink<'_>) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let inserted = sqlx::query!(
        "INSERT INTO links (link_id, tenant, campaign_id, partner, code, destination, destinations, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT DO NOTHING",
        link.link_id.0,
        tenant.as_str(),
        campaign.id.0,
        link.partner.as_str(),
        link.code,
        link.destination,
        &campaign.destinations,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}
