//! Sealed packets on a store with object lock: put once, under a lock that lasts as long as they are to be kept. The wire itself is tested
//! with the object store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::any;
use chrono::{DateTime, TimeDelta, Utc};
use providers::files::Files;
use providers::objects::{ObjectConfig, Objects, S3Config};
use service_kit::config::Secret;
use service_kit::jobs::Worker;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::packet_bed::Bed;

/// What was put: for each object the lock of each time.
type Puts = Arc<Mutex<BTreeMap<String, Vec<(Option<String>, usize)>>>>;

async fn object(
    State(puts): State<Puts>,
    method: Method,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let mut puts = puts.lock().unwrap();
    match (method, puts.get(&key)) {
        (Method::PUT, _) => {
            let header = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let until = header("x-amz-object-lock-retain-until-date");
            assert_eq!(header("x-amz-object-lock-mode").is_some(), until.is_some());
            puts.entry(key).or_default().push((until, body.len()));
            (StatusCode::OK, HeaderMap::from_iter([("etag".parse().unwrap(), "\"x\"".parse().unwrap())]))
        }
        (Method::HEAD, Some(there)) => {
            let length = there.last().unwrap().1;
            let about = [
                ("content-length", length.to_string()),
                ("etag", "\"x\"".into()),
                ("last-modified", "Mon, 23 Nov 2026 08:00:00 GMT".into()),
            ];
            (
                StatusCode::OK,
                about.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(),
            )
        }
        _ => (StatusCode::NOT_FOUND, HeaderMap::new()),
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_sealed_packet_is_locked_for_as_long_as_it_is_to_be_kept(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let puts = Puts::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = Router::new().route("/bucket/{*key}", any(object)).with_state(Arc::clone(&puts));
    tokio::spawn(async move { axum::serve(listener, server).await });
    let objects = Objects::open(&ObjectConfig::S3(S3Config {
        endpoint: Some(endpoint),
        region: "us-east-1".into(),
        bucket: "bucket".into(),
        access_key_id: "id".into(),
        secret_access_key: Secret::new("secret"),
        object_lock: true,
    }))
    .unwrap();
    let locked = Files { objects, masters: bed.state.config.masters.clone() };
    // Requests without documents, as those are in the folder.
    let (paid, open) = (bed.request("CLM-1").await, bed.request("CLM-2").await);
    let (draft, _) = bed.ask(open).await.unwrap();
    bed.paid(paid, 100, "RMB-1").await.unwrap();
    let worker = Worker::new(bed.store.clone()).on(bed.sealing(locked));
    while worker.run_next().await.unwrap() {}
    let sealed = *bed.packets().await.iter().find(|packet| **packet != draft).unwrap();
    let lock = |packet| puts.lock().unwrap()[&format!("packets/{packet}.zip")].clone();
    assert_eq!((lock(draft).len(), &lock(draft)[0].0), (1, &None), "a draft may go");
    let until: DateTime<Utc> = lock(sealed)[0].0.as_ref().unwrap().parse().unwrap();
    assert_eq!(until, bed.clock_now() + TimeDelta::days(bed.state.config.packets.retention_days));
    // Killed before that was written down, it is not stored a second time: both versions would have to be kept for years.
    let undo = "ALTER TABLE packets DISABLE TRIGGER packets_stay; UPDATE packets SET state = 'sealing', sha256 = NULL, bytes = NULL, ready_at = NULL;
                ALTER TABLE packets ENABLE TRIGGER packets_stay";
    sqlx::raw_sql(undo).execute(&bed.owner).await.unwrap();
    bed.enqueue_sealing(sealed, paid).await;
    while worker.run_next().await.unwrap() {}
    assert_eq!(bed.count("SELECT count(*) FROM packets WHERE state = 'ready'").await, 1);
    assert_eq!(lock(sealed).len(), 1);
}
