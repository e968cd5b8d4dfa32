//! What an invoice says that articles cost is told around, unless it is somebody else's.

use evidence::reading::invoice::{Day, Found, Invoice, Line, LineKind, Source};
use evidence::reading::refusal::Refusal;
use evidence::reread_document::Reread;
use serde_json::{Value, json};
use shared_events::evidence::RereadDocument;
use shared_events::{Currency, Money};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bed::{Bed, pdf};
use super::reading::read;

fn line(sku: Option<&str>, kind: LineKind, quantity: &str, minor: i64) -> Line {
    let line = json!({"id": "1", "description": "x", "seller_sku": sku, "sku": null, "quantity": quantity, "unit": null, "unit_price": null,
                      "amount": Money::new(minor, Currency::USD), "tax_rate": null, "kind": kind, "place": null});
    serde_json::from_value(line).unwrap()
}

/// Such an invoice, of one day.
fn invoice(lines: Vec<Line>) -> Result<Invoice, Refusal> {
    let date = Some(Found::certain(Day { date: "2026-02-01".parse().unwrap(), or: None }));
    Ok(Invoice { date, lines, ..Invoice::empty(Source::Ubl) })
}

/// What was told of costs, in order.
async fn told(bed: &Bed) -> Vec<Value> {
    let mut work = bed.work().await;
    let sql =
        "SELECT payload::jsonb FROM outbox WHERE properties LIKE '%evidence.unit_costs_documented.v1%' ORDER BY id";
    sqlx::query_scalar(sql).fetch_all(work.conn()).await.unwrap()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_invoice_that_was_read_says_what_a_unit_costs(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let lines = vec![
        line(Some("SKU1"), LineKind::Product, "10", 9_500),
        line(Some("F"), LineKind::Freight, "1", 4_000),
        line(Some("D"), LineKind::Duty, "1", 1_000),
    ];
    bed.upload(&pdf("a partner's"), Some("p1")).await;
    read(&bed, "theirs", invoice(lines.clone())).await;
    assert_eq!(told(&bed).await, [Value::Null; 0], "what a partner bought is not what the seller paid");
    let ours = bed.upload(&pdf("ours"), None).await;
    read(&bed, "ours", invoice(lines)).await;
    let unit = json!({"codes": ["SKU1"], "unit": {"minor": 950, "currency": "USD"}});
    assert_eq!(told(&bed).await, [json!({"document_id": ours, "issued_on": "2026-02-01", "costs": [unit]})]);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn another_reading_says_what_is_left_of_the_costs(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let theirs = bed.upload(&pdf("a partner's"), Some("p1")).await;
    let ours = bed.upload(&pdf("ours"), None).await;
    read(&bed, "first", invoice(vec![line(Some("SKU1"), LineKind::Product, "10", 9_500)])).await;
    let again = async |name: &str, answer| {
        for document_id in [theirs, ours] {
            bed.handle(&Reread, RereadDocument { document_id }).await.unwrap();
        }
        read(&bed, name, answer).await;
        told(&bed).await
    };
    assert_eq!(again("same", invoice(vec![line(Some("SKU1"), LineKind::Product, "10", 9_500)])).await.len(), 1);
    let other = again("other", invoice(vec![line(Some("SKU2"), LineKind::Product, "10", 9_500)])).await;
    assert_eq!((other.len(), &other[1]["costs"][0]["codes"]), (2, &json!(["SKU2"])));
    // Without a day, and without an article that has a number.
    let none = again("none", Ok(Invoice::empty(Source::Ubl))).await;
    assert_eq!((none.len(), &none[2]["document_id"], &none[2]["costs"]), (3, &json!(ours), &json!([])));
}
