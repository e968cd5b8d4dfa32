//! What invoices say that an article costs values what is owed for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use claims::documented_costs::{Deleted, Documented};
use claims::kind::Kind;
use serde_json::{Value, json};
use service_kit::auth::Role;
use service_kit::testing::Slice;
use shared_events::DocumentId;
use shared_events::evidence::{DocumentDeleted, UnitCost, UnitCostsDocumented};
use shared_events::money::{Currency, Money};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::lifecycle::{LEDGER, drain, file, moved, seller, shown};
use crate::service::app;

fn documented(document: u128, day: &str, code: &str, minor: i64) -> UnitCostsDocumented {
    let codes = vec!["ACME-9".to_owned(), code.to_owned()];
    UnitCostsDocumented {
        document_id: DocumentId(Uuid::from_u128(document)),
        issued_on: day.parse().unwrap(),
        costs: vec![UnitCost { codes, unit: Money::new(minor, Currency::USD) }],
    }
}

async fn forget_costs(slice: &Slice) {
    let mut work = slice.work().await;
    sqlx::query("UPDATE sourcing_costs SET fnsku = 'another'").execute(work.conn()).await.unwrap();
    work.commit().await.unwrap();
}

async fn lost(slice: &Slice) {
    let lost = moved("10/20/2026", "21188081", -16, "M", 0);
    file(slice, Kind::Ledger, "US", LEDGER, &[lost]).await;
}

async fn words(slice: &Slice) -> String {
    let answer: Value = slice.get(&app(slice), "/api/detections", Role::Seller).await.body;
    answer["detections"][0]["arithmetic"].to_string()
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn an_invoice_values_a_loss_and_a_deleted_one_no_longer_does(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = seller(pool, options).await;
    forget_costs(&slice).await;
    lost(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "review", 16, null])], "nobody said what it costs");
    // By the seller's own number, which only the reports know to be of this article; and one of another article.
    slice.handle(&Documented, documented(1, "2026-02-01", "SKU1", 950)).await.unwrap();
    slice.handle(&Documented, documented(2, "2026-03-01", "SKU2", 100)).await.unwrap();
    drain(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 16, 15_200])]);
    assert!(words(&slice).await.contains("(invoice, since 2026-02-01)"), "{}", words(&slice).await);
    // One that came later than the loss says nothing about it; a newer one before it does.
    slice.handle(&Documented, documented(3, "2026-10-21", "SKU1", 2_000)).await.unwrap();
    slice.handle(&Documented, documented(4, "2026-09-01", "X1", 1_000)).await.unwrap();
    drain(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 16, 16_000])]);
    let deleted =
        |document: u128| DocumentDeleted { document_id: DocumentId(Uuid::from_u128(document)), reason: "?".into() };
    slice.handle(&Deleted, deleted(4)).await.unwrap();
    slice.handle(&Deleted, deleted(99)).await.unwrap();
    drain(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 16, 15_200])]);
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn an_invoice_may_come_before_the_first_report(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = seller(pool, options).await;
    // A person said 11.88 since January; what is on paper of the same day counts more.
    slice.handle(&Documented, documented(1, "2026-01-01", "SKU1", 950)).await.unwrap();
    slice.handle(&Documented, documented(1, "2026-01-01", "SKU1", 950)).await.unwrap();
    lost(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 16, 15_200])]);
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn what_another_reading_says_no_more_no_longer_values_anything(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = seller(pool, options).await;
    forget_costs(&slice).await;
    lost(&slice).await;
    slice.handle(&Documented, documented(1, "2026-02-01", "SKU1", 950)).await.unwrap();
    slice.handle(&Documented, documented(2, "2026-01-01", "SKU1", 900)).await.unwrap();
    drain(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 16, 15_200])]);
    // It was another article after all: the older invoice counts again.
    slice.handle(&Documented, documented(1, "2026-02-01", "SKU2", 950)).await.unwrap();
    drain(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "claimable", 16, 14_400])]);
    // And that one says nothing of costs any more.
    let nothing = UnitCostsDocumented { costs: vec![], ..documented(2, "2026-01-01", "SKU1", 900) };
    slice.handle(&Documented, nothing).await.unwrap();
    drain(&slice).await;
    assert_eq!(shown(&slice).await, [json!(["fc_lost", "review", 16, null])], "nobody says what it costs");
}
