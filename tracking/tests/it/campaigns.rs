//! Campaigns and who takes part in them.

use serde_json::json;
use service_kit::auth::Role;
use shared_events::CampaignId;
use shared_events::tracking::{
    ActivateCampaign, AssignCoupon, AttributionModel, CreateCampaign, EndCampaign, PauseCampaign, ReviseRules,
    RewardOn, RewardRule, RewardValue, SetDefaultAttribution,
};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tracking::{
    activate_campaign, assign_coupon, create_campaign, end_campaign, pause_campaign, revise_rules,
    set_default_attribution,
};

use crate::world::{World, at, camp, click, code, new_campaign, partner, purchase, sale_rule, start};

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_campaign_lives_from_draft_to_end(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    let campaign_id = camp("c1");
    let create = || world.run(&create_campaign::Create, new_campaign("c1", AttributionModel::Linear));
    let activate = || world.run(&activate_campaign::Activate, ActivateCampaign { campaign_id });
    let pause = || world.run(&pause_campaign::Pause, PauseCampaign { campaign_id });
    let end = || world.run(&end_campaign::End, EndCampaign { campaign_id });
    assert_eq!(code(activate().await), "campaign_not_found");
    create().await.expect("created");
    assert_eq!(code(create().await), "campaign_code_taken");
    assert_eq!(code(pause().await), "campaign_state_conflict");
    assert_eq!(code(world.accept("c1", "p1").await), "campaign_state_conflict");
    activate().await.expect("activated");
    assert_eq!(code(activate().await), "campaign_state_conflict");
    pause().await.expect("paused");
    activate().await.expect("activated again");
    end().await.expect("ended");
    assert_eq!(code(activate().await), "campaign_state_conflict");
    assert_eq!(
        code(world.run(&revise_rules::Revise, ReviseRules { campaign_id, rules: vec![sale_rule()] }).await),
        "campaign_state_conflict"
    );
    let (versions,): (Vec<String>,) =
        sqlx::query_as("SELECT array_agg(properties::json->>'ce_sequence' ORDER BY id) FROM outbox")
            .fetch_one(world.store.pool())
            .await
            .expect("readable");
    let versions: Vec<u64> = versions.iter().map(|text| text.parse().expect("a number")).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6], "versions go up by one");
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn nonsense_is_refused_with_the_field(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    let good = || new_campaign("c1", AttributionModel::Linear);
    let cases = [
        (CreateCampaign { campaign_id: CampaignId(uuid::Uuid::nil()), ..good() }, "campaign_invalid"),
        (CreateCampaign { destinations: vec!["http://shop.example".into()], ..good() }, "campaign_invalid"),
        (CreateCampaign { rules: vec![], ..good() }, "rules_invalid"),
        (CreateCampaign { code: "a b".into(), ..good() }, "code_invalid"),
    ];
    for (command, refusal) in cases {
        assert_eq!(code(world.run(&create_campaign::Create, command).await), refusal);
    }
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn accepting_twice_is_the_same_enrolment(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let first = format!("{:?}", world.accept("camp123", "p9").await.expect("accepted"));
    let second = format!("{:?}", world.accept("camp123", "p9").await.expect("accepted"));
    assert_eq!(first, second);
    let (accepted,): (i64,) = sqlx::query_as(
        "SELECT count(*) FROM outbox WHERE properties LIKE '%campaign_accepted%' AND payload LIKE '%p9%'",
    )
    .fetch_one(world.store.pool())
    .await
    .expect("readable");
    assert_eq!(accepted, 1);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn changes_hold_at_once_for_events(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let other_process = world.second_process();
    let buy = |id: &str| json!({"event_id": id, "event_type": "purchase", "amount": 1, "partner": "p1"});
    other_process.record(buy("a")).await;
    world.run(&pause_campaign::Pause, PauseCampaign { campaign_id: camp("camp123") }).await.expect("paused");
    other_process.record(buy("b")).await;
    world.run(&activate_campaign::Activate, ActivateCampaign { campaign_id: camp("camp123") }).await.expect("active");
    other_process.record(buy("c")).await;
    world
        .run(
            &assign_coupon::Assign,
            AssignCoupon { campaign_id: camp("camp123"), partner: partner("p2"), coupon: "Save10".into() },
        )
        .await
        .expect("assigned");
    other_process.record(json!({"event_id": "d", "event_type": "purchase", "amount": 1, "coupon": "sAVE10"})).await;
    let states = ["attributed", "unattributed", "attributed", "attributed"];
    for (id, state) in ["a", "b", "c", "d"].into_iter().zip(states) {
        assert_eq!(world.event(id).await["attribution"]["state"], state, "{id}");
    }
    assert_eq!(world.event("d").await["attribution"]["touchpoints"][0]["partner"], "p2");
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn earlier_conversions_keep_their_rules(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.clock.set(start() + chrono::TimeDelta::minutes(100));
    let leads = RewardRule { on: RewardOn::Lead, value: RewardValue::FlatMinor(500), ..sale_rule() };
    world
        .run(&revise_rules::Revise, ReviseRules { campaign_id: camp("camp123"), rules: vec![sale_rule(), leads] })
        .await
        .expect("revised");
    world.record(json!([click("c", "p1", 0), purchase("before", 99), purchase("after", 100)])).await;
    world.record(json!({"event_id": "lead", "event_type": "lead", "user_id": "u", "occurred_at": at(99)})).await;
    assert_eq!(world.event("before").await["attribution"]["rules_version"], 1);
    assert_eq!(world.event("after").await["attribution"]["rules_version"], 2);
    assert_eq!(world.event("lead").await["attribution"]["state"], "unattributed");
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn coupons_and_defaults_are_checked(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let campaign_id = camp("camp123");
    let coupon = |name: &str, coupon: &str| AssignCoupon { campaign_id, partner: partner(name), coupon: coupon.into() };
    world.run(&assign_coupon::Assign, coupon("p1", "SAVE")).await.expect("assigned");
    world.run(&assign_coupon::Assign, coupon("p1", "save")).await.expect("the same");
    assert_eq!(code(world.run(&assign_coupon::Assign, coupon("p2", "save")).await), "coupon_taken");
    assert_eq!(code(world.run(&assign_coupon::Assign, coupon("stranger", "x")).await), "partner_not_enrolled");
    assert_eq!(code(world.run(&assign_coupon::Assign, coupon("p1", "a b")).await), "coupon_invalid");
    let default = |name: Option<&str>| SetDefaultAttribution { campaign_id, partner: name.map(partner) };
    assert_eq!(
        code(world.run(&set_default_attribution::SetDefault, default(Some("stranger"))).await),
        "partner_not_enrolled"
    );
    world.run(&set_default_attribution::SetDefault, default(Some("p1"))).await.expect("set");
    world.record(purchase("a", 0)).await;
    world.run(&set_default_attribution::SetDefault, default(None)).await.expect("off");
    world.record(purchase("b", 0)).await;
    let states = [
        world.event("a").await["attribution"]["state"].clone(),
        world.event("b").await["attribution"]["state"].clone(),
    ];
    assert_eq!(states, [json!("attributed"), json!("unattributed")]);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn partners_see_what_they_may_join(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    for name in ["a-draft", "b-open"] {
        world.run(&create_campaign::Create, new_campaign(name, AttributionModel::Linear)).await.expect("created");
    }
    world.run(&activate_campaign::Activate, ActivateCampaign { campaign_id: camp("b-open") }).await.expect("activated");
    world.run(&pause_campaign::Pause, PauseCampaign { campaign_id: camp("camp123") }).await.expect("paused");
    let codes = |body: &serde_json::Value| -> Vec<String> {
        body["campaigns"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|campaign| campaign["code"].as_str().expect("text").into())
            .collect()
    };
    let staff = world.get("/api/v1/campaigns?limit=2", &[Role::Manager], "demo", None).await;
    assert_eq!(
        (codes(&staff.body), &staff.body["next_cursor"]),
        (vec!["a-draft".into(), "b-open".into()], &json!("b-open"))
    );
    let rest = world.get("/api/v1/campaigns?limit=2&cursor=b-open", &[Role::Manager], "demo", None).await;
    assert_eq!((codes(&rest.body), rest.body.get("next_cursor")), (vec!["camp123".into()], None));
    let member = world.get("/api/v1/campaigns", &[Role::Partner], "demo", Some("p1")).await;
    assert_eq!(codes(&member.body), ["b-open", "camp123"]);
    assert!(
        member.body["campaigns"][0].get("enrolment").is_none()
            && member.body["campaigns"][1]["enrolment"]["partner"] == "p1"
    );
    let stranger = world.get("/api/v1/campaigns", &[Role::Partner], "demo", Some("stranger")).await;
    assert_eq!(codes(&stranger.body), ["b-open"]);
    assert_eq!(world.get("/api/v1/campaigns/camp123", &[Role::Partner], "demo", Some("stranger")).await.status, 404);
    assert_eq!(
        world.get(&format!("/api/v1/campaigns/{}", camp("a-draft")), &[Role::Operator], "demo", None).await.status,
        200
    );
    assert_eq!(world.get("/api/v1/campaigns", &[Role::Customer], "demo", None).await.status, 403);
    assert_eq!(world.get("/api/v1/campaigns?limit=0", &[Role::Manager], "demo", None).await.status, 422);
}
