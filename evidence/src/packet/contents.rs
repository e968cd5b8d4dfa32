//! What a packet tells, and the files that it becomes.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

pub use super::amount::Amount;

use super::archive::Entries;
use super::manifest::{Entry, Header, Role, microseconds};
use super::seal::entry;
use super::sha256::Sha256;
use super::summary;
use crate::paper::PaperError;

/// Everything that a packet tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// What was claimed and what came of it.
    pub claim: Claim,
    /// What happened, oldest first.
    pub timeline: Vec<Happening>,
    /// Rows of the reports that the claim rests on, as they came.
    pub rows: Vec<Value>,
    /// How documents and claim were matched.
    pub matching: Vec<Matched>,
    /// The rules that held.
    pub policy: Policy,
}

/// `claim.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Claim {
    /// The request for evidence.
    pub request_id: Uuid,
    /// What kind of claim it is.
    pub claim_type: String,
    /// What its maker calls it.
    pub reference: Option<String>,
    /// Whose it is.
    pub tenant: String,
    /// Who asked for proof.
    pub requested_by: String,
    /// When.
    #[serde(with = "microseconds")]
    pub requested_at: DateTime<Utc>,
    /// `open`, `proved` or `withdrawn`.
    pub state: String,
    /// What has to be proved.
    pub subject: Value,
    /// How much is claimed.
    pub claimed: Option<Amount>,
    /// Money that arrived, or was taken back, oldest first.
    pub payouts: Vec<Payout>,
    /// What proves it.
    pub documents: Vec<Document>,
}

/// Money that arrived, or was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payout {
    /// How much; negative for what was taken back.
    #[serde(flatten)]
    pub amount: Amount,
    /// Units that were given back to stock instead of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    /// The payer's reference.
    pub reference: String,
    /// When it was paid.
    #[serde(with = "microseconds")]
    pub paid_at: DateTime<Utc>,
}

impl Payout {
    /// `245.80 USD`, `2 units`, or both.
    #[must_use]
    pub fn text(&self) -> String {
        let units = self.units.map(|units| if units == 1 { "1 unit".to_owned() } else { format!("{units} units") });
        match (units, self.amount.money().minor) {
            (Some(units), 0) => units,
            (Some(units), _) => format!("{} and {units}", self.amount.text()),
            (None, _) => self.amount.text(),
        }
    }
}

/// A document that proves the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// The document.
    pub document_id: Uuid,
    /// Its entry, here or in the packet named below.
    pub path: String,
    /// The earlier packet that holds it; none if this one does.
    pub in_packet: Option<Uuid>,
    /// What its sender called it.
    pub file_name: Option<String>,
    /// What it is.
    pub media_type: String,
    /// How long it is.
    pub bytes: u64,
    /// Hash of its bytes.
    pub sha256: Sha256,
    /// When it came in.
    #[serde(with = "microseconds")]
    pub received_at: DateTime<Utc>,
    /// What was read of it.
    pub invoice: Option<Invoice>,
}

/// The head of an invoice as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invoice {
    /// Who wrote it.
    pub issuer: Option<String>,
    /// Its number.
    pub number: Option<String>,
    /// Its date.
    pub dated: Option<NaiveDate>,
    /// What was to be paid.
    pub gross: Option<Amount>,
}

/// One line of `timeline.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When.
    #[serde(with = "microseconds")]
    pub at: DateTime<Utc>,
    /// What, in a sentence.
    pub what: String,
    /// Who did it, where it was somebody.
    pub by: Option<String>,
}

/// One decision of `matching.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matched {
    /// The document.
    pub document_id: Uuid,
    /// Its line, counted from 1.
    pub line: Option<u32>,
    /// The rule of the first cascade that held.
    pub rule: String,
    /// The comparison, by name.
    pub vector: Value,
    /// What each part did to the score.
    pub weights: Value,
    /// Before calibration.
    pub raw_score: f64,
    /// Calibrated probability.
    pub probability: f64,
    /// Which model it was.
    pub model_version: String,
    /// Whether it could act by itself.
    pub gate_open: bool,
    /// Why.
    pub gate_reason: String,
    /// `automatic` or `prompt`.
    pub decision: String,
    /// `model`, or the person who answered.
    pub decided_by: String,
    /// When.
    #[serde(with = "microseconds")]
    pub decided_at: DateTime<Utc>,
    /// Why, in a sentence.
    pub explanation: String,
    /// The question to a person, where one was asked.
    pub prompt: Option<Asked>,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// Why, in the words of whoever answered.
    pub reasoning: Option<String>,
}

/// `policy.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// What the claim cites: version, windows, rule texts.
    pub cited: Value,
    /// From which probability on a match was automatic.
    pub automatic_from: f64,
    /// From which a person was asked.
    pub asked_from: f64,
    /// How near two candidates were too close to be told apart without a person.
    pub too_close: f64,
}

/// The files that are written here, besides the documents: their entries and bytes.
///
/// # Errors
/// The summary could not be written.
pub fn files(header: &Header, contents: &Contents) -> Result<(Vec<Entry>, Entries), PaperError> {
    let written = [
        ("claim.json", Role::Claim, json(&contents.claim)),
        ("matching.json", Role::Matching, json(&contents.matching)),
        ("policy.json", Role::Policy, json(&contents.policy)),
        ("rows/source_rows.json", Role::Rows, json(&contents.rows)),
        ("summary.pdf", Role::Summary, summary::pdf(header, contents)?),
        ("timeline.json", Role::Timeline, json(&contents.timeline)),
    ];
    let entries = written.iter().map(|(path, role, bytes)| entry(path, *role, bytes)).collect();
    Ok((entries, written.into_iter().map(|(path, _, bytes)| (path.to_owned(), bytes)).collect()))
}

/// The hash of what a packet tells, wherever its documents are kept. Two packets with the same one tell the same.
#[must_use]
pub fn facts(contents: &Contents) -> Sha256 {
    let mut claim = contents.claim.clone();
    for document in &mut claim.documents {
        document.in_packet = None;
        document.path.clear();
    }
    let parts = [
        json(&claim),
        json(&contents.timeline),
        json(&contents.rows),
        json(&contents.matching),
        json(&contents.policy),
    ];
    let hashes: Vec<Sha256> = parts.iter().map(|part| Sha256::of(&[part])).collect();
    Sha256::of(&hashes.iter().map(|hash| hash.0.as_slice()).collect::<Vec<_>>())
}

/// The entries of the documents that this packet holds itself.
#[must_use]
pub fn documents(claim: &Claim) -> Vec<Entry> {
    let held = claim.documents.iter().filter(|document| document.in_packet.is_none());
    let listed = |document: &Document| Entry {
        path: document.path.clone(),
        role: Role::Document,
        bytes: document.bytes,
        sha256: document.sha256,
    };
    held.map(listed).collect()
}

/// The entry of a document, from its place among the claim's documents, its id and the usual ending of its type. Never its sender's name.
#[must_use]
pub fn document_path(place: usize, id: Uuid, media_type: &str) -> String {
    let ending = match media_type {
        "application/pdf" => "pdf",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/tiff" => "tiff",
        "application/xml" => "xml",
        "text/csv" => "csv",
        "message/rfc822" => "eml",
        _ => "bin",
    };
    format!("documents/{place:04}-{id}.{ending}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("texts, finite numbers and lists are JSON");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
#[path = "contents_tests.rs"]
pub(crate) mod tests;
