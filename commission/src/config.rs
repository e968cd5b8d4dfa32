//! What commission reads from the environment, beyond what every service reads.

use std::path::PathBuf;

use service_kit::config::{FromEnv, Reader, Var};
use service_kit::sealed::{ACCOUNT_DETAILS_KEY, SealingKey};

const PAYOUT_DIR: Var =
    Var::or("PAYOUT_DIR", "payouts", "folder that payout files are written to; only the service may read it");
const APPROVAL_LIMIT: Var = Var::or(
    "PAYOUT_APPROVAL_LIMIT_MINOR",
    "100000",
    "payouts above this many minor units need the approval of somebody other than the requester",
);

/// What commission reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Opens the account details that the edge sealed.
    pub account_key: SealingKey,
    /// Where payout files go.
    pub payout_dir: PathBuf,
    /// Above this a payout needs approval.
    pub approval_limit_minor: i64,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        vec![ACCOUNT_DETAILS_KEY, PAYOUT_DIR, APPROVAL_LIMIT]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (account_key, payout_dir) = (reader.required(&ACCOUNT_DETAILS_KEY), reader.required(&PAYOUT_DIR));
        let approval_limit_minor = reader.required(&APPROVAL_LIMIT);
        if approval_limit_minor.is_some_and(|limit: i64| limit < 0) {
            reader.complain(APPROVAL_LIMIT.name, "must not be negative");
        }
        Some(Self { account_key: account_key?, payout_dir: payout_dir?, approval_limit_minor: approval_limit_minor? })
    }
}

/// What account details are sealed for: they open for this tenant and partner only. The edge seals with the same words.
pub fn account_purpose(tenant: &shared_events::TenantId, partner: &shared_events::PartnerId) -> String {
    format!("{tenant}/{partner}")
}
