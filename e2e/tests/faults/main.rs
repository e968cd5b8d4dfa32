//! The fault tests: real processes, a broker and a database of their own, `kill -9` and SIGSTOP under load, and a checker that looks from
//! outside. Those of a lane share two servers that they kill, so they go one by one, under a runner of their own.
//!
//! `cargo test -p e2e --test faults -- f04 f09` runs some; RECOUP_SOAK=1 repeats each many times; RECOUP_SEED=… repeats a run.

mod broker;
mod claims;
mod evidence;
mod freezes;
mod kills;
mod orders;
mod pipeline;
mod poison;
mod postgres;
mod runner;
mod safeguards;
mod scene;
mod worlds;

use std::process::ExitCode;

use runner::{Fault, Lane, fault};

/// What the services do with what they are for.
fn services() -> Lane {
    let faults = vec![
        fault!("evidence_killed_at_every_step", evidence::killed_at_every_step),
        fault!("claims_killed_at_every_step", claims::killed_at_every_step),
        fault!("orders_killed_at_every_step", orders::killed_at_every_step),
        fault!("orders_database_killed", orders::database_killed),
        fault!("sales_under_every_strike", pipeline::sales_under_every_strike),
    ];
    Lane { name: "services", faults }
}

/// What the kit promises about messages, and what happens without each of its safeguards.
fn messages() -> Lane {
    let faults = vec![
        fault!("f01_relay_killed_after_receipt", kills::relay_killed_after_receipt),
        fault!("f02_consumer_killed_after_commit", kills::consumer_killed_after_commit),
        fault!("f03_consumer_killed_in_transaction", kills::consumer_killed_in_transaction),
        fault!("f04_broker_killed_while_publishing", broker::killed_while_publishing),
        fault!("f05_broker_away_for_a_minute", broker::away_for_a_minute),
        fault!("f07_producers_rebuilt", kills::producers_rebuilt),
        fault!("f08_topics_unloaded", broker::topics_unloaded),
        fault!("f09_broker_frozen", broker::frozen),
        fault!("f09_consumer_frozen_in_transaction", freezes::consumer_frozen_in_transaction),
        fault!("f09_relay_frozen_past_its_lease", freezes::relay_frozen_past_its_lease),
        fault!("f12_foreign_batch_killed_half_way", poison::foreign_batch_killed_half_way),
        fault!("f13_message_that_aborts_the_process", poison::message_that_aborts_the_process),
        fault!("f13_innocents_beside_an_abort", poison::innocents_beside_an_abort),
        fault!("f14_key_that_always_fails", poison::key_that_always_fails),
        fault!("f16_cursor_reset_by_an_hour", broker::cursor_reset_by_an_hour),
        fault!("f17_postgres_killed", postgres::killed),
        fault!("f21_subscription_missing", broker::subscription_missing),
        fault!("finished_worlds_are_forgotten", worlds::forgotten),
        fault!("two_instances_publish_once", safeguards::two_instances_publish_once),
        fault!("without_inbox", safeguards::without_inbox),
        fault!("without_entry_aware_ack", safeguards::without_entry_aware_ack),
        fault!("without_ack_after_commit", safeguards::without_ack_after_commit),
        fault!("without_lease", safeguards::without_lease),
        fault!("without_trying_suspects_alone", safeguards::without_trying_suspects_alone),
        fault!("without_fresh_producer_names", safeguards::without_fresh_producer_names),
    ];
    Lane { name: "messages", faults }
}

fn main() -> anyhow::Result<ExitCode> {
    runner::run([services(), messages()])
}
