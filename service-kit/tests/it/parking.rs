//! Messages that cannot be handled wait aside, and nothing of their key overtakes them.

use service_kit::testing::eventually;
use shared_events::tracking::{ActivateCampaign, CampaignActivated, PauseCampaign};
use shared_events::{CampaignId, Message};
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

async fn mark_all(world: &World) {
    sqlx::query("UPDATE parked SET state = 'redrive'").execute(world.commission.pool()).await.unwrap();
}

/// The error with which the one message of the test is parked again.
async fn parked_again(world: &World, sign: &str) {
    eventually("it is parked again", async || {
        sqlx::query_scalar::<_, i64>("SELECT id FROM parked WHERE state = 'parked' AND error LIKE '%' || $1 || '%'")
            .bind(sign)
            .fetch_optional(world.commission.pool())
            .await
            .unwrap()
    })
    .await;
    let counted: i64 =
        sqlx::query_scalar("SELECT count(*) FROM attempts").fetch_one(world.commission.pool()).await.unwrap();
    assert_eq!(counted, 0, "the next redrive begins anew");
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_redriven_message_that_still_panics_or_kills_is_parked_again(pool: PgPool) {
    let world = World::start(pool).await;
    let campaign_id = CampaignId(Uuid::now_v7());
    world.heard.fail(campaign_id, "reject");
    world.send(&ActivateCampaign { campaign_id }).await;
    eventually("it is parked", async || (parked(&world).await.len() == 1).then_some(())).await;
    world.heard.fail(campaign_id, "panic");
    mark_all(&world).await;
    parked_again(&world, "panicked").await;
    assert!(!world.shutdown.soft().is_cancelled(), "a panic while redriving ends nothing else");
    // As three starts leave it behind that this message has killed.
    sqlx::query("INSERT INTO attempts (message_id, attempts) SELECT message_id, 3 FROM parked")
        .execute(world.commission.pool())
        .await
        .unwrap();
    mark_all(&world).await;
    parked_again(&world, "the process died each time").await;
    world.heard.heal();
    mark_all(&world).await;
    eventually("it is heard", async || (world.heard.seen(campaign_id) == ["activated"]).then_some(())).await;
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn what_could_not_be_read_is_parked_again_and_holds_up_no_redrive(pool: PgPool) {
    let world = World::start(pool).await;
    sqlx::query(
        "INSERT INTO parked (message_id, topic, partition, key, tenant, type, properties, payload, reason, error, attempts, parked_at, state)
         VALUES (gen_random_uuid(), 'tracking-events', 0, 'somebody', '', '', '{}', '', 'malformed', 'no ce_type', 1, now(), 'redrive')",
    )
    .execute(world.commission.pool())
    .await
    .unwrap();
    eventually("it is parked again", async || {
        (parked(&world).await == [(String::new(), "malformed".into())]).then_some(())
    })
    .await;
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_key_with_very_many_parked_messages_hides_no_other(pool: PgPool) {
    let world = World::start(pool).await;
    let quiet = CampaignId(Uuid::now_v7());
    sqlx::query(
        "INSERT INTO parked (message_id, topic, partition, key, tenant, type, properties, payload, reason, error, attempts, parked_at)
         SELECT gen_random_uuid(), $1, 0, key, 'demo', 'x', '{}', '', 'follows', '', 0, now()
         FROM (SELECT 'busy' AS key FROM generate_series(1, 1001) UNION ALL SELECT $2) AS rows",
    )
    .bind(CampaignActivated::TOPIC.name())
    .bind(quiet.to_string())
    .execute(world.commission.pool())
    .await
    .unwrap();
    world.send(&ActivateCampaign { campaign_id: quiet }).await;
    eventually("it waits behind what is parked of its key", async || {
        sqlx::query_scalar::<_, i64>("SELECT id FROM parked WHERE key = $1 AND type = $2 AND reason = 'follows'")
            .bind(quiet.to_string())
            .bind(CampaignActivated::TYPE)
            .fetch_optional(world.commission.pool())
            .await
            .unwrap()
    })
    .await;
    assert!(world.heard.seen(quiet).is_empty(), "it did not overtake");
}
