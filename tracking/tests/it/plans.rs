//! Statements stay cheap while tables grow. A plan is made once and kept: one that was right for an empty table must not read the whole of a
//! large one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::world::{World, at};

const DEADLINE: Duration = Duration::from_secs(30);

/// Rows of `events` that statements have read so far, once the database has counted `inserted` of them.
async fn rows_read(watcher: &PgPool, inserted: i64) -> i64 {
    let began = Instant::now();
    loop {
        let (counted, read): (i64, i64) = sqlx::query_as(
            "SELECT n_tup_ins, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'events'",
        )
        .fetch_one(watcher)
        .await
        .expect("statistics are kept");
        if counted == inserted {
            return read;
        }
        assert!(began.elapsed() < DEADLINE, "{counted} of {inserted} rows are counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn click(number: usize) -> Value {
    json!({"event_id": format!("c{number}"), "event_type": "click", "user_id": format!("u{number}"), "partner": "p1",
           "campaign": "camp123", "occurred_at": at(-60)})
}

fn purchase(number: usize) -> Value {
    json!({"event_id": format!("e{number}"), "event_type": "purchase", "user_id": format!("u{number}"), "order_id": format!("o{number}"),
           "amount": "19.99"})
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_small_group_reads_few_rows_of_a_table_that_has_grown(pool: PgPoolOptions, connect: PgConnectOptions) {
    let watcher = PgPool::connect_with(connect.clone()).await.expect("the database is there");
    let world = World::new(pool, connect).await.with_campaign().await;
    let mut events = 0;
    // Often enough for every connection to have made its plans while the table was young.
    for round in 0..40 {
        world.record(Value::Array(vec![click(round), purchase(round)])).await;
        events += 2;
    }
    for batch in 1..=5 {
        world.record((batch * 1_000..(batch + 1) * 1_000).map(click).collect()).await;
        events += 1_000;
    }
    let before = rows_read(&watcher, events).await;
    world.record((1_000..1_010).map(purchase).collect()).await;
    let read = rows_read(&watcher, events + 10).await - before;
    assert!(read <= 200, "ten purchases read {read} rows of {events}");
}
