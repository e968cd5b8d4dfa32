//! Prompts: what is refused before anything is sent, and how an answer ends for the one who gave it.

use serde_json::{Value, json};
use service_kit::auth::Role as Caller;
use service_kit::config::Role;
use service_kit::testing::Namespace;

use crate::edge::{Edge, answer, token};

const PROMPTS: &str = "/api/v1/evidence/prompts";
const ANSWER: &str = "/api/v1/evidence/prompts/0190163d-8694-739b-aea5-966c26f8ad91/answer";
const YES: &str = r#"{"selected_option":"yes","reasoning":"the delivery note says so"}"#;

fn question(change: impl FnOnce(&mut Value)) -> String {
    let mut body = json!({
        "request_id": "0190163d-8694-739b-aea5-966c26f8ad91", "asked": "user123", "question": "Did all five arrive?",
        "options": [{"id": "yes", "label": "All five"}, {"id": "no", "label": "Fewer"}]
    });
    change(&mut body);
    body.to_string()
}

#[tokio::test]
async fn what_cannot_be_asked_or_answered_is_refused_before_anything_is_sent() {
    let edge = Edge::without_broker().await;
    let (seller, partner) = (token("s", Caller::Seller), token("p", Caller::Partner));
    let many = json!([{"id": "aa", "label": "A"}, {"id": "bb", "label": "B"}, {"id": "cc", "label": "C"}, {"id": "dd", "label": "D"}]);
    let cases = [
        (&partner, PROMPTS, question(|_| ()), 403, ""),
        (&seller, PROMPTS, question(|body| body["options"] = json!([{"id": "yes", "label": "Yes"}])), 422, "options"),
        (&seller, PROMPTS, question(|body| body["options"] = many), 422, "options"),
        (&seller, PROMPTS, question(|body| body["options"][1]["id"] = json!("yes")), 422, "options[1].id"),
        (&seller, PROMPTS, question(|body| body["options"][0]["label"] = json!("")), 422, "options[0].label"),
        (&seller, PROMPTS, question(|body| body["question"] = json!("two\nlines")), 422, "question"),
        (&seller, PROMPTS, question(|body| body["question"] = json!("x".repeat(241))), 422, "question"),
        (&seller, PROMPTS, question(|body| body["expires_at"] = json!("2020-01-01T00:00:00Z")), 422, "expires_at"),
        (&seller, PROMPTS, question(|body| body["surprise"] = json!(1)), 422, "surprise"),
        (&partner, ANSWER, r#"{"reasoning":"x"}"#.to_owned(), 422, "selected_option"),
        (&partner, ANSWER, r#"{"selected_option":""}"#.to_owned(), 422, "selected_option"),
        (
            &partner,
            ANSWER,
            json!({"selected_option": "yes", "reasoning": "x".repeat(1_001)}).to_string(),
            422,
            "reasoning",
        ),
        (&partner, "/api/v1/evidence/prompts/nonsense/answer", YES.to_owned(), 400, "id"),
    ];
    for (token, path, body, status, field) in cases {
        let (got, _, problem) = answer(edge.post(token, path, &body)).await;
        assert_eq!(got, status, "{path} {body}: {problem}");
        if !field.is_empty() {
            assert_eq!(problem["errors"][0]["field"], field, "{path} {body}: {problem}");
        }
    }
    assert_eq!(answer(edge.request(axum::http::Method::POST, ANSWER)).await.0, 401);
}

#[tokio::test]
async fn an_answer_waits_for_what_comes_of_it_without_being_asked_to() {
    let namespace = Namespace::provisioned().await;
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let caller = token("user123", Caller::Partner);
    let outcome =
        |status: &str| json!({"command_id": "0190163d-8694-739b-aea5-966c26f8ad91", "status": status, "type": "x"});
    let rejected = |code: &str, field: Option<&str>| {
        let mut outcome = outcome("rejected");
        outcome["rejection"] = json!({"code": code, "detail": "must be one of: yes, no", "field": field});
        outcome
    };
    let mut done = outcome("done");
    done["result"] = json!({"state": "answered", "selected_option": "no", "answered_by": "somebody"});
    let cases = [
        ("done", (200, done), 200),
        ("forbidden", (200, rejected("answer_forbidden", None)), 403),
        ("missing", (200, rejected("prompt_not_found", None)), 404),
        ("cancelled", (200, rejected("prompt_cancelled", None)), 409),
        ("expired", (200, rejected("prompt_expired", None)), 410),
        ("unknown", (200, rejected("unknown_option", Some("selected_option"))), 422),
        ("away", (503, json!({})), 202),
    ];
    for (key, outcome, status) in cases {
        // The command's id is learnt from a first request that does not want to wait.
        let first = edge.post(&caller, ANSWER, YES).header("idempotency-key", key).header("prefer", "wait=0");
        let (accepted, _, first) = answer(first).await;
        assert_eq!(accepted, 202, "{first}");
        let id = first["command_id"].as_str().expect("accepted").to_owned();
        edge.services.answer(&format!("/api/v1/commands/{id}"), [outcome]);
        let (got, _, body) = answer(edge.post(&caller, ANSWER, YES).header("idempotency-key", key)).await;
        assert_eq!(got, status, "{key}: {body}");
        match status {
            200 => assert_eq!(body["result"]["selected_option"], "no", "the first answer, whoever gave it"),
            422 => assert_eq!(body["errors"][0]["message"], "must be one of: yes, no"),
            _ => {}
        }
    }
    let waited = edge.services.asked().iter().filter(|asked| asked.line.ends_with("?wait=5")).count();
    assert!(waited >= 7, "the service was asked to hold the answer back until it is known");
}

#[tokio::test]
async fn a_question_names_its_prompt_and_lists_are_passed_on() {
    let namespace = Namespace::provisioned().await;
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let seller = token("s", Caller::Seller);
    let ask = || edge.post(&seller, PROMPTS, &question(|_| ())).header("idempotency-key", "k");
    let (status, _, first) = answer(ask()).await;
    assert_eq!(status, 202, "{first}");
    assert!(first["prompt_id"].is_string());
    assert_eq!(answer(ask()).await.2["prompt_id"], first["prompt_id"], "the same question is the same prompt");
    edge.services.answer(PROMPTS, [(200, json!({"prompts": []}))]);
    let (status, _, page) = answer(edge.get(&seller, &format!("{PROMPTS}?state=pending"))).await;
    assert_eq!((status, page), (200, json!({"prompts": []})));
    assert_eq!(edge.services.asked().pop().expect("asked").line, format!("GET {PROMPTS}?state=pending"));
}
