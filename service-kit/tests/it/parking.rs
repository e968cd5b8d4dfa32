//! Messages that cannot be handled wait aside, and nothing of their key overtakes them.

use service_kit::testing::eventually;
use shared_events::CampaignId;
use shared_events::tracking::{ActivateCampaign, PauseCampaign};
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::World;

async fn parked(world: &World) -> Vec<(String, String)> {
    sqlx::query_as("SELECT type, reason FROM parked WHERE state = 'parked' ORDER BY id")
        .fetch_all(world.commission.pool())
        .await
        .unwrap()
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_failing_key_is_parked_in_order_while_others_go_on_and_redriving_restores_it(pool: PgPool) {
    let world = World::start(pool).await;
    let bad = CampaignId(Uuid::now_v7());
    world.heard.fail(bad, "reject");
    world.send(&ActivateCampaign { campaign_id: bad }).await;
    world.send(&PauseCampaign { campaign_id: bad }).await;
    let others: Vec<_> = (0..20).map(|_| CampaignId(Uuid::now_v7())).collect();
    for campaign_id in &others {
        world.send(&ActivateCampaign { campaign_id: *campaign_id }).await;
    }
    // At least once: what shared a transaction with the failing one was rolled back with it and applied again.
    let heard = async || others.iter().all(|other| !world.heard.seen(*other).is_empty()).then_some(());
    eventually("others are heard", heard).await;
    let rows = eventually("both messages of the key are parked", async || {
        Some(parked(&world).await).filter(|rows| rows.len() == 2)
    })
    .await;
    assert_eq!(rows[0], ("tracking.campaign_activated.v1".into(), "rejected".into()));
    assert_eq!(rows[1], ("tracking.campaign_paused.v1".into(), "follows".into()));
    world.heard.heal();
    sqlx::query("UPDATE parked SET state = 'redrive'").execute(world.commission.pool()).await.unwrap();
    eventually("both are heard", async || (world.heard.seen(bad).len() == 2).then_some(())).await;
    assert_eq!(world.heard.seen(bad), ["activated", "paused"]);
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_message_that_keeps_failing_or_panics_is_parked_with_its_error(pool: PgPool) {
    let world = World::start(pool).await;
    for (how, sign) in [("retry", "fails on purpose"), ("panic", "panicked")] {
        let campaign_id = CampaignId(Uuid::now_v7());
        world.heard.fail(campaign_id, how);
        world.send(&ActivateCampaign { campaign_id }).await;
        let error = eventually("it is parked", async || {
            sqlx::query_scalar::<_, String>("SELECT error FROM parked WHERE key = $1 AND reason = 'attempts'")
                .bind(campaign_id.to_string())
                .fetch_optional(world.commission.pool())
                .await
                .unwrap()
        })
        .await;
        assert!(error.contains(sign), "{error}");
    }
}
