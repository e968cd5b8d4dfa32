//! Files go in recognised, hashed and encrypted, and come out in any range; what is refused leaves nothing.

use futures::TryStreamExt;
use providers::files::{Files, LARGEST, Place, Refused, Unreadable};
use service_kit::sealed::sha256;
use service_kit::vault::VaultError;
use shared_events::TenantId;
use shared_events::evidence::{MediaType, StoredFile};

use crate::servers::{Bed, eventually, every_store, in_a_folder};

const KEYS: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn files(bed: &Bed) -> Files {
    Files { objects: bed.objects.clone(), masters: KEYS.parse().unwrap() }
}

fn tenant(name: &str) -> TenantId {
    TenantId::try_new(name).unwrap()
}

async fn take_in(files: &Files, content: &[u8]) -> Result<StoredFile, Refused> {
    let mut intake = files.intake(&tenant("demo"));
    for piece in content.chunks(70_000) {
        intake.push(piece).await?;
    }
    intake.finish(Some("a.pdf".into())).await
}

fn place(file: &StoredFile) -> Place {
    Place { object: file.object.clone(), bytes: file.bytes, key: file.key.clone() }
}

fn pdf(size: usize) -> Vec<u8> {
    let mut content = b"%PDF-1.7\n".to_vec();
    content.extend((content.len()..size).map(|at| (at % 249) as u8));
    content
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_and_lies_there_encrypted() {
    for (store, bed) in every_store().await {
        let files = files(&bed);
        for size in [9, 4_096, 65_536, 6_500_001] {
            let content = pdf(size);
            let file = take_in(&files, &content).await.unwrap();
            assert_eq!((file.bytes, file.media_type), (size as u64, MediaType::Pdf), "{store}");
            assert_eq!(file.sha256, sha256(&content), "{store}");
            assert_eq!(files.read_whole(&tenant("demo"), &place(&file)).await.unwrap(), content, "{store}");
            let stream = files.read(&tenant("demo"), &place(&file), 3..size as u64 - 2).await.unwrap();
            let part: Vec<Vec<u8>> = stream.try_collect().await.unwrap();
            assert_eq!(part.concat(), &content[3..size - 2], "{store}");
        }
        for path in bed.files() {
            let raw = std::fs::read(path).unwrap();
            assert!(!raw.windows(8).any(|window| window == b"%PDF-1.7"), "{store}: plain text at rest");
        }
    }
}

#[tokio::test]
async fn another_tenant_cannot_open_it_and_neither_can_it_be_exchanged() {
    let bed = in_a_folder();
    let files = files(&bed);
    let (one, two) = (take_in(&files, &pdf(100)).await.unwrap(), take_in(&files, &pdf(100)).await.unwrap());
    let foreign = files.read_whole(&tenant("other"), &place(&one)).await;
    assert!(matches!(foreign, Err(Unreadable::Vault(VaultError::CannotOpen))));
    std::fs::copy(bed.folder.join(&two.object), bed.folder.join(&one.object)).unwrap();
    assert!(matches!(files.read_whole(&tenant("demo"), &place(&one)).await, Err(Unreadable::Broken(_))));
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let zip_named_pdf = b"PK\x03\x04 but the name says pdf".to_vec();
    let doctype = b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>".to_vec();
    let mut late = b"<?xml version=\"1.0\"?>".to_vec();
    late.extend(std::iter::repeat_n(&b"<!-- filler -->"[..], 1_000).flatten());
    late.extend_from_slice(b"<!DOCTYPE a><a/>");
    let mut long = b"<?xml version=\"1.0\"?>".to_vec();
    long.extend(std::iter::repeat_n(&b"<!-- filler -->"[..], 10_000).flatten());
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("nothing", vec![], "empty_file"),
        ("a ZIP", zip_named_pdf, "unsupported_media_type"),
        ("words", b"just some words".to_vec(), "unsupported_media_type"),
        ("a DTD", doctype, "document_type_declared"),
        ("a late DTD", late, "document_type_declared"),
        ("a long prolog", long, "document_type_declared"),
        ("26 MB", pdf(26 * 1024 * 1024), "too_large"),
    ];
    for (store, bed) in every_store().await {
        let (files, before) = (files(&bed), bed.files().len());
        for (what, content, code) in &cases {
            let refused = take_in(&files, content).await.expect_err(what);
            assert_eq!(refused.code(), Some(*code), "{store}: {what}");
            eventually(what, || bed.files().len() == before).await;
        }
    }
}

#[tokio::test]
async fn twenty_five_megabytes_are_taken() {
    let bed = in_a_folder();
    assert_eq!(take_in(&files(&bed), &pdf(LARGEST as usize)).await.unwrap().bytes, LARGEST);
}
