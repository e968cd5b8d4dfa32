//! One tenant never sees another's, not even by a query that forgets to ask.

use service_kit::auth::Role;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::world::{World, camp, click, purchase};

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn without_a_tenant_every_table_is_empty(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record(serde_json::json!([click("c", "p1", 0), purchase("a", 1)])).await;
    world.record(click("late", "p2", 1)).await;
    let kit = ["inbox", "outbox", "relay_lease", "parked", "attempts", "consumer_starts", "jobs", "_sqlx_migrations"];
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "SELECT relname::text, relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    )
    .fetch_all(world.store.pool())
    .await
    .expect("readable");
    let business: Vec<&(String, bool)> = tables.iter().filter(|(name, _)| !kit.contains(&name.as_str())).collect();
    assert!(business.len() >= 11, "{business:?}");
    for (table, is_secured) in business {
        assert!(is_secured, "{table} has no row-level security");
        let (rows,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(world.store.pool())
            .await
            .expect("readable");
        assert_eq!(rows, 0, "{table}");
    }
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn anothers_things_are_not_found(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record(purchase("a", 0)).await;
    let id = world.event("a").await["id"].as_str().expect("text").to_owned();
    for path in [
        format!("/api/v1/tracking/events/{id}"),
        format!("/api/v1/campaigns/{}", camp("camp123")),
        "/api/v1/campaigns/camp123".into(),
    ] {
        assert_eq!(world.get(&path, &[Role::Admin], "other", None).await.status, 404, "{path}");
        assert_eq!(world.get(&path, &[Role::Admin], "demo", None).await.status, 200, "{path}");
    }
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_partner_sees_only_what_concerns_it(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record(serde_json::json!([click("c1", "p1", 0), click("c2", "p2", 1), purchase("a", 2)])).await;
    let path = "/api/v1/tracking/events/a";
    assert_eq!(world.get(path, &[Role::Partner], "demo", Some("p3")).await.status, 404);
    let seen = world.get(path, &[Role::Partner], "demo", Some("p1")).await;
    assert_eq!(seen.body["attribution"]["touchpoints"].as_array().map(Vec::len), Some(1), "{seen:?}");
    assert!(!seen.body.to_string().contains("p2"));
}
