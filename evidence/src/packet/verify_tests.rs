use std::io::{Cursor, Write};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::packet::keys::SigningKey;
use crate::packet::manifest::{Chain, Entry, Role};
use crate::packet::seal::{self, Sealed};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).expect("a seed")
}

fn header() -> Header {
    Header {
        packet_id: Uuid::from_u128(1),
        tenant: "demo".to_owned(),
        request_id: Uuid::from_u128(2),
        claim: "CLM-1".to_owned(),
        created_at: "2026-11-22T10:00:00Z".parse().expect("a time"),
        draft: false,
        addendum_to: None,
        chain: Some(Chain { position: 2, previous: Some(Sha256::of(&[b"before"])) }),
    }
}

fn files() -> Entries {
    let files = [
        ("claim.json", "{\"amount\":\"245.80\"}"),
        ("documents/0001.pdf", "%PDF-1.7"),
        ("summary.pdf", "%PDF"),
        ("timeline.json", "[]"),
    ];
    files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into()
}

fn listed(files: &Entries) -> Vec<Entry> {
    files.iter().map(|(path, bytes)| seal::entry(path, Role::Document, bytes)).collect()
}

fn sealed_with(header: Header, files: &Entries) -> Sealed {
    seal::seal(header, listed(files), &key(1))
}

fn packet() -> Vec<u8> {
    seal::assemble(&sealed_with(header(), &files()), files()).expect("good names")
}

/// The sealed packet with other contents, written as our own writer does.
fn tampered(change: impl FnOnce(&mut Entries)) -> Vec<u8> {
    let sealed = sealed_with(header(), &files());
    let mut all = files();
    all.insert(MANIFEST.to_owned(), sealed.manifest);
    all.insert(SIGNATURE.to_owned(), sealed.signature);
    change(&mut all);
    archive::write(&all).expect("good names")
}

fn codes(file: &[u8]) -> Vec<&'static str> {
    verify(file, &[key(1).public()]).findings.iter().map(Finding::code).collect()
}

#[test]
fn a_sealed_packet_is_intact() {
    let report = verify(&packet(), &[key(2).public(), key(1).public()]);
    assert_eq!((report.intact, report.findings, report.signer), (true, vec![], Signer::GivenKey));
    assert_eq!(report.packet, Some(header()));
    assert_eq!(report.manifest_sha256, Some(sealed_with(header(), &files()).sha256));
    assert_eq!(report.entries, 4);
}

#[test]
fn its_own_key_shows_integrity_only() {
    let report = verify(&packet(), &[]);
    assert_eq!((report.intact, report.signer), (true, Signer::OwnKeyOnly));
}

#[test]
fn every_tampering_is_named() {
    type Change = fn(&mut Entries);
    let cases: [(Change, &[&str]); 9] = [
        (|all| drop(all.remove("claim.json")), &["missing_entry"]),
        (|all| drop(all.insert("more.txt".to_owned(), vec![])), &["extra_entry"]),
        (|all| all.get_mut("claim.json").expect("there")[12] = b'9', &["altered_entry"]),
        (|all| drop(all.remove(MANIFEST)), &["no_manifest"]),
        (|all| drop(all.remove(SIGNATURE)), &["no_signature"]),
        (|all| all.get_mut(SIGNATURE).expect("there")[5] ^= 1, &["bad_signature"]),
        (|all| drop(all.insert(SIGNATURE.to_owned(), vec![])), &["bad_signature"]),
        (|all| drop(all.insert(MANIFEST.to_owned(), b"{}".to_vec())), &["bad_manifest"]),
        (|all| drop((all.remove("claim.json"), all.insert("x".to_owned(), vec![]))), &["missing_entry", "extra_entry"]),
    ];
    for (at, (change, expected)) in cases.into_iter().enumerate() {
        assert_eq!(codes(&tampered(change)), expected, "case {at}");
    }
    let altered = verify(&tampered(|all| all.get_mut("claim.json").expect("there")[12] = b'9'), &[]);
    assert_eq!(altered.findings[0].path(), Some("claim.json"));
    assert!(altered.findings[0].to_string().contains("\"claim.json\" was altered"));
}

