//! Commands: what is refused at once, what reaches the broker, and how the outcome comes back.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use service_kit::auth::Role as Caller;
use service_kit::config::Role;
use service_kit::testing::Namespace;

use crate::edge::{Edge, answer, token};

const ACCEPT: &str = "/api/v1/campaigns/camp123/accept";
const PAY: &str = "/api/v1/payments/request";
const TERMS: &str = r#"{"accepted_terms": true, "metadata": {"source": "mobile_app"}}"#;
const PAYMENT: &str = r#"{"amount": 150.00, "currency": "USD", "payment_method": "paypal", "account_details": {"email": "user@example.com"}}"#;

fn done(result: Value) -> Value {
    json!({"command_id": "0190163d-8694-739b-aea5-966c26f8ad91", "status": "done", "type": "x", "result": result})
}

fn rejected(code: &str, field: Option<&str>) -> Value {
    let rejection = json!({"code": code, "detail": "no", "field": field});
    json!({"command_id": "0190163d-8694-739b-aea5-966c26f8ad91", "status": "rejected", "type": "x", "rejection": rejection})
}

fn campaign(change: impl FnOnce(&mut Value)) -> String {
    let mut body = json!({
        "code": "camp123", "name": "Spring", "currency": "USD", "destinations": ["https://shop.example/"],
        "attribution": {"model": "last_click", "click_window_days": 30},
        "rules": [{"on": "sale", "value": {"basis_points": 1000}, "hold_days": 30}]
    });
    change(&mut body);
    body.to_string()
}

