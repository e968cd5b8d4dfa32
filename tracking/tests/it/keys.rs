//! Publishable keys.

use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use serde_json::{Value, json};
use service_kit::auth::Role;
use service_kit::handler::Failure;
use shared_events::tracking::{IssuePublishableKey, WithdrawPublishableKey};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tracking::ingest::sender::{BELIEVED, digest};
use tracking::issue_publishable_key::Issue;
use tracking::withdraw_publishable_key::Withdraw;

use crate::world::{World, code, post};

fn key(key: &str, origins: &[&str], events_per_second: u32) -> IssuePublishableKey {
    let origins = origins.iter().map(|origin| (*origin).into()).collect();
    IssuePublishableKey { key_digest: digest(key), label: "shop".into(), origins, events_per_second }
}

fn with(headers: &[(&'static str, &str)], events: usize) -> Request<Body> {
    let events = vec![json!({"event_type": "click", "user_id": "u"}); events];
    let mut request = post("application/json", json!(events).to_string());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("plain"));
    }
    request
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_key_works_from_its_origins_only(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::with_open_tenant(pool, connect, None).await;
    world.run_as("other", &Issue, key("pk_page", &["https://shop.example"], 100)).await.expect("issued");
    world.run_as("other", &Issue, key("pk_server", &[], 100)).await.expect("issued");
    let cases: [(&[(&'static str, &str)], u16); 7] = [
        (&[("x-publishable-key", "pk_page"), ("origin", "https://shop.example")], 200),
        (&[("x-publishable-key", "pk_page"), ("origin", "https://evil.example")], 403),
        (&[("x-publishable-key", "pk_page"), ("origin", "https://shop.example.evil.example")], 403),
        (&[("x-publishable-key", "pk_page")], 403),
        (&[("x-publishable-key", "pk_server")], 200),
        (&[("x-publishable-key", "pk_server"), ("origin", "https://shop.example")], 403),
        (&[("x-publishable-key", "pk_unknown")], 401),
    ];
    for (headers, status) in cases {
        assert_eq!(world.send(with(headers, 1)).await.status, status, "{headers:?}");
    }
    assert_eq!((world.count("other").await, world.count("demo").await), (2, 0));
    let mut in_query = with(&[("origin", "https://shop.example")], 1);
    *in_query.uri_mut() = "/api/v1/tracking/events?key=pk_page".parse().expect("valid");
    assert_eq!(world.send(in_query).await.status, 200);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_key_only_writes(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::with_open_tenant(pool, connect, None).await;
    world.run(&Issue, key("pk", &[], 100)).await.expect("issued");
    for path in ["/api/v1/campaigns", "/api/v1/tracking/events/x"] {
        let request = Request::get(path).header("x-publishable-key", "pk").body(Body::empty()).expect("valid");
        assert_eq!(world.send(request).await.status, 401, "{path}");
    }
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_key_has_a_rate(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::with_open_tenant(pool, connect, None).await;
    world.run(&Issue, key("pk", &[], 1)).await.expect("issued");
    let headers: &[(&'static str, &str)] = &[("x-publishable-key", "pk")];
    assert_eq!(world.send(with(headers, 11)).await.status, 413, "more than ten seconds' worth at once");
    assert_eq!(world.send(with(headers, 9)).await.status, 200);
    assert_eq!(world.send(with(headers, 9)).await.status, 429);
    assert_eq!(world.count("demo").await, 9);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_key_is_issued_once_and_checked(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    world.run(&Issue, key("pk", &[], 1)).await.expect("issued");
    assert_eq!(code(world.run_as("other", &Issue, key("pk", &[], 1)).await), "key_exists");
    assert_eq!(code(world.run(&Issue, key("pk2", &["https://shop.example/"], 1)).await), "key_invalid");
    assert_eq!(code(world.run(&Issue, key("pk2", &[], 0)).await), "key_invalid");
    let spelt = key("pk2", &["https://shop.example", "https://Shop.example"], 1);
    let Err(Failure::Reject(refusal)) = world.run(&Issue, spelt).await else { panic!("browsers never send capitals") };
    assert_eq!(refusal.field.as_deref(), Some("origins[1]"));
    let many = |count: usize| IssuePublishableKey {
        origins: vec!["https://shop.example".into(); count],
        ..key("many", &[], 1)
    };
    let Err(Failure::Reject(refusal)) = world.run(&Issue, many(51)).await else { panic!("51 are too many") };
    assert_eq!(refusal.field.as_deref(), Some("origins"));
    world.run(&Issue, many(50)).await.expect("50 are not");
    let plain = IssuePublishableKey { key_digest: "pk_plain".into(), ..key("pk2", &[], 1) };
    assert_eq!(code(world.run(&Issue, plain).await), "key_invalid");
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_withdrawn_key_stops_within_seconds(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::with_open_tenant(pool, connect, None).await;
    world.run(&Issue, key("pk", &[], 100)).await.expect("issued");
    let send = async || world.send(with(&[("x-publishable-key", "pk")], 1)).await.status;
    assert_eq!(send().await, 200);
    let withdraw = || WithdrawPublishableKey { key_digest: digest("pk") };
    assert_eq!(code(world.run_as("other", &Withdraw, withdraw()).await), "key_not_found", "another tenant's");
    world.clock.advance(BELIEVED);
    assert_eq!(send().await, 200, "nobody withdrew it");
    for _ in 0..2 {
        world.run(&Withdraw, withdraw()).await.expect("withdrawn, and again");
    }
    let said = world.everything_said().await;
    assert_eq!(said.len(), 2, "issued and withdrawn, each once");
    assert_eq!(said[1], ("tracking.publishable_key_withdrawn.v1".into(), 2, json!({"key_digest": digest("pk")})));
    world.clock.advance(BELIEVED);
    assert_eq!(send().await, 401);
    assert_eq!(world.second_process_open_to(None).send(with(&[("x-publishable-key", "pk")], 1)).await.status, 401);
    world.clock.advance(TimeDelta::days(1));
    assert_eq!(send().await, 401);
    assert_eq!(world.count("demo").await, 2);
    assert_eq!(code(world.run(&Issue, key("pk", &[], 100)).await), "key_exists", "it is not issued again");
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_key_counts_on_when_it_is_looked_up_again(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::with_open_tenant(pool, connect, None).await;
    world.run(&Issue, key("pk", &[], 1)).await.expect("issued");
    assert_eq!(world.send(with(&[("x-publishable-key", "pk")], 9)).await.status, 200);
    // The limiter goes by the machine's clock, for which no time has passed.
    world.clock.advance(BELIEVED);
    assert_eq!(world.send(with(&[("x-publishable-key", "pk")], 9)).await.status, 429);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn managers_see_their_keys_without_the_keys(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    for name in ["one", "two", "three"] {
        world.run(&Issue, key(name, &["https://shop.example"], 7)).await.expect("issued");
        world.clock.advance(TimeDelta::minutes(1));
    }
    world.run_as("other", &Issue, key("theirs", &[], 1)).await.expect("issued");
    world.run(&Withdraw, WithdrawPublishableKey { key_digest: digest("one") }).await.expect("withdrawn");
    let list =
        async |query: &str, role: Role, of: &str| world.get(&format!("/api/v1/keys{query}"), &[role], of, None).await;
    let digests = |body: &Value| -> Vec<String> {
        body["keys"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|key| key["key_digest"].as_str().expect("text").into())
            .collect()
    };
    let first = list("?limit=2", Role::Manager, "demo").await;
    assert_eq!(digests(&first.body), [digest("three"), digest("two")]);
    assert_eq!(
        (&first.body["keys"][0]["label"], &first.body["keys"][0]["events_per_second"]),
        (&json!("shop"), &json!(7))
    );
    let cursor = first.body["next_cursor"].as_str().expect("there is more");
    let rest = list(&format!("?limit=2&cursor={cursor}"), Role::Admin, "demo").await;
    assert_eq!((digests(&rest.body), rest.body.get("next_cursor")), (vec![digest("one")], None));
    assert!(rest.body["keys"][0]["withdrawn_at"].is_string() && first.body["keys"][0].get("withdrawn_at").is_none());
    assert_eq!(digests(&list("", Role::Manager, "other").await.body), [digest("theirs")]);
    assert_eq!(list("", Role::Operator, "demo").await.status, 403);
    for (nonsense, status) in [("?limit=201", 422), ("?cursor=%00", 400), ("?cursor=x", 400)] {
        assert_eq!(list(nonsense, Role::Manager, "demo").await.status, status, "{nonsense}");
    }
}
