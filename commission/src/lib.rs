//! What partners earn and are paid: rewards, holds, claw-backs, the partner ledger, payouts.

pub mod accounts;
mod allocate;
pub mod api;
pub mod approve;
pub mod approve_payout;
pub mod calculate;
pub mod config;
pub mod confirm_payout;
pub mod domain;
pub mod escalate_payout;
pub mod fail_payout;
pub mod payout_file;
mod payout_row;
pub mod reattribute;
pub mod refund;
pub mod reject;
pub mod reject_payout;
pub mod request_payment;
pub mod restore;
pub mod rule_book;
mod stored;
pub mod submit_payouts;
pub mod sweep;

use std::sync::Arc;

use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::commission::{
    ApproveCommission, ApprovePayout, ConfirmPayout, FailPayout, RejectCommission, RejectPayout, RequestPayment,
    SubmitPayouts,
};
use shared_events::tracking::{
    ConversionAttributed, ConversionRefundWithdrawn, ConversionRefunded, ConversionUnattributed, RewardRulesRevised,
};

pub use config::Config;
use rule_book::RuleBook;

/// Which message goes where.
pub fn routes(config: &Config) -> Routes {
    let rules = RuleBook::default();
    Routes::new()
        .on::<RewardRulesRevised>(rule_book::LearnRules)
        .on_run::<ConversionAttributed>(calculate::Calculate { rules })
        .on::<ConversionUnattributed>(reattribute::TakeBack)
        .on_run::<ConversionRefunded>(refund::TakeRefunds)
        .on::<ConversionRefundWithdrawn>(restore::GiveBack)
        .on::<ApproveCommission>(approve::Approve)
        .on::<RejectCommission>(reject::Reject)
        .on::<RequestPayment>(request_payment::Request { approval_limit_minor: config.approval_limit_minor })
        .on::<ApprovePayout>(approve_payout::Approve)
        .on::<RejectPayout>(reject_payout::Reject)
        .on::<SubmitPayouts>(submit_payouts::Submit)
        .on::<ConfirmPayout>(confirm_payout::Confirm)
        .on::<FailPayout>(fail_payout::Fail)
}

/// Which job runs where.
pub fn worker(store: Store, config: &Arc<Config>) -> Worker {
    Worker::new(store).on(payout_file::WriteFile { config: Arc::clone(config) }).on(escalate_payout::Escalate)
}

/// Which job runs where in a replay, which leaves no files behind.
pub fn replay_worker(store: Store) -> Worker {
    Worker::new(store).on(payout_file::MarkOnly)
}
