//! Object lock, over the wire of an S3 server that has it.

use bytes::Bytes;
use chrono::{SubsecRound, TimeDelta};
use providers::objects::{ObjectError, ObjectKey, Objects, Retention};
use service_kit::clock::{Clock, SystemClock};

use crate::locking::LockingBucket;
use crate::servers::{client, serve};

async fn store(bucket: &LockingBucket, secret: &str, locks: bool) -> Objects {
    client(&serve(bucket.clone()).await, secret, locks)
}

fn packet() -> ObjectKey {
    ObjectKey::try_new("packets/a.zip").unwrap()
}

#[tokio::test]
async fn a_sealed_object_is_held_until_its_time_whoever_deletes_it() {
    let bucket = LockingBucket::with_locks();
    let objects = store(&bucket, "secret-key", true).await;
    let until = (SystemClock.now() + TimeDelta::days(2557)).trunc_subsecs(0);
    let kept = objects.put_retained(&packet(), Bytes::from_static(b"sealed"), until).await.unwrap();
    assert_eq!(kept, Retention::Locked);
    let held = bucket.versions("packets/a.zip");
    assert_eq!(held[0].lock, Some(("COMPLIANCE".to_owned(), until)), "as the server understood it");
    assert_eq!((held.len(), &held[0].content[..]), (1, &b"sealed"[..]));
    assert_eq!(objects.head(&packet()).await.unwrap().unwrap().bytes, 6);
    objects.delete(&packet()).await.unwrap();
    assert_eq!(objects.head(&packet()).await.unwrap(), None, "out of sight");
    assert_eq!(&bucket.versions("packets/a.zip")[0].content[..], b"sealed", "and still held");
}

#[tokio::test]
async fn what_is_not_sealed_is_stored_without_a_lock() {
    let bucket = LockingBucket::with_locks();
    let objects = store(&bucket, "secret-key", true).await;
    let mut writer = objects.write(&packet()).await.unwrap();
    writer.write(Bytes::from_static(b"draft")).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(bucket.versions("packets/a.zip")[0].lock, None);
}

#[tokio::test]
async fn a_lock_that_is_refused_leaves_nothing_behind() {
    let in_time = SystemClock.now() + TimeDelta::days(1);
    let past = SystemClock.now() - TimeDelta::days(1);
    let (with, without) = (LockingBucket::with_locks(), LockingBucket::default());
    for (bucket, secret, until, why) in [
        (&without, "secret-key", in_time, "Object Lock Configuration"),
        (&with, "secret-key", past, "a date in the past"),
        (&with, "wrong-secret", in_time, "SignatureDoesNotMatch"),
    ] {
        let objects = store(bucket, secret, true).await;
        let refused = objects.put_retained(&packet(), Bytes::from_static(b"sealed"), until).await.unwrap_err();
        let ObjectError::Server(words) = refused else { panic!("{refused:?}") };
        assert!(words.to_string().contains(why), "{words}");
        assert!(bucket.versions("packets/a.zip").is_empty());
    }
}
