//! Events that come late or out of order.

use std::collections::BTreeSet;

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

/// More conversions than a group looks at, and than two batches of the job after it.
#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_late_click_reaches_every_conversion_after_it(pool: PgPoolOptions, connect: PgConnectOptions) {
    const VISITS: i64 = 150;
    let world = World::new(pool, connect).await.with_campaign().await;
    // By the visitor, and by the click's id under other names, at the same moments.
    let by_visitor = (0..VISITS).map(|n| purchase(&format!("v{n}"), n / 2));
    let by_click = (0..VISITS).map(|n| {
        let mut bought = purchase(&format!("c{n}"), n / 2);
        (bought["user_id"], bought["click_id"]) = (json!(format!("u{n}")), json!("abc"));
        bought
    });
    world.record(by_visitor.chain(by_click).collect()).await;
    let mut late = click("late", "p1", -1);
    late["click_id"] = json!("abc");
    world.record(json!([late])).await;
    let worker = tracking::worker(world.store.clone());
    let mut jobs = 0;
    while worker.run_next().await.expect("the database is there") {
        jobs += 1;
    }
    assert!(jobs > 2, "{jobs} batches");
    let said = world.said().await;
    assert_eq!(said.len() as i64, 4 * VISITS, "each was nobody's first, and then changed once");
    let attributed: BTreeSet<&str> = said
        .iter()
        .filter(|(kind, sequence, fact)| {
            kind == "tracking.conversion_attributed.v1" && *sequence == 2 && fact["credits"][0]["partner"] == "p1"
        })
        .filter_map(|(_, _, fact)| fact["conversion_id"].as_str())
        .collect();
    assert_eq!(attributed.len() as i64, 2 * VISITS);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_late_click_with_few_conversions_leaves_no_job(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record((0..99).map(|n| purchase(&format!("v{n}"), n)).collect()).await;
    world.record(click("late", "p1", -1)).await;
    assert!(!tracking::worker(world.store.clone()).run_next().await.expect("the database is there"));
    assert_eq!(world.said().await.len(), 2 * 99);
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
