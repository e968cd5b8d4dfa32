//! A warehouse that a marketplace runs: it sends by itself, and what is refunded is told as its to get back.

use shared_events::orders::{LineQuantity, PutWarehouse, RefundWish};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::{Bed, who};

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn refunded_units_of_a_marketplace_are_told(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let centre = PutWarehouse {
        warehouse_id: "centre".into(),
        name: "fulfilment centre".into(),
        country: "US".into(),
        cost_minor: 300,
        distance_km: 10,
        is_active: true,
        marketplace: Some("US".into()),
        address: None,
        reason: None,
        by: who("boss"),
    };
    bed.tell(&orders::put_warehouse::Put, centre).await.unwrap();
    bed.receive("cable", "centre", 2).await;
    bed.receive("cable", "east", 1).await;
    let id = bed.place(bed.order(&[("cable", 3)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label", "the own shipment waits for its label");
    bed.labels(id, 2).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "shipped");
    for (quantity, theirs) in [(1, 0), (1, 1), (1, 1)] {
        let wish = RefundWish::Lines(vec![LineQuantity { line: 1, quantity }]);
        bed.refund(id, wish, false).await.unwrap();
        bed.run().await;
        let (_, told) =
            bed.slice.said().await.into_iter().rfind(|(kind, _)| kind == "orders.order_refunded.v1").unwrap();
        let units = told["marketplace_units"].as_array().map_or(0, Vec::len);
        assert_eq!(units, theirs, "{told}");
        assert_eq!(told["goods_minor"], 4_500);
    }
    let back: i64 = bed
        .slice
        .said()
        .await
        .iter()
        .filter(|(kind, _)| kind == "orders.order_refunded.v1")
        .flat_map(|(_, told)| told["marketplace_units"].as_array().cloned().unwrap_or_default())
        .filter_map(|units| units["quantity"].as_i64())
        .sum();
    assert_eq!(back, 2);
}
