//! What is old ends, as the service's own role sees to it, and nothing else.

use std::sync::Arc;

use service_kit::clock::SystemClock;
use service_kit::pruning::{PRUNE_ROWS, prune};
use service_kit::store::Store;
use shared_events::{Service, TenantId};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const ROWS: &str = "
    INSERT INTO inbox (message_id, received_at)
        SELECT gen_random_uuid(), now() - days * interval '1 day' FROM unnest(ARRAY[0, 34, 36]) AS days;
    INSERT INTO command_outcomes (command_id, tenant, type, status, correlation, finished_at)
        SELECT gen_random_uuid(), tenant, 'x', 'done', gen_random_uuid(), now() - days * interval '1 day'
        FROM unnest(ARRAY['demo', 'other']) AS tenant, unnest(ARRAY[0, 34, 36, 400]) AS days;";

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn ids_and_outcomes_of_every_tenant_end_after_35_days(pool: PgPoolOptions, connect: PgConnectOptions) {
    let owner = PgPoolOptions::new().max_connections(1).connect_with(connect.clone()).await.unwrap();
    let pool = pool.max_connections(2).after_connect(|connection, _| {
        Box::pin(async move { sqlx::query("SET ROLE tracking_user").execute(connection).await.map(drop) })
    });
    let pool = pool.connect_with(connect).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&owner).await.unwrap();
    sqlx::query("INSERT INTO inbox (message_id, received_at) SELECT gen_random_uuid(), now() - interval '99 days' FROM generate_series(1, $1)")
        .bind(PRUNE_ROWS)
        .execute(&owner)
        .await
        .unwrap();
    let deleted = sqlx::query("DELETE FROM command_outcomes").execute(&pool).await.unwrap().rows_affected();
    assert_eq!(deleted, 0, "without a tenant, and without saying so, nothing can be reached");
    let store = Store::new(pool.clone(), Arc::new(SystemClock), Service::Tracking);
    assert_eq!(prune(&store).await.unwrap(), PRUNE_ROWS.unsigned_abs() + 1 + 4);
    assert_eq!(count(&owner, "SELECT count(*) FROM inbox").await, 2);
    let left = "SELECT count(*) FROM command_outcomes WHERE finished_at > now() - interval '35 days'";
    assert_eq!((count(&owner, left).await, count(&owner, "SELECT count(*) FROM command_outcomes").await), (4, 4));
    assert_eq!(
        count(&pool, "SELECT count(*) FROM command_outcomes").await,
        0,
        "a connection does not go on seeing them"
    );
    assert_eq!(prune(&store).await.unwrap(), 0);
}

/// The id of a tenant is anybody's text: none of it is read as SQL, and each sees its own rows.
#[sqlx::test(migrator = "migrations::KIT_ONLY")]
async fn a_transaction_is_of_its_tenant_whatever_the_id(pool: PgPool) {
    let store = Store::new(pool, Arc::new(SystemClock), Service::Tracking);
    for id in ["demo", "a.b-c_9", "o'brien", "x'; DROP TABLE jobs; --", "\\'", "fünf ☂"] {
        let mut work = store.read(&TenantId::try_new(id).unwrap()).await.unwrap();
        let seen: String =
            sqlx::query_scalar("SELECT current_setting('recoup.tenant', true)").fetch_one(work.conn()).await.unwrap();
        assert_eq!((seen.as_str(), work.tenant().as_str()), (id, id));
        work.commit().await.unwrap();
    }
    let mut work = store.begin().await.unwrap();
    let after: Option<String> =
        sqlx::query_scalar("SELECT current_setting('recoup.tenant', true)").fetch_one(work.conn()).await.unwrap();
    assert_eq!(after.unwrap_or_default(), "", "no tenant outlives its transaction");
}
