//! `recoup`: serves Recoup's services, prepares what they stand on, and looks into what they said.
//!
//! Exit codes are the same for every command: 0 done, 1 failed, 2 wrong usage or configuration, 3 a comparison found differences.

mod cli;
mod migrate;
mod output;
mod provision;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_kit::http_client::install_tls_provider;

use crate::output::Exit;

/// Tracks what partners bring and pays them their commission.
#[derive(Parser)]
#[command(name = "recoup", version, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Every setting comes from the environment (see .env.example). Exit codes: 0 done, 1 failed, 2 wrong usage or \
                          configuration, 3 a comparison found differences.";

#[derive(Subcommand)]
enum Command {
    Migrate(migrate::Args),
    Provision(provision::Args),
    Token(token::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    install_tls_provider();
    let done = match Cli::parse().command {
        Command::Migrate(args) => migrate::run(args).await,
        Command::Provision(args) => provision::run(args).await,
        Command::Token(args) => token::run(&args),
    };
    done.unwrap_or_else(|error| Exit::of(&error)).into()
}
