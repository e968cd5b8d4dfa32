//! What a packet says of itself: `manifest.json`. Its exact bytes are what is signed, and their hash is what the next packet names.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::PublicKey;
use super::merkle;
use super::sha256::Sha256;

/// The manifest's own entry.
pub const MANIFEST: &str = "manifest.json";
/// The entry with the signature: 64 bytes.
pub const SIGNATURE: &str = "manifest.sig";
/// The format that this code writes.
pub const FORMAT: &str = "recoup.packet/1";
/// How the root is computed.
const TREE: &str = "rfc6962-sha256";
/// How the manifest is signed.
const ALGORITHM: &str = "ed25519";

/// What an entry is in the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The page for people.
    Summary,
    /// What was claimed and what came of it.
    Claim,
    /// What happened when.
    Timeline,
    /// Rows of the reports that the claim rests on.
    Rows,
    /// A document that proves it, as it was received.
    Document,
    /// How documents and claim were matched.
    Matching,
    /// The rules that held.
    Policy,
}

/// A packet's place in its tenant's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Counted from 1.
    pub position: u64,
    /// Hash of the manifest before it; none for the first.
    pub previous: Option<Sha256>,
}

/// The packet that another one adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Its id.
    pub packet_id: Uuid,
    /// Hash of its manifest.
    pub manifest_sha256: Sha256,
}

/// What is known of a packet before its entries are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The packet.
    pub packet_id: Uuid,
    /// Whose it is.
    pub tenant: String,
    /// The request for evidence that it answers.
    pub request_id: Uuid,
    /// The claim, in the words of whoever made it.
    pub claim: String,
    /// When its contents were fixed.
    #[serde(with = "microseconds")]
    pub created_at: DateTime<Utc>,
    /// A draft is outside the chain and proves nothing about a payout.
    pub draft: bool,
    /// What it adds to.
    pub addendum_to: Option<Earlier>,
    /// Its place; none for a draft.
    pub chain: Option<Chain>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name in the file.
    pub path: String,
    /// What it is.
    pub role: Role,
    /// How long it is.
    pub bytes: u64,
    /// Hash of its bytes.
    pub sha256: Sha256,
}

/// The tree over the entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// `rfc6962-sha256`.
    pub algorithm: String,
    /// Its root.
    pub root: Sha256,
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// `ed25519`.
    pub algorithm: String,
    /// Names the key.
    pub key_id: String,
    /// The public key, base64.
    pub public_key: String,
}

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `recoup.packet/1`.
    pub format: String,
    /// Which packet it is.
    #[serde(flatten)]
    pub header: Header,
    /// Every entry but the manifest and its signature, in order.
    pub entries: Vec<Entry>,
    /// The tree over them.
    pub merkle: Tree,
    /// Who signs.
    pub signature: Signer,
}

impl Manifest {
    /// The manifest over `entries`, which come out sorted by path.
    #[must_use]
    pub fn new(header: Header, entries: Vec<Entry>, signer: &PublicKey) -> Self {
        let sorted: BTreeMap<String, Entry> = entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        let entries: Vec<Entry> = sorted.into_values().collect();
        let merkle = Tree { algorithm: TREE.to_owned(), root: root(&entries) };
        let signature = Signer { algorithm: ALGORITHM.to_owned(), key_id: signer.id(), public_key: signer.base64() };
        Self { format: FORMAT.to_owned(), header, entries, merkle, signature }
    }

    /// Its exact bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("strings, numbers and lists are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Whether format and algorithms are those that this code knows.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.format == FORMAT && self.merkle.algorithm == TREE && self.signature.algorithm == ALGORITHM
    }
}

/// The root over entries in their order.
#[must_use]
pub fn root(entries: &[Entry]) -> Sha256 {
    let leaves: Vec<Sha256> = entries.iter().map(|entry| merkle::leaf(&entry.path, &entry.sha256)).collect();
    merkle::root(&leaves)
}

/// A time as packets write it: UTC, microseconds.
#[must_use]
pub fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Times in one form, whatever the fraction.
pub(crate) mod microseconds {
    use super::{DateTime, Deserialize, Utc, time_text};

    pub fn serialize<S: serde::Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time_text(*time))
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        DateTime::<Utc>::deserialize(deserializer)
    }
}
