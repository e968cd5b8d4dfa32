//! `recoup verify`, as an auditor runs it: without a broker, a database or a setting.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use evidence::packet::keys::SigningKey;
use evidence::packet::manifest::{Chain, Header, Role};
use evidence::packet::seal::{assemble, entry, seal};
use evidence::packet::sha256::Sha256;
use serde_json::{Value, json};
use uuid::Uuid;

fn key() -> SigningKey {
    SigningKey::from_seed(&[9; 32]).expect("a seed")
}

/// A folder of the test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("recoup-verify-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&path).expect("a folder of its own");
        Self(path)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn packet(position: u64, previous: Option<Sha256>) -> (Vec<u8>, Sha256) {
    packet_by(&key(), position, previous)
}

fn packet_by(key: &SigningKey, position: u64, previous: Option<Sha256>) -> (Vec<u8>, Sha256) {
    let header = Header {
        packet_id: Uuid::from_u128(position.into()),
        tenant: "demo".to_owned(),
        request_id: Uuid::nil(),
        claim: "CLM-1\u{1b}[2J".to_owned(),
        created_at: "2026-11-22T10:00:00Z".parse().expect("a time"),
        draft: false,
        addendum_to: None,
        chain: Some(Chain { position, previous }),
    };
    let files = BTreeMap::from([("claim.json".to_owned(), b"{\"amount\": \"245.80\"}".to_vec())]);
    let entries = files.iter().map(|(path, bytes)| entry(path, Role::Claim, bytes)).collect();
    let sealed = seal(header, entries, key);
    (assemble(&sealed, files).expect("good names"), sealed.sha256)
}

fn verify(arguments: &[&Path]) -> (i32, String) {
    let recoup = Command::new(env!("CARGO_BIN_EXE_recoup")).env_clear().arg("verify").args(arguments).output();
    let Output { status, stdout, stderr } = recoup.expect("it runs");
    (status.code().expect("it ends"), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn an_intact_packet_is_told_from_an_altered_one_by_the_exit_code() {
    let folder = Folder::new();
    let (first, hash) = packet(1, None);
    let good = folder.put("good.zip", &first);
    let pem = folder.put("key.pem", key().public().pem().as_bytes());
    let published = json!({"keys": [{"key_id": "x", "public_key": key().public().base64()}]});
    let published = folder.put("keys.json", published.to_string().as_bytes());
    let base64 = PathBuf::from(key().public().base64());
    for given in [&pem, &published, &base64] {
        let (code, said) = verify(&[&good, Path::new("--key"), given]);
        assert!(code == 0 && said.contains("good.zip: intact") && said.contains("one of the given keys"), "{said}");
        assert!(!said.contains('\u{1b}'), "nothing of the packet reaches the terminal as it is");
    }
    let (code, said) = verify(&[&good]);
    assert!(code == 0 && said.contains("integrity only, not who signed"), "{said}");
    let stranger =
        folder.put("stranger.pem", SigningKey::from_seed(&[1; 32]).expect("a seed").public().pem().as_bytes());
    let (code, said) = verify(&[&good, Path::new("--key"), &stranger]);
    assert!(code == 1 && said.contains("none of the given keys"), "{said}");

    let altered = String::from_utf8_lossy(&first).find("245.80").expect("stored as it is");
    let mut bytes = first.clone();
    bytes[altered] = b'9';
    let bad = folder.put("bad.zip", &bytes);
    let (code, said) = verify(&[&good, &bad]);
    assert!(code == 1 && said.contains("bad.zip: NOT INTACT") && said.contains("\"claim.json\" was altered"), "{said}");
    let (code, said) = verify(&[&bad, Path::new("--json")]);
    let answer: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (code, &answer["intact"], &answer["packets"][0]["findings"][0]["path"]),
        (1, &json!(false), &json!("claim.json"))
    );

    let second = folder.put("second.zip", &packet(2, Some(hash)).0);
    assert_eq!(verify(&[&second, &good]).0, 0);
    let forged = folder.put("forged.zip", &packet(2, Some(Sha256::of(&[]))).0);
    let (code, said) = verify(&[&good, &forged]);
    assert!(code == 1 && said.contains("number 2 of \"demo\" does not follow number 1"), "{said}");
}

#[test]
fn packets_of_a_former_key_stay_good_and_each_is_told_by_whom_it_was_signed() {
    let (folder, next) = (Folder::new(), SigningKey::from_seed(&[5; 32]).expect("a seed"));
    let (old, hash) = packet(1, None);
    let (old, new) = (folder.put("old.zip", &old), folder.put("new.zip", &packet_by(&next, 2, Some(hash)).0));
    let listed = |key: &SigningKey, current| json!({"key_id": key.public().id(), "public_key": key.public().base64(), "current": current});
    let published = json!({"keys": [listed(&next, true), listed(&key(), false)]});
    let published = folder.put("keys.json", published.to_string().as_bytes());
    let (code, said) = verify(&[&old, &new, Path::new("--key"), &published]);
    assert_eq!(code, 0, "the chain goes on over the change of keys: {said}");
    let (of_old, of_new) = said.split_at(said.find("new.zip: intact").expect("both are intact"));
    for (part, signed_by) in [(of_old, key()), (of_new, next)] {
        let line = format!("signed by key {}, which is one of the given keys", signed_by.public().id());
        assert!(part.contains(&line), "{part}");
    }
    // With the present key alone, the old packet is not taken for good; its key is named.
    let present = PathBuf::from(SigningKey::from_seed(&[5; 32]).expect("a seed").public().base64());
    let (code, said) = verify(&[&old, &new, Path::new("--key"), &present]);
    assert!(code == 1 && said.contains("old.zip: NOT INTACT") && said.contains("new.zip: intact"), "{said}");
    assert!(said.contains(&key().public().id()), "{said}");
}

#[test]
fn wrong_usage_and_missing_files_are_said() {
    let folder = Folder::new();
    let good = folder.put("good.zip", &packet(1, None).0);
    assert_eq!(verify(&[&folder.0.join("nothing.zip")]).0, 1);
    assert_eq!(verify(&[&good, Path::new("--key"), Path::new("nonsense")]).0, 2);
    let no_keys = folder.put("empty.json", b"{\"keys\": []}");
    assert_eq!(verify(&[&good, Path::new("--key"), &no_keys]).0, 2);
    let (code, said) = verify(&[&no_keys]);
    assert!(code == 1 && said.contains("not a ZIP file"), "{said}");
}
