//! Runs the faults of each lane one after another on the same two servers, the lanes beside each other, and prints what came out.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use e2e::random::{Random, seed};
use e2e::servers::Servers;
use service_kit::config::Env;

/// No fault may take longer; one that hangs must not hold up the others for ever.
const LIMIT: Duration = Duration::from_secs(900);
/// In a soak, with many rounds each.
const SOAK_LIMIT: Duration = Duration::from_secs(7_200);

/// What a fault is given.
pub struct Case<'s> {
    pub servers: &'s Servers,
    pub random: Random,
    soak: bool,
}

impl Case<'_> {
    /// How often to strike: a few times, or many in a soak.
    pub fn rounds(&self, few: u64, many: u64) -> u64 {
        if self.soak { many } else { few }
    }
}

/// What a fault gives back when all promises were kept: strikes done, and what the checker counted.
pub struct Passed {
    pub strikes: u64,
    pub found: String,
}

pub type Running<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Passed>> + 'a>>;

pub struct Fault {
    pub name: &'static str,
    pub run: for<'a> fn(&'a mut Case<'a>) -> Running<'a>,
}

/// Faults that share a broker and a Postgres. Much of a fault's time is waiting, so lanes go side by side.
pub struct Lane {
    pub name: &'static str,
    pub faults: Vec<Fault>,
}

macro_rules! fault {
    ($name:literal, $run:path) => {
        Fault { name: $name, run: |case| Box::pin($run(case)) }
    };
}
pub(crate) use fault;

/// Runs those whose names contain one of the arguments; all without arguments.
pub fn run<const N: usize>(mut lanes: [Lane; N]) -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        lanes.iter().flat_map(|lane| &lane.faults).for_each(|fault| println!("{}: test", fault.name));
        return Ok(ExitCode::SUCCESS);
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for lane in &mut lanes {
        lane.faults.retain(|fault| wanted.is_empty() || wanted.iter().any(|part| fault.name.contains(*part)));
    }
    let chosen: Vec<Lane> = lanes.into_iter().filter(|lane| !lane.faults.is_empty()).collect();
    if chosen.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        // Dropping the servers and processes kills them.
        tokio::select! {
            outcome = run_all(chosen) => outcome,
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::FAILURE),
            _ = terminate.recv() => Ok(ExitCode::FAILURE),
        }
    })
}

async fn run_all(lanes: Vec<Lane>) -> anyhow::Result<ExitCode> {
    let (seed, soak) = (seed(), Env::process().get("RECOUP_SOAK").is_some());
    println!("faults: RECOUP_SEED={seed}{}", if soak { ", soak" } else { "" });
    let mut running = Vec::new();
    for lane in lanes {
        running.push((Servers::start(lane.name).await?, lane.faults));
    }
    let outcomes = running.into_iter().map(|(servers, faults)| run_lane(servers, faults, seed, soak));
    let failed = futures::future::try_join_all(outcomes).await?.concat();
    if failed.is_empty() {
        println!("faults: all promises were kept");
        return Ok(ExitCode::SUCCESS);
    }
    println!("faults: {} failed: {}; seed {seed}", failed.len(), failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Gives back those that failed.
async fn run_lane(servers: Servers, faults: Vec<Fault>, seed: u64, soak: bool) -> anyhow::Result<Vec<&'static str>> {
    let limit = if soak { SOAK_LIMIT } else { LIMIT };
    let mut failed = Vec::new();
    for fault in faults {
        let began = Instant::now();
        servers.heal().await?;
        // Each has a seed of its own, so that it can be repeated alone.
        let mixed = fault.name.bytes().fold(seed, |mixed, byte| mixed.rotate_left(5) ^ u64::from(byte));
        let mut case = Case { servers: &servers, random: Random::seeded(mixed), soak };
        let outcome = tokio::time::timeout(limit, (fault.run)(&mut case)).await;
        let seconds = began.elapsed().as_secs();
        match outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("took longer than {limit:?}"))) {
            Ok(Passed { strikes, found }) => {
                println!("ok      {:<38} {seconds:>4} s  {strikes:>3} strikes  {found}", fault.name)
            }
            Err(error) => {
                println!("FAILED  {:<38} {seconds:>4} s  {error:#}", fault.name);
                failed.push(fault.name);
            }
        }
    }
    let dir = servers.dir().to_owned();
    drop(servers);
    if failed.is_empty() {
        drop(std::fs::remove_dir_all(&dir));
    } else {
        println!("faults: logs of {} in {}", failed.join(", "), dir.display());
    }
    Ok(failed)
}
