//! What an invoice says that articles cost is told around, unless it is somebody else's.

use std::os::unix::fs::PermissionsExt;

use evidence::read_document::ReadDocument;
use evidence::reading::invoice::{Day, Found, Invoice, Line, LineKind, Source};
use evidence::reading::refusal::Refusal;
use serde_json::{Value, json};
use service_kit::jobs::Worker;
use shared_events::{Currency, Money};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bed::{Bed, pdf};

fn line(sku: Option<&str>, kind: LineKind, quantity: &str, minor: i64) -> Line {
    let line = json!({"id": "1", "description": "x", "seller_sku": sku, "sku": null, "quantity": quantity, "unit": null, "unit_price": null,
                      "amount": Money::new(minor, Currency::USD), "tax_rate": null, "kind": kind, "place": null});
    serde_json::from_value(line).unwrap()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_invoice_that_was_read_says_what_a_unit_costs(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let lines = vec![
        line(Some("SKU1"), LineKind::Product, "10", 9_500),
        line(Some("F"), LineKind::Freight, "1", 4_000),
        line(Some("D"), LineKind::Duty, "1", 1_000),
    ];
    let date = Some(Found::certain(Day { date: "2026-02-01".parse().unwrap(), or: None }));
    let read: Result<Invoice, Refusal> = Ok(Invoice { date, lines, ..Invoice::empty(Source::Ubl) });
    // A reader that reads this, whatever it is given.
    let (answer, program) = (bed.folder.join("answer.json"), bed.folder.join("reader"));
    std::fs::create_dir_all(&bed.folder).unwrap();
    std::fs::write(&answer, serde_json::to_vec(&read).unwrap()).unwrap();
    std::fs::write(&program, format!("#!/bin/sh\ncat > /dev/null\ncat '{}'\n", answer.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let worker = Worker::new(bed.store.clone()).on(ReadDocument { program, files: bed.files.clone() });
    let told = async || {
        let mut work = bed.work().await;
        let sql = "SELECT payload::jsonb FROM outbox WHERE properties LIKE '%evidence.unit_costs_documented.v1%'";
        sqlx::query_scalar::<_, Value>(sql).fetch_all(work.conn()).await.unwrap()
    };
    bed.upload(&pdf("a partner's"), Some("p1")).await;
    while worker.run_next().await.unwrap() {}
    assert_eq!(told().await, [Value::Null; 0], "what a partner bought is not what the seller paid");
    let ours = bed.upload(&pdf("ours"), None).await;
    while worker.run_next().await.unwrap() {}
    let unit = json!({"codes": ["SKU1"], "unit": {"minor": 950, "currency": "USD"}});
    assert_eq!(told().await, [json!({"document_id": ours, "issued_on": "2026-02-01", "costs": [unit]})]);
}
