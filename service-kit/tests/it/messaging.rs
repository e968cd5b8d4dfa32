//! Commands come in, events go out, each once.

use std::time::Duration;

use service_kit::bus::Bus;
use service_kit::commands::await_outcome;
use service_kit::config::{Role, TokenSource};
use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::publisher::Publisher;
use service_kit::runtime;
use service_kit::shutdown::Shutdown;
use service_kit::testing::{Namespace, eventually};
use shared_events::tracking::{ActivateCampaign, PauseCampaign};
use shared_events::{CampaignId, Message};
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::{World, envelope, tenant};

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_command_is_done_and_its_event_is_heard_once(pool: PgPool) {
    let world = World::start(pool).await;
    let campaign_id = CampaignId(Uuid::now_v7());
    let command = ActivateCampaign { campaign_id };
    let sent = envelope(&command, Uuid::now_v7());
    for _ in 0..3 {
        world.send_as(&sent, &command).await;
    }
    let outcome =
        await_outcome(&world.tracking, &tenant(), sent.id, Duration::from_secs(20)).await.unwrap().expect("it ends");
    assert_eq!(outcome.status, "done");
    assert_eq!(outcome.result, Some(serde_json::json!({"campaign_id": campaign_id})));
    world.send(&PauseCampaign { campaign_id }).await;
    eventually("the later event is heard", async || (world.heard.seen(campaign_id).len() == 2).then_some(())).await;
    assert_eq!(world.asked.seen(campaign_id), ["activate", "pause"]);
    assert_eq!(world.heard.seen(campaign_id), ["activated", "paused"]);
    eventually("the outbox is empty", async || {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(world.tracking.pool()).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
}

/// A token file is read again for each connection, so that rotation needs no restart.
#[tokio::test]
async fn a_rotated_token_is_picked_up() {
    let namespace = Namespace::provisioned().await;
    let mut config = namespace.role(Role::Bff);
    let TokenSource::File(good) = &config.token else { panic!("tests are given token files") };
    let good = std::fs::read(good).unwrap();
    let folder = a_folder();
    let file = folder.join("bff.jwt");
    std::fs::write(&file, "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJiZmYifQ.bm8").unwrap();
    config.token = TokenSource::File(file.clone());
    let publisher = Publisher::new(Bus::new(config));
    let command = ActivateCampaign { campaign_id: CampaignId(Uuid::now_v7()) };
    let envelope = envelope(&command, Uuid::now_v7());
    let send = async || publisher.publish(ActivateCampaign::TOPIC, &envelope, b"{}".to_vec()).await;
    assert!(send().await.is_err(), "a token that the broker does not believe");
    std::fs::write(&file, good).unwrap();
    eventually("the new token is believed", async || send().await.ok()).await;
    std::fs::remove_dir_all(folder).unwrap();
}

fn a_folder() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("recoup-token-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    folder
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_refused_command_says_why_and_changes_nothing(pool: PgPool) {
    let world = World::start(pool).await;
    let campaign_id = CampaignId(Uuid::now_v7());
    world.asked.fail(campaign_id, "reject");
    let id = world.send(&ActivateCampaign { campaign_id }).await;
    let outcome =
        await_outcome(&world.tracking, &tenant(), id, Duration::from_secs(20)).await.unwrap().expect("it ends");
    assert_eq!(outcome.status, "rejected");
    assert_eq!(outcome.rejection.expect("a reason").code, "not_now");
    assert!(world.heard.seen(campaign_id).is_empty());
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn another_tenants_command_is_unknown(pool: PgPool) {
    let world = World::start(pool).await;
    let id = world.send(&ActivateCampaign { campaign_id: CampaignId(Uuid::now_v7()) }).await;
    await_outcome(&world.tracking, &tenant(), id, Duration::from_secs(20)).await.unwrap().expect("it ends");
    // The pool of the test is a superuser's, whom row-level security does not bind.
    let mut connection = world.tracking.pool().acquire().await.unwrap();
    sqlx::query("SET ROLE tracking_user").execute(&mut *connection).await.unwrap();
    let without: i64 =
        sqlx::query_scalar("SELECT count(*) FROM command_outcomes").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(without, 0, "no tenant, no rows");
    sqlx::query("SELECT set_config('recoup.tenant', 'demo', false)").execute(&mut *connection).await.unwrap();
    let own: i64 =
        sqlx::query_scalar("SELECT count(*) FROM command_outcomes").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(own, 1);
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_missing_subscription_stops_the_start(pool: PgPool) {
    let namespace = Namespace::provisioned().await;
    let config = namespace.role(Role::Tracking);
    let path = format!("persistent/{}/{}/tracking-commands/subscription/tracking", config.tenant, config.namespace);
    namespace.admin().ensure(reqwest::Method::DELETE, &path, None, &[]).await.unwrap();
    let store = service_kit::store::Store::new(
        pool,
        std::sync::Arc::new(service_kit::clock::SystemClock),
        shared_events::Service::Tracking,
    );
    let routes = Routes::new().on::<ActivateCampaign>(crate::world::ignoring());
    let started = runtime::start(&store, &Bus::new(config), routes, Worker::new(store.clone()), &Shutdown::new()).await;
    let error = format!("{:#}", started.expect_err("it must not start"));
    assert!(error.contains("recoup provision"), "{error}");
}
