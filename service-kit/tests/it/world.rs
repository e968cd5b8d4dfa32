//! One service with handlers that write down what they saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::Utc;
use service_kit::bus::Bus;
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::Role;
use service_kit::consumer::Consumers;
use service_kit::handler::{Delivered, Failure, Handles, HandlesRun, Outcome, Routes};
use service_kit::jobs::Worker;
use service_kit::parked::Redriver;
use service_kit::publisher::Publisher;
use service_kit::runtime;
use service_kit::shutdown::Shutdown;
use service_kit::store::{Cause, Store, Work};
use service_kit::testing::Namespace;
use shared_events::tracking::{ActivateCampaign, CampaignActivated, CampaignPaused, PauseCampaign};
use shared_events::{CampaignId, Envelope, Message, MessageId, Service, TenantId};
use sqlx::PgPool;
use uuid::Uuid;

/// What the handlers do and saw.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    seen: Vec<(Uuid, &'static str)>,
    failing: HashMap<Uuid, &'static str>,
}

impl Notes {
    pub fn fail(&self, campaign: CampaignId, how: &'static str) {
        self.0.lock().unwrap().failing.insert(campaign.0, how);
    }

    pub fn heal(&self) {
        self.0.lock().unwrap().failing.clear();
    }

    pub fn seen(&self, campaign: CampaignId) -> Vec<&'static str> {
        self.0.lock().unwrap().seen.iter().filter(|(id, _)| *id == campaign.0).map(|(_, what)| *what).collect()
    }

    fn meet(&self, campaign: CampaignId, what: &'static str) -> Result<(), Failure> {
        // A panic under the lock would poison it for what is heard later.
        let how = self.0.lock().unwrap().failing.get(&campaign.0).copied();
        match how {
            Some("reject") => Err(Failure::reject("not_now", "refused on purpose")),
            Some("retry") => Err(anyhow::anyhow!("fails on purpose").into()),
            Some("panic") => panic!("panics on purpose"),
            _ => {
                self.0.lock().unwrap().seen.push((campaign.0, what));
                Ok(())
            }
        }
    }
}

struct Activate(Notes);
impl Handles<ActivateCampaign> for Activate {
    async fn handle(&self, work: &mut Work, message: &Delivered<ActivateCampaign>) -> Result<Outcome, Failure> {
        let campaign_id = message.data.campaign_id;
        self.0.meet(campaign_id, "activate")?;
        work.emit(&Cause::from(&message.envelope), 1, &CampaignActivated { campaign_id });
        Ok(Outcome::ids(&serde_json::json!({"campaign_id": campaign_id})))
    }
}

struct Pause(Notes);
impl Handles<PauseCampaign> for Pause {
    async fn handle(&self, work: &mut Work, message: &Delivered<PauseCampaign>) -> Result<Outcome, Failure> {
        let campaign_id = message.data.campaign_id;
        self.0.meet(campaign_id, "pause")?;
        work.emit(&Cause::from(&message.envelope), 2, &CampaignPaused { campaign_id });
        Ok(Outcome::none())
    }
}

struct Saw(Notes);
impl HandlesRun<CampaignActivated> for Saw {
    async fn handle_run(&self, work: &mut Work, run: &[Delivered<CampaignActivated>]) -> Result<(), Failure> {
        for message in run {
            assert_eq!(work.tenant(), &message.envelope.tenant);
            self.0.meet(message.data.campaign_id, "activated")?;
        }
        Ok(())
    }
}
impl Handles<CampaignPaused> for Saw {
    async fn handle(&self, _: &mut Work, message: &Delivered<CampaignPaused>) -> Result<Outcome, Failure> {
        self.0.meet(message.data.campaign_id, "paused")?;
        Ok(Outcome::none())
    }
}

/// Tracking handling commands and commission handling events, over one database.
pub struct World {
    pub namespace: Namespace,
    pub tracking: Store,
    pub commission: Store,
    pub asked: Notes,
    pub heard: Notes,
    pub shutdown: Shutdown,
    publisher: Publisher,
    through: Option<String>,
}

impl World {
    pub async fn start(pool: PgPool) -> Self {
        Self::start_through(pool, None).await
    }

    /// The broker is reached at that address, not at its own.
    pub async fn start_through(pool: PgPool, through: Option<String>) -> Self {
        let namespace = Namespace::provisioned().await;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let world = Self {
            tracking: Store::new(pool.clone(), Arc::clone(&clock), Service::Tracking),
            commission: Store::new(pool, clock, Service::Commission),
            asked: Notes::default(),
            heard: Notes::default(),
            shutdown: Shutdown::new(),
            publisher: Publisher::new(reach(&namespace, Role::Bff, through.as_deref())),
            namespace,
            through,
        };
        world.serve().await.expect("the services start");
        world
    }

    pub async fn serve(&self) -> anyhow::Result<()> {
        let commands = Routes::new()
            .on::<ActivateCampaign>(Activate(self.asked.clone()))
            .on::<PauseCampaign>(Pause(self.asked.clone()));
        let bus = self.bus(Role::Tracking);
        runtime::start(&self.tracking, &bus, commands, Worker::new(self.tracking.clone()), &self.shutdown).await?;
        let events = Routes::new()
            .on_run::<CampaignActivated>(Saw(self.heard.clone()))
            .on::<CampaignPaused>(Saw(self.heard.clone()));
        // Both share a database here, and only tracking may publish its outbox: commission goes without a relay.
        let redriver = Redriver::new(self.commission.clone(), events.clone());
        let stop = self.shutdown.soft().clone();
        self.shutdown.spawn("redriver", async move {
            redriver.run(stop).await;
            Ok::<(), String>(())
        });
        Consumers::new(self.commission.clone(), self.bus(Role::Commission), events).start(&self.shutdown).await
    }

    fn bus(&self, role: Role) -> Arc<Bus> {
        reach(&self.namespace, role, self.through.as_deref())
    }

    /// Sends a command as the edge does, and returns its id.
    pub async fn send<M: Message>(&self, message: &M) -> MessageId {
        let envelope = envelope(message, Uuid::now_v7());
        self.send_as(&envelope, message).await;
        envelope.id
    }

    pub async fn send_as<M: Message>(&self, envelope: &Envelope, message: &M) {
        self.try_send_as(envelope, message).await.expect("the broker takes it");
    }

    pub async fn try_send_as<M: Message>(&self, envelope: &Envelope, message: &M) -> anyhow::Result<()> {
        self.publisher.publish(M::TOPIC, envelope, serde_json::to_vec(message).unwrap()).await
    }
}

fn reach(namespace: &Namespace, role: Role, through: Option<&str>) -> Arc<Bus> {
    let mut config = namespace.role(role);
    if let Some(address) = through {
        config.service_url = address.to_owned();
    }
    Bus::new(config)
}

pub fn tenant() -> TenantId {
    TenantId::try_new("demo").unwrap()
}

pub fn envelope<M: Message>(message: &M, id: Uuid) -> Envelope {
    #[expect(clippy::disallowed_methods, reason = "the sender of a test message reads the machine's clock")]
    let now = Utc::now();
    Envelope { actor: Some("tester".into()), ..Envelope::begin("/services/bff", message, MessageId(id), tenant(), now) }
}

/// A handler that sees nothing.
pub fn ignoring() -> impl Handles<ActivateCampaign> {
    Activate(Notes::default())
}
