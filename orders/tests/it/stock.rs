//! Stock: never promised twice, and every movement written down.

use shared_events::orders::StockChange;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::Bed;

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_hundred_buyers_of_the_last_piece_are_one(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(bed.place(bed.order(&[("cable", 1)])).await);
    }
    // The hundred share neither card nor address.
    let mut work = bed.slice.work().await;
    sqlx::query("UPDATE orders SET card_mark = NULL, address_mark = NULL").execute(work.conn()).await.unwrap();
    work.commit().await.unwrap();
    let worker = bed.worker();
    let run = |worker: service_kit::jobs::Worker| async move { while worker.run_next().await.unwrap() {} };
    futures::future::join_all((0..8).map(|_| tokio::spawn(run(worker.clone())))).await;
    bed.run().await;
    let mut reserved = 0;
    for id in &ids {
        match bed.stands(*id).await {
            (_, hold, step) if hold == "stock" => assert_eq!(step, "reserve_stock"),
            (_, _, step) => {
                assert_eq!(step, "buy_label");
                reserved += 1;
            }
        }
    }
    assert_eq!((reserved, bed.in_stock("cable", "east").await), (1, (1, 1)));
    assert_eq!((bed.said("stock_reserved").await, bed.said("stock_short").await), (1, 99));
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn the_database_itself_refuses_to_promise_more_than_there_is(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    for statement in [
        "UPDATE stock_items SET reserved = 2",
        "UPDATE stock_items SET on_hand = -1",
        "UPDATE stock_items SET reserved = -1",
    ] {
        let mut work = bed.slice.work().await;
        let refused = sqlx::query(statement).execute(work.conn()).await.unwrap_err();
        assert!(refused.as_database_error().unwrap().is_check_violation(), "{statement}");
    }
    let mut work = bed.slice.work().await;
    assert!(sqlx::query("DELETE FROM stock_ledger").execute(work.conn()).await.is_err());
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn counts_are_written_down_and_reordering_is_suggested(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 10).await;
    let rule = StockChange::Rule { reorder_point: 8, reorder_quantity: 20, safety: 1 };
    bed.stock("cable", "east", rule).await.unwrap();
    let id = bed.place(bed.order(&[("cable", 9)])).await;
    let too_many = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label");
    assert_eq!(bed.stands(too_many).await.1, "stock", "the safety stock is not sold");
    assert_eq!(bed.said("reorder_suggested").await, 1);
    let received = bed.stock("cable", "east", StockChange::Receive(5)).await.unwrap();
    assert_eq!(received["available"], 5, "15 less 9 that are set aside less 1 that is never sold");
    bed.stock("cable", "east", StockChange::Count(10)).await.unwrap();
    assert_eq!(bed.said("reorder_suggested").await, 1, "it was low before");
    assert_eq!(bed.stock("cable", "east", StockChange::Count(8)).await.unwrap_err().code, "stock_conflict");
    bed.stock("cable", "east", StockChange::Count(9)).await.unwrap();
    assert_eq!(bed.in_stock("cable", "east").await, (9, 9));
    assert_eq!(bed.stock("cable", "north", StockChange::Receive(1)).await.unwrap_err().code, "unknown_warehouse");
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn another_tenant_sees_none_of_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    let other = bed.slice.of_tenant("other");
    let mut work = other.work().await;
    assert!(orders::read_order::short(&mut work, id).await.unwrap().is_none());
    for table in ["orders", "order_lines", "products", "stock_items", "stock_ledger", "warehouses", "audit"] {
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(work.conn())
            .await
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
}
