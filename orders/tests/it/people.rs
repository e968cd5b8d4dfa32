//! What waits for people: approvals with four eyes, suspicious orders, holds.

use orders::decide_task::{Claim, Decide};
use serde_json::Value;
use shared_events::orders::{ClaimOrderTask, DecideOrderTask};
use shared_events::outcome::Rejection;
use shared_events::{OrderId, OrderTaskId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::{Bed, who};

async fn tasks(bed: &Bed, id: OrderId) -> Vec<(Uuid, String, String)> {
    let mut work = bed.slice.work().await;
    sqlx::query_as("SELECT id, kind, state::text FROM order_tasks WHERE order_id = $1 ORDER BY seq")
        .bind(id.0)
        .fetch_all(work.conn())
        .await
        .unwrap()
}

async fn decide(bed: &Bed, task: Uuid, approve: bool, by: &str) -> Result<Value, Rejection> {
    let decision = DecideOrderTask { task_id: OrderTaskId(task), approve, reason: "looked".into(), by: who(by) };
    bed.tell_as(&Decide, decision, by).await
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_valuable_order_needs_another_person(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("watch", "east", 2).await;
    let id = bed.place(bed.order(&[("watch", 1)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await, ("on_hold".into(), "value".into(), "approve".into()));
    assert_eq!(bed.in_stock("watch", "east").await, (2, 0));
    let (task, kind, _) = tasks(&bed, id).await.remove(0);
    assert_eq!(kind, "high_value_order");
    assert_eq!(bed.set_status(id, "validating").await.unwrap_err().code, "order_state_conflict");
    assert_eq!(decide(&bed, task, true, "ann").await.unwrap_err().code, "self_approval_forbidden");
    let lie = DecideOrderTask { task_id: OrderTaskId(task), approve: true, reason: "x".into(), by: who("boss") };
    assert_eq!(bed.tell_as(&Decide, lie, "ann").await.unwrap_err().code, "self_approval_forbidden");
    bed.tell(&Claim, ClaimOrderTask { task_id: OrderTaskId(task), by: who("bob") }).await.unwrap();
    let taken = bed.tell(&Claim, ClaimOrderTask { task_id: OrderTaskId(task), by: who("carl") }).await.unwrap_err();
    assert_eq!(taken.code, "task_taken");
    decide(&bed, task, true, "bob").await.unwrap();
    assert_eq!(decide(&bed, task, false, "bob").await.unwrap_err().code, "task_state_conflict");
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label");
    let refused = bed.place(bed.order(&[("watch", 1)])).await;
    bed.run().await;
    let (task, ..) = tasks(&bed, refused).await.remove(0);
    decide(&bed, task, false, "bob").await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(refused).await.0.as_str(), bed.in_stock("watch", "east").await), ("cancelled", (2, 1)));
    let mut work = bed.slice.work().await;
    let trail: Vec<String> = sqlx::query_scalar("SELECT what FROM audit WHERE who = 'bob' ORDER BY seq")
        .fetch_all(work.conn())
        .await
        .unwrap();
    assert_eq!(trail, ["claim_task", "decide_task", "decide_task", "cancel"]);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_suspicious_order_is_held_with_its_factors(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 50).await;
    let with_card = |customer: &str| {
        let mut order = bed.order(&[("cable", 1)]);
        order.customer_id = customer.to_owned();
        order.marks.card = Some("the same card".into());
        order.marks.disposable_mail = true;
        order
    };
    let mut last = bed.place(with_card("a")).await;
    for customer in ["b", "c", "d", "e", "f"] {
        last = bed.place(with_card(customer)).await;
    }
    bed.run().await;
    let (status, hold, step) = bed.stands(last).await;
    assert_eq!((status.as_str(), hold.as_str(), step.as_str()), ("on_hold", "fraud", "approve"));
    let mut work = bed.slice.work().await;
    let (score, factors): (i16, Value) = sqlx::query_as("SELECT fraud_score, fraud_factors FROM orders WHERE id = $1")
        .bind(last.0)
        .fetch_one(work.conn())
        .await
        .unwrap();
    drop(work);
    // card 45 + mail 30 + five others to the same address within a day 25
    assert_eq!(score, 100);
    assert_eq!(factors[0]["name"], "velocity_card");
    let (task, kind, _) = tasks(&bed, last).await.remove(0);
    assert_eq!(kind, "fraud_review");
    decide(&bed, task, true, "bob").await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(last).await.2, "buy_label");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_person_holds_and_releases(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.set_status(id, "on_hold").await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, ("on_hold".into(), "manual".into(), "validate".into()));
    assert_eq!(bed.set_status(id, "shipped").await.unwrap_err().code, "order_state_conflict");
    assert_eq!(bed.set_status(id, "nonsense").await.unwrap_err().code, "invalid_status");
    bed.set_status(id, "placed").await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label");
}
