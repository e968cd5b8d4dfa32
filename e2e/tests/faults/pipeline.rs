//! Recoup itself under every kind of strike: sales over HTTP, `recoup serve` processes, and books that must be right to the cent.

use std::time::Duration;

use anyhow::ensure;
use e2e::check_sales::check_sales;
use e2e::process::{Process, killed};
use e2e::sales::{Sales, open_campaign};
use e2e::servers::TENANT as BROKER_TENANT;
use e2e::system::System;
use e2e::wait::{let_pass, until};
use reqwest::Method;
use shared_events::Service;

use crate::runner::{Case, Passed};
use crate::scene::{BOUND, SOON};

struct Shop<'s> {
    system: System<'s>,
    tracking: Process,
    commission: Process,
    sales: Sales,
}

/// One way to strike.
#[derive(Debug, Clone, Copy)]
enum Strike {
    Kill(Service),
    KillAt(Service, &'static str),
    Broker,
    Postgres,
    Unload,
    Freeze(Service),
}

const STRIKES: [Strike; 11] = [
    Strike::Kill(Service::Tracking),
    Strike::KillAt(Service::Tracking, "relay.after_receipt"),
    Strike::KillAt(Service::Commission, "consumer.after_commit"),
    Strike::Broker,
    Strike::KillAt(Service::Commission, "consumer.before_commit"),
    Strike::Postgres,
    Strike::Unload,
    Strike::KillAt(Service::Tracking, "relay.before_publish"),
    Strike::KillAt(Service::Commission, "relay.after_receipt"),
    Strike::Kill(Service::Commission),
    Strike::Freeze(Service::Commission),
];

impl Shop<'_> {
    fn process(&mut self, service: Service) -> &mut Process {
        match service {
            Service::Tracking => &mut self.tracking,
            Service::Commission => &mut self.commission,
            other => unreachable!("{other:?} has no part in this story"),
        }
    }

    async fn restart(&mut self, service: Service, extra: &[(&str, String)]) -> anyhow::Result<()> {
        // The old one goes first: the new one listens where it did.
        self.process(service).kill()?;
        *self.process(service) = self.system.serve(service.name())?.start(extra).await?;
        Ok(())
    }

    async fn more(&self, events: u64) -> anyhow::Result<()> {
        let goal = self.sales.count() + events;
        until("sales go on", SOON, async || Ok((self.sales.count() >= goal).then_some(()))).await
    }

    /// Waits until commission has caught up with some of what comes in.
    async fn more_commissions(&self, rows: i64) -> anyhow::Result<()> {
        let count = async || {
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM commissions")
                .fetch_one(&self.system.world.commission)
                .await
        };
        let goal = count().await? + rows;
        until("commissions come", SOON, async || Ok((count().await? >= goal).then_some(()))).await
    }

    async fn strike(&mut self, strike: Strike, case: &mut Case<'_>) -> anyhow::Result<()> {
        self.more(case.random.within(10..80)).await?;
        match strike {
            Strike::Kill(service) => self.restart(service, &[]).await?,
            Strike::KillAt(service, point) => {
                let fault = format!("{point}:kill:{}", case.random.within(1..15));
                self.restart(service, &[("RECOUP_FAULT", fault)]).await?;
                let status = self.process(service).ended(SOON).await?;
                ensure!(killed(status), "{} ended with {status}, not at {point}", service.name());
                self.restart(service, &[]).await?;
            }
            Strike::Broker => {
                case.servers.kill_broker().await?;
                case.servers.start_broker().await?;
            }
            Strike::Postgres => {
                case.servers.kill_postgres().await?;
                case.servers.start_postgres().await?;
            }
            Strike::Unload => {
                let path = format!("namespaces/{BROKER_TENANT}/{}/unload", self.system.world.name);
                case.servers.admin()?.ensure(Method::PUT, &path, None, &[]).await?;
            }
            Strike::Freeze(service) => {
                self.process(service).freeze()?;
                // Longer than the relay's lease and an idle transaction may last.
                let_pass(Duration::from_secs(12)).await;
                self.process(service).go_on()?;
            }
        }
        self.more_commissions(20).await
    }
}

/// Every strike once, in a random order, on one running system; the books are checked at the end.
pub async fn sales_under_every_strike(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let system = System::new(case.servers).await?;
    let (tracking, commission) = (system.serve("tracking")?, system.serve("commission")?);
    let (tracking, commission) = tokio::join!(tracking.start(&[]), commission.start(&[]));
    let bff = system.serve("bff")?.start(&[]).await?;
    open_campaign(&system, e2e::sales::TENANT).await?;
    drop(bff);
    let sales = Sales::begin(&system, &mut case.random)?;
    let mut shop = Shop { system, tracking: tracking?, commission: commission?, sales };
    shop.more(50).await?;
    let mut strikes = 0;
    for _ in 0..case.rounds(1, 10) {
        let mut order = STRIKES;
        for place in (1..order.len()).rev() {
            order.swap(place, usize::try_from(case.random.within(0..place as u64 + 1))?);
        }
        for strike in order {
            shop.strike(strike, case).await.map_err(|error| error.context(format!("after {strike:?}")))?;
            strikes += 1;
        }
    }
    let truth = shop.sales.finish().await?;
    let report = check_sales(&shop.system.world, &truth, BOUND).await?.sound()?;
    ensure!(report.parked == 0, "{} messages were put aside", report.parked);
    Ok(Passed { strikes, found: format!("{report}; {} sales", truth.sales.len()) })
}
