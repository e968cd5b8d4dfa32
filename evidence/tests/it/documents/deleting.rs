//! Documents are forgotten, and can come back.

use shared_events::DocumentId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::bed::{Bed, code, pdf, tenant};

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_deleted_document_is_gone_with_its_bytes_and_may_come_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = bed.upload(&pdf("one"), None).await;
    bed.delete(id).await.unwrap();
    bed.run_jobs().await;
    assert_eq!(bed.objects(), 0);
    assert_eq!(bed.kinds_said().await.last().unwrap(), "evidence.document_deleted.v1");
    assert_eq!(code(bed.delete(id).await.unwrap_err()), "document_not_found");
    assert_eq!(bed.upload(&pdf("one"), None).await, id);
    bed.run_jobs().await;
    assert_eq!((bed.objects(), bed.content(id).await), (1, pdf("one")));
    let sql = "SELECT (properties::json->>'ce_sequence')::bigint FROM outbox WHERE properties::json->>'ce_subject' = $1 ORDER BY id";
    let versions: Vec<i64> = sqlx::query_scalar(sql).bind(id.to_string()).fetch_all(bed.store.pool()).await.unwrap();
    assert_eq!(versions, [1, 2, 3], "received, deleted, received");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn nobody_deletes_what_is_not_theirs(pool: PgPoolOptions, options: PgConnectOptions) {
    let mut bed = Bed::new(pool, options).await;
    let id = bed.upload(&pdf("one"), None).await;
    bed.tenant = tenant("other");
    assert_eq!(code(bed.delete(id).await.unwrap_err()), "document_not_found");
    assert_eq!(code(bed.delete(DocumentId(Uuid::now_v7())).await.unwrap_err()), "document_not_found");
    bed.run_jobs().await;
    assert_eq!(bed.objects(), 1);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_a_sealed_packet_holds_is_not_deleted(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = bed.upload(&pdf("one"), None).await;
    // The database itself holds it; how a packet comes to hold a document is tested with the packets.
    let mut owner = PgConnection::connect_with(&bed.options).await.unwrap();
    for statement in [
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'held' USING ERRCODE = 'restrict_violation'; END $$",
        "CREATE TRIGGER held BEFORE UPDATE OF state ON documents FOR EACH ROW EXECUTE FUNCTION hold()",
    ] {
        sqlx::query(statement).execute(&mut owner).await.unwrap();
    }
    assert_eq!(code(bed.delete(id).await.unwrap_err()), "document_held_conflict");
    bed.run_jobs().await;
    assert_eq!((bed.objects(), bed.content(id).await), (1, pdf("one")));
}
