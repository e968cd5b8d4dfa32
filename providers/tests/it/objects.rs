//! A folder and an S3 server behave alike.

use bytes::Bytes;
use chrono::TimeDelta;
use futures::TryStreamExt;
use providers::objects::{ObjectError, ObjectKey, Objects, Retention};
use service_kit::clock::{Clock, SystemClock};

use crate::servers::{eventually, every_store, in_a_folder, on_s3};

fn key(name: &str) -> ObjectKey {
    ObjectKey::try_new(name).unwrap()
}

async fn put(objects: &Objects, name: &str, content: &[u8]) {
    let mut writer = objects.write(&key(name)).await.unwrap();
    for piece in content.chunks(1_000_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    writer.finish().await.unwrap();
}

async fn get(objects: &Objects, name: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>, ObjectError> {
    let pieces: Vec<Bytes> = objects.read(&key(name), range).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn what_is_put_is_got_in_any_range() {
    // Three parts on S3.
    let large: Vec<u8> = (0..11_000_000_u32).map(|at| (at % 251) as u8).collect();
    for (store, bed) in every_store().await {
        for content in [&b""[..], b"hello", &large] {
            put(&bed.objects, "documents/a", content).await;
            let size = content.len() as u64;
            let head = bed.objects.head(&key("documents/a")).await.unwrap().unwrap();
            assert_eq!(head.bytes, size, "{store}");
            assert_eq!(get(&bed.objects, "documents/a", 0..size).await.unwrap(), content, "{store}");
            if size > 3 {
                let range = size / 3..size - 1;
                let slice = &content[range.start as usize..range.end as usize];
                assert_eq!(get(&bed.objects, "documents/a", range).await.unwrap(), slice, "{store}");
            }
            let beyond = get(&bed.objects, "documents/a", 0..size + 1).await;
            assert!(beyond.is_err(), "{store}: more than there is");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_deleting_it_is_fine() {
    for (store, bed) in every_store().await {
        assert!(matches!(get(&bed.objects, "documents/a", 0..1).await, Err(ObjectError::NotFound)), "{store}");
        assert_eq!(bed.objects.head(&key("documents/a")).await.unwrap(), None, "{store}");
        put(&bed.objects, "documents/a", b"x").await;
        for _ in 0..2 {
            bed.objects.delete(&key("documents/a")).await.unwrap();
            assert_eq!(bed.objects.head(&key("documents/a")).await.unwrap(), None, "{store}");
        }
    }
}

#[tokio::test]
async fn what_is_given_up_leaves_nothing() {
    for (store, bed) in every_store().await {
        let before = bed.files().len();
        for size in [10, 12_000_000] {
            let mut writer = bed.objects.write(&key("documents/a")).await.unwrap();
            for _ in 0..size / 10 / 100_000 + 1 {
                writer.write(Bytes::from(vec![1; 1_000_000.min(size)])).await.unwrap();
            }
            drop(writer);
            eventually(store, || bed.files().len() == before).await;
            assert_eq!(bed.objects.head(&key("documents/a")).await.unwrap(), None, "{store}");
        }
    }
}

#[tokio::test]
async fn lists_are_bounded_ordered_and_know_how_old_objects_are() {
    for (store, bed) in every_store().await {
        for name in ["documents/c", "documents/a", "documents/b", "packets/a"] {
            put(&bed.objects, name, b"x").await;
        }
        let (folder, later) = (key("documents"), SystemClock.now() + TimeDelta::minutes(1));
        let list = async |after: Option<&str>, before, limit| {
            let after = after.map(key);
            let page = bed.objects.list_stored_before(&folder, before, after.as_ref(), limit).await.unwrap();
            page.into_iter().map(|listed| listed.key.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(list(None, later, 2).await, ["documents/a", "documents/b"], "{store}");
        assert_eq!(list(Some("documents/b"), later, 2).await, ["documents/c"], "{store}");
        assert_eq!(list(None, SystemClock.now() - TimeDelta::minutes(1), 10).await, Vec::<String>::new(), "{store}");
    }
}

#[tokio::test]
async fn a_store_without_locks_says_so() {
    for (store, bed) in every_store().await {
        let until = SystemClock.now() + TimeDelta::days(1);
        let kept = bed.objects.put_retained(&key("packets/a"), Bytes::from_static(b"sealed"), until).await.unwrap();
        assert_eq!(kept, Retention::Unlocked, "{store}");
        assert_eq!(get(&bed.objects, "packets/a", 0..6).await.unwrap(), b"sealed", "{store}");
    }
}

#[tokio::test]
async fn files_of_killed_writers_are_removed_when_they_are_old() {
    let bed = in_a_folder();
    let mut writer = bed.objects.write(&key("documents/a")).await.unwrap();
    writer.write(Bytes::from_static(b"half")).await.unwrap();
    // As if the process were killed: nothing is dropped.
    std::mem::forget(writer);
    assert_eq!(bed.objects.remove_abandoned(SystemClock.now() - TimeDelta::minutes(1)).await.unwrap(), 0);
    assert_eq!(bed.files().len(), 1);
    assert_eq!(bed.objects.remove_abandoned(SystemClock.now() + TimeDelta::minutes(1)).await.unwrap(), 1);
    assert_eq!(bed.files().len(), 0);
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let bed = on_s3().await;
    put(&bed.objects, "documents/a", b"x").await;
    let other = crate::servers::on_s3_as(&bed, "wrong-secret");
    assert!(matches!(get(&other, "documents/a", 0..1).await, Err(ObjectError::Server(_))));
}
