//! In which order the shipments of an order leave.

use std::sync::Arc;

use orders::config::Config;
use orders::domain::route::Router;
use shared_events::orders::PutWarehouse;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::{Bed, who};

/// An order that leaves from both warehouses, of which `west` is the cheaper: its shipments' warehouses by number, and what the step says.
async fn planned(pool: PgPoolOptions, options: PgConnectOptions, router: Router) -> (Vec<String>, String) {
    let mut bed = Bed::new(pool, options).await;
    bed.parts.config = Arc::new(Config { router, ..(*bed.parts.config).clone() });
    let west = PutWarehouse {
        warehouse_id: "west".into(),
        name: "west".into(),
        country: "US".into(),
        cost_minor: 100,
        distance_km: 900,
        is_active: true,
        marketplace: None,
        address: None,
        reason: None,
        by: who("boss"),
    };
    bed.tell(&orders::put_warehouse::Put, west).await.unwrap();
    for warehouse in ["east", "west"] {
        bed.receive("cable", warehouse, 1).await;
    }
    let id = bed.place(bed.order(&[("cable", 2)])).await;
    bed.run().await;
    let mut work = bed.slice.work().await;
    let warehouses = sqlx::query_scalar("SELECT warehouse_id FROM shipments WHERE order_id = $1 ORDER BY number")
        .bind(id.0)
        .fetch_all(work.conn())
        .await
        .unwrap();
    let detail =
        sqlx::query_scalar("SELECT detail FROM order_steps WHERE order_id = $1 AND step = 'choose_warehouses'")
            .bind(id.0)
            .fetch_one(work.conn())
            .await
            .unwrap();
    (warehouses, detail)
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn switched_on_the_cheapest_leaves_first_and_the_step_says_why(pool: PgPoolOptions, options: PgConnectOptions) {
    let (warehouses, why) = planned(pool, options, Router::CheapestThenNearest).await;
    assert_eq!(warehouses, ["west", "east"]);
    assert_eq!(why, "2 shipment(s); cheapest first, then nearest: west (cost 100, 900 km), east (cost 400, 100 km)");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn switched_off_the_warehouses_names_decide(pool: PgPoolOptions, options: PgConnectOptions) {
    let (warehouses, why) = planned(pool, options, Router::default()).await;
    assert_eq!((warehouses, why.as_str()), (vec!["east".to_owned(), "west".to_owned()], "2 shipment(s)"));
}
