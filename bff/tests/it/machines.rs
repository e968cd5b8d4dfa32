//! Keys of machines at the edge, and what gateways and carriers call back.

use axum::http::Method;
use serde_json::json;
use service_kit::auth::Role;

use crate::edge::{Edge, answer, token};

const SELF: &str = "/api/v1/api-keys/self";

fn by_key(edge: &Edge, name: &str, key: &str, path: &str) -> reqwest::RequestBuilder {
    edge.request(Method::GET, path).header(name, key)
}

#[tokio::test]
async fn a_key_is_shown_to_orders_and_opens_nothing_else() {
    let edge = Edge::without_broker().await;
    edge.services
        .answer(SELF, [(200, json!({"tenant": "demo", "subject": "key-1", "name": "x", "scopes": ["orders:read"]}))]);
    edge.services.answer("/admin/orders", [(200, json!({"orders": []}))]);
    edge.services.answer("/api/v1/payouts", [(200, json!({"payouts": []}))]);
    for (name, value) in [("authorization", "Bearer rk_1_a"), ("x-api-key", "rk_1_a")] {
        assert_eq!(answer(by_key(&edge, name, value, "/admin/orders")).await.0, 200, "{name}");
        let seen = edge.services.asked().pop().expect("asked");
        assert_eq!(
            (seen.line.as_str(), &seen.headers["authorization"]),
            ("GET /admin/orders", &"Bearer rk_1_a".parse().expect("a header"))
        );
    }
    let told = edge.services.asked().iter().filter(|asked| asked.line.ends_with(SELF)).count();
    assert_eq!(told, 1, "what orders said is remembered for a while");
    // A machine has no role here: what orders does not decide is closed.
    for path in ["/api/v1/approvals", "/api/v1/campaigns"] {
        let (status, ..) =
            answer(edge.request(Method::POST, path).header("x-api-key", "rk_1_a").json(&json!({}))).await;
        assert!([403, 405, 422].contains(&status), "{path} {status}");
    }
    assert_eq!(answer(by_key(&edge, "x-api-key", "rk_1_a", "/api/v1/approvals")).await.0, 403);
}

#[tokio::test]
async fn a_key_that_orders_does_not_know_is_nobodys() {
    let edge = Edge::without_broker().await;
    edge.services.answer(SELF, [(401, json!({}))]);
    assert_eq!(answer(by_key(&edge, "x-api-key", "rk_1_b", "/admin/orders")).await.0, 401);
    assert_eq!(answer(by_key(&edge, "x-api-key", "other", "/admin/orders")).await.0, 401);
    // A token goes before a key.
    edge.services.answer("/admin/orders", [(200, json!({"orders": []}))]);
    let both = edge.get(&token("m", Role::Manager), "/admin/orders").header("x-api-key", "rk_1_b");
    assert_eq!(answer(both).await.0, 200);
    let away = Edge::start(None, |env| env.with("ORDERS_URL", "http://127.0.0.1:1")).await;
    assert_eq!(answer(by_key(&away, "x-api-key", "rk_1_b", "/admin/orders")).await.0, 503);
}

#[tokio::test]
async fn callbacks_go_on_byte_for_byte_with_what_proves_them_and_without_logins() {
    let edge = Edge::without_broker().await;
    let body = "{\"id\" : \"evt_1\",  \"type\":\"payment_intent.succeeded\"}";
    for (path, header) in [
        ("/webhooks/payments/stripe", "stripe-signature"),
        ("/api/v1/webhooks/payments/paypal/", "paypal-transmission-sig"),
        ("/webhooks/payments/razorpay", "x-razorpay-signature"),
        ("/webhooks/carriers/easypost", "x-hmac-signature"),
        ("/callbacks/twilio/demo", "x-twilio-signature"),
        ("/unsubscribe/abc", "list-unsubscribe"),
    ] {
        edge.services.answer(path, [(200, json!({"received": true}))]);
        let sent = edge.request(Method::POST, path).header(header, "proof").header("cookie", "a=b");
        let sent = sent.bearer_auth(token("c", Role::Customer)).header("content-type", "application/json").body(body);
        assert_eq!(answer(sent).await.0, 200, "{path}");
        let seen = edge.services.asked().pop().expect("asked");
        assert_eq!((seen.line, &seen.body[..]), (format!("POST {path}"), body.as_bytes()));
        assert_eq!(
            (&seen.headers[header], &seen.headers["content-type"]),
            (&"proof".parse().expect("a header"), &"application/json".parse().expect("a header"))
        );
        assert!(!seen.headers.contains_key("authorization") && !seen.headers.contains_key("cookie"), "{path}");
    }
    edge.services.answer("/webhooks/payments/payu", [(401, json!({"status": 401}))]);
    assert_eq!(answer(edge.request(Method::POST, "/webhooks/payments/payu").body("x=1")).await.0, 401);
}
