//! The checker: looks at topics and tables from outside and says which promises were broken.
//!
//! I1 nothing is lost. I2 everything is applied once. I3 each aggregate's events keep their order. I4 nothing is there that nobody sent.
//! I5 after a fault everything comes to rest within a bounded time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use shared_events::{Service, Topic};
use sqlx::PgPool;
use uuid::Uuid;

use crate::bank::Deposited;
use crate::load::Sent;
use crate::topics::{Stored, read_back};
use crate::world::World;

/// A promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// I1: nothing is lost.
    NoneLost,
    /// I2: everything is applied once.
    AppliedOnce,
    /// I3: each aggregate's events keep their order.
    InOrder,
    /// I4: nothing is there that nobody sent.
    NoPhantom,
    /// I5: everything comes to rest in time.
    Recovers,
}

/// What the checker found.
#[derive(Debug, Default)]
pub struct Report {
    /// Broken promises, with how.
    pub broken: BTreeMap<Promise, Vec<String>>,
    /// What was sent and confirmed.
    pub sent: usize,
    /// Messages that stand in a topic more than once; allowed, but worth knowing.
    pub repeats: usize,
    /// Messages that were put aside.
    pub parked: usize,
    /// How long everything took to come to rest.
    pub settled_in: Duration,
}

impl Report {
    /// Notes a broken promise.
    pub fn broke(&mut self, promise: Promise, how: impl Into<String>) {
        self.broken.entry(promise).or_default().push(how.into());
    }

    /// Notes a broken promise unless `kept`.
    pub fn expect(&mut self, kept: bool, promise: Promise, how: impl FnOnce() -> String) {
        if !kept {
            self.broke(promise, how());
        }
    }

    /// The report, unless a promise was broken.
    ///
    /// # Errors
    /// When one was.
    pub fn sound(self) -> anyhow::Result<Self> {
        anyhow::ensure!(self.broken.is_empty(), "{self}");
        Ok(self)
    }

    /// Whether this promise was broken.
    pub fn broken(&self, promise: Promise) -> bool {
        self.broken.contains_key(&promise)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, repeats, parked, settled_in, broken } = self;
        write!(f, "{sent} sent, {repeats} repeated, {parked} parked, at rest after {} ms", settled_in.as_millis())?;
        for (promise, ways) in broken {
            write!(f, "; {promise:?} broken {} times: {}", ways.len(), ways[..ways.len().min(3)].join(" | "))?;
        }
        Ok(())
    }
}

/// Ids of `topic` in the order of their first occurrence, and how many repeats there were.
pub fn first_occurrences(stored: &[Stored]) -> (Vec<&Stored>, usize) {
    let mut seen = HashSet::new();
    let first: Vec<&Stored> = stored.iter().filter(|message| message.id.is_none_or(|id| seen.insert(id))).collect();
    let repeats = stored.len() - first.len();
    (first, repeats)
}

/// I3 in a topic: versions of each key are 1..n, repeats apart. Messages without a version do not count.
pub fn check_order(report: &mut Report, topic: &str, events: &[&Stored]) {
    let mut last: HashMap<&str, u64> = HashMap::new();
    for event in events.iter().filter(|event| event.sequence > 0) {
        let before = last.insert(&event.key, event.sequence).unwrap_or_default();
        report.expect(event.sequence == before + 1, Promise::InOrder, || {
            format!("{topic}: {} of {} stands after {before}", event.sequence, event.key)
        });
    }
}

/// I4: what a service holds for handled stands in a topic that it reads.
///
/// # Errors
/// When the database is away.
pub async fn check_inbox(
    report: &mut Report,
    service: Service,
    database: &PgPool,
    read: &[Stored],
) -> anyhow::Result<()> {
    let there: HashSet<Uuid> = read.iter().filter_map(|message| message.id).collect();
    let inbox: Vec<Uuid> = sqlx::query_scalar("SELECT message_id FROM inbox").fetch_all(database).await?;
    for id in inbox.iter().filter(|id| !there.contains(id)) {
        report.broke(Promise::NoPhantom, format!("{}'s inbox holds {id}, which is in no topic", service.name()));
    }
    Ok(())
}

/// Waits for rest, then compares everything the bank's two services hold with what was sent.
///
/// # Errors
/// When broker or database do not answer; broken promises are in the report.
pub async fn check_bank(world: &World<'_>, sent: &[Sent], bound: Duration) -> anyhow::Result<Report> {
    let mut report = Report { sent: sent.len(), ..Report::default() };
    let began = Instant::now();
    if let Err(error) = world.settled(bound).await {
        report.broke(Promise::Recovers, format!("{error:#}"));
    }
    report.settled_in = began.elapsed();
    let commands = read_back(world.servers, &world.name, Topic::commands(Service::Tracking).name()).await?;
    let events = read_back(world.servers, &world.name, Topic::events(Service::Tracking).name()).await?;
    let answers = read_back(world.servers, &world.name, Topic::events(Service::Commission).name()).await?;
    let truth: HashMap<Uuid, &Sent> = sent.iter().map(|sent| (sent.id, sent)).collect();
    check_deposits(&mut report, world, &truth).await?;
    check_inbox(&mut report, Service::Tracking, &world.tracking, &commands).await?;
    check_inbox(&mut report, Service::Commission, &world.commission, &events).await?;
    for (topic, stored) in [("tracking-events", &events), ("commission-events", &answers)] {
        let (first, repeats) = first_occurrences(stored);
        report.repeats += repeats;
        check_order(&mut report, topic, &first);
    }
    check_events(&mut report, &truth, &events);
    check_balances(&mut report, world, &truth, &events, &answers).await?;
    Ok(report)
}

