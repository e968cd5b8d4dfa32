//! Stock as three sources tell it, side by side, and the pages of it.

use claims::kind::Kind;
use serde_json::json;
use service_kit::auth::Role;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::lifecycle::{LEDGER, file, moved, seller};
use crate::service::app;

const DAYS: &str = "Date\tFNSKU\tASIN\tMSKU\tTitle\tDisposition\tStarting Warehouse Balance\tIn Transit Between Warehouses\tReceipts\tCustomer Shipments\tCustomer Returns\tVendor Returns\tWarehouse Transfer In/Out\tFound\tLost\tDamaged\tDisposed\tOther Events\tEnding Warehouse Balance\tUnknown Events\tLocation\tStore";
const STOCK: &str = "sku\tfnsku\tasin\tproduct-name\tcondition\tafn-warehouse-quantity\tafn-fulfillable-quantity\tafn-unsellable-quantity\tafn-reserved-quantity\tafn-researching-quantity";

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn stock_is_reconciled_and_differences_are_named(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = seller(pool, options).await;
    let day = |date: &str, start: i64, lost: i64, end: i64| {
        format!("{date}\tX1\tB1\tSKU1\tTitle\tSELLABLE\t{start}\t0\t0\t0\t0\t0\t0\t0\t{lost}\t0\t0\t0\t{end}\t0\tUS\t")
    };
    // The second day does not add up by one.
    file(&slice, Kind::LedgerDay, "US", DAYS, &[day("11/08/2026", 10, -2, 8), day("11/09/2026", 8, 0, 7)]).await;
    file(&slice, Kind::Ledger, "US", LEDGER, &[moved("11/08/2026", "1", -2, "M", 0)]).await;
    file(&slice, Kind::Stock, "US", STOCK, &["SKU1\tX1\tB1\tTitle\tNew\t7\t6\t1\t0\t0".to_owned()]).await;
    let answer = slice.get(&app(&slice), "/api/v1/inventory/reconciliation?only_differences=true", Role::Seller).await;
    let item = &answer.body["items"][0];
    let numbers = ["summary_units", "summary_off_by", "detail_units", "current_units", "fulfillable"]
        .map(|name| item[name].clone());
    assert_eq!(numbers, [7, -1, 8, 7, 6].map(|number| json!(number)), "{item}");
    let words = item["differences"].to_string();
    assert!(
        words.contains("off by -1 units in themselves")
            && words.contains("of 2026-11-09 is 7, the sum of its movements of 2026-11-08 8: -1 units"),
        "{words}"
    );
    let other = slice.of_tenant("other").get(&app(&slice), "/api/v1/inventory", Role::Seller).await;
    assert_eq!(other.body["items"], json!([]));
    let odd = slice.get(&app(&slice), "/api/v1/inventory?cursor=X1", Role::Seller).await;
    assert_eq!(odd.status, 422);
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn three_sources_that_agree_differ_in_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = seller(pool, options).await;
    let day = |date: &str, state: &str, start: i64, (lost, other): (i64, i64), end: i64| {
        format!(
            "{date}\tX1\tB1\tSKU1\tTitle\t{state}\t{start}\t0\t0\t0\t0\t0\t0\t0\t{lost}\t0\t0\t{other}\t{end}\t0\tUS\t"
        )
    };
    // Two states that moved last on different days; the second began before it moved.
    let balances = [
        day("11/07/2026", "SELLABLE", 200, (-6, 0), 194),
        day("11/08/2026", "SELLABLE", 194, (-4, 0), 190),
        day("11/09/2026", "WAREHOUSE_DAMAGED", 2, (0, 1), 3),
    ];
    file(&slice, Kind::LedgerDay, "US", DAYS, &balances).await;
    let moves = [
        moved("11/01/2026", "0", -50, "M", 0),
        moved("11/07/2026", "1", -6, "M", 0),
        moved("11/08/2026", "2", -4, "M", 0),
        moved("11/09/2026", "3", 1, "P", 0).replace("SELLABLE", "WAREHOUSE_DAMAGED"),
    ];
    file(&slice, Kind::Ledger, "US", LEDGER, &moves).await;
    file(&slice, Kind::Stock, "US", STOCK, &["SKU1\tX1\tB1\tTitle\tNew\t193\t190\t3\t0\t0".to_owned()]).await;
    let items = slice.get(&app(&slice), "/api/v1/inventory/reconciliation", Role::Seller).await.body["items"].clone();
    let item = &items[0];
    let numbers = ["summary_units", "detail_units", "current_units", "detail_moved"].map(|name| item[name].clone());
    assert_eq!(numbers, [193, 193, 193, -59].map(|number| json!(number)), "{item}");
    assert_eq!(item["differences"], json!([]));
    // Another seller of the same tenant with the same article.
    let mut work = slice.work().await;
    let other = Uuid::from_u128(u128::MAX);
    for copied in [
        "INSERT INTO connections (tenant, id, kind, region, account, state, connected_by, created_at, changed_at)
         SELECT tenant, $1, kind, region, 'A2', state, connected_by, created_at, changed_at FROM connections LIMIT 1",
        "INSERT INTO stock_moves SELECT tenant, $1, fnsku, place, state, day, units FROM stock_moves",
    ] {
        sqlx::query(copied).bind(other).execute(work.conn()).await.unwrap();
    }
    work.commit().await.unwrap();
    let page =
        async |query: &str| slice.get(&app(&slice), &format!("/api/v1/inventory{query}"), Role::Seller).await.body;
    let first = page("?limit=1").await;
    let second = page(&format!("?limit=1&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((&second["items"][0]["connection_id"], &second["items"][0]["fnsku"]), (&json!(other), &json!("X1")));
    assert!(second["items"][0].get("detail_units").is_none(), "movements alone are no balance");
    assert_eq!(page(&format!("?connection_id={other}")).await["items"].as_array().map(Vec::len), Some(1));
}
