//! A document finds its request among very many, by an index: what is read does not grow with what is open.

use evidence::match_wanted;
use evidence::request_row;
use service_kit::store::Work;
use shared_events::evidence::ProofSubject;
use shared_events::{DocumentId, ProofRequestId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::match_bed::{Bed, dated, invoice, numbered, of_supplier, subject, usd, with_line};

/// Open requests of everyday shape: few suppliers and articles, one day in two years, amounts of all sizes.
const MANY: &str = r#"
    WITH made AS (
        INSERT INTO proof_requests (tenant, id, claim_type, subject, source_rows, policy, requested_by, state, codes, supplier_words, requested_at,
                                    cause, correlation, currency, amount_minor, dated)
        SELECT 'demo', gen_random_uuid(), 'inbound_shortage', jsonb_build_object('order_id', '113-' || n), '[]', 'null', 'ann', 'open',
               ARRAY['113' || n, 'sku' || n % 50], ARRAY['acme', 'supplies'], now(), gen_random_uuid(), gen_random_uuid(), 'USD', 20000 + n,
               '2024-01-01'::date + n % 700
        FROM generate_series(1, 20000) AS n RETURNING tenant, id, codes, dated, amount_minor
    )
    INSERT INTO request_keys (tenant, key, request_id, ordered_on, amount_minor, open)
    SELECT tenant, key, id, dated, amount_minor, true FROM made, LATERAL (
        SELECT 'code ' || code FROM unnest(codes) AS code UNION ALL SELECT 'order ' || codes[1]
        UNION ALL VALUES ('word acme'), ('word supplies'), ('supplier acme supplies')) AS k (key)"#;

/// Rows of the two tables that this transaction has read, and whether it read a whole table.
async fn reads(work: &mut Work) -> (i64, i64) {
    let row = sqlx::query(
        "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint, coalesce(sum(seq_scan), 0)::bigint
         FROM pg_stat_xact_user_tables WHERE relname IN ('proof_requests', 'request_keys')",
    )
    .fetch_one(work.conn())
    .await
    .unwrap();
    (row.get(0), row.get(1))
}

async fn found(work: &mut Work, document: DocumentId) -> Vec<Uuid> {
    match_wanted::requests(work, document.0).await.unwrap()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_document_finds_its_request_among_twenty_thousand(pool: PgPoolOptions, options: PgConnectOptions) {
    let owner = PgPool::connect_with(options.clone()).await.unwrap();
    let bed = Bed::new(pool, options).await;
    sqlx::raw_sql(MANY).execute(&owner).await.unwrap();
    sqlx::raw_sql("ANALYZE proof_requests; ANALYZE request_keys").execute(&owner).await.unwrap();
    let request = bed.request(subject()).await;
    let by_supplier = ProofSubject {
        supplier: Some("Acme Supplies Ltd".into()),
        amount: Some(usd(1_999)),
        ..ProofSubject::default()
    };
    let by_supplier = bed.request(by_supplier).await;
    let read = async |invoice| {
        let id = DocumentId(Uuid::now_v7());
        bed.read(id, &invoice).await;
        id
    };
    let number = read(numbered("112-1234567-1234567")).await;
    let article = read(dated("2025-01-20", with_line("WTR-BTL-32OZ", 5, invoice()))).await;
    let supplier = read(of_supplier("Acme Supplies Ltd.", 2_000, dated("2019-01-01", invoice()))).await;
    // Everything at once, and articles that thousands of requests have.
    let all = (0..50).fold(of_supplier("Acme Supplies", 30_000, dated("2024-06-01", numbered("113-77"))), |all, n| {
        with_line(&format!("SKU-{n}"), 5, all)
    });
    let all = read(all).await;
    let mut work = bed.work().await;
    for (document, wanted) in [(number, request.0), (article, request.0), (supplier, by_supplier.0)] {
        let (before, _) = reads(&mut work).await;
        let all = found(&mut work, document).await;
        let (after, whole) = reads(&mut work).await;
        assert!(all.contains(&wanted), "{wanted} is not among {}", all.len());
        assert!(all.len() <= 200, "{}: bounded", all.len());
        assert_eq!(whole, 0, "no table is read whole");
        assert!(after - before <= 600, "{} rows were read", after - before);
    }
    let (before, _) = reads(&mut work).await;
    let many = found(&mut work, all).await;
    let (after, whole) = reads(&mut work).await;
    // 51 codes on two sides, the name and its two words on two sides, amount and date.
    assert!(many.len() <= 200 && whole == 0 && after - before <= 8_000, "{} {whole} {}", many.len(), after - before);
    let named: Uuid = sqlx::query_scalar("SELECT request_id FROM request_keys WHERE key = 'order 11377'")
        .fetch_one(&owner)
        .await
        .unwrap();
    assert!(many.contains(&named));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn only_open_requests_are_found_and_those_that_open_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    let id = DocumentId(Uuid::now_v7());
    bed.read(id, &numbered("112-1234567-1234567")).await;
    let move_to = async |request: ProofRequestId, state: &str| {
        let mut work = bed.work().await;
        request_row::advance(&mut work, request, state).await.unwrap();
        work.commit().await.unwrap();
    };
    for (state, is_found) in [("open", true), ("proved", false), ("open", true), ("withdrawn", false)] {
        move_to(request, state).await;
        assert_eq!(found(&mut bed.work().await, id).await.contains(&request.0), is_found, "{state}");
    }
    // Another tenant's document finds none of ours.
    move_to(request, "open").await;
    let theirs = bed.of_tenant("other");
    let copy = DocumentId(Uuid::now_v7());
    theirs
        .read(copy, &dated("2025-01-02", of_supplier("Acme Supplies", 24_580, numbered("112-1234567-1234567"))))
        .await;
    assert_eq!(found(&mut theirs.work().await, copy).await, Vec::<Uuid>::new());
}