#[test]
fn a_changed_manifest_needs_the_key() {
    let forge = |change: fn(&mut Manifest)| {
        tampered(|all| {
            let mut manifest: Manifest = serde_json::from_slice(&all[MANIFEST]).expect("a manifest");
            change(&mut manifest);
            all.insert(MANIFEST.to_owned(), manifest.to_bytes());
        })
    };
    assert_eq!(codes(&forge(|manifest| manifest.header.claim = "CLM-2".to_owned())), ["bad_signature"]);
    assert_eq!(codes(&forge(|manifest| manifest.merkle.root = Sha256::of(&[]))), ["bad_signature", "wrong_root"]);
    assert_eq!(codes(&forge(|manifest| manifest.entries.reverse())), ["bad_signature", "wrong_root", "wrong_order"]);
    assert_eq!(codes(&forge(|manifest| manifest.format = "recoup.packet/9".to_owned())), ["unknown_format"]);
    assert_eq!(
        codes(&forge(|manifest| manifest.signature.key_id = "00".to_owned())),
        ["bad_manifest", "bad_signature"]
    );
    assert_eq!(codes(&forge(|manifest| manifest.header.draft = true)), ["bad_signature", "bad_chain"]);
}

#[test]
fn a_packet_sealed_anew_by_somebody_else_has_the_wrong_key() {
    let forged = seal::assemble(&seal::seal(header(), listed(&files()), &key(2)), files()).expect("good names");
    assert_eq!(codes(&forged), ["wrong_key"]);
    assert!(verify(&forged, &[]).intact, "its own key cannot tell");
}

#[test]
fn drafts_and_packets_differ_in_the_chain() {
    let codes_of =
        |header: Header| codes(&seal::assemble(&sealed_with(header, &files()), files()).expect("good names"));
    assert_eq!(codes_of(Header { draft: true, chain: None, ..header() }), [""; 0]);
    assert_eq!(codes_of(Header { draft: true, ..header() }), ["bad_chain"]);
    assert_eq!(codes_of(Header { chain: None, ..header() }), ["bad_chain"]);
    assert_eq!(codes_of(Header { chain: Some(Chain { position: 1, previous: None }), ..header() }), [""; 0]);
    assert_eq!(codes_of(Header { chain: Some(Chain { position: 2, previous: None }), ..header() }), ["bad_chain"]);
}

#[test]
fn packets_that_do_not_follow_each_other_are_found() {
    let report = |position: u64, previous: Option<Sha256>, claim: &str| {
        let header = Header { chain: Some(Chain { position, previous }), claim: claim.to_owned(), ..header() };
        verify(&seal::assemble(&sealed_with(header, &files()), files()).expect("good names"), &[])
    };
    let first = report(1, None, "a");
    let second = report(2, first.manifest_sha256, "b");
    let third = report(3, second.manifest_sha256, "c");
    assert_eq!(chain_breaks([&third, &first, &second].into_iter()), [""; 0]);
    assert_eq!(chain_breaks([&third, &first].into_iter()), [""; 0], "what is not there is not compared");
    let other = report(2, first.manifest_sha256, "other");
    assert_eq!(chain_breaks([&first, &other, &third].into_iter()), ["number 3 of \"demo\" does not follow number 2"]);
    assert_eq!(chain_breaks([&first, &second, &other].into_iter()), ["two packets of \"demo\" have the number 2"]);
}

#[test]
fn a_cut_file_is_said_to_be_cut() {
    let whole = packet();
    for length in 0..whole.len() {
        let findings = codes(&whole[..length]);
        assert!(matches!(findings[..], ["unreadable"]), "{length}: {findings:?}");
    }
    assert!(verify(&whole[..whole.len() - 1], &[]).findings[0].to_string().contains("cut off"));
    assert!(verify(b"%PDF-1.7", &[]).findings[0].to_string().contains("not a ZIP"));
}

/// Files of another writer, which allows what ours does not.
fn packed_elsewhere(entries: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method)).expect("started");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("finished").into_inner()
}

