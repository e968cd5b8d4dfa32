//! Events that come late or out of order.

use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::world::{World, at, click, purchase};

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_late_click_is_credited_as_if_it_had_come_in_time(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record(click("c1", "p1", 0)).await;
    world.record(purchase("buy", 30)).await;
    world.record(click("c2", "p2", 10)).await;
    world.record(click("too-late", "p3", 31)).await;
    let event = world.event("buy").await;
    assert_eq!(event["attribution"]["revision"], 2);
    assert_eq!(event["attribution"]["touchpoints"][1]["weight_bps"], 10_000);
    assert_eq!(event["attribution"]["touchpoints"][1]["partner"], "p2");
    assert_eq!(
        (&event["history"][0]["revision"], &event["history"][0]["touchpoints"][0]["partner"]),
        (&json!(1), &json!("p1"))
    );
    let said = world.said().await;
    let revisions: Vec<_> = said
        .iter()
        .map(|(_, sequence, fact)| (*sequence, fact["revision"].clone(), fact["credits"][0]["partner"].clone()))
        .collect();
    assert_eq!(revisions, [(1, json!(1), json!("p1")), (2, json!(2), json!("p2"))]);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_late_purchase_is_credited_to_the_click_before_it(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record(json!([click("c1", "p1", 0), click("c2", "p2", 60)])).await;
    world.record(purchase("buy", 30)).await;
    let said = world.said().await;
    assert_eq!(
        (&said[0].2["credits"][0]["partner"], &said[0].2["signals"]["millis_from_click"]),
        (&json!("p1"), &json!(30 * 60_000))
    );
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_click_named_before_it_came_is_found_when_it_comes(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world
        .record(
            json!({"event_id": "buy", "event_type": "purchase", "amount": 5, "click_id": "abc", "occurred_at": at(5)}),
        )
        .await;
    assert_eq!(world.event("buy").await["attribution"]["state"], "unattributed");
    world.record(json!({"event_type": "click", "click_id": "abc", "partner": "p1", "campaign": "camp123", "occurred_at": at(1)})).await;
    let event = world.event("buy").await;
    assert_eq!((&event["attribution"]["state"], &event["attribution"]["revision"]), (&json!("attributed"), &json!(2)));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn the_click_window_includes_both_its_edges(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let month = 30 * 24 * 60;
    for (user, minutes, state) in [
        ("a", -month, "attributed"),
        ("b", -month - 1, "unattributed"),
        ("c", 0, "attributed"),
        ("d", 1, "unattributed"),
    ] {
        let mut click = click(&format!("click-{user}"), "p1", minutes);
        let mut purchase = purchase(&format!("buy-{user}"), 0);
        (click["user_id"], purchase["user_id"]) = (json!(user), json!(user));
        world.record(json!([click])).await;
        world.record(purchase).await;
        assert_eq!(world.event(&format!("buy-{user}")).await["attribution"]["state"], state, "{user}");
    }
}

/// Decision 16: an enrolment holds for what is recorded, or judged anew, after it.
#[sqlx::test(migrator = "migrations::TRACKING")]
async fn an_enrolment_does_not_reach_back(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record(click("c", "p9", 0)).await;
    let named = |event_id: &str, minutes| {
        let mut purchase = purchase(event_id, minutes);
        purchase["partner"] = json!("p9");
        purchase
    };
    world.record(json!([named("before", 5), purchase("by-click", 5)])).await;
    world.accept("camp123", "p9").await.expect("accepted");
    for event_id in ["before", "by-click"] {
        let attribution = world.event(event_id).await["attribution"].clone();
        assert_eq!(
            (&attribution["state"], &attribution["revision"]),
            (&json!("unattributed"), &json!(1)),
            "{event_id}"
        );
        let reason = attribution["reason"].as_str().expect("a reason");
        assert!(reason.contains("partner p9"), "{reason}");
    }
    world.record(named("reported-later", 5)).await;
    assert_eq!(world.event("reported-later").await["attribution"]["state"], "attributed");
    world.record(click("late", "p9", 1)).await;
    assert_eq!(world.event("by-click").await["attribution"]["state"], "attributed", "judged anew by a late click");
}
