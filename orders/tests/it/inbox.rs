//! What people ask for besides: stock that is kept back, answers to problems; and who looks after what.

use axum::http::Method;
use chrono::TimeDelta;
use orders::assign_task::Assign;
use orders::decide_task::Decide;
use orders::override_stock::AskIt;
use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::orders::{AskStockOverride, AssignTask, DecideOrderTask, StockChange};
use shared_events::outcome::Rejection;
use shared_events::{OrderId, OrderTaskId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::{Bed, who};
use crate::http::{ANN, BOSS, app, ask};

async fn ask_override(bed: &Bed, id: OrderId) -> Result<OrderTaskId, Rejection> {
    let task_id = OrderTaskId(Uuid::now_v7());
    let wish = AskStockOverride { task_id, order_id: id, reason: "a good customer".into(), by: who("bob") };
    bed.tell_as(&AskIt, wish, "bob").await.map(|_| task_id)
}

async fn decide(bed: &Bed, task_id: OrderTaskId, approve: bool, by: &str) -> Result<Value, Rejection> {
    let decision = DecideOrderTask { task_id, approve, reason: "looked".into(), by: who(by) };
    bed.tell_as(&Decide, decision, by).await
}

async fn trail(bed: &Bed, subject: impl ToString) -> Vec<(String, String)> {
    let mut work = bed.slice.work().await;
    sqlx::query_as("SELECT who, what FROM audit WHERE subject = $1 ORDER BY seq")
        .bind(subject.to_string())
        .fetch_all(work.conn())
        .await
        .unwrap()
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn stock_that_is_kept_back_is_sold_when_another_person_allows_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 3).await;
    let kept_back = StockChange::Rule { reorder_point: 0, reorder_quantity: 0, safety: 2 };
    bed.stock("cable", "east", kept_back).await.unwrap();
    let id = bed.place(bed.order(&[("cable", 2)])).await;
    let too_many = bed.place(bed.order(&[("cable", 4)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await, ("on_hold".into(), "stock".into(), "reserve_stock".into()));
    assert_eq!(ask_override(&bed, too_many).await.unwrap_err().code, "stock_conflict", "there are not that many");
    let (app, path, why) = (app(&bed), format!("/orders/{too_many}/stock-override"), Some(json!({"reason": "please"})));
    for (who, status) in [(ANN, 403), (None, 401), (BOSS, 409)] {
        assert_eq!(ask(&app, Method::POST, &path, who, why.clone(), "").await.status, status, "{who:?}");
    }
    let refused = ask_override(&bed, id).await.unwrap();
    assert_eq!(ask_override(&bed, id).await.unwrap_err().code, "stock_conflict", "it was asked already");
    assert_eq!(decide(&bed, refused, true, "bob").await.unwrap_err().code, "self_approval_forbidden");
    decide(&bed, refused, false, "carl").await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.1, "stock", "it is not cancelled, it waits on");
    let allowed = ask_override(&bed, id).await.unwrap();
    decide(&bed, allowed, true, "carl").await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.2.as_str(), bed.in_stock("cable", "east").await), ("buy_label", (3, 2)));
    assert_eq!(ask_override(&bed, id).await.unwrap_err().code, "stock_conflict", "it does not wait for stock");
    let asked = trail(&bed, id).await;
    assert_eq!(asked.iter().filter(|(who, what)| who == "bob" && what == "ask_stock_override").count(), 2);
    assert_eq!(trail(&bed, allowed).await, [("carl".to_owned(), "decide_task".to_owned())]);
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_problem_is_answered_in_time_or_a_managers(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    bed.receive("cable", "east", 1).await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    let (path, words) = (format!("/orders/{id}/problems"), json!({"kind": "damaged", "text": "one cable is torn"}));
    let raised = ask(&app, Method::POST, &path, ANN, Some(words.clone()), "p1").await;
    assert_eq!((raised.status, &raised.body["state"]), (201, &json!("open")), "{}", raised.body);
    assert_eq!(ask(&app, Method::POST, &path, ANN, Some(words.clone()), "p1").await.body, raised.body);
    let stranger = Some(("eve", Role::Customer));
    assert_eq!(ask(&app, Method::POST, &path, stranger, Some(words.clone()), "").await.status, 404);
    assert_eq!(ask(&app, Method::GET, &path, stranger, None, "").await.status, 404);
    assert_eq!(ask(&app, Method::GET, &path, None, None, "").await.status, 401);
    let odd = ask(&app, Method::POST, &path, ANN, Some(json!({"kind": "weather", "text": "rain"})), "").await;
    assert_eq!((odd.status, &odd.body["errors"][0]["field"]), (422, &json!("kind")), "{}", odd.body);
    let second = ask(&app, Method::POST, &path, ANN, Some(words), "p2").await;
    // The staff of another warehouse does not see it; that of this one answers it.
    let (joe, task) = (Some(("joe", Role::Operator)), raised.body["problem_id"].as_str().unwrap());
    let answer = Some(json!({"decision": "approve", "reason": "a new one is on its way"}));
    let decide = format!("/api/v1/approvals/{task}/decide");
    assert_eq!(ask(&app, Method::POST, &decide, joe, answer.clone(), "").await.status, 404);
    let works = Some(json!({"operators": ["joe"], "reason": "new"}));
    let assigned = ask(&app, Method::PUT, "/api/v1/warehouses/east/operators", BOSS, works, "").await;
    assert_eq!(assigned.status, 200, "{}", assigned.body);
    assert_eq!(ask(&app, Method::POST, &decide, joe, answer.clone(), "").await.status, 200);
    // Nobody answers the second one in time: it is a manager's.
    bed.slice.clock.advance(TimeDelta::hours(25));
    bed.run().await;
    let late = format!("/api/v1/approvals/{}/decide", second.body["problem_id"].as_str().unwrap());
    assert_eq!(ask(&app, Method::POST, &late, joe, answer, "").await.status, 403);
    let no = Some(json!({"decision": "reject", "reason": "it is older than two years"}));
    assert_eq!(ask(&app, Method::POST, &late, BOSS, no, "").await.status, 200);
    let shown = ask(&app, Method::GET, &path, ANN, None, "").await.body;
    let (newest, first) = (&shown["problems"][0], &shown["problems"][1]);
    assert_eq!((&first["state"], &first["answer"]), (&json!("answered"), &json!("a new one is on its way")));
    assert_eq!((&newest["state"], newest["escalated_at"].is_string()), (&json!("closed"), true), "{shown}");
    assert_eq!(bed.stands(id).await.2, "buy_label", "the order does not wait for it, nor is it cancelled by it");
    assert_eq!(bed.said("order_task_escalated").await, 1);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_problem_outlives_its_order_and_there_are_not_too_many(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    let (path, words) = (format!("/orders/{id}/problems"), json!({"kind": "payment", "text": "I was charged twice"}));
    for status in [201, 201, 201, 201, 201, 409] {
        assert_eq!(ask(&app, Method::POST, &path, ANN, Some(words.clone()), "").await.status, status);
    }
    bed.cancel(id, Some("ann")).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "cancelled");
    let shown = ask(&app, Method::GET, &path, ANN, None, "").await.body;
    assert!(shown["problems"].as_array().unwrap().iter().all(|problem| problem["state"] == "open"), "{shown}");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn who_looks_after_what_is_kept_with_who_said_so(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    bed.receive("watch", "east", 1).await;
    let order = bed.place(bed.order(&[("watch", 1)])).await;
    bed.run().await;
    let inbox = ask(&app, Method::GET, &format!("/api/v1/approvals?order_id={order}"), BOSS, None, "").await.body;
    let task = inbox["tasks"][0]["task_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/approvals/{task}/assign");
    let to = |name: &str| Some(json!({"assignee": name, "reason": "knows the customer"}));
    let nobody = Some(json!({"reason": "ill"}));
    assert_eq!(ask(&app, Method::POST, &path, Some(("joe", Role::Operator)), to("joe"), "").await.status, 403);
    for (wish, state, assignee) in
        [(to("bob"), "claimed", json!("bob")), (to("eve"), "claimed", json!("eve")), (nobody, "open", Value::Null)]
    {
        assert_eq!(ask(&app, Method::POST, &path, BOSS, wish, "").await.status, 200);
        let inbox = ask(&app, Method::GET, &format!("/api/v1/approvals?order_id={order}"), BOSS, None, "").await.body;
        assert_eq!((&inbox["tasks"][0]["state"], &inbox["tasks"][0]["assignee"]), (&json!(state), &assignee));
    }
    assert_eq!(trail(&bed, &task).await.len(), 3);
    // A payout waits elsewhere; who looks after it is kept here all the same.
    let payout = Uuid::now_v7();
    let path = format!("/api/v1/approvals/{payout}/assign");
    assert_eq!(ask(&app, Method::POST, &path, BOSS, to("bob"), "").await.status, 404, "there is no such task here");
    let wish = |assignee: Value| Some(json!({"kind": "payout", "assignee": assignee, "reason": "knows the partner"}));
    assert_eq!(ask(&app, Method::POST, &path, BOSS, wish(json!("bob")), "").await.status, 200);
    let of = async |ids: String| {
        ask(&app, Method::GET, &format!("/api/v1/approvals/assignees?ids={ids}"), BOSS, None, "").await
    };
    let known = of(format!("{},{payout}", Uuid::now_v7())).await.body;
    assert_eq!((&known["assignees"][0]["assignee"], &known["assignees"][0]["kind"]), (&json!("bob"), &json!("payout")));
    assert_eq!(ask(&app, Method::POST, &path, BOSS, wish(Value::Null), "").await.status, 200);
    assert_eq!(of(payout.to_string()).await.body["assignees"][0]["assignee"], Value::Null);
    assert_eq!(trail(&bed, payout).await.len(), 2);
    assert_eq!(of("x".into()).await.status, 422);
    let unknown = AssignTask {
        task_id: OrderTaskId(payout),
        kind: Some("weather".into()),
        assignee: None,
        reason: "why not".into(),
        by: who("boss"),
    };
    assert_eq!(bed.tell(&Assign, unknown).await.unwrap_err().code, "invalid_kind");
}
