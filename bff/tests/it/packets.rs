//! Packets and cost documentation, as callers ask for them.

use axum::http::Method;
use serde_json::json;
use service_kit::auth::Role;

use crate::edge::{Edge, answer, token};

const PACKET: &str = "/api/v1/evidence/packets/0190d7a2-0000-7000-8000-000000000001";

#[tokio::test]
async fn a_part_of_a_packet_is_asked_for_and_given() {
    let edge = Edge::without_broker().await;
    let path = format!("{PACKET}/download");
    edge.services.answer(&path, [(206, json!("a part"))]);
    let asked = edge.get(&token("jane", Role::Seller), &path).header("range", "bytes=0-7").header("if-range", "\"x\"");
    let (status, headers, body) = answer(asked).await;
    assert_eq!((status, body), (206, json!("a part")));
    assert_eq!(headers["content-length"], "8");
    let seen = edge.services.asked().pop().expect("asked");
    assert_eq!(
        (&seen.headers["range"], &seen.headers["if-range"]),
        (&"bytes=0-7".parse().expect("valid"), &"\"x\"".parse().expect("valid"))
    );
    // Other questions never ask for parts.
    edge.services.answer(PACKET, [(200, json!({}))]);
    answer(edge.get(&token("jane", Role::Seller), PACKET).header("range", "bytes=0-7")).await;
    assert!(!edge.services.asked().pop().expect("asked").headers.contains_key("range"));
}

#[tokio::test]
async fn only_staff_and_sellers_have_packets_made() {
    let edge = Edge::without_broker().await;
    let request = "/api/v1/evidence/requests/0190d7a2-0000-7000-8000-000000000002";
    for path in [format!("{request}/packet"), format!("{request}/cost-document"), format!("{PACKET}/retry")] {
        assert_eq!(answer(edge.post(&token("ann", Role::Partner), &path, "{}")).await.0, 403, "{path}");
        assert_eq!(answer(edge.request(Method::POST, &path)).await.0, 401, "{path}");
        // The broker is away, and nothing is pretended.
        assert_eq!(answer(edge.post(&token("jane", Role::Seller), &path, "{}")).await.0, 503, "{path}");
        assert_eq!(
            answer(edge.post(&token("jane", Role::Seller), &path, r#"{"colour": "red"}"#)).await.0,
            422,
            "{path}"
        );
    }
    assert_eq!(answer(edge.request(Method::GET, &format!("{PACKET}/download"))).await.0, 401);
    assert!(edge.services.asked().is_empty());
}

#[tokio::test]
async fn only_managers_have_documents_read_again() {
    let edge = Edge::without_broker().await;
    let path = "/api/v1/evidence/documents/0190d7a2-0000-7000-8000-000000000002/reread";
    for role in [Role::Partner, Role::Seller] {
        assert_eq!(answer(edge.post(&token("ann", role), path, "{}")).await.0, 403, "{role:?}");
    }
    assert_eq!(answer(edge.request(Method::POST, path)).await.0, 401);
    // The broker is away, and nothing is pretended.
    assert_eq!(answer(edge.post(&token("max", Role::Manager), path, "{}")).await.0, 503);
    assert_eq!(answer(edge.post(&token("max", Role::Manager), path, r#"{"colour": "red"}"#)).await.0, 422);
    assert!(edge.services.asked().is_empty());
}
