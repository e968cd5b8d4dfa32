//! The bank under load: what most faults strike.

use std::time::Duration;

use e2e::check::{Report, check_bank};
use e2e::load::{Load, Sender};
use e2e::process::{Process, killed};
use e2e::random::Random;
use e2e::servers::Servers;
use e2e::wait::until;
use e2e::world::World;
use service_kit::config::Role;
use shared_events::Service;

use crate::runner::Passed;

/// How long everything may take to come to rest on a busy machine once the last fault is over.
pub const BOUND: Duration = Duration::from_secs(120);
/// How long a planned strike, or some progress, may be waited for.
pub const SOON: Duration = Duration::from_secs(120);

/// Accounts: few enough that each sees many deposits.
const ACCOUNTS: u64 = 50;

pub struct Scene<'s> {
    pub world: World<'s>,
    pub sender: Sender,
    pub tracking: Process,
    pub commission: Process,
    load: Load,
}

impl<'s> Scene<'s> {
    /// Both services serve and deposits come in.
    pub async fn begin(servers: &'s Servers, random: &mut Random) -> anyhow::Result<Self> {
        Self::begin_with(servers, random, &[]).await
    }

    /// As [`Scene::begin`], with more variables for both services.
    pub async fn begin_with(
        servers: &'s Servers,
        random: &mut Random,
        extra: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let world = World::of_the_bank(servers).await?;
        let (tracking, commission) = (world.bank(Service::Tracking)?, world.bank(Service::Commission)?);
        let (tracking, commission) = tokio::join!(tracking.start(extra), commission.start(extra));
        let sender = Sender::new(servers.pulsar(Role::Bff, &world.name)?);
        let load = Load::begin(&sender, ACCOUNTS, random);
        let scene = Self { world, sender, tracking: tracking?, commission: commission?, load };
        scene.more(50).await?;
        Ok(scene)
    }

    pub fn service(&mut self, service: Service) -> &mut Process {
        match service {
            Service::Tracking => &mut self.tracking,
            Service::Commission => &mut self.commission,
            other => unreachable!("{other:?} has no part in this story"),
        }
    }

    /// Waits until so many more deposits are confirmed.
    pub async fn more(&self, deposits: u64) -> anyhow::Result<()> {
        let goal = self.load.count() + deposits;
        until("the load goes on", SOON, async || Ok((self.load.count() >= goal).then_some(()))).await
    }

    /// Waits until so many more events are applied.
    pub async fn more_applied(&self, events: i64) -> anyhow::Result<()> {
        let goal = self.applied().await? + events;
        until("events are applied", SOON, async || Ok((self.applied().await? >= goal).then_some(()))).await
    }

    async fn applied(&self) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM applied").fetch_one(&self.world.commission).await?)
    }

    /// Starts `service` anew with `extra` variables, in place of the process that is gone.
    pub async fn restart(&mut self, service: Service, extra: &[(&str, String)]) -> anyhow::Result<()> {
        let process = self.world.bank(service)?.start(extra).await?;
        *self.service(service) = process;
        Ok(())
    }

    /// Lets `service` die at `point`, `rounds` times, each at another pass; then it runs undisturbed.
    pub async fn die_at(
        &mut self,
        service: Service,
        point: &str,
        rounds: u64,
        random: &mut Random,
        extra: &[(&str, String)],
    ) -> anyhow::Result<()> {
        for _ in 0..rounds {
            self.service(service).kill()?;
            self.more(random.within(1..50)).await?;
            let mut variables = vec![("RECOUP_FAULT", format!("{point}:kill:{}", random.within(1..25)))];
            variables.extend_from_slice(extra);
            self.restart(service, &variables).await?;
            let status = self.service(service).ended(SOON).await?;
            anyhow::ensure!(killed(status), "{} ended with {status}, not at {point}", service.name());
        }
        self.restart(service, extra).await
    }

    /// Ends the load, waits for rest and checks every promise.
    pub async fn finish(self) -> anyhow::Result<Report> {
        self.finish_within(BOUND).await
    }

    /// Ends it as [`Scene::finish`] does; every promise must have been kept.
    pub async fn passed(self, strikes: u64) -> anyhow::Result<Passed> {
        let report = self.finish().await?.sound()?;
        Ok(Passed { strikes, found: report.to_string() })
    }

    pub async fn finish_within(self, bound: Duration) -> anyhow::Result<Report> {
        self.load.finish().await?;
        check_bank(&self.world, &self.sender.confirmed(), bound).await
    }
}
