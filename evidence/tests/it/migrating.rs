//! What was there before a migration is there after it, in its new form.

use std::borrow::Cow;
use std::sync::Arc;

use evidence::match_wanted;
use service_kit::clock::SystemClock;
use service_kit::store::Store;
use shared_events::{Service, TenantId};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

/// Rows as they were written before requests had keys and papers a place in the store.
const BEFORE: &str = r#"
    INSERT INTO proof_requests (tenant, id, claim_type, subject, source_rows, policy, requested_by, state, codes, supplier_words, requested_at,
                                cause, correlation)
    VALUES ('demo', '00000000-0000-7000-8000-000000000001', 'inbound_shortage',
            '{"order_id": "112-1234567-1234567", "amount": {"minor": 24580, "currency": "USD"}, "dispute_date": "2025-01-10"}', '[]', 'null', 'ann',
            'open', ARRAY['11212345671234567'], ARRAY['acme', 'supplies'], now(), gen_random_uuid(), gen_random_uuid()),
           ('demo', '00000000-0000-7000-8000-000000000002', 'inbound_shortage', '{"order_id": "112-1234567-1234567"}', '[]', 'null', 'ann',
            'proved', ARRAY['11212345671234567'], '{}', now(), gen_random_uuid(), gen_random_uuid());
    INSERT INTO documents (tenant, id, sha256, bytes, media_type, object, key_master, key_wrapped, state, received_at, cause, correlation)
    SELECT 'demo', id, id::text, 1, 'application/xml', id::text, 'k', 'k', 'parsed', now(), id, id
    FROM unnest(ARRAY['00000000-0000-7000-8000-000000000011', '00000000-0000-7000-8000-000000000012']::uuid[]) AS id;
    INSERT INTO readings (tenant, document_id, parser, parser_version, invoice, codes, supplier_words, issued_on, gross_minor, currency)
    VALUES ('demo', '00000000-0000-7000-8000-000000000011', 'ubl', 1, '{"kind": "invoice"}', ARRAY['11212345671234567'], '{}', NULL, NULL, NULL),
           ('demo', '00000000-0000-7000-8000-000000000012', 'ubl', 1, '{"kind": "invoice"}', '{}', '{}', '2025-01-20', 24000, 'USD');
    INSERT INTO reading_keys (tenant, key, document_id) VALUES ('demo', 'code 11212345671234567', '00000000-0000-7000-8000-000000000011');
    INSERT INTO cost_documents (tenant, id, request_id, inputs, template, sha256, content, created_at)
    VALUES ('demo', '00000000-0000-7000-8000-000000000021', '00000000-0000-7000-8000-000000000001', 'i', 1, 's', '\x255044462d', now());"#;

/// The first migrations up to this one, or those behind it.
fn part(wanted: impl Fn(i64) -> bool) -> Migrator {
    let all = migrations::EVIDENCE.migrations.iter();
    let migrations: Vec<_> = all.filter(|migration| wanted(migration.version)).cloned().collect();
    Migrator { migrations: Cow::Owned(migrations), ignore_missing: true, ..Migrator::DEFAULT }
}

#[sqlx::test(migrations = false)]
async fn open_requests_get_their_keys_and_papers_their_jobs(pool: PgPoolOptions, options: PgConnectOptions) {
    let owner = PgPool::connect_with(options.clone()).await.unwrap();
    part(|version| version <= 1_043).run(&owner).await.unwrap();
    sqlx::raw_sql(BEFORE).execute(&owner).await.unwrap();
    part(|version| version > 1_043).run(&owner).await.unwrap();
    let pool: PgPool = pool
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::query("SET ROLE evidence_user").execute(connection).await.map(drop) })
        })
        .connect_with(options)
        .await
        .unwrap();
    let store = Store::new(pool, Arc::new(SystemClock), Service::Evidence);
    let mut work = store.read(&TenantId::try_new("demo").unwrap()).await.unwrap();
    let [open, by_number, by_amount] = [1, 0x11, 0x12].map(|last| Uuid::from_u128(0x7000_8000_0000_0000_0000 + last));
    for document in [by_number, by_amount] {
        assert_eq!(match_wanted::requests(&mut work, document).await.unwrap(), [open], "{document}");
    }
    let waiting: Vec<(String, i64)> = sqlx::query_as(
        "SELECT j.kind, c.bytes FROM jobs j JOIN cost_documents c ON c.id::text = j.payload->>'cost_document_id' AND c.tenant = j.tenant",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert_eq!(waiting, [("evidence.store_costs".to_owned(), 5)]);
}