#[tokio::test]
async fn what_cannot_be_accepted_is_refused_before_anything_is_sent() {
    let edge = Edge::without_broker().await;
    let (partner, manager) = (token("user123", Caller::Partner), token("boss", Caller::Manager));
    let withdraw = format!("/api/v1/keys/{}/withdraw", "a".repeat(64));
    let payment = |from: &str, to: &str| PAYMENT.replace(from, to);
    let cases = [
        (&partner, ACCEPT, r#"{"accepted_terms": false}"#.to_owned(), 422, "accepted_terms"),
        (&partner, ACCEPT, r#"{"accepted_terms": true, "extra": 1}"#.to_owned(), 422, "extra"),
        (&partner, ACCEPT, "{}".to_owned(), 422, "accepted_terms"),
        (&partner, ACCEPT, "[true]".to_owned(), 422, "body"),
        (&partner, ACCEPT, "{".to_owned(), 400, ""),
        (&partner, ACCEPT, r#"{"accepted_terms": true, "metadata": {"a": "x\u0000"}}"#.to_owned(), 422, ""),
        (
            &partner,
            ACCEPT,
            format!(r#"{{"accepted_terms": true, "metadata": {{"a": "{}"}}}}"#, "x".repeat(17_000)),
            422,
            "metadata",
        ),
        (&partner, ACCEPT, r#"{"accepted_terms": true, "metadata": ["app"]}"#.to_owned(), 422, "metadata"),
        (&partner, ACCEPT, r#"{"accepted_terms": true, "partner": "somebody"}"#.to_owned(), 404, ""),
        (&manager, ACCEPT, r#"{"accepted_terms": true}"#.to_owned(), 422, "partner"),
        (&partner, PAY, payment("150.00", "150.001"), 422, "amount"),
        (&partner, PAY, payment("150.00", "0"), 422, "amount"),
        (&partner, PAY, payment("150.00", "-1"), 422, "amount"),
        (&partner, PAY, payment("150.00", "1e400"), 422, "amount"),
        (&partner, PAY, payment("150.00", "\"many\""), 422, "amount"),
        (&partner, PAY, payment("150.00", "null"), 422, "amount"),
        (&partner, PAY, payment("USD", "XXX"), 422, "currency"),
        (&partner, PAY, payment("\"USD\"", "\"JPY\"").replace("150.00", "150.5"), 422, "amount"),
        (&partner, PAY, payment("paypal", "cash"), 422, "payment_method"),
        (&partner, PAY, payment("user@example.com", "nobody"), 422, "account_details.email"),
        (&partner, PAY, payment("\"email\"", "\"iban\""), 422, "account_details.email"),
        (&partner, PAY, payment("\"email\"", "\"phone\""), 422, "account_details.phone"),
        (&manager, "/api/v1/campaigns", campaign(|body| body["code"] = json!("a/b")), 422, "code"),
        (
            &manager,
            "/api/v1/campaigns",
            campaign(|body| body["destinations"] = json!(["http://shop.example"])),
            422,
            "destinations[0]",
        ),
        (
            &manager,
            "/api/v1/campaigns",
            campaign(|body| body["rules"][0]["surprise"] = json!(1)),
            422,
            "rules[0].surprise",
        ),
        (
            &manager,
            "/api/v1/campaigns",
            campaign(|body| body["rules"][0]["hold_days"] = json!(-1)),
            422,
            "rules[0].hold_days",
        ),
        (&manager, "/api/v1/campaigns", campaign(|body| body["currency"] = json!("usd")), 422, "currency"),
        (&manager, "/api/v1/payouts/nonsense/approve", String::new(), 400, "id"),
        (&manager, "/api/v1/keys", r#"{"label": "x", "origins": ["shop"]}"#.to_owned(), 422, "origins[0]"),
        (
            &manager,
            "/api/v1/keys",
            r#"{"label": "x", "origins": ["https://shop.example", "https://Shop.example"]}"#.to_owned(),
            422,
            "origins[1]",
        ),
        (
            &manager,
            "/api/v1/keys",
            json!({"label": "x", "origins": vec!["https://shop.example"; 51]}).to_string(),
            422,
            "origins",
        ),
        (&manager, "/api/v1/keys/nonsense/withdraw", String::new(), 404, ""),
        (&partner, &withdraw, String::new(), 403, ""),
        (&manager, "/api/v1/keys", r#"{"label": "x", "events_per_second": 0}"#.to_owned(), 422, "events_per_second"),
    ];
    for (token, path, body, status, field) in cases {
        let (got, headers, problem) = answer(edge.post(token, path, &body)).await;
        assert_eq!(got, status, "{path} {body}: {problem}");
        assert_eq!(headers["content-type"], "application/problem+json", "{body}");
        if !field.is_empty() {
            assert_eq!(problem["errors"][0]["field"], field, "{path} {body}: {problem}");
        }
    }
    let form =
        edge.request(Method::POST, ACCEPT).bearer_auth(&partner).header("content-type", "text/plain").body(TERMS);
    assert_eq!(answer(form).await.0, 415);
    let large = format!(r#"{{"accepted_terms": true, "metadata": {{"a": "{}"}}}}"#, "x".repeat(2_000_000));
    assert_eq!(answer(edge.post(&partner, ACCEPT, &large)).await.0, 413);
    let key = edge.post(&partner, ACCEPT, TERMS).header("idempotency-key", "with space");
    assert_eq!(answer(key).await.0, 400);
}

/// What the owning service would refuse whatever its state is: the edge refuses it in the same words, not with a 202 before.
#[tokio::test]
async fn what_a_campaign_can_never_be_is_refused_at_once() {
    let edge = Edge::without_broker().await;
    let manager = token("boss", Caller::Manager);
    let cases: [(&str, Value, &str); 14] = [
        ("/rules/0/value", json!({"flat_minor": -5}), "rules[0].value"),
        ("/rules/0/value", json!({"flat_minor": i64::MAX}), "rules[0].value"),
        ("/rules/0/value", json!({"basis_points": 10_001}), "rules[0].value"),
        ("/rules/0/cap_per_event_minor", json!(0), "rules[0].cap_per_event_minor"),
        ("/rules/0/cap_per_partner_month_minor", json!(-1), "rules[0].cap_per_partner_month_minor"),
        ("/rules/0/min_payout_minor", json!(-1), "rules[0].min_payout_minor"),
        (
            "/rules/0/tiers",
            json!([{"from_count": 2, "value": {"flat_minor": 1}}, {"from_count": 2, "value": {"flat_minor": 2}}]),
            "rules[0].tiers[1]",
        ),
        (
            "/rules",
            json!([{"on": "sale", "value": {"flat_minor": 1}, "hold_days": 1}, {"on": "sale", "value": {"flat_minor": 2}, "hold_days": 1}]),
            "rules[1].on",
        ),
        ("/rules", json!([]), "rules"),
        ("/attribution/click_window_days", json!(0), "attribution.click_window_days"),
        ("/code", json!("0190163d-8694-739b-aea5-966c26f8ad91"), "code"),
        ("/name", json!("a\u{7}b"), "name"),
        ("/destinations/0", json!("https://user:password@shop.example/"), "destinations[0]"),
        ("/destinations/0", json!("https://shop.example/a b"), "destinations[0]"),
    ];
    for (place, value, field) in cases {
        let body = campaign(|body| {
            let (parent, name) = place.rsplit_once('/').expect("a pointer");
            match body.pointer_mut(parent).expect("it is there") {
                Value::Array(items) => items[name.parse::<usize>().expect("a number")] = value,
                other => other[name] = value,
            }
        });
        let (status, _, problem) = answer(edge.post(&manager, "/api/v1/campaigns", &body)).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{body}: {problem}");
    }
    let revised = r#"{"rules": [{"on": "click", "value": {"basis_points": 1}, "hold_days": 1}]}"#;
    let (status, _, problem) = answer(edge.post(&manager, "/api/v1/campaigns/camp123/rules", revised)).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("rules[0].value")), "{problem}");
    let partner = token("user123", Caller::Partner);
    let link = edge.post(&partner, "/api/v1/campaigns/camp123/links", r#"{"code": "ab"}"#);
    let (status, _, problem) = answer(link).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("code")), "{problem}");
}

#[tokio::test]
async fn without_a_broker_nothing_is_pretended() {
    let edge = Edge::without_broker().await;
    let (status, headers, problem) = answer(edge.post(&token("user123", Caller::Partner), ACCEPT, TERMS)).await;
    assert_eq!(status, 503, "{problem}");
    assert!(headers.contains_key("retry-after"));
    assert!(!problem.to_string().contains("127.0.0.1"), "addresses are not told: {problem}");
}

#[tokio::test]
async fn a_key_names_one_command_and_one_body() {
    let namespace = Namespace::provisioned().await;
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let partner = token("user123", Caller::Partner);
    let keyed = |body: &str, key: &str| edge.post(&partner, ACCEPT, body).header("idempotency-key", key.to_owned());
    let (status, headers, first) = answer(keyed(TERMS, "k1")).await;
    assert_eq!(status, 202, "{first}");
    assert_eq!(headers["location"], format!("/api/v1/commands/{}", first["command_id"].as_str().expect("an id")));
    assert_eq!(first["status"], "accepted");
    assert_eq!(first["partner"], "user123");
    let reordered = r#"{ "metadata": {"source": "mobile_app"}, "accepted_terms": true }"#;
    assert_eq!(
        answer(keyed(reordered, "k1")).await.2["command_id"],
        first["command_id"],
        "the same body in another order"
    );
    let (status, _, problem) = answer(keyed(r#"{"accepted_terms": true}"#, "k1")).await;
    assert_eq!((status, &problem["code"]), (422, &json!("idempotency_key_reused")));

    let other_key = answer(keyed(TERMS, "k2")).await.2["command_id"].clone();
    let no_key = answer(edge.post(&partner, ACCEPT, TERMS)).await.2["command_id"].clone();
    let other_caller = edge.post(&token("user456", Caller::Partner), ACCEPT, TERMS).header("idempotency-key", "k1");
    let other_caller = answer(other_caller).await.2["command_id"].clone();
    let distinct: BTreeSet<String> =
        [&first["command_id"], &other_key, &no_key, &other_caller].iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), 4);

    // Another BFF (or this one after a restart) learns from the owning service what was asked under the key.
    let restarted = Edge::on(namespace.role(Role::Bff)).await;
    let id = first["command_id"].as_str().expect("an id");
    let mut outcome = done(json!({}));
    outcome["body_digest"] = json!("of another body");
    restarted.services.answer(&format!("/api/v1/commands/{id}"), [(200, outcome)]);
    let again = restarted.post(&partner, ACCEPT, TERMS).header("idempotency-key", "k1");
    assert_eq!(answer(again).await.0, 422);
}

#[tokio::test]
async fn a_caller_may_wait_for_the_outcome() {
    let namespace = Namespace::provisioned().await;
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let partner = token("user123", Caller::Partner);
    let cases = [
        ("done", (200, done(json!({"payout_id": "p"}))), 200),
        ("short", (200, rejected("insufficient_balance", Some("amount"))), 422),
        ("gone", (200, rejected("payout_not_found", None)), 404),
        ("state", (200, rejected("payout_state_conflict", None)), 409),
        ("open", (404, json!({})), 202),
        ("away", (503, json!({})), 202),
    ];
    for (key, outcome, status) in cases {
        // Nothing happens without the broker's receipt, so the command's id is learnt from a first request.
        let first = answer(edge.post(&partner, PAY, PAYMENT).header("idempotency-key", key)).await.2;
        let id = first["command_id"].as_str().expect("accepted").to_owned();
        edge.services.answer(&format!("/api/v1/commands/{id}"), [outcome]);
        let waiting = edge.post(&partner, PAY, PAYMENT).header("idempotency-key", key).header("prefer", "wait=1");
        let (got, headers, body) = answer(waiting).await;
        assert_eq!(got, status, "{key}: {body}");
        assert_eq!(headers["preference-applied"], "wait=1", "{key}");
        match status {
            200 => assert_eq!((&body["status"], &body["result"]["payout_id"]), (&json!("done"), &json!("p"))),
            202 => assert_eq!(body["status"], "accepted"),
            _ => assert!(body["code"].is_string(), "{key}: {body}"),
        }
    }
}

#[tokio::test]
async fn what_became_of_a_command_is_told() {
    let namespace = Namespace::provisioned().await;
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let partner = token("user123", Caller::Partner);
    let id = answer(edge.post(&partner, ACCEPT, TERMS)).await.2["command_id"].as_str().expect("accepted").to_owned();
    let path = format!("/api/v1/commands/{id}");
    let (status, _, body) = answer(edge.get(&partner, &path)).await;
    assert_eq!((status, &body["status"]), (200, &json!("accepted")));
    let stranger = token("somebody", Caller::Partner);
    assert_eq!(answer(edge.get(&stranger, &path)).await.0, 404, "another partner of the tenant");
    assert_eq!(answer(edge.get(&token("boss", Caller::Manager), &path)).await.0, 200);
    edge.services.answer(&path, [(200, rejected("campaign_not_found", None))]);
    let (status, _, body) = answer(edge.get(&partner, &path)).await;
    assert_eq!(
        (status, &body["status"], &body["rejection"]["code"]),
        (200, &json!("rejected"), &json!("campaign_not_found"))
    );
    let unknown = "/api/v1/commands/0190163d-8694-739b-aea5-966c26f8ad91";
    assert_eq!(answer(edge.get(&partner, unknown)).await.0, 404);
    assert_eq!(answer(edge.get(&partner, "/api/v1/commands/x")).await.0, 400);
}

#[tokio::test]
async fn a_publishable_key_is_shown_once_and_again_to_the_same_request_and_withdrawn_by_its_digest() {
    let namespace = Namespace::provisioned().await;
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let manager = token("boss", Caller::Manager);
    let issue = || edge.post(&manager, "/api/v1/keys", r#"{"label": "shop"}"#).header("idempotency-key", "k");
    let (status, headers, first) = answer(issue()).await;
    assert_eq!(status, 202, "{first}");
    assert_eq!(headers["cache-control"], "no-store");
    let key = first["key"].as_str().expect("a key");
    assert!(key.starts_with("pk_"));
    assert_eq!(first["key_digest"], service_kit::sealed::sha256(key.as_bytes()));
    assert_eq!(answer(issue()).await.2["key"], key);
    let digest = first["key_digest"].as_str().expect("a digest");
    let (status, _, withdrawn) = answer(edge.post(&manager, &format!("/api/v1/keys/{digest}/withdraw"), "")).await;
    assert_eq!((status, &withdrawn["key_digest"]), (202, &first["key_digest"]));
}
