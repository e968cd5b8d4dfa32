//! `recoup bench`: what the system reaches, beside what the same machine reaches without any business logic, in one run.

mod bare;
mod detection;
mod documents;
mod latency;
mod load;
mod matching;
mod orders;
mod pipeline;
mod report;
mod stack;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::output::Exit;

/// Measures this machine.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// From HTTP through Pulsar to committed commissions, beside the bare loop of the same rows and messages.
    Pipeline(Pipeline),
    /// Orders from POST to dispatched, through every step, with stand-ins for the payer and the carrier on this machine.
    Orders(orders::Orders),
    /// How many fields of real invoices are read right. Needs no stack.
    Documents(documents::Documents),
    /// How well records that belong together are found, and how honest the probabilities are. Needs no stack.
    Matching(matching::Matching),
    /// How much of what is truly owed is found, and nothing else, over worlds whose truth is known. Needs no stack.
    Detection(detection::Detection),
}

/// Settings of `bench pipeline`.
#[derive(Debug, Args)]
pub struct Pipeline {
    /// Writes the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Seconds of steady state that are measured (bare loop and pipeline each).
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Only these parts, by comma: bare, pipeline, posts, latency.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

impl Pipeline {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == part)
    }
}

/// Runs the benchmark that was asked for.
///
/// # Errors
/// When the stack is not up, or an event was lost or counted twice.
pub async fn run(bench: Bench) -> anyhow::Result<Exit> {
    let settings = match bench.what {
        What::Pipeline(settings) => settings,
        What::Orders(settings) => return orders::run(&settings).await,
        What::Documents(settings) => return documents::run(&settings),
        What::Detection(settings) => return detection::run(&settings).map(|()| Exit::Done),
        What::Matching(settings) => return matching::run(&settings).map(|()| Exit::Done),
    };
    let mut report = report::Report::of_this_machine();
    if settings.wants("bare") {
        eprintln!("bare loop: the same rows and messages, no business logic ...");
        report.bare_loop_events_per_s = Some(bare::run(settings.seconds).await?);
    }
    let mut system = stack::System::start().await?;
    report.ready_ms = Some(system.ready_ms);
    let mut timed = 0;
    if settings.wants("latency") {
        for (rate, seconds) in [(20, 20), (1_000, 15)] {
            eprintln!("latency at {rate} events/s ...");
            timed += i64::from(latency::events(rate, seconds));
            report.latency_ms.insert(format!("at_{rate}"), latency::run(&system, rate, seconds).await?);
        }
    }
    if settings.wants("posts") {
        eprintln!("single-event POSTs ...");
        report.http_posts_per_s = Some(pipeline::posts(&mut system).await?);
    }
    if settings.wants("pipeline") {
        eprintln!("pipeline: batched ingest to committed commissions ...");
        report.events_per_s = Some(pipeline::run(&mut system, settings.seconds).await?);
    }
    let books = system.check_books(timed).await?;
    report.lost = Some(books.lost);
    report.duplicated = Some(books.duplicated);
    report.rss_mb = Some(system.peak_rss_mb()?);
    system.stop().await?;
    report.finish();
    println!("{report}");
    if let Some(path) = &settings.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    anyhow::ensure!(books.lost == 0 && books.duplicated == 0, "events were lost or counted twice");
    Ok(Exit::Done)
}
