//! How much time the database takes for the busiest path. Not a test of correctness: run it by name with `--ignored --nocapture`.

use std::time::Instant;

use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::world::{World, at};

const VISITORS: usize = 5_000;

#[sqlx::test(migrator = "migrations::TRACKING")]
#[ignore = "measures"]
async fn batches_of_purchases_after_clicks(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let clicks = (0..VISITORS).map(|n| {
        let partner = format!("p{}", n % 3 + 1);
        json!({"event_id": format!("c{n}"), "event_type": "click", "user_id": format!("u{n}"), "partner": partner, "campaign": "camp123",
               "occurred_at": at(-60)})
    });
    world.record(clicks.collect()).await;
    for round in 0..40 {
        let purchases = (0..1_000).map(|n| {
            let number = round * 1_000 + n;
            json!({"event_id": format!("e{number}"), "event_type": "purchase", "user_id": format!("u{}", number * 7_919 % VISITORS),
                   "order_id": format!("o{number}"), "amount": "19.99", "metadata": {"product_id": "prod-1"}})
        });
        let body = Value::Array(purchases.collect());
        let began = Instant::now();
        world.record(body).await;
        if round % 5 == 4 {
            eprintln!("round {round}: {:?}", began.elapsed());
        }
    }
    if let Ok(url) =
        sqlx::query_scalar::<_, String>("SELECT current_database()::text").fetch_one(world.store.pool()).await
    {
        eprintln!("database {url}");
    }
}
