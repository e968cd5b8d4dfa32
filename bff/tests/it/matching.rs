//! Matching: what is refused before anything is sent, and what an import carries.

use axum::http::Method;
use serde_json::{Value, json};
use service_kit::auth::Role as Caller;

use crate::edge::{Edge, answer, token};

const LABELS: &str = "/api/v1/evidence/labels";
const TRAIN: &str = "/api/v1/evidence/models/train";
const REVERT: &str = "/api/v1/evidence/models/0190163d-8694-739b-aea5-966c26f8ad91/revert";
const OUTCOME: &str = "/api/v1/evidence/requests/0190163d-8694-739b-aea5-966c26f8ad91/outcome";

fn past(change: impl FnOnce(&mut Value)) -> String {
    let mut body = json!({"claim_type": "inbound_shortage", "matches": [{
        "subject": {"order_id": "112-1", "quantity": 5, "amount": "245.80", "currency": "USD"},
        "document": {"number": "R-1", "dated": "2025-01-20", "total": 245.8, "currency": "USD", "lines": [{"sku": "A", "quantity": 5}]},
        "proved": true
    }]});
    change(&mut body);
    body.to_string()
}

#[tokio::test]
async fn what_cannot_be_learned_from_is_refused_before_anything_is_sent() {
    let edge = Edge::without_broker().await;
    let (seller, manager, partner) =
        (token("s", Caller::Seller), token("m", Caller::Manager), token("p", Caller::Partner));
    let outcome = r#"{"document_id": "0190163d-8694-739b-aea5-966c26f8ad91", "proved": true}"#;
    let cases = [
        (&partner, LABELS, past(|_| ()), 403, ""),
        (&seller, LABELS, past(|body| body["claim_type"] = json!("a b")), 422, "claim_type"),
        (&seller, LABELS, past(|body| body["matches"] = json!([])), 422, "matches"),
        (&seller, LABELS, past(|body| body["matches"] = json!(vec![body["matches"][0].clone(); 501])), 422, "matches"),
        (&seller, LABELS, past(|body| body["matches"][0]["subject"] = json!({})), 422, "matches[0].subject"),
        (
            &seller,
            LABELS,
            past(|body| body["matches"][0]["subject"]["amount"] = json!("1.234")),
            422,
            "matches[0].subject.amount",
        ),
        (
            &seller,
            LABELS,
            past(|body| body["matches"][0]["document"]["currency"] = Value::Null),
            422,
            "matches[0].document.currency",
        ),
        (
            &seller,
            LABELS,
            past(|body| body["matches"][0]["document"]["number"] = json!("")),
            422,
            "matches[0].document.number",
        ),
        (
            &seller,
            LABELS,
            past(|body| body["matches"][0]["document"]["colour"] = json!(1)),
            422,
            "matches[0].document.colour",
        ),
        (&seller, TRAIN, json!({"claim_type": "x"}).to_string(), 403, ""),
        (&manager, TRAIN, json!({"claim_type": ""}).to_string(), 422, "claim_type"),
        (&seller, REVERT, json!({"reason": "x"}).to_string(), 403, ""),
        (&manager, REVERT, json!({"reason": ""}).to_string(), 422, "reason"),
        (&partner, OUTCOME, outcome.to_owned(), 403, ""),
        (&seller, OUTCOME, json!({"proved": true}).to_string(), 422, "document_id"),
        // Everything is in order, and there is no broker.
        (&seller, LABELS, past(|_| ()), 503, ""),
    ];
    for (token, path, body, status, field) in cases {
        let (got, _, problem) = answer(edge.post(token, path, &body)).await;
        assert_eq!(got, status, "{path} {body}: {problem}");
        if !field.is_empty() {
            assert_eq!(problem["errors"][0]["field"], field, "{path} {body}: {problem}");
        }
    }
    for path in [LABELS, TRAIN, REVERT, OUTCOME] {
        assert_eq!(answer(edge.request(Method::POST, path)).await.0, 401, "{path}");
    }
}
