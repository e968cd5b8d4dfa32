//! Goods that come back: whole or by line, into stock or not, with the money or without it.

use serde_json::{Value, json};
use shared_events::orders::{LineQuantity, RefundWish, ReturnOrder};
use shared_events::outcome::Rejection;
use shared_events::{OrderId, RefundId, ReturnId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::{Bed, who};

async fn take_in(
    bed: &Bed,
    order_id: OrderId,
    lines: Option<&[(i32, i64)]>,
    restock: bool,
    refund: bool,
) -> Result<Value, Rejection> {
    let lines =
        lines.map(|lines| lines.iter().map(|(line, quantity)| LineQuantity { line: *line, quantity: *quantity }));
    let back = ReturnOrder {
        return_id: ReturnId(Uuid::now_v7()),
        order_id,
        lines: lines.map(Iterator::collect),
        restock,
        refund_id: refund.then(|| RefundId(Uuid::now_v7())),
        reason: "does not fit".into(),
        by: who("boss"),
    };
    bed.tell(&orders::return_order::TakeIn, back).await
}

/// One camera and two cables, under way.
async fn shipped(bed: &Bed) -> OrderId {
    bed.receive("camera", "east", 1).await;
    bed.receive("cable", "west", 2).await;
    let id = bed.place(bed.order(&[("camera", 1), ("cable", 2)])).await;
    bed.run().await;
    assert_eq!(take_in(bed, id, None, true, false).await.unwrap_err().code, "order_state_conflict");
    bed.labels(id, 2).await.unwrap();
    bed.run().await;
    id
}

async fn told(bed: &Bed) -> Vec<Value> {
    let said = bed.slice.said().await;
    said.into_iter().filter(|(kind, _)| kind == "orders.order_returned.v1").map(|(_, told)| told).collect()
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn by_line_with_the_money_and_then_the_rest_without(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = shipped(&bed).await;
    take_in(&bed, id, Some(&[(2, 1)]), true, true).await.unwrap();
    bed.run().await;
    // What one cable came to, and the cable is for sale again: once, not by return and refund.
    assert_eq!((bed.cheap.done("refund"), bed.in_stock("cable", "west").await), ((1, 1_650), (1, 0)));
    assert_eq!(bed.stands(id).await.0, "shipped", "most of it is with the customer");
    for (lines, code) in [
        (&[(2, 2)][..], "invalid_quantity"),
        (&[(2, 1), (2, 1)], "invalid_quantity"),
        (&[(9, 1)], "unknown_line"),
        (&[], "invalid_quantity"),
    ] {
        assert_eq!(take_in(&bed, id, Some(lines), true, false).await.unwrap_err().code, code, "{lines:?}");
    }
    // The rest is damaged.
    take_in(&bed, id, None, false, false).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("refund").0), ("returned", 1));
    assert_eq!((bed.in_stock("camera", "east").await, bed.in_stock("cable", "west").await), ((0, 0), (1, 0)));
    assert_eq!(take_in(&bed, id, None, true, false).await.unwrap_err().code, "nothing_to_return_conflict");
    let told = told(&bed).await;
    let of = |told: &Value| (told["lines"].clone(), told["is_whole"].clone(), told["restock"].clone());
    assert_eq!(of(&told[0]), (json!([{"line": 2, "quantity": 1}]), json!(false), json!(true)));
    assert_eq!(
        of(&told[1]),
        (json!([{"line": 1, "quantity": 1}, {"line": 2, "quantity": 1}]), json!(true), json!(false))
    );
    // Paid back later after all; that puts nothing into stock, for nothing is left to come back.
    bed.refund(id, RefundWish::Whole, true).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("refund")), ("refunded", (2, 19_359)));
    assert_eq!((bed.in_stock("camera", "east").await, bed.in_stock("cable", "west").await), ((0, 0), (1, 0)));
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn whole_with_the_money_and_into_stock(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = shipped(&bed).await;
    let answer = take_in(&bed, id, None, true, true).await.unwrap();
    assert_eq!(answer["order_status"], "returned");
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("refund")), ("refunded", (1, 19_359)));
    assert_eq!((bed.in_stock("camera", "east").await, bed.in_stock("cable", "west").await), ((1, 0), (2, 0)));
    let mut work = bed.slice.work().await;
    let (movements, causes): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE l.reference = r.id::text AND l.who = 'boss') FROM stock_ledger l, returns r
         WHERE l.movement = 'returned'",
    )
    .fetch_one(work.conn())
    .await
    .unwrap();
    assert_eq!((movements, causes), (2, 2), "each movement names the return and who took it in");
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_status_set_by_hand_is_a_return_of_everything(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = shipped(&bed).await;
    bed.set_status(id, "returned").await.unwrap();
    assert_eq!((bed.stands(id).await.0.as_str(), told(&bed).await.len()), ("returned", 1));
    assert_eq!(bed.in_stock("camera", "east").await, (0, 0));
    let mut work = bed.slice.work().await;
    let (is_finished, what): (bool, String) = sqlx::query_as(
        "SELECT finished_at IS NOT NULL, (SELECT what FROM audit WHERE subject = orders.id::text ORDER BY seq DESC LIMIT 1) FROM orders WHERE id = $1",
    )
    .bind(id.0)
    .fetch_one(work.conn())
    .await
    .unwrap();
    assert_eq!((is_finished, what.as_str()), (true, "return"));
}