#[test]
fn a_packet_packed_again_is_told_from_an_altered_one() {
    let sealed = sealed_with(header(), &files());
    let mut all = files();
    all.insert(MANIFEST.to_owned(), sealed.manifest);
    all.insert(SIGNATURE.to_owned(), sealed.signature);
    let borrowed: Vec<(&str, &[u8])> = all.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        assert_eq!(codes(&packed_elsewhere(&borrowed, method)), ["repacked"]);
        let changed: Vec<(&str, &[u8])> =
            borrowed.iter().map(|(path, bytes)| (*path, if *path == "claim.json" { b"{}" } else { *bytes })).collect();
        assert_eq!(codes(&packed_elsewhere(&changed, method)), ["altered_entry", "repacked"]);
        let reversed: Vec<(&str, &[u8])> = borrowed.iter().rev().copied().collect();
        assert_eq!(codes(&packed_elsewhere(&reversed, method)), ["wrong_order", "repacked"]);
    }
    let climbing = packed_elsewhere(&[("../../etc/passwd", b"x")], zip::CompressionMethod::Stored);
    assert_eq!(codes(&climbing), ["bad_name", "no_manifest", "repacked"]);
}

/// Two entries of one name: the second listing is the first one's, renamed.
#[test]
fn a_name_that_is_there_twice_is_found() {
    let mut file = tampered(|all| drop(all.insert("claim.jsoo".to_owned(), b"{}".to_vec())));
    let at: Vec<usize> =
        file.windows(10).enumerate().filter(|(_, name)| *name == b"claim.jsoo").map(|(at, _)| at).collect();
    for at in at {
        file[at + 9] = b'n';
    }
    assert_eq!(codes(&file), ["duplicate_entry"]);
}

#[test]
fn bombs_are_not_unpacked() {
    let zeros = vec![0; 8 << 20];
    let bomb = packed_elsewhere(&[("a", &zeros)], zip::CompressionMethod::Deflated);
    assert_eq!(
        verify(&bomb, &[]).findings,
        [Finding::Unreadable(unarchive::Unreadable::TooMuch("bytes for its size"))]
    );
    // A directory that promises more than is read of a packet.
    let mut file = packet();
    let directory = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").expect("a directory");
    file[directory + 24..directory + 28].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(verify(&file, &[]).findings, [Finding::Unreadable(unarchive::Unreadable::TooMuch("bytes"))]);
    // More entries than that.
    let end = file.len() - 22;
    file[end + 10..end + 12].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(verify(&file, &[]).findings, [Finding::Unreadable(unarchive::Unreadable::TooMuch("entries"))]);
}

#[test]
fn every_byte_counts() {
    let whole = packet();
    for at in 0..whole.len() {
        let mut file = whole.clone();
        file[at] ^= 1 << (at % 8);
        assert!(!verify(&file, &[]).intact, "byte {at}");
    }
}

proptest! {
    #[test]
    fn every_bit_counts(at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut file = packet();
        let at = at.index(file.len());
        file[at] ^= 1_u8 << bit;
        prop_assert!(!verify(&file, &[key(1).public()]).intact);
    }

    #[test]
    fn the_order_of_the_contents_does_not_matter(order in Just(listed(&files())).prop_shuffle()) {
        prop_assert_eq!(seal::seal(header(), order, &key(1)), sealed_with(header(), &files()));
    }

    #[test]
    fn whatever_is_sealed_is_intact(contents in prop::collection::btree_map("[a-z]{1,8}(/[a-z0-9][a-z0-9._-]{0,8})?", prop::collection::vec(any::<u8>(), 0..64), 0..12)) {
        let contents: Entries = contents;
        let sealed = sealed_with(header(), &contents);
        // A file and a folder of one name cannot both be.
        if let Ok(file) = seal::assemble(&sealed, contents.clone()) {
            prop_assert_eq!(seal::assemble(&sealed, contents), Ok(file.clone()));
            prop_assert!(verify(&file, &[key(1).public()]).intact);
        }
    }

    #[test]
    fn hostile_bytes_do_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..512), place in any::<prop::sample::Index>()) {
        // Half of it a packet, half of it noise.
        let mut file = packet();
        let at = place.index(file.len());
        bytes.truncate(file.len() - at);
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        let _ = verify(&file, &[]);
        let _ = verify(&bytes, &[]);
    }
}
