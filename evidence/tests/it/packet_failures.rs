//! Packets that cannot be sealed: seen, told, and tried again by a person.

use evidence::retry_packet;
use providers::objects::{ObjectConfig, ObjectKey};
use serde_json::Value;
use service_kit::auth::Role;
use service_kit::handler::{Failure, Outcome};
use shared_events::PacketId;
use shared_events::evidence::RetryPacket;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::packet_bed::{Bed, code};
use crate::packets_http::{app, get, token};

async fn retry(bed: &Bed, packet_id: PacketId) -> Result<Outcome, Failure> {
    bed.handle(&retry_packet::Retry, RetryPacket { packet_id }).await
}

/// What is told of packets: type and version.
async fn told(bed: &Bed) -> Vec<(String, i64)> {
    let sql = "SELECT properties::json->>'ce_type', (properties::json->>'ce_sequence')::bigint FROM outbox
               WHERE properties LIKE '%evidence.proof_packet_%' ORDER BY id";
    let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&bed.owner).await.unwrap();
    rows.into_iter().map(|(kind, version)| (kind.replace("evidence.proof_packet_", ""), version)).collect()
}

async fn list(bed: &Bed, query: &str) -> Vec<Value> {
    let asked = get(&app(bed), &format!("/api/v1/evidence/packets{query}"), &token("demo", Role::Seller), None).await;
    assert_eq!(asked.status, 200);
    asked.json()["packets"].as_array().unwrap().clone()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_packet_that_is_too_large_says_so_and_is_sealed_once_it_is_not(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    let other = bed.proved("CLM-0").await;
    bed.paid(other, 100, "RMB-0").await.unwrap();
    bed.drain().await;
    let request = bed.proved("CLM-1").await;
    let size = "UPDATE documents SET bytes = $1 WHERE id = (SELECT document_id FROM matches WHERE request_id = $2)";
    let resize = async |bytes: i64| {
        sqlx::query(size).bind(bytes).bind(request.0).execute(&bed.owner).await.unwrap();
    };
    resize(4_000_000_000).await;
    bed.paid(request, 24_580, "RMB-1").await.unwrap();
    bed.drain().await;
    let failed = list(&bed, "?state=failed").await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    let view = &failed[0];
    assert_eq!((&view["failure_code"], &view["claim"]), (&"packet_too_large".into(), &"CLM-1".into()));
    assert!(view["failure_reason"].as_str().unwrap().contains("too many for one packet"), "{view}");
    assert!(view["position"].is_null() && view["manifest_sha256"].is_null(), "it has no place in the chain: {view}");
    assert_eq!(bed.count("SELECT count(*) FROM jobs").await, 0, "nothing is left to be found among the jobs");
    let packet = PacketId(view["packet_id"].as_str().unwrap().parse().unwrap());
    // The list has it at its place, between what is sealed before and after it.
    let later = bed.proved("CLM-2").await;
    bed.paid(later, 100, "RMB-2").await.unwrap();
    bed.drain().await;
    let claims: Vec<String> =
        list(&bed, "").await.iter().map(|packet| packet["claim"].as_str().unwrap().to_owned()).collect();
    assert_eq!(claims, ["CLM-2", "CLM-1", "CLM-0"]);
    let path = format!("/api/v1/evidence/packets/{packet}");
    let download = get(&app(&bed), &format!("{path}/download"), &token("demo", Role::Seller), None).await;
    assert_eq!(download.status, 409);
    assert!(download.json()["detail"].as_str().unwrap().contains("too many for one packet"));
    assert_eq!(get(&app(&bed), &path, &token("other", Role::Admin), None).await.status, 404);
    // Tried again in vain, it fails again, and that is told too.
    retry(&bed, packet).await.unwrap();
    assert_eq!(get(&app(&bed), &path, &token("demo", Role::Seller), None).await.json()["state"], "sealing");
    bed.drain().await;
    assert_eq!(list(&bed, "?state=failed").await.len(), 1);
    resize(i64::try_from(crate::packet_bed::INVOICE.len()).unwrap()).await;
    let ids = retry(&bed, packet).await.unwrap();
    assert_eq!(ids.value().unwrap()["request_id"], request.to_string());
    bed.drain().await;
    let view = get(&app(&bed), &path, &token("demo", Role::Seller), None).await.json();
    assert_eq!((&view["state"], &view["failure_code"], &view["position"]), (&"ready".into(), &Value::Null, &3.into()));
    assert!(bed.verified(packet).await.intact);
    let told = told(&bed).await;
    let of_packet: Vec<(&str, i64)> = told[1..].iter().map(|(kind, version)| (kind.as_str(), *version)).collect();
    assert_eq!(
        of_packet,
        [("failed.v1", 1), ("ready.v1", 1), ("failed.v1", 2), ("ready.v1", 3)],
        "versions of two packets"
    );
    assert_eq!(code(retry(&bed, packet).await.unwrap_err()), "packet_not_failed");
    assert_eq!(code(retry(&bed.of_tenant("other"), packet).await.unwrap_err()), "packet_not_found");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_damaged_document_stops_the_sealing_until_its_bytes_are_back(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    let object: String = sqlx::query_scalar("SELECT object FROM documents").fetch_one(&bed.owner).await.unwrap();
    let ObjectConfig::Local { dir } = &bed.state.config.objects else { panic!("a folder") };
    let file = dir.join(ObjectKey::try_new(object).unwrap().as_str());
    let good = std::fs::read(&file).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bad).unwrap();
    bed.paid(request, 24_580, "RMB-1").await.unwrap();
    assert!(bed.worker().run_next().await.unwrap());
    let failed = list(&bed, "?state=failed").await;
    assert_eq!(failed[0]["failure_code"], "document_damaged", "at once: waiting does not help");
    assert_eq!(failed[0]["position"], 1, "its contents are fixed, and its place is kept");
    assert_eq!((bed.objects("packets").await, bed.count("SELECT count(*) FROM jobs").await), (0, 0));
    std::fs::write(&file, good).unwrap();
    let packet = bed.packets().await[0];
    retry(&bed, packet).await.unwrap();
    bed.drain().await;
    assert!(bed.verified(packet).await.intact);
    assert_eq!(bed.packets().await, [packet]);
    assert_eq!(told(&bed).await, [("failed.v1".to_owned(), 1), ("ready.v1".to_owned(), 2)]);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn bytes_that_are_not_there_are_waited_for_a_while(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    let object: String = sqlx::query_scalar("SELECT object FROM documents").fetch_one(&bed.owner).await.unwrap();
    bed.state.files.objects.delete(&ObjectKey::try_new(object).unwrap()).await.unwrap();
    bed.paid(request, 24_580, "RMB-1").await.unwrap();
    for attempt in 1..5 {
        assert!(bed.worker().run_next().await.unwrap());
        assert_eq!(list(&bed, "?state=failed").await.len(), 0, "attempt {attempt}");
        bed.clock.advance(chrono::TimeDelta::minutes(1));
    }
    assert!(bed.worker().run_next().await.unwrap());
    assert_eq!(list(&bed, "?state=failed").await[0]["failure_code"], "document_missing");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_store_that_stays_away_is_a_matter_for_a_person_in_the_end(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 100, "RMB-1").await.unwrap();
    // The folder of packets is a file: nothing can be stored there.
    let ObjectConfig::Local { dir } = &bed.state.config.objects else { panic!("a folder") };
    std::fs::write(dir.join("packets"), b"in the way").unwrap();
    for attempt in 1..=10 {
        assert_eq!(list(&bed, "?state=failed").await.len(), 0, "attempt {attempt}");
        assert!(bed.worker().run_next().await.unwrap());
        bed.clock.advance(chrono::TimeDelta::hours(1));
    }
    let failed = list(&bed, "?state=failed").await;
    assert_eq!(failed[0]["failure_code"], "sealing_failed");
    assert!(!failed[0]["failure_reason"].as_str().unwrap().contains("recoup-objects"), "no paths of ours: {failed:?}");
    std::fs::remove_file(dir.join("packets")).unwrap();
    let packet = bed.packets().await[0];
    retry(&bed, packet).await.unwrap();
    bed.drain().await;
    assert!(bed.verified(packet).await.intact);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_failed_packet_that_another_has_told_is_forgotten(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    let size: i64 = sqlx::query_scalar("SELECT bytes FROM documents").fetch_one(&bed.owner).await.unwrap();
    sqlx::query("UPDATE documents SET bytes = 4000000000").execute(&bed.owner).await.unwrap();
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    let failed = PacketId(list(&bed, "").await[0]["packet_id"].as_str().unwrap().parse().unwrap());
    sqlx::query("UPDATE documents SET bytes = $1").bind(size).execute(&bed.owner).await.unwrap();
    bed.paid(request, 200, "RMB-2").await.unwrap();
    bed.drain().await;
    assert_eq!(bed.packets().await.len(), 1);
    retry(&bed, failed).await.unwrap();
    bed.drain().await;
    let left = list(&bed, "").await;
    assert_eq!((left.len(), &left[0]["state"]), (1, &"ready".into()), "{left:?}");
}
