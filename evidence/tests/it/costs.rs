//! Cost documentation: made from matched invoices, once for the same evidence.

use evidence::{document_costs, rotate_keys};
use providers::objects::ObjectConfig;
use service_kit::handler::{Failure, Outcome};
use shared_events::ProofRequestId;
use shared_events::evidence::DocumentCosts;
use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::documents::bed::{NEW_KEY, OLD_KEY};
use crate::packet_bed::{Bed, DELIVERY, code};
use crate::packets_http::{app, get, token};
use service_kit::auth::Role;

/// An invoice with ten bottles for 491.60 and freight of 62.00, as it was read.
const INVOICE: &str = r#"{"source": "ubl", "kind": "invoice", "issuer": null, "number": {"value": "INV-1", "confidence": 100, "place": null}, "date": null,
    "currency": null, "net": null, "tax": null, "gross": null, "parties": [], "taxes": [], "totals": [], "ids": [], "flags": [], "lines": [
    {"id": "1", "description": "Bottle", "seller_sku": "WTR-BTL-32OZ", "sku": null, "quantity": "10", "unit": null, "unit_price": null,
     "amount": {"minor": 49160, "currency": "USD"}, "tax_rate": null, "kind": "product", "place": null},
    {"id": "2", "description": "Freight", "seller_sku": null, "sku": null, "quantity": null, "unit": null, "unit_price": null,
     "amount": {"minor": 6200, "currency": "USD"}, "tax_rate": null, "kind": "freight", "place": null}]}"#;

async fn read(bed: &Bed, document: Uuid) {
    let mut work = bed.work().await;
    sqlx::query(
        "INSERT INTO readings (tenant, document_id, parser, parser_version, invoice, codes, supplier_words) VALUES ($1, $2, 'ubl', 1, $3::text::jsonb, '{}', '{}')",
    )
    .bind(bed.tenant.as_str())
    .bind(document)
    .bind(INVOICE)
    .execute(work.conn())
    .await
    .unwrap();
    work.commit().await.unwrap();
}

async fn documented(bed: &Bed, request_id: ProofRequestId) -> Result<Outcome, Failure> {
    bed.handle(&document_costs::Document, DocumentCosts { request_id }).await
}

async fn made(bed: &Bed) -> Vec<(Uuid, String, Vec<u8>)> {
    let rows = sqlx::query("SELECT id, sha256, content FROM cost_documents ORDER BY seq").fetch_all(&bed.owner).await;
    rows.unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_same_evidence_is_documented_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    assert_eq!(code(documented(&bed, request).await.unwrap_err()), "no_invoice", "nothing was read yet");
    let document = sqlx::query_scalar("SELECT id FROM documents").fetch_one(&bed.owner).await.unwrap();
    read(&bed, document).await;
    let first = format!("{:?}", documented(&bed, request).await.unwrap());
    let again = format!("{:?}", documented(&bed, request).await.unwrap());
    let all = made(&bed).await;
    assert_eq!((all.len(), &first), (1, &again));
    assert!(first.contains(&all[0].0.to_string()) && all[0].2.starts_with(b"%PDF-1.7"));
    // Another invoice proves it as well: another documentation, and the first stays.
    let more = bed.document(DELIVERY).await;
    read(&bed, more).await;
    bed.matched(request, more, "proved").await;
    documented(&bed, request).await.unwrap();
    let both = made(&bed).await;
    assert_eq!((both.len(), &both[0]), (2, &all[0]));
    let said = bed.count("SELECT count(*) FROM outbox WHERE properties LIKE '%evidence.costs_documented.v1%'").await;
    assert_eq!(said, 2);
    assert_eq!(code(documented(&bed.of_tenant("other"), request).await.unwrap_err()), "request_not_found");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn cost_documentation_is_downloaded_by_its_tenant(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    read(&bed, sqlx::query_scalar("SELECT id FROM documents").fetch_one(&bed.owner).await.unwrap()).await;
    documented(&bed, request).await.unwrap();
    let (app, seller, stranger) = (app(&bed), token("demo", Role::Seller), token("other", Role::Admin));
    let (id, sha256, content) = made(&bed).await.remove(0);
    let list = format!("/api/v1/evidence/requests/{request}/cost-documents");
    let listed = get(&app, &list, &seller, None).await.json();
    assert_eq!(
        (&listed["cost_documents"][0]["sha256"], &listed["cost_documents"][0]["template"]),
        (&sha256.into(), &1.into())
    );
    let path = format!("/api/v1/evidence/cost-documents/{id}/download");
    let file = get(&app, &path, &seller, None).await;
    assert_eq!((file.status, file.header("content-type"), &file.bytes), (200, "application/pdf", &content));
    for path in [list, path] {
        assert_eq!(get(&app, &path, &stranger, None).await.status, 404, "{path}");
        assert_eq!(get(&app, &path, &token("demo", Role::Partner), None).await.status, 403, "{path}");
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn cost_documentation_moves_into_the_encrypted_store_and_stays_the_same(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    read(&bed, sqlx::query_scalar("SELECT id FROM documents").fetch_one(&bed.owner).await.unwrap()).await;
    documented(&bed, request).await.unwrap();
    sqlx::query("INSERT INTO known_tenants VALUES ('demo')").execute(&bed.owner).await.unwrap();
    let (id, _, content) = made(&bed).await.remove(0);
    let ObjectConfig::Local { dir } = &bed.state.config.objects else { panic!("the tests have a folder") };
    let object = dir.join(format!("costs/{id}.pdf"));
    let waiting = "SELECT count(*) FROM cost_documents WHERE content IS NOT NULL";
    let put = bed.count("SELECT count(*) FROM jobs WHERE kind = 'evidence.store_costs'").await;
    assert_eq!((put, bed.count(waiting).await), (1, 1));
    bed.drain().await;
    let stored = std::fs::read(&object).unwrap();
    assert!(!stored.windows(4).any(|window| window == b"%PDF"), "nobody reads it without the key");
    assert_eq!(bed.count(waiting).await, 0);
    let path = format!("/api/v1/evidence/cost-documents/{id}/download");
    let (app, seller) = (app(&bed), token("demo", Role::Seller));
    let file = get(&app, &path, &seller, None).await;
    assert_eq!((file.status, &file.bytes), (200, &content));
    // The same evidence is the same paper, and nothing is stored again.
    documented(&bed, request).await.unwrap();
    bed.drain().await;
    assert_eq!((bed.count("SELECT count(*) FROM cost_documents").await, std::fs::read(&object).unwrap()), (1, stored));
    // Another master key takes over; the database lets nobody change more than that.
    let masters = format!("{NEW_KEY},{OLD_KEY}").replace("old:", "one:").parse().unwrap();
    rotate_keys::rotate(&bed.store, &masters).await.unwrap();
    assert_eq!(bed.count("SELECT count(*) FROM cost_documents WHERE key_master <> 'new'").await, 0);
    for change in ["object = 'costs/other.pdf'", "content = 'x'", "sha256 = 'x'"] {
        let sql = sqlx::AssertSqlSafe(format!("UPDATE cost_documents SET {change}"));
        let refused = sqlx::query(sql).execute(&bed.owner).await.unwrap_err().to_string();
        assert!(refused.contains("never changes"), "{change}: {refused}");
    }
    std::fs::remove_file(&object).unwrap();
    assert_eq!(get(&app, &path, &seller, None).await.status, 500, "lost is not made up");
}
