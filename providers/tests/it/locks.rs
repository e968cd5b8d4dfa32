//! Object lock, on a server that has it. No such server runs within a test, so these run on demand:
//! `moto_server -p 5555`, then `cargo test -p providers --test it -- --ignored` with S3_LOCK_ENDPOINT=http://127.0.0.1:5555.

use bytes::Bytes;
use chrono::{SubsecRound, TimeDelta};
use providers::objects::{ObjectConfig, ObjectKey, Objects, Retention, S3Config};
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::{Env, Secret};
use service_kit::http_client;

#[tokio::test]
#[ignore = "needs an S3 server with object lock; see above"]
async fn a_sealed_object_is_held_until_its_time() {
    let env = Env::process();
    let endpoint = env.get("S3_LOCK_ENDPOINT").unwrap().to_owned();
    let bucket = format!("{endpoint}/locked");
    let plain = http_client::client(std::time::Duration::from_secs(10));
    // The test server looks only whether a request is signed, not how; what is tested is signed properly.
    let signed =
        "AWS4-HMAC-SHA256 Credential=key-id/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let made = plain
        .put(&bucket)
        .header("authorization", signed)
        .header("x-amz-bucket-object-lock-enabled", "true")
        .send()
        .await
        .unwrap();
    assert!(made.status().is_success() || made.status().as_u16() == 409, "{}", made.status());
    let config = S3Config {
        endpoint: Some(endpoint),
        region: "us-east-1".into(),
        bucket: "locked".into(),
        access_key_id: "key-id".into(),
        secret_access_key: Secret::new("secret-key"),
        object_lock: true,
    };
    let objects = Objects::open(&ObjectConfig::S3(config)).unwrap();
    let key = ObjectKey::try_new("packets/a.zip").unwrap();
    let until = (SystemClock.now() + TimeDelta::days(30)).trunc_subsecs(0);
    let kept = objects.put_retained(&key, Bytes::from_static(b"sealed"), until).await.unwrap();
    assert_eq!(kept, Retention::Locked);
    assert_eq!(objects.head(&key).await.unwrap().unwrap().bytes, 6);
    let head = plain.head(format!("{bucket}/packets/a.zip")).header("authorization", signed).send().await.unwrap();
    assert_eq!(head.headers()["x-amz-object-lock-mode"], "COMPLIANCE");
    let held: chrono::DateTime<chrono::Utc> =
        head.headers()["x-amz-object-lock-retain-until-date"].to_str().unwrap().parse().unwrap();
    assert_eq!(held, until);
    // The very version that was sealed cannot be deleted.
    let version = head.headers()["x-amz-version-id"].to_str().unwrap();
    let deleted = plain
        .delete(format!("{bucket}/packets/a.zip?versionId={version}"))
        .header("authorization", signed)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.status().as_u16(), 403);
}
