//! The inbox over all services.

use serde_json::json;
use service_kit::auth::Role;

use crate::edge::{Edge, answer, token};

const INBOX: &str = "/api/v1/approvals";

fn answers(edge: &Edge) {
    let task = |id: &str, state: &str, due: &str| json!({"task_id": id, "kind": "fraud_review", "state": state, "due_at": due, "assignee": null});
    // Both questions to orders go to one path.
    edge.services.answer(
        INBOX,
        [
            (200, json!({"tasks": [task("t1", "open", "2026-11-20T16:00:00Z")]})),
            (200, json!({"tasks": [task("t2", "claimed", "2026-11-20T12:00:00Z")]})),
        ],
    );
    edge.services.answer(
        "/api/v1/payouts",
        [(
            200,
            json!({"payouts": [
        {"payout_id": "p1", "needs_approval": true, "requested_at": "2026-11-19T10:00:00Z", "requested_by": "anna",
         "due_at": "2026-11-19T14:00:00Z", "state": "requested"},
        {"payout_id": "p2", "needs_approval": false, "requested_at": "2026-11-19T10:00:00Z", "requested_by": "anna"}]}),
        )],
    );
    edge.services.answer(
        &format!("{INBOX}/assignees"),
        [(200, json!({"assignees": [{"task_id": "p1", "kind": "payout", "assignee": "bob", "assigned_by": "max", "assigned_at": "2026-11-19T11:00:00Z"}]}))],
    );
    edge.services.answer("/api/v1/evidence/prompts", [(200, json!({"prompts": [
        {"prompt_id": "q1", "question": "Is it this invoice?", "asked": "sam", "asked_at": "2026-11-19T10:00:00Z", "expires_at": "2026-11-20T10:00:00Z"}]}))]);
}

#[tokio::test]
async fn everything_that_waits_is_one_list_and_who_is_away_is_named() {
    let edge = Edge::without_broker().await;
    answers(&edge);
    edge.services.answer("/api/v1/claims/approvals", [(200, json!({"approvals": [
        {"claim_id": "c1", "wanted_by": "sam", "wanted_at": "2026-11-18T10:00:00Z", "deadline": "2026-11-25T10:00:00Z"}], "next_cursor": "7"}))]);
    let (status, _, inbox) = answer(edge.get(&token("m", Role::Manager), INBOX)).await;
    let ids: Vec<_> =
        inbox["tasks"].as_array().expect("a list").iter().filter_map(|task| task["task_id"].as_str()).collect();
    assert_eq!((status, ids), (200, vec!["p1", "q1", "t2", "t1", "c1"]), "{inbox}");
    let sources =
        json!({"orders": "complete", "payouts": "complete", "claims": "more_than_shown", "prompts": "complete"});
    assert_eq!((&inbox["sources"], &inbox["complete"]), (&sources, &json!(false)));
    let prompt = &inbox["tasks"][1];
    assert_eq!(
        (&prompt["kind"], &prompt["assignee"], &prompt["due_at"]),
        (&json!("smart_prompt"), &json!("sam"), &json!("2026-11-20T10:00:00Z"))
    );
    assert_eq!(prompt["decide"], json!({"method": "POST", "path": "/api/v1/evidence/prompts/q1/answer"}));
    // A payout brings its deadline; who looks after it, and after a claim, is kept beside them.
    let (payout, claim) = (&inbox["tasks"][0], &inbox["tasks"][4]);
    assert_eq!((&payout["assignee"], &payout["assigned_by"]), (&json!("bob"), &json!("max")));
    assert_eq!((&claim["assignee"], &claim["assign"]["path"]), (&json!(null), &json!("/api/v1/approvals/c1/assign")));
    let asked = edge.services.asked();
    assert!(asked.iter().any(|asked| asked.line.ends_with("/assignees?ids=p1,c1")), "{asked:?}");
    assert_eq!((&payout["history"], &payout["due_at"]), (&json!("/api/v1/payouts/p1"), &json!("2026-11-19T14:00:00Z")));
}

#[tokio::test]
async fn a_service_that_refuses_or_is_away_does_not_hide_the_others() {
    let edge = Edge::start(None, |env| env.with("CLAIMS_URL", "http://127.0.0.1:1")).await;
    answers(&edge);
    edge.services.answer("/api/v1/payouts", [(403, json!({}))]);
    let (status, _, inbox) = answer(edge.get(&token("o", Role::Operator), &format!("{INBOX}?kind=fraud_review"))).await;
    assert_eq!((status, inbox["tasks"].as_array().map(Vec::len)), (200, Some(2)), "{inbox}");
    assert_eq!((&inbox["sources"]["claims"], &inbox["complete"]), (&json!("away"), &json!(false)));
    assert_eq!(answer(edge.get(&token("c", Role::Customer), INBOX)).await.0, 403);
}

#[tokio::test]
async fn what_does_not_wait_is_not_assigned_and_what_does_goes_to_who_keeps_it() {
    let edge = Edge::without_broker().await;
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let (path, boss) = (format!("{INBOX}/{id}/assign"), token("m", Role::Manager));
    let wish = json!({"kind": "payout", "assignee": "bob", "reason": "he knows the partner"}).to_string();
    assert_eq!(answer(edge.post(&boss, &path, &wish)).await.0, 404, "there is no such payout");
    let payout = |state: &str| json!({"payout_id": id, "state": state, "needs_approval": true});
    edge.services.answer(&format!("/api/v1/payouts/{id}"), [(200, payout("completed")), (200, payout("requested"))]);
    edge.services.answer(&path, [(200, json!({"assignee": "bob"}))]);
    let (status, _, refused) = answer(edge.post(&boss, &path, &wish)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("task_state_conflict")));
    let handed_on = |edge: &Edge| edge.services.asked().iter().filter(|asked| asked.line.starts_with("POST")).count();
    assert_eq!(handed_on(&edge), 0);
    assert_eq!(answer(edge.post(&boss, &path, &wish)).await.0, 200);
    assert_eq!(handed_on(&edge), 1);
    assert_eq!(answer(edge.post(&token("o", Role::Operator), &path, &wish)).await.0, 403);
}
