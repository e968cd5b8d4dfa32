//! Sending events.

use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::tracking::SetDefaultAttribution;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tracking::set_default_attribution;

use crate::world::{World, bearer, camp, partner, post, purchase, tenant};

fn statuses(body: &Value) -> Vec<&str> {
    body["results"].as_array().expect("results").iter().map(|result| result["status"].as_str().expect("text")).collect()
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn the_first_curl_of_the_readme_becomes_an_attributed_conversion(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let default = SetDefaultAttribution { campaign_id: camp("camp123"), partner: Some(partner("p1")) };
    world.run(&set_default_attribution::SetDefault, default).await.expect("set");
    let body = r#"{
       "user_id": "user123",
       "event_type": "purchase",
       "metadata": {"amount": 100.0, "product_id": "prod456"}
     }"#;
    let answer = world.send(post("application/json", body)).await;
    assert_eq!((answer.status, &answer.body["status"]), (201, &json!("recorded")));
    let said = world.said().await;
    let [(kind, sequence, fact)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((kind.as_str(), *sequence), ("tracking.conversion_attributed.v1", 1));
    assert_eq!(fact["amount"], json!({"minor": 10_000, "currency": "USD"}));
    assert_eq!(fact["credits"], json!([{"partner": "p1", "weight_bps": 10_000}]));
    assert_eq!(fact["conversion_id"], answer.body["id"]);
    let event = world.event(answer.body["id"].as_str().expect("text")).await;
    assert_eq!(event["metadata"]["product_id"], "prod456");
    assert!(!event.to_string().contains("user123"), "the user id is not kept: {event}");
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn one_bad_event_does_not_sink_the_others(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    let sql = json!({"event_id": "'; DROP TABLE events; --", "event_type": "click", "user_id": "Robert'); DROP TABLE events;--"});
    let answer = world
        .post(json!([purchase("a", 0), {"event_id": "b", "event_type": "purchase", "amount": "1.001"}, sql]))
        .await;
    assert_eq!((answer.status, statuses(&answer.body)), (200, vec!["recorded", "rejected", "recorded"]));
    assert_eq!(
        (&answer.body["results"][1]["field"], &answer.body["results"][1]["event_id"]),
        (&json!("amount"), &json!("b"))
    );
    assert_eq!(world.count("demo").await, 2);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn the_same_event_counts_once(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    let first = world.post(json!([purchase("a", 0), purchase("a", 0), purchase("b", 0)])).await;
    assert_eq!(statuses(&first.body), ["recorded", "duplicate", "recorded"]);
    let again = world.post(purchase("a", 0)).await;
    assert_eq!(
        (again.status, &again.body["status"], &again.body["id"]),
        (200, &json!("duplicate"), &first.body["results"][0]["id"])
    );
    let mut of_another_source = purchase("a", 0);
    of_another_source["source"] = json!("other");
    assert_eq!(world.post(of_another_source).await.status, 201);
    assert_eq!((world.count("demo").await, world.said().await.len()), (3, 3));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn lines_of_json_are_taken(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    let answer =
        world.send(post("application/x-ndjson", format!("{}\n{{]\n{}\n", purchase("a", 0), purchase("b", 0)))).await;
    assert_eq!(statuses(&answer.body), ["recorded", "rejected", "recorded"]);
    assert_eq!((&answer.body["recorded"], &answer.body["rejected"]), (&json!(2), &json!(1)));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_bad_body_is_a_problem_and_nothing_is_done(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    let json_type = "application/json";
    let too_many = format!("[{}]", vec![r#"{"event_type":"click"}"#; 10_001].join(","));
    let too_large = format!(r#"[{{"event_type":"click","user_id":"{}"}}]"#, "x".repeat(5 * 1024 * 1024));
    let cases: [(&str, Vec<u8>, u16); 8] = [
        (json_type, b"{\"event_type\":".to_vec(), 400),
        (json_type, b"[{\"event_type\":\"click\"},".to_vec(), 400),
        (json_type, b"{\"event_type\":\"cl\xc3\x28ick\"}".to_vec(), 400),
        (json_type, b"7".to_vec(), 422),
        ("text/plain", b"{\"event_type\":\"click\"}".to_vec(), 415),
        (json_type, too_many.into_bytes(), 413),
        (json_type, too_large.into_bytes(), 413),
        (json_type, br#"{"event_type":"click","userid":"u"}"#.to_vec(), 422),
    ];
    for (content_type, body, status) in cases {
        let label = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = world.send(post(content_type, body)).await;
        assert_eq!(answer.status, status, "{label}");
        assert!(
            answer.body["type"].as_str().is_some_and(|kind| kind.starts_with("urn:recoup:problem:")),
            "{label}: {answer:?}"
        );
        if status == 422 && label.contains("userid") {
            assert_eq!(answer.body["errors"][0]["field"], "userid");
        }
    }
    assert_eq!(world.count("demo").await, 0);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn what_the_database_could_choke_on_is_refused_before(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await;
    let deep = format!("{}1{}", "[".repeat(20_000 / 4), "]".repeat(20_000 / 4));
    let bodies = [
        r#"{"event_type":"click","event_id":"a\u0000b"}"#.to_owned(),
        r#"{"event_type":"click","user_id":"\ud800"}"#.to_owned(),
        format!(r#"{{"event_type":"click","metadata":{{"deep":{deep}}}}}"#),
        r#"{"event_type":"click","metadata":{"lone":"\ud800"}}"#.to_owned(),
        r#"{"event_type":"purchase","amount":92233720368547758.08}"#.to_owned(),
        r#"{"event_type":"purchase","amount":92233720368547758.07,"user_id":"u"}"#.to_owned(),
        r#"{"event_type":"click","occurred_at":"9999-12-31T23:59:59Z"}"#.to_owned(),
    ];
    for body in bodies {
        assert_eq!(
            world.send(post("application/json", body.clone())).await.status,
            422,
            "{}",
            &body[..body.len().min(80)]
        );
    }
    let fine = [
        r#"{"event_type":"click","metadata":{"nul":"\u0000","pair":"\ud83d\ude00"}}"#,
        r#"{"event_type":"click","occurred_at":"0000-01-01T00:00:00Z","user_id":"u","partner":"p"}"#,
        r#"{"event_type":"purchase","amount":100000000000000.00,"user_id":"u"}"#,
    ];
    for body in fine {
        let answer = world.send(post("application/json", body)).await;
        assert_eq!(answer.status, 201, "{body}: {answer:?}");
        let read = world.event(answer.body["id"].as_str().expect("text")).await;
        assert_eq!(read["id"], answer.body["id"]);
    }
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn ten_thousand_events_fit_into_one_request(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let events: Vec<Value> = (0..10_000)
        .map(|n| json!({"event_id": format!("e{n}"), "event_type": "purchase", "user_id": format!("u{}", n % 500), "partner": "p1", "amount": 1}))
        .collect();
    let answer = world.post(Value::Array(events)).await;
    assert_eq!((answer.status, &answer.body["recorded"]), (200, &json!(10_000)));
    assert_eq!(world.count("demo").await, 10_000);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn only_those_who_may_send(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::with_open_tenant(pool, connect, None).await;
    let with = |authorization: Option<String>| {
        let mut request = post("application/json", purchase("a", 0).to_string());
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().expect("plain"));
        }
        request
    };
    assert_eq!(world.send(with(None)).await.status, 401);
    assert_eq!(world.send(with(Some("Bearer nonsense".into()))).await.status, 401);
    assert_eq!(world.send(with(Some(bearer(&[Role::Partner], "demo", Some("p1"))))).await.status, 403);
    assert_eq!(world.send(with(Some(bearer(&[Role::Customer], "demo", None)))).await.status, 403);
    assert_eq!(world.send(with(Some(bearer(&[Role::Operator], "other", None)))).await.status, 201);
    assert_eq!((world.count("other").await, world.count("demo").await), (1, 0));
    assert_eq!(tenant("other").as_str(), "other");
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn what_is_attributed_to_nobody_says_why(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let events = json!([
        {"event_id": "a", "event_type": "purchase", "amount": 1, "partner": "stranger"},
        {"event_id": "b", "event_type": "purchase", "amount": 1, "currency": "EUR", "partner": "p1"},
        {"event_id": "c", "event_type": "lead", "partner": "p1"},
        {"event_id": "d", "event_type": "purchase", "amount": 1, "partner": "p1", "campaign": "nowhere"},
        {"event_id": "e", "event_type": "click", "partner": "stranger"},
    ]);
    world.record(events).await;
    let reasons = ["takes part in no campaign", "pays in USD", "reward no lead", "is unknown"];
    let said = world.said().await;
    assert_eq!(said.len(), 4, "nothing is said about a plain click");
    for ((kind, _, fact), words) in said.iter().zip(reasons) {
        assert_eq!(kind, "tracking.conversion_unattributed.v1");
        assert!(fact["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{words}: {fact}");
    }
}
