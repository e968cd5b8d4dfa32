//! What claims reads from the environment, beyond what every service reads.

use std::sync::Arc;

use providers::fetch::{Names, SystemNames};
use providers::files::Files;
use providers::stripe::Stripe;
use service_kit::config::{FromEnv, Reader, Var};
use service_kit::sealed::{ACCOUNT_DETAILS_KEY, SealingKey};
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys};
use shared_events::TenantId;

use crate::amazon::AmazonConfig;

const OPERATOR: Var =
    Var::new("OPERATOR_TENANT", "the tenant whose admins may stop the sending of everybody's claims; absent = nobody");

/// What claims reads from the environment.
#[derive(Clone)]
pub struct Config {
    /// Opens what the BFF sealed: codes and passwords on their way.
    pub account_key: SealingKey,
    /// Seals what is kept: refresh tokens and passwords.
    pub masters: MasterKeys,
    /// How Amazon is reached; none: no seller can be connected.
    pub amazon: Option<AmazonConfig>,
    /// Who charges the fees; none: they are not charged.
    pub stripe: Option<Stripe>,
    /// Where documents that come by mail go.
    pub files: Files,
    /// Who says where mail servers are, and whether we may talk to them.
    pub mail_names: Arc<dyn Names>,
    /// Whose admins may stop everybody's claims.
    pub operator: Option<TenantId>,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = vec![ACCOUNT_DETAILS_KEY, DOCUMENT_MASTER_KEYS, OPERATOR];
        vars.extend(AmazonConfig::vars());
        vars.extend(Stripe::vars());
        vars.extend(<Files as FromEnv>::vars());
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (account_key, masters) = (reader.required(&ACCOUNT_DETAILS_KEY), reader.required(&DOCUMENT_MASTER_KEYS));
        let (amazon, operator) = (AmazonConfig::read(reader), operator(reader));
        let stripe = Stripe::read(reader);
        let files = <Files as FromEnv>::read(reader);
        let mail_names = Arc::new(SystemNames);
        Some(Self { account_key: account_key?, masters: masters?, amazon, stripe, files: files?, mail_names, operator })
    }
}

fn operator(reader: &mut Reader<'_>) -> Option<TenantId> {
    let name: String = reader.optional(&OPERATOR)?;
    let tenant = TenantId::try_new(name);
    if tenant.is_err() {
        reader.complain(OPERATOR.name, "must be the name of a tenant");
    }
    tenant.ok()
}
