//! `recoup`: serves Recoup's services, prepares what they stand on, and looks into what they said.
//!
//! Exit codes are the same for every command: 0 done, 1 failed, 2 wrong usage or configuration, 3 a comparison found differences.

mod bench;
mod cli;
mod demo;
mod r#gen;
mod looking;
mod migrate;
mod output;
mod parked;
mod provision;
mod read;
mod read_document;
mod replay;
mod rotate_keys;
mod sandbox;
mod serve;
mod token;
mod topics;
mod trace;
#[cfg(test)]
mod variables;
mod verify;

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
    Serve(serve::Args),
    Demo(demo::Args),
    Bench(bench::Bench),
    Migrate(migrate::Args),
    Provision(provision::Args),
    Token(token::Args),
    Topics(topics::Args),
    Read(read::Args),
    #[command(hide = true)]
    ReadDocument(read_document::Args),
    Trace(trace::Args),
    Parked(parked::Args),
    Replay(replay::Args),
    RotateKeys(rotate_keys::Args),
    Sandbox(sandbox::Args),
    Verify(verify::Args),
    Gen(r#gen::Args),
}

/// The general-purpose allocator of the C library keeps what many threads free of each other's memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    install_tls_provider();
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Provision(args) => provision::run(args).await,
        Command::Token(args) => token::run(&args),
        Command::Topics(args) => topics::run(args).await,
        Command::Read(args) => read::run(args).await,
        Command::ReadDocument(args) => read_document::run(&args),
        Command::Trace(args) => trace::run(args).await,
        Command::Parked(args) => parked::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::RotateKeys(args) => rotate_keys::run(args).await,
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Verify(args) => verify::run(&args),
        Command::Gen(args) => r#gen::run(args).await,
    };
    done.unwrap_or_else(|error| Exit::of(&error)).into()
}
