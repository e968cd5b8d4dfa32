//! Partners' links.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use service_kit::auth::Role;
use shared_events::LinkId;
use shared_events::tracking::CreateLink;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tracking::create_link;
use uuid::Uuid;

use crate::world::{Answer, World, camp, code, partner};

async fn follow(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).expect("valid")).await
}

fn link(code: &str, name: &str) -> CreateLink {
    CreateLink {
        link_id: LinkId(Uuid::now_v7()),
        campaign_id: camp("camp123"),
        partner: partner(name),
        code: code.into(),
        destination: None,
    }
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_link_leads_on_and_its_click_earns_the_purchase(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.run(&create_link::Create, link("spring", "p2")).await.expect("created");
    let answer = follow(&world, "GET", "/t/spring", &[]).await;
    let location = answer.location.expect("leads on");
    let click_id =
        location.strip_prefix("https://shop.example/?click_id=").unwrap_or_else(|| panic!("{location}")).to_owned();
    assert_eq!(answer.status, 302);
    world.record(json!({"event_id": "buy", "event_type": "purchase", "amount": 5, "user_id": "somebody", "click_id": click_id})).await;
    let event = world.event("buy").await;
    assert_eq!(event["attribution"]["touchpoints"][0]["partner"], "p2");
    assert_eq!(event["attribution"]["touchpoints"][0]["click"], json!(click_id));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn only_registered_destinations(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.run(&create_link::Create, link("spring", "p2")).await.expect("created");
    let sale = follow(&world, "GET", "/t/spring?to=https%3A%2F%2Fshop.example%2Fsale%3Fx%3D1%23top", &[]).await;
    let location = sale.location.expect("leads on");
    assert!(
        location.starts_with("https://shop.example/sale?x=1&click_id=") && location.ends_with("#top"),
        "{location}"
    );
    assert_eq!(follow(&world, "GET", "/t/spring?to=https%3A%2F%2Fevil.example", &[]).await.status, 422);
    for unknown in ["/t/nowhere", "/t/%27;--", "/t/%00"] {
        let answer = follow(&world, "GET", unknown, &[]).await;
        assert!(answer.status == 404 || answer.status == 400, "{unknown}: {answer:?}");
    }
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn machines_are_led_on_without_a_click(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.run(&create_link::Create, link("spring", "p2")).await.expect("created");
    let visits: [(&str, &[(&str, &str)]); 3] = [
        ("HEAD", &[]),
        ("GET", &[("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)")]),
        ("GET", &[("sec-purpose", "prefetch")]),
    ];
    for (method, headers) in visits {
        let answer = follow(&world, method, "/t/spring", headers).await;
        assert_eq!((answer.status, answer.location.as_deref()), (302, Some("https://shop.example/")));
    }
    assert_eq!(world.count("demo").await, 0);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn links_are_checked(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.run(&create_link::Create, link("spring", "p2")).await.expect("created");
    assert_eq!(code(world.run(&create_link::Create, link("spring", "p1")).await), "link_code_taken");
    assert_eq!(code(world.run(&create_link::Create, link("x y", "p1")).await), "code_invalid");
    assert_eq!(code(world.run(&create_link::Create, link("other", "stranger")).await), "partner_not_enrolled");
    let elsewhere = CreateLink { destination: Some("https://evil.example/".into()), ..link("other", "p1") };
    assert_eq!(code(world.run(&create_link::Create, elsewhere).await), "destination_not_registered");
    assert_eq!(code(world.run_as("other", &create_link::Create, link("other", "p1")).await), "campaign_not_found");
    let own = world.get("/api/v1/campaigns/camp123", &[Role::Partner], "demo", Some("p2")).await;
    assert_eq!(own.body["enrolment"]["link_codes"].as_array().map(Vec::len), Some(2));
}
