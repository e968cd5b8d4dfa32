//! What claims reads from the environment, beyond what every service reads.

use std::sync::Arc;

use providers::fetch::{LoopbackToo, Names, SystemNames};
use providers::files::Files;
use providers::google::GoogleConfig;
use providers::stripe::Stripe;
use service_kit::config::{FromEnv, Reader, Var};
use service_kit::sealed::{ACCOUNT_DETAILS_KEY, SealingKey};
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys};
use shared_events::TenantId;

use crate::amazon::AmazonConfig;

const OPERATOR: Var =
    Var::new("OPERATOR_TENANT", "the tenant whose admins may stop the sending of everybody's claims; absent = nobody");
const MAIL_LOOPBACK: Var = Var::or(
    "MAIL_ALLOW_LOOPBACK",
    "false",
    "true lets mailboxes be on this machine, talked to without TLS; development on loopback only",
);
const MODE: Var = Var::or("RECOUP_ENV", "production", "development or production");

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
    /// Our application with Google; none: no mailbox can be connected by consent.
    pub google: Option<GoogleConfig>,
    /// Where documents that come by mail go.
    pub files: Files,
    /// Who says where mail servers are, and whether we may talk to them.
    pub mail_names: Arc<dyn Names>,
    /// Whose admins may stop everybody's claims.
    pub operator: Option<TenantId>,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = vec![ACCOUNT_DETAILS_KEY, DOCUMENT_MASTER_KEYS, OPERATOR, MAIL_LOOPBACK];
        vars.extend(AmazonConfig::vars());
        vars.extend(Stripe::vars());
        vars.extend(GoogleConfig::vars());
        vars.extend(<Files as FromEnv>::vars());
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (account_key, masters) = (reader.required(&ACCOUNT_DETAILS_KEY), reader.required(&DOCUMENT_MASTER_KEYS));
        let (amazon, operator) = (AmazonConfig::read(reader), operator(reader));
        let (stripe, google) = (Stripe::read(reader), GoogleConfig::read(reader));
        let files = <Files as FromEnv>::read(reader);
        let mail_names = mail_names(reader);
        let (account_key, masters, files) = (account_key?, masters?, files?);
        let mail_names = mail_names?;
        Some(Self { account_key, masters, amazon, stripe, google, files, mail_names, operator })
    }
}

/// Which mail servers may be talked to.
fn mail_names(reader: &mut Reader<'_>) -> Option<Arc<dyn Names>> {
    let here_too: bool = reader.required(&MAIL_LOOPBACK)?;
    if here_too && reader.required::<String>(&MODE).as_deref() != Some("development") {
        reader.complain(MAIL_LOOPBACK.name, "is allowed only with RECOUP_ENV=development");
    }
    Some(if here_too { Arc::new(LoopbackToo) } else { Arc::new(SystemNames) })
}

fn operator(reader: &mut Reader<'_>) -> Option<TenantId> {
    let name: String = reader.optional(&OPERATOR)?;
    let tenant = TenantId::try_new(name);
    if tenant.is_err() {
        reader.complain(OPERATOR.name, "must be the name of a tenant");
    }
    tenant.ok()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use service_kit::config::{Env, load};

    use super::*;

    fn env() -> Env {
        let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        Env::of([
            ("ACCOUNT_DETAILS_KEY", key),
            ("DOCUMENT_MASTER_KEYS", "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
            ("OBJECT_DIR", "objects"),
        ])
    }

    #[test]
    fn mailboxes_on_this_machine_are_for_development() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let usual = load::<Config>(&env()).expect("enough is set");
        assert!(!usual.mail_names.may_talk_to(here));
        let here_too = env().with("MAIL_ALLOW_LOOPBACK", "true");
        let error = load::<Config>(&here_too).err().expect("not in production");
        assert!(error.problems.iter().any(|(name, _)| name == "MAIL_ALLOW_LOOPBACK"), "{error}");
        let home = load::<Config>(&here_too.with("RECOUP_ENV", "development")).expect("in development");
        assert!(home.mail_names.may_talk_to(here));
        assert!(!home.mail_names.may_talk_to(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))), "not the network around");
    }
}
