//! What evidence reads from the environment, beyond what every service reads.

use std::path::PathBuf;

use chrono::TimeDelta;
use providers::objects::ObjectConfig;
use service_kit::config::{FromEnv, Reader, Var};
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys};

use crate::links::LinkKey;
use crate::packet_config::PacketConfig;
use crate::prompts::Timing;

const LINK_KEY: Var = Var::new(
    "DOCUMENT_LINK_KEY",
    "base64 of 32 random bytes; signs the links by which documents are opened without a token",
);
const FETCH_ALLOW_HTTP: Var = Var::or(
    "EVIDENCE_FETCH_ALLOW_HTTP",
    "false",
    "true lets files be fetched from http:// addresses too; for development",
);
const RETRAIN_AFTER_LABELS: Var = Var::or(
    "RETRAIN_AFTER_LABELS",
    "50",
    "new labels of a kind of claim after which evidence trains a matcher by itself",
);
const PROMPT_TTL: Var =
    Var::or("PROMPT_TTL_HOURS", "72", "how many hours a person has to answer a prompt, at most 720");
const PROMPT_REMINDER: Var =
    Var::or("PROMPT_REMINDER_HOURS", "12", "how many hours before a prompt expires its reminder comes");

const SWEEP_AFTER: Var = Var::or(
    "OBJECT_SWEEP_AFTER_MINUTES",
    "60",
    "minutes after which a file that an upload left behind is deleted, at most 1440; longer than an upload and its command take",
);

/// What evidence reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where documents and packets are kept.
    pub objects: ObjectConfig,
    /// What the keys of documents are wrapped with.
    pub masters: MasterKeys,
    /// Signs links to documents.
    pub link_key: LinkKey,
    /// Whether files are fetched without TLS.
    pub fetch_allow_http: bool,
    /// The program that reads documents, apart from this process: this one, as long as nobody says otherwise.
    pub reader: PathBuf,
    /// How packets are sealed.
    pub packets: PacketConfig,
    /// New labels after which a matcher is trained without anybody asking for it; at least 1.
    pub retrain_after_labels: u32,
    /// How long prompts stay open.
    pub prompts: Timing,
    /// How old a file that nobody knows must be to be deleted.
    pub sweep_after: TimeDelta,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = ObjectConfig::vars();
        vars.extend(PacketConfig::vars());
        vars.extend([DOCUMENT_MASTER_KEYS, LINK_KEY, FETCH_ALLOW_HTTP]);
        vars.extend([RETRAIN_AFTER_LABELS, PROMPT_TTL, PROMPT_REMINDER, SWEEP_AFTER]);
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (objects, masters) = (ObjectConfig::read(reader), reader.required(&DOCUMENT_MASTER_KEYS));
        let (link_key, fetch_allow_http) = (reader.required(&LINK_KEY), reader.required(&FETCH_ALLOW_HTTP));
        let packets = PacketConfig::read(reader);
        let (ttl, reminder) = (hours(reader, &PROMPT_TTL), hours(reader, &PROMPT_REMINDER));
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("recoup"));
        let retrain_after_labels = reader.required(&RETRAIN_AFTER_LABELS);
        if retrain_after_labels == Some(0) {
            reader.complain(RETRAIN_AFTER_LABELS.name, "must be at least 1");
        }
        let sweep_after: Option<i64> = reader.required(&SWEEP_AFTER);
        if sweep_after.is_some_and(|minutes| !(1..=1_440).contains(&minutes)) {
            reader.complain(SWEEP_AFTER.name, "must be from 1 to 1440");
        }
        Some(Self {
            objects: objects?,
            masters: masters?,
            link_key: link_key?,
            fetch_allow_http: fetch_allow_http?,
            reader: program,
            packets: packets?,
            retrain_after_labels: retrain_after_labels?,
            prompts: Timing { ttl: ttl?, reminder: reminder? },
            sweep_after: TimeDelta::try_minutes(sweep_after?)?,
        })
    }
}

/// A number of hours, up to 30 days.
fn hours(reader: &mut Reader<'_>, var: &Var) -> Option<TimeDelta> {
    let hours: i64 = reader.required(var)?;
    if !(1..=720).contains(&hours) {
        reader.complain(var.name, "must be from 1 to 720");
        return None;
    }
    TimeDelta::try_hours(hours)
}
