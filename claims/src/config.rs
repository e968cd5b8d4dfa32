//! What claims reads from the environment, beyond what every service reads.

use service_kit::config::{FromEnv, Reader, Var};
use service_kit::sealed::{ACCOUNT_DETAILS_KEY, SealingKey};
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys};

use crate::amazon::AmazonConfig;

/// What claims reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Opens what the BFF sealed: codes and passwords on their way.
    pub account_key: SealingKey,
    /// Seals what is kept: refresh tokens and passwords.
    pub masters: MasterKeys,
    /// How Amazon is reached; none: no seller can be connected.
    pub amazon: Option<AmazonConfig>,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = vec![ACCOUNT_DETAILS_KEY, DOCUMENT_MASTER_KEYS];
        vars.extend(AmazonConfig::vars());
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (account_key, masters) = (reader.required(&ACCOUNT_DETAILS_KEY), reader.required(&DOCUMENT_MASTER_KEYS));
        let amazon = AmazonConfig::read(reader);
        Some(Self { account_key: account_key?, masters: masters?, amazon })
    }
}
