//! Partners' links.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use chrono::TimeDelta;
use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::LinkId;
use shared_events::tracking::CreateLink;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tracking::create_link;
use uuid::Uuid;

use crate::world::{Answer, World, camp, code, partner, tenant};

async fn follow(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).expect("valid")).await
}

/// Follows the link, as a browser at this address; the click's id.
async fn follow_from(world: &World, address: [u8; 4], browser: &str) -> String {
    let peer = ConnectInfo(SocketAddr::from((address, 4711)));
    let request = Request::get("/t/spring").header("user-agent", browser).extension(peer).body(Body::empty());
    let location = world.send(request.expect("valid")).await.location.expect("leads on");
    location.rsplit_once("click_id=").expect("with the click's id").1.to_owned()
}

/// A purchase by somebody whom the shop knows, after this click: how many clicks it saw in the hour before.
async fn clicks_seen(world: &World, event_id: &str, click_id: &str) -> Value {
    let purchase = json!({"event_id": event_id, "event_type": "purchase", "amount": 5, "user_id": "somebody", "click_id": click_id});
    world.record(purchase).await;
    world.said().await.pop().expect("said").2["signals"]["clicks_last_hour"].clone()
}

/// The key of the day, and the visitor of the newest click.
async fn kept(world: &World) -> (Vec<Vec<u8>>, Option<Uuid>) {
    let mut work = world.store.read(&tenant("demo")).await.expect("there");
    let keys = sqlx::query_scalar("SELECT key FROM link_visitor_keys").fetch_all(work.conn()).await.expect("readable");
    let newest = "SELECT visitor FROM events WHERE type = 'click' ORDER BY occurred_at DESC, id DESC LIMIT 1";
    (keys, sqlx::query_scalar(newest).fetch_one(work.conn()).await.expect("readable"))
}

const HOME: [u8; 4] = [198, 51, 100, 7];
const ELSEWHERE: [u8; 4] = [198, 51, 100, 8];

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn whoever_follows_links_often_is_seen_at_the_purchase(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let second = world.second_process();
    world.run(&create_link::Create, link("spring", "p2")).await.expect("created");
    let mut last = String::new();
    for round in 0..12 {
        last = follow_from(if round % 2 == 0 { &world } else { &second }, HOME, "Browser").await;
    }
    let (other_place, other_browser) =
        (follow_from(&world, ELSEWHERE, "Browser").await, follow_from(&world, HOME, "Another").await);
    assert_eq!(clicks_seen(&world, "a", &last).await, 12, "by either process");
    assert_eq!(clicks_seen(&world, "b", &other_place).await, 1);
    assert_eq!(clicks_seen(&world, "c", &other_browser).await, 1);
    // The others earn nothing: the shop names one click.
    let touchpoints = world.event("a").await["attribution"]["touchpoints"].clone();
    assert_eq!((touchpoints.as_array().map(Vec::len), &touchpoints[0]["click"]), (Some(1), &json!(last)));
    world.clock.advance(TimeDelta::minutes(61));
    let later = follow_from(&world, HOME, "Browser").await;
    assert_eq!(clicks_seen(&world, "d", &later).await, 1, "the others are more than an hour ago");
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn the_next_day_nobody_can_tell_who_it_was(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.run(&create_link::Create, link("spring", "p2")).await.expect("created");
    follow_from(&world, HOME, "Browser").await;
    let (before, then) = kept(&world).await;
    world.clock.advance(TimeDelta::days(1));
    follow_from(&world, HOME, "Browser").await;
    let (after, now) = kept(&world).await;
    assert!(then.is_some() && now.is_some() && then != now);
    assert_eq!((before.len(), after.len()), (1, 1), "the key of the day before is gone");
    assert_ne!(before, after);
    // Nor is a visitor made up where the address is a proxy's or our own.
    world.clock.advance(TimeDelta::minutes(1));
    follow_from(&world, [10, 0, 0, 1], "Browser").await;
    assert_eq!(kept(&world).await.1, None);
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
