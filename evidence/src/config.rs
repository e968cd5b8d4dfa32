//! What evidence reads from the environment, beyond what every service reads.

use std::path::PathBuf;

use providers::objects::ObjectConfig;
use service_kit::config::{FromEnv, Reader, Var};
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys};

/// What evidence reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where documents and packets are kept.
    pub objects: ObjectConfig,
    /// What the keys of documents are wrapped with.
    pub masters: MasterKeys,
    /// The program that reads documents, apart from this process: this one, as long as nobody says otherwise.
    pub reader: PathBuf,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = ObjectConfig::vars();
        vars.push(DOCUMENT_MASTER_KEYS);
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (objects, masters) = (ObjectConfig::read(reader), reader.required(&DOCUMENT_MASTER_KEYS));
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("recoup"));
        Some(Self { objects: objects?, masters: masters?, reader: program })
    }
}
