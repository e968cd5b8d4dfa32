//! Publishable keys.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use shared_events::tracking::IssuePublishableKey;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tracking::ingest::sender::digest;
use tracking::issue_publishable_key::Issue;

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
    let plain = IssuePublishableKey { key_digest: "pk_plain".into(), ..key("pk2", &[], 1) };
    assert_eq!(code(world.run(&Issue, plain).await), "key_invalid");
}
