//! Applies messages and timers to the scratch database, in the order and at the times of the live service.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use service_kit::clock::{Clock, ManualClock};
use service_kit::reader::{Span, open_lanes};
use service_kit::replay::Applier;
use service_kit::store::Store;
use shared_events::{Service, Topic};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::epochs::Epochs;
use super::live::{self, Live};
use super::said::Said;
use super::scratch::Scratch;
use super::timeline::{LeftOut, Run, Timeline};
use crate::looking::Broker;

/// What commission listens to.
pub fn topics() -> [Topic; 2] {
    [Topic::events(Service::Tracking), Topic::commands(Service::Commission)]
}

/// Applies messages and timers in order.
pub struct Player {
    clock: Arc<ManualClock>,
    store: Store,
    applier: Applier,
    to: Option<DateTime<Utc>>,
    /// Messages applied, with the time of their handling.
    pub applied: Vec<(Uuid, DateTime<Utc>)>,
    /// Messages applied, by topic.
    pub counts: BTreeMap<&'static str, u64>,
    /// Messages that were not.
    pub left_out: LeftOut,
    /// Sweeps of ended holds.
    pub swept: usize,
    /// Payout files.
    pub filed: usize,
    stop: CancellationToken,
}

impl Player {
    /// Plays into `scratch` what happened until `to`.
    pub fn new(scratch: &Scratch, own: &commission::Config, to: Option<DateTime<Utc>>) -> Self {
        let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH));
        let store = Store::new(scratch.pool.clone(), Arc::clone(&clock) as Arc<dyn Clock>, Service::Commission);
        let applier = Applier::new(store.clone(), commission::routes(own));
        let counts = topics().into_iter().map(|topic| (topic.name(), 0)).collect();
        Self {
            clock,
            store,
            applier,
            to,
            applied: Vec::new(),
            counts,
            left_out: LeftOut::default(),
            swept: 0,
            filed: 0,
            stop: CancellationToken::new(),
        }
    }

    /// Plays everything that is kept.
    pub async fn play(&mut self, broker: &Broker, live: &mut Live, said: &Said) -> anyhow::Result<()> {
        let mut epochs = Epochs::default();
        let mut timers = schedule(live, said, &mut epochs);
        let lanes = open_lanes(&broker.bus, &broker.admin, &topics(), Span::ALL).await?;
        let mut timeline = Timeline::new(lanes, epochs);
        let mut first = true;
        while let Some(Run { when, at, records }) = timeline.next(live, said, &self.applier).await? {
            if std::mem::take(&mut first) {
                self.seed(live, timeline.begins.unwrap_or(at)).await?;
            }
            if self.to.is_some_and(|to| at > to) {
                // Later ones of other partitions may still belong before.
                continue;
            }
            while let Some(timer) = timers.pop_front_if(|timer| timer.when < when) {
                self.timer(timer).await?;
            }
            self.clock.set(at);
            if let Some(one) = records.first() {
                *self.counts.entry(one.topic.name()).or_default() += records.len() as u64;
            }
            self.applied.extend(records.iter().map(|record| (record.id, at)));
            self.applier.apply(records, &self.stop).await?;
        }
        for timer in timers {
            self.timer(timer).await?;
        }
        self.left_out = timeline.left_out;
        Ok(())
    }

    /// Rules that came before the oldest message that is kept are taken from the live tables: a version never changes.
    async fn seed(&self, live: &mut Live, begins: DateTime<Utc>) -> anyhow::Result<()> {
        for tenant in live.tenants.clone() {
            live::set_tenant(&mut live.connection, &tenant).await?;
            let rules: Vec<Value> =
                sqlx::query_scalar("SELECT to_jsonb(r) FROM reward_rules AS r WHERE received_at < $1")
                    .bind(begins)
                    .fetch_all(&mut live.connection)
                    .await?;
            sqlx::query("INSERT INTO reward_rules SELECT * FROM jsonb_populate_recordset(NULL::reward_rules, $1)")
                .bind(Value::Array(rules))
                .execute(&self.store.pool().clone())
                .await?;
            sqlx::query("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING")
                .bind(&tenant)
                .execute(self.store.pool())
                .await?;
        }
        Ok(())
    }

    /// Lets a timer run that ran then: the sweep of ended holds, or the marking of payouts as submitted.
    async fn timer(&mut self, timer: Timer) -> anyhow::Result<()> {
        if self.to.is_some_and(|to| timer.at > to) {
            return Ok(());
        }
        self.clock.set(timer.at);
        match timer.does {
            Does::Sweep => {
                commission::sweep::sweep(&self.store, &self.stop).await?;
                self.swept += 1;
            }
            Does::File => {
                let worker = commission::replay_worker(self.store.clone());
                while worker.run_next().await? {}
                self.filed += 1;
            }
        }
        Ok(())
    }
}

/// Something that the live service did by itself.
struct Timer {
    /// By the true time.
    when: DateTime<Utc>,
    /// By the service's clock.
    at: DateTime<Utc>,
    does: Does,
}

#[derive(Clone, Copy)]
enum Does {
    Sweep,
    File,
}

fn schedule(live: &Live, said: &Said, epochs: &mut Epochs) -> VecDeque<Timer> {
    let sweeps = live.sweeps.iter().map(|at| (*at, Does::Sweep));
    let mut timers: Vec<Timer> = sweeps
        .chain(live.files.iter().map(|at| (*at, Does::File)))
        .map(|(at, does)| Timer { when: epochs.true_time(at, said.timers.get(&at).copied().unwrap_or(at)), at, does })
        .collect();
    timers.sort_by_key(|timer| timer.when);
    timers.into()
}
