//! A load of deposits whose truth is known: a deposit is sent under the same id until the broker has confirmed it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use service_kit::bus::Bus;
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::PulsarConfig;
use service_kit::publisher::Publisher;
use shared_events::{Envelope, Message, MessageId, TenantId};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::bank::{Deposit, Mood};
use crate::random::Random;

/// How many deposits are on their way at the same time.
const SENDERS: u64 = 6;
/// Pause of each sender between two deposits: about 120 deposits a second on an idle machine. Faults need a steady stream, not a flood: a
/// service in trouble takes messages one by one and must still keep up on a busy machine.
const PAUSE: Duration = Duration::from_millis(40);

/// A deposit that the broker has confirmed.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The command's id.
    pub id: Uuid,
    /// What was sent.
    pub deposit: Deposit,
}

/// Sends single deposits.
#[derive(Clone)]
pub struct Sender {
    publisher: Publisher,
    confirmed: Arc<Mutex<Vec<Sent>>>,
    count: Arc<AtomicU64>,
}

/// A load that runs until it is told to finish.
pub struct Load {
    sender: Sender,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Sender {
    /// Sends as the edge does.
    pub fn new(config: PulsarConfig) -> Self {
        Self { publisher: Publisher::new(Bus::new(config)), confirmed: Arc::default(), count: Arc::default() }
    }

    /// Sends a deposit until it is confirmed, however long that takes.
    pub async fn send(&self, deposit: Deposit) {
        let envelope = envelope(&deposit);
        let payload = serde_json::to_vec(&deposit).expect("a deposit serialises");
        while self.publisher.publish(Deposit::TOPIC, &envelope, payload.clone()).await.is_err() {
            // The broker is away; the same command is sent again.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.confirmed
            .lock()
            .expect("nothing panics while it holds the list")
            .push(Sent { id: envelope.id.0, deposit });
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that was confirmed so far.
    pub fn confirmed(&self) -> Vec<Sent> {
        self.confirmed.lock().expect("nothing panics while it holds the list").clone()
    }

    /// How many were confirmed so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Load {
    /// Deposits good money into `accounts` accounts until [`Load::finish`].
    pub fn begin(sender: &Sender, accounts: u64, random: &mut Random) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..SENDERS {
            let (sender, stop, mut random) = (sender.clone(), Arc::clone(&stop), Random::seeded(random.number()));
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let amount = i64::try_from(random.within(1..1_000)).unwrap_or(1);
                    let account = format!("account-{}", random.within(0..accounts));
                    sender.send(Deposit { account, amount, mood: Mood::Good }).await;
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        Self { sender: sender.clone(), stop, tasks }
    }

    /// How many deposits were confirmed so far.
    pub fn count(&self) -> u64 {
        self.sender.count()
    }

    /// Stops, once everything on its way is confirmed.
    ///
    /// # Errors
    /// When the broker does not confirm it within two minutes.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(120), all).await.context("the last deposits were not confirmed")
    }
}

/// The envelope of a new command.
pub fn envelope<M: Message>(message: &M) -> Envelope {
    let tenant = TenantId::try_new("demo").expect("a fine name");
    let begun = Envelope::begin("/services/bff", message, MessageId(Uuid::now_v7()), tenant, SystemClock.now());
    Envelope { actor: Some("e2e".into()), ..begun }
}
