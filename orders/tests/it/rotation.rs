//! A master key is replaced: every label opens with the new one alone.

use orders::rotate_keys::rotate;
use service_kit::vault::MasterKeys;
use shared_events::TenantId;
use shared_events::evidence::{StoredFile, WrappedKey};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::Bed;

const OLD: &str = "old:dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgMTI=";
const NEW: &str = "new:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// More than two batches of them.
const MANY: usize = 450;

fn masters(text: &str) -> MasterKeys {
    text.parse().unwrap()
}

fn object(tenant: &TenantId, number: usize) -> String {
    format!("labels/{tenant}/{number}")
}

/// Shipments of an account: with a label each, and one that has none yet.
async fn labelled(bed: &Bed, tenant: &TenantId, labels: usize) {
    let old = masters(OLD);
    let objects: Vec<String> = (0..labels).map(|number| object(tenant, number)).collect();
    let wrapped = |object: &String| old.data_key(&StoredFile::purpose(tenant, object)).unwrap().1.wrapped;
    let keys: Vec<String> = objects.iter().map(wrapped).collect();
    let mut work = bed.slice.store.read(tenant).await.unwrap();
    sqlx::query(
        "INSERT INTO shipments (tenant, id, order_id, number, warehouse_id, state, grams, amount_minor, planned_at, label_object,
             label_key_master, label_key_wrapped)
         SELECT $1, gen_random_uuid(), gen_random_uuid(), 1, 'east', 'planned', 1, 1, now(), object,
             CASE WHEN object IS NOT NULL THEN 'old' END, wrapped
         FROM unnest($2::text[] || NULL::text, $3::text[] || NULL::text) AS l(object, wrapped)",
    )
    .bind(tenant.as_str())
    .bind(objects)
    .bind(keys)
    .execute(work.conn())
    .await
    .unwrap();
    sqlx::query("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(tenant.as_str())
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn every_label_of_every_account_opens_with_the_new_key(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool.clone(), options.clone()).await;
    let owner = pool.connect_with(options).await.unwrap();
    // Whose orders they are does not matter here.
    sqlx::query("ALTER TABLE shipments DROP CONSTRAINT shipments_tenant_order_id_fkey").execute(&owner).await.unwrap();
    let accounts = [(TenantId::try_new("demo").unwrap(), MANY), (TenantId::try_new("other").unwrap(), 2)];
    for (tenant, labels) in &accounts {
        labelled(&bed, tenant, *labels).await;
    }
    let both = masters(&format!("{NEW},{OLD}"));
    assert_eq!(rotate(&bed.slice.store, &both).await.unwrap(), 452, "what has no label has no key");
    assert_eq!(rotate(&bed.slice.store, &masters(NEW)).await.unwrap(), 0, "the old one is needed no more");
    let new = masters(NEW);
    for (tenant, labels) in &accounts {
        let mut work = bed.slice.store.read(tenant).await.unwrap();
        let kept: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT label_object, label_key_master, label_key_wrapped FROM shipments WHERE label_object IS NOT NULL",
        )
        .fetch_all(work.conn())
        .await
        .unwrap();
        assert_eq!(kept.len(), *labels, "{tenant}");
        for (object, master, wrapped) in kept {
            let key = WrappedKey { master, wrapped };
            assert!(new.unwrap(&key, &StoredFile::purpose(tenant, &object)).is_ok(), "{object}");
        }
    }
    // A key that is missing is named, and nothing is lost.
    let third = masters("third:Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWUtMTI=");
    let problem = format!("{:#}", rotate(&bed.slice.store, &third).await.unwrap_err());
    assert!(problem.contains("the label of shipment"), "{problem}");
    assert_eq!(rotate(&bed.slice.store, &new).await.unwrap(), 0);
}
