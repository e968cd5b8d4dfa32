//! Processes that stand still for longer than others wait for them, and then go on as if nothing had happened.

use anyhow::ensure;
use e2e::process::Process;
use e2e::wait::until;
use shared_events::Service;

use crate::runner::{Case, Passed};
use crate::scene::{SOON, Scene};

async fn stands_still(process: &Process) -> anyhow::Result<()> {
    until("the process stands still at the point", SOON, async || Ok(process.is_frozen()?.then_some(()))).await
}

/// The frozen consumer holds an open transaction with inbox rows in it; a second instance takes its partitions over.
pub async fn consumer_frozen_in_transaction(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(1, 10);
    let mut scene = Scene::begin(case.servers, &mut case.random).await?;
    for _ in 0..rounds {
        scene.commission.kill()?;
        let fault = format!("consumer.before_commit:freeze:{}", case.random.within(5..40));
        scene.restart(Service::Commission, &[("RECOUP_FAULT", fault)]).await?;
        stands_still(&scene.commission).await?;
        let successor = scene.world.bank(Service::Commission)?.start(&[]).await?;
        // Everything before the freeze and after it is applied by the successor, so its partitions were taken over.
        let until_now = scene.sender.confirmed().len();
        until("the successor has caught up", SOON, async || {
            let applied: i64 =
                sqlx::query_scalar("SELECT count(*) FROM applied").fetch_one(&scene.world.commission).await?;
            Ok((applied >= i64::try_from(until_now)?).then_some(()))
        })
        .await?;
        ensure!(scene.commission.is_frozen()?, "the frozen instance went on by itself");
        scene.commission.go_on()?;
        scene.more_applied(300).await?;
        // The one that was frozen ends; the successor stays.
        scene.commission = successor;
    }
    scene.passed(rounds).await
}

/// The relay freezes with rows read and not sent, or sent and not deleted; a second instance takes the lease; then the first goes on.
pub async fn relay_frozen_past_its_lease(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(2, 20);
    let mut scene = Scene::begin(case.servers, &mut case.random).await?;
    for round in 0..rounds {
        scene.tracking.kill()?;
        let point = if round % 2 == 0 { "relay.before_publish" } else { "relay.after_receipt" };
        let fault = format!("{point}:freeze:{}", case.random.within(5..40));
        scene.restart(Service::Tracking, &[("RECOUP_FAULT", fault)]).await?;
        stands_still(&scene.tracking).await?;
        let lease = "SELECT epoch FROM relay_lease WHERE name = 'outbox'";
        let before: i64 = sqlx::query_scalar(lease).fetch_one(&scene.world.tracking).await?;
        let successor = scene.world.bank(Service::Tracking)?.start(&[]).await?;
        until("the successor leads", SOON, async || {
            let epoch: i64 = sqlx::query_scalar(lease).fetch_one(&scene.world.tracking).await?;
            Ok((epoch > before).then_some(()))
        })
        .await?;
        scene.more_applied(200).await?;
        ensure!(scene.tracking.is_frozen()?, "the frozen instance went on by itself");
        scene.tracking.go_on()?;
        scene.more_applied(300).await?;
        scene.tracking = successor;
    }
    scene.passed(rounds).await
}
