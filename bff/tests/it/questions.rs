//! Questions that are passed on to the services.

use axum::http::Method;
use serde_json::json;
use service_kit::auth::Role;
use service_kit::testing::eventually;

use crate::edge::{Edge, answer, token};

const COMMISSIONS: &str = "/api/v1/commission/commissions";

#[tokio::test]
async fn a_question_goes_on_with_token_query_and_names() {
    let edge = Edge::without_broker().await;
    edge.services.answer(COMMISSIONS, [(200, json!({"commissions": []}))]);
    let partner = token("user123", Role::Partner);
    let asked = edge.get(&partner, &format!("{COMMISSIONS}?state=pending&limit=5")).header("x-request-id", "r-1");
    let (status, headers, body) = answer(asked).await;
    assert_eq!((status, body), (200, json!({"commissions": []})));
    assert_eq!(headers["x-request-id"], "r-1");
    let seen = edge.services.asked().pop().expect("asked");
    assert_eq!(seen.line, format!("GET {COMMISSIONS}?state=pending&limit=5"));
    assert_eq!(seen.headers["authorization"], format!("Bearer {partner}"));
    assert_eq!(seen.headers["x-request-id"], "r-1");
    assert!(seen.headers.contains_key("traceparent"));
}

#[tokio::test]
async fn a_service_that_stumbles_is_asked_again() {
    let edge = Edge::without_broker().await;
    edge.services.answer(COMMISSIONS, [(503, json!({})), (502, json!({})), (200, json!({"ok": true}))]);
    assert_eq!(answer(edge.get(&token("m", Role::Manager), COMMISSIONS)).await.2, json!({"ok": true}));
}

#[tokio::test]
async fn refusals_of_a_service_are_passed_on_and_not_repeated() {
    let edge = Edge::without_broker().await;
    edge.services.answer(COMMISSIONS, [(400, json!({"status": 400})), (200, json!({}))]);
    assert_eq!(answer(edge.get(&token("m", Role::Manager), COMMISSIONS)).await.0, 400);
}

#[tokio::test]
async fn a_service_that_is_away_is_a_503_and_left_alone_after_a_while() {
    let edge = Edge::start(None, |env| env.with("COMMISSION_URL", "http://127.0.0.1:1")).await;
    let manager = token("m", Role::Manager);
    for _ in 0..4 {
        let (status, headers, problem) = answer(edge.get(&manager, COMMISSIONS)).await;
        assert_eq!(status, 503, "{problem}");
        assert!(headers.contains_key("retry-after"));
        assert!(!problem.to_string().contains("127.0.0.1"), "{problem}");
    }
    eventually("the directory shows it", async || {
        let services = answer(edge.request(Method::GET, "/api/services/status")).await.2["services"].clone();
        let of = |name: &str| services.as_array()?.iter().find(|service| service["name"] == name).cloned();
        let (commission, tracking) = (of("commission")?, of("tracking")?);
        (commission["status"] == "unready" && commission["last_error"].is_string() && tracking["status"] == "ready")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn statements_are_for_the_partner_itself_and_for_staff() {
    let edge = Edge::without_broker().await;
    edge.services.answer("/api/v1/partners/user123/statement", [(200, json!({"entries": []}))]);
    let statement = "/api/v1/partners/user123/statement";
    let own =
        edge.get(&token("user123", Role::Partner), &format!("{statement}?month=2026-11")).header("accept", "text/csv");
    assert_eq!(answer(own).await.0, 200);
    assert_eq!(edge.services.asked().pop().expect("asked").headers["accept"], "text/csv");
    assert_eq!(answer(edge.get(&token("user456", Role::Partner), &format!("{statement}?month=2026-11"))).await.0, 404);
    assert_eq!(
        answer(edge.get(&token("m", Role::Manager), &format!("{statement}?month=2026-11&format=csv"))).await.0,
        200
    );
    let (status, _, problem) =
        answer(edge.get(&token("m", Role::Manager), &format!("{statement}?month=2026-13"))).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("month")));
    assert_eq!(answer(edge.get(&token("m", Role::Manager), statement)).await.0, 400);
}

#[tokio::test]
async fn events_are_passed_on_as_they_come() {
    let edge = Edge::without_broker().await;
    let path = "/api/v1/tracking/events";
    edge.services.answer(path, [(201, json!({"status": "recorded"}))]);
    let partner = token("user123", Role::Partner);
    let body = r#"{"user_id":"u","event_type":"click"}"#;
    let (status, _, answered) = answer(edge.post(&partner, path, body)).await;
    assert_eq!((status, answered), (201, json!({"status": "recorded"})));
    let seen = edge.services.asked().pop().expect("asked");
    assert_eq!(
        (seen.body.as_ref(), &seen.headers["content-type"]),
        (body.as_bytes(), &"application/json".parse().expect("valid"))
    );
    let (status, _, problem) = answer(edge.post(&partner, path, &"x".repeat(6 * 1_024 * 1_024))).await;
    assert_eq!(status, 413, "{problem}");
    let endless = futures::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 100_000])));
    let chunked = edge.request(Method::POST, path).bearer_auth(&partner).body(reqwest::Body::wrap_stream(endless));
    assert_eq!(answer(chunked).await.0, 413);
    let forged = edge.request(Method::POST, path).bearer_auth("forged").body(body);
    assert_eq!(answer(forged).await.0, 401, "a token that is none is refused here");
}

/// Whether a publishable key will do, or nothing at all in development, is tracking's to say.
#[tokio::test]
async fn events_without_a_token_are_passed_on_with_their_key() {
    let edge = Edge::without_broker().await;
    let path = "/api/v1/tracking/events";
    edge.services.answer(path, [(201, json!({"status": "recorded"})), (401, json!({"status": 401}))]);
    let body = r#"{"user_id":"u","event_type":"click"}"#;
    let keyed = edge
        .request(Method::POST, &format!("{path}?key=pk_query"))
        .header("content-type", "application/json")
        .header("x-publishable-key", "pk_header")
        .header("origin", "https://shop.example")
        .body(body);
    assert_eq!(answer(keyed).await.0, 201);
    let seen = edge.services.asked().pop().expect("asked");
    assert_eq!(
        (&seen.headers["x-publishable-key"], &seen.headers["origin"]),
        (&"pk_header".parse().expect("valid"), &"https://shop.example".parse().expect("valid"),)
    );
    assert!(seen.line.ends_with("?key=pk_query"), "{}", seen.line);
    assert!(!seen.headers.contains_key("authorization"));
    let bare = edge.request(Method::POST, path).header("content-type", "application/json").body(body);
    assert_eq!(answer(bare).await.0, 401, "what tracking answers is what the caller gets");
}

#[tokio::test]
async fn a_services_own_health_is_shown() {
    let edge = Edge::without_broker().await;
    assert_eq!(answer(edge.request(Method::GET, "/api/services/tracking/health")).await.0, 200);
    assert_eq!(answer(edge.request(Method::GET, "/api/services/nobody/health")).await.0, 404);
    let (status, _, health) = answer(edge.request(Method::GET, "/health")).await;
    assert_eq!((status, &health["checks"]["pulsar"]["status"]), (503, &json!("unready")));
}
