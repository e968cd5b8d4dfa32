//! The gauges tell what waits.

use std::sync::Arc;
use std::time::Duration;

use service_kit::bus::Bus;
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::Role;
use service_kit::http::metrics;
use service_kit::store::Store;
use service_kit::testing::{Namespace, eventually};
use service_kit::waiting::Waiting;
use shared_events::tracking::ActivateCampaign;
use shared_events::{CampaignId, Service, Topic};
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::World;

/// The value of a series. Tests of one process share the page, and others run tracking: here is commission, which none of them runs whole.
fn value(series: &str) -> Option<f64> {
    let page = metrics::recorder().render();
    page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

const ROWS: &str = "
    INSERT INTO outbox (topic, key, properties, payload) SELECT 't', 'k', '{}', '{}' FROM generate_series(1, 3);
    INSERT INTO parked (message_id, topic, partition, key, tenant, type, properties, payload, reason, error, attempts, parked_at, state)
        SELECT gen_random_uuid(), 't', 0, 'k', 'demo', 'x', '{}', '', 'rejected', 'no', 1, now(), state
        FROM unnest(ARRAY['parked', 'redrive', 'dropped', 'redriven']) AS state;
    INSERT INTO jobs (kind, key, tenant, payload, correlation, due_at, failed_at)
        SELECT 'x', key, 'demo', '{}', gen_random_uuid(), due_at, failed_at FROM (VALUES
            ('due', now() - interval '1 minute', NULL), ('later', now() + interval '1 hour', NULL),
            ('failed', now() - interval '1 hour', now()), ('failed too', now() - interval '1 hour', now())) AS j (key, due_at, failed_at);";

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn gauges_tell_what_waits_in_the_database(pool: PgPool) {
    metrics::recorder();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::new(pool.clone(), clock, Service::Commission);
    let bus = Bus::new(Namespace::empty().role(Role::Commission));
    let mut waiting = Waiting::new(store, &bus, &[]);
    waiting.look().await.unwrap();
    let gauge = |name: &str| value(&format!("recoup_{name}{{service=\"commission\"}}"));
    let all = || ["outbox_rows", "parked_open", "jobs_due", "jobs_failed"].map(gauge);
    assert_eq!(all(), [Some(0.0); 4]);
    assert_eq!(gauge("outbox_oldest_seconds"), Some(0.0));
    sqlx::raw_sql(ROWS).execute(&pool).await.unwrap();
    waiting.look().await.unwrap();
    assert_eq!(all(), [Some(3.0), Some(2.0), Some(1.0), Some(2.0)]);
    let aged = eventually("the oldest row ages", async || {
        waiting.look().await.unwrap();
        gauge("outbox_oldest_seconds").filter(|age| *age > 0.1)
    })
    .await;
    sqlx::query("DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)").execute(&pool).await.unwrap();
    waiting.look().await.unwrap();
    assert_eq!(gauge("outbox_rows"), Some(2.0));
    assert!(gauge("outbox_oldest_seconds").unwrap() < aged, "another row is the oldest now");
    sqlx::query("INSERT INTO outbox (topic, key, properties, payload) SELECT 't', 'k', '{}', '{}' FROM generate_series(1, 12000)")
        .execute(&pool)
        .await
        .unwrap();
    waiting.look().await.unwrap();
    assert_eq!(gauge("outbox_rows"), Some(10_001.0), "counting is bounded");
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_gauge_tells_what_waits_at_the_broker(pool: PgPool) {
    metrics::recorder();
    let world = World::start(pool.clone()).await;
    world.shutdown.begin();
    world.shutdown.finish(Duration::from_secs(20)).await;
    for _ in 0..40 {
        world.send(&ActivateCampaign { campaign_id: CampaignId(Uuid::now_v7()) }).await;
    }
    // Asked in the service's own role: its rights have to do for it.
    let bus = Bus::new(world.namespace.role(Role::Tracking));
    let waiting = Waiting::new(world.tracking.clone(), &bus, &[Topic::commands(Service::Tracking)]);
    eventually("forty commands wait, on every partition some", async || {
        waiting.look_at_the_broker().await.unwrap();
        let partitions = (0..4).map(|number| {
            value(&format!(
                "recoup_backlog{{topic=\"tracking-commands\",subscription=\"tracking\",partition=\"{number}\"}}"
            ))
        });
        let partitions: Option<Vec<f64>> = partitions.collect();
        partitions.filter(|waiting| waiting.iter().all(|count| *count > 0.0) && waiting.iter().sum::<f64>() >= 40.0)
    })
    .await;
}
