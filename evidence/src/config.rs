//! What evidence reads from the environment, beyond what every service reads.

use std::path::PathBuf;

use providers::objects::ObjectConfig;
use service_kit::config::{FromEnv, Reader, Var};
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys};

use crate::packet_config::PacketConfig;

const RETRAIN_AFTER_LABELS: Var = Var::or(
    "RETRAIN_AFTER_LABELS",
    "50",
    "new labels of a kind of claim after which evidence trains a matcher by itself",
);

/// What evidence reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where documents and packets are kept.
    pub objects: ObjectConfig,
    /// What the keys of documents are wrapped with.
    pub masters: MasterKeys,
    /// The program that reads documents, apart from this process: this one, as long as nobody says otherwise.
    pub reader: PathBuf,
    /// How packets are sealed.
    pub packets: PacketConfig,
    /// New labels after which a matcher is trained without anybody asking for it; at least 1.
    pub retrain_after_labels: u32,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = ObjectConfig::vars();
        vars.extend(PacketConfig::vars());
        vars.extend([DOCUMENT_MASTER_KEYS, RETRAIN_AFTER_LABELS]);
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (objects, masters) = (ObjectConfig::read(reader), reader.required(&DOCUMENT_MASTER_KEYS));
        let packets = PacketConfig::read(reader);
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("recoup"));
        let retrain_after_labels = reader.required(&RETRAIN_AFTER_LABELS);
        if retrain_after_labels == Some(0) {
            reader.complain(RETRAIN_AFTER_LABELS.name, "must be at least 1");
        }
        Some(Self {
            objects: objects?,
            masters: masters?,
            reader: program,
            packets: packets?,
            retrain_after_labels: retrain_after_labels?,
        })
    }
}
