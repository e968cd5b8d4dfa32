//! Gives a coupon to an enrolled partner.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::outcome::Rejection;
use shared_events::tracking::{AssignCoupon, CouponAssigned};

use crate::campaign_row;
use crate::domain::campaign::CampaignState;
use crate::domain::incoming::fold_coupon;

/// Handles [`AssignCoupon`].
pub struct Assign;

impl Handles<AssignCoupon> for Assign {
    async fn handle(&self, work: &mut Work, message: &Delivered<AssignCoupon>) -> Result<Outcome, Failure> {
        let AssignCoupon { campaign_id, partner, coupon } = message.data.clone();
        let coupon = fold_coupon(&coupon);
        if coupon.is_empty()
            || coupon.len() > 64
            || coupon.chars().any(|letter| letter.is_control() || letter.is_whitespace())
        {
            return Err(Rejection::new("coupon_invalid", "a coupon has 1 to 64 bytes and no blanks")
                .at("coupon")
                .into());
        }
        let mut campaign = campaign_row::lock(work, campaign_id).await?;
        if campaign.state == CampaignState::Ended {
            return Err(campaign.conflict("get new coupons"));
        }
        campaign.require_enrolled(work, &partner).await?;
        let assigned = CouponAssigned { campaign_id, partner, coupon };
        let owner = sqlx::query!("SELECT campaign_id, partner FROM coupons WHERE coupon = $1", assigned.coupon);
        if let Some(owner) = owner.fetch_optional(work.conn()).await? {
            if owner.campaign_id == campaign_id.0 && owner.partner == assigned.partner.as_str() {
                return Ok(Outcome::ids(&assigned));
            }
            let detail = format!("coupon {} belongs to somebody else", assigned.coupon);
            return Err(Rejection::new("coupon_taken", detail).at("coupon").into());
        }
        insert(work, &assigned).await?;
        let version = campaign.next_version();
        campaign.save(work).await?;
        work.emit(&Cause::from(&message.envelope), version, &assigned);
        Ok(Outcome::ids(&assigned))
    }
}

async fn insert(work: &mut Work, coupon: &CouponAssigned) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO coupons (tenant, coupon, campaign_id, partner, assigned_at) VALUES ($1, $2, $3, $4, $5)",
        tenant.as_str(),
        coupon.coupon,
        coupon.campaign_id.0,
        coupon.partner.as_str(),
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