/// Every deposit is in tracking's database, once, and nothing else.
async fn check_deposits(report: &mut Report, world: &World<'_>, truth: &HashMap<Uuid, &Sent>) -> anyhow::Result<()> {
    let rows: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT deposit, amount FROM deposits").fetch_all(&world.tracking).await?;
    let mut taken: HashMap<Uuid, usize> = HashMap::new();
    for (deposit, amount) in rows {
        *taken.entry(deposit).or_default() += 1;
        match truth.get(&deposit) {
            Some(sent) if sent.deposit.amount == amount => {}
            _ => report.broke(Promise::NoPhantom, format!("deposit {deposit} of {amount} was never sent")),
        }
    }
    for id in truth.keys() {
        match taken.get(id).copied().unwrap_or_default() {
            0 => report.broke(Promise::NoneLost, format!("deposit {id} was confirmed but not taken")),
            1 => {}
            times => report.broke(Promise::AppliedOnce, format!("deposit {id} was taken {times} times")),
        }
    }
    Ok(())
}

/// Every deposit has one event in the topic.
fn check_events(report: &mut Report, truth: &HashMap<Uuid, &Sent>, events: &[Stored]) {
    let mut told: HashMap<Uuid, HashSet<Uuid>> = HashMap::new();
    for event in events.iter().filter(|event| event.kind == "e2e.deposited.v1") {
        match (event.id, serde_json::from_slice::<Deposited>(&event.payload)) {
            (Some(id), Ok(data)) => {
                told.entry(data.deposit).or_default().insert(id);
            }
            _ => report.broke(Promise::NoPhantom, "an event cannot be read"),
        }
    }
    for id in truth.keys() {
        match told.get(id).map_or(0, HashSet::len) {
            0 => report.broke(Promise::NoneLost, format!("the event of deposit {id} is not in the topic")),
            1 => {}
            times => report.broke(Promise::AppliedOnce, format!("deposit {id} was told by {times} events")),
        }
    }
    for deposit in told.keys().filter(|deposit| !truth.contains_key(deposit)) {
        report.broke(Promise::NoPhantom, format!("an event tells of deposit {deposit}, which nobody sent"));
    }
}

/// Every event is applied once by commission, in order, or put aside; balances are what was sent; each application was told.
async fn check_balances(
    report: &mut Report,
    world: &World<'_>,
    truth: &HashMap<Uuid, &Sent>,
    events: &[Stored],
    answers: &[Stored],
) -> anyhow::Result<()> {
    let aside: Vec<Uuid> = sqlx::query_scalar("SELECT message_id FROM parked WHERE state IN ('parked', 'redrive')")
        .fetch_all(&world.commission)
        .await?;
    report.parked = aside.len();
    let aside: HashSet<Uuid> = aside.into_iter().collect();
    let rows: Vec<(Uuid, String, i64)> =
        sqlx::query_as("SELECT event, account, version FROM applied ORDER BY account, place")
            .fetch_all(&world.commission)
            .await?;
    let (mut applied, mut last): (HashMap<Uuid, usize>, HashMap<&str, i64>) = Default::default();
    for (event, account, version) in &rows {
        *applied.entry(*event).or_default() += 1;
        if applied[event] == 1 {
            let before = last.insert(account, *version).unwrap_or_default();
            report.expect(*version == before + 1, Promise::InOrder, || {
                format!("{account}: {version} was applied after {before}")
            });
        }
    }
    let mut expected: HashMap<String, (i64, usize)> = HashMap::new();
    for event in first_occurrences(events).0 {
        let (Some(id), Ok(data)) = (event.id, serde_json::from_slice::<Deposited>(&event.payload)) else { continue };
        let times = applied.remove(&id).unwrap_or_default();
        match (times, aside.contains(&id)) {
            (0, true) => continue,
            (1, false) => {}
            (0, false) => report.broke(Promise::NoneLost, format!("event {id} was neither applied nor put aside")),
            (_, true) => report.broke(Promise::AppliedOnce, format!("event {id} was applied and put aside")),
            (times, false) => report.broke(Promise::AppliedOnce, format!("event {id} was applied {times} times")),
        }
        let balance = expected.entry(data.account).or_default();
        balance.0 += truth.get(&data.deposit).map_or(0, |sent| sent.deposit.amount);
        balance.1 += 1;
    }
    for event in applied.keys() {
        report.broke(Promise::NoPhantom, format!("event {event} was applied but is not in the topic"));
    }
    let balances: Vec<(String, i64)> =
        sqlx::query_as("SELECT account, balance FROM balances").fetch_all(&world.commission).await?;
    let mut told: HashMap<&str, usize> = HashMap::new();
    for answer in first_occurrences(answers).0.into_iter().filter(|answer| answer.kind == "e2e.balanced.v1") {
        *told.entry(&answer.key).or_default() += 1;
    }
    let balances: HashMap<String, i64> = balances.into_iter().collect();
    for (account, (balance, count)) in &expected {
        let (kept, said) = (
            balances.get(account).copied().unwrap_or_default(),
            told.get(account.as_str()).copied().unwrap_or_default(),
        );
        report
            .expect(kept == *balance, Promise::AppliedOnce, || format!("{account} holds {kept} instead of {balance}"));
        report.expect(said >= *count, Promise::NoneLost, || {
            format!("{account}: {said} of {count} answers are in the topic")
        });
        report.expect(said <= *count, Promise::NoPhantom, || format!("{account}: {said} answers for {count} events"));
    }
    Ok(())
}
