//! A master key is replaced: every secret opens with the new one alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use claims::rotate_keys::rotate;
use claims::secrets::{Sealed, Vault};
use service_kit::config::Secret;
use service_kit::vault::MasterKeys;
use shared_events::TenantId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::types::Json;
use uuid::Uuid;

use crate::service::slice;

const OLD: &str = "old:dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgMTI=";
const NEW: &str = "new:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn masters(text: &str) -> MasterKeys {
    text.parse().unwrap()
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn secrets_of_accounts_and_of_charges_open_with_the_new_key(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = slice(pool, options).await;
    let (account, cut) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let old = Vault::new(masters(OLD));
    for tenant in ["demo", "other"] {
        let sealed = |text: &str| Json(old.seal(tenant, account, &Secret::new(text)).unwrap());
        let mut work = slice.store.read(&TenantId::try_new(tenant).unwrap()).await.unwrap();
        for (id, secret) in [(account, Some(sealed("a token"))), (cut, None)] {
            sqlx::query(
                "INSERT INTO connections (tenant, id, kind, region, account, state, marketplaces, secret, connected_by, created_at, changed_at)
                 VALUES ($1, $2, 'amazon', 'na', $4, 'connected', '{US}', $3, 'ann', now(), now())",
            )
            .bind(tenant)
            .bind(id)
            .bind(secret)
            .bind(id.to_string())
            .execute(work.conn())
            .await
            .unwrap();
        }
        sqlx::query(
            "INSERT INTO fee_moves (tenant, id, kind, state, amount_minor, currency, connection_id, customer, secret, planned_at)
             VALUES ($1, $2, 'charge', 'planned', 100, 'USD', $2, 'cus_1', $3, now())",
        )
        .bind(tenant)
        .bind(account)
        .bind(sealed("a card"))
        .execute(work.conn())
        .await
        .unwrap();
        sqlx::query("INSERT INTO known_tenants (tenant) VALUES ($1)").bind(tenant).execute(work.conn()).await.unwrap();
        work.commit().await.unwrap();
    }
    let both = masters(&format!("{NEW},{OLD}"));
    assert_eq!(rotate(&slice.store, &both).await.unwrap(), 4, "what has no secret has no key");
    assert_eq!(rotate(&slice.store, &both).await.unwrap(), 0);
    // The old one can be taken away.
    let new = Vault::new(masters(NEW));
    for tenant in ["demo", "other"] {
        let mut work = slice.store.read(&TenantId::try_new(tenant).unwrap()).await.unwrap();
        for (table, text) in [("connections", "a token"), ("fee_moves", "a card")] {
            let sql = format!("SELECT secret FROM {table} WHERE secret IS NOT NULL");
            let secret: Json<Sealed> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(work.conn()).await.unwrap();
            assert_eq!(new.open(tenant, account, &secret.0).unwrap().expose(), text);
        }
    }
    // Without the old one beside the new nothing is lost either: it says what is missing.
    let other = masters("third:Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWUtMTI=");
    assert!(format!("{:#}", rotate(&slice.store, &other).await.unwrap_err()).contains("the secret of connection"));
}

/// More than a page of tenants and more than two batches of secrets: each key changes once, and none is left.
#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn the_last_secret_of_many_is_reached(pool: PgPoolOptions, options: PgConnectOptions) {
    const MANY: u64 = 450;
    let slice = slice(pool, options).await;
    let account = Uuid::from_u128(7);
    let tenant = TenantId::try_new("zulu").unwrap();
    let secret = Vault::new(masters(OLD)).seal(tenant.as_str(), account, &Secret::new("a card")).unwrap();
    let mut work = slice.store.read(&tenant).await.unwrap();
    sqlx::query(
        "INSERT INTO known_tenants (tenant) SELECT 'tenant-' || n FROM generate_series(1, 1100) n UNION SELECT 'zulu'",
    )
    .execute(work.conn())
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO connections (tenant, id, kind, region, account, state, marketplaces, connected_by, created_at, changed_at)
         VALUES ('zulu', $1, 'amazon', 'na', 'a', 'connected', '{US}', 'ann', now(), now())",
    )
    .bind(account)
    .execute(work.conn())
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO fee_moves (tenant, id, kind, state, amount_minor, currency, connection_id, customer, secret, planned_at)
         SELECT 'zulu', gen_random_uuid(), 'charge', 'planned', 100, 'USD', $1, 'cus_1', $2, now() FROM generate_series(1, $3)",
    )
    .bind(account)
    .bind(Json(secret))
    .bind(MANY as i64)
    .execute(work.conn())
    .await
    .unwrap();
    work.commit().await.unwrap();
    let both = masters(&format!("{NEW},{OLD}"));
    assert_eq!(rotate(&slice.store, &both).await.unwrap(), MANY);
    assert_eq!(rotate(&slice.store, &masters(NEW)).await.unwrap(), 0, "the old one is needed no more");
}
