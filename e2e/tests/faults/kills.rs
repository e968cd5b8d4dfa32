//! Services killed at exact points.

use anyhow::ensure;
use shared_events::Service;

use crate::runner::{Case, Passed};
use crate::scene::Scene;

pub async fn relay_killed_after_receipt(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(3, 40);
    let mut scene = Scene::begin(case.servers, &mut case.random).await?;
    scene.die_at(Service::Tracking, "relay.after_receipt", rounds, &mut case.random, &[]).await?;
    scene.die_at(Service::Commission, "relay.after_receipt", rounds / 2, &mut case.random, &[]).await?;
    let report = scene.finish().await?.sound()?;
    ensure!(report.repeats > 0, "nothing was sent again: the fault did not strike where it should");
    Ok(Passed { strikes: rounds + rounds / 2, found: report.to_string() })
}

pub async fn consumer_killed_after_commit(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    consumer_killed(case, "consumer.after_commit").await
}

pub async fn consumer_killed_in_transaction(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    consumer_killed(case, "consumer.before_commit").await
}

async fn consumer_killed(case: &mut Case<'_>, point: &str) -> anyhow::Result<Passed> {
    let rounds = case.rounds(3, 40);
    let mut scene = Scene::begin(case.servers, &mut case.random).await?;
    scene.die_at(Service::Commission, point, rounds, &mut case.random, &[]).await?;
    scene.die_at(Service::Tracking, point, rounds / 2, &mut case.random, &[]).await?;
    scene.passed(rounds + rounds / 2).await
}

/// With deduplication on, a broker drops what a producer of a known name sends under numbers it has seen: every rebuilt producer must be a
/// new one to it. Half of the restarts are kills at any instant, half are orderly.
pub async fn producers_rebuilt(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(4, 60);
    let mut scene = Scene::begin(case.servers, &mut case.random).await?;
    for round in 0..rounds {
        scene.more(case.random.within(10..120)).await?;
        for service in [Service::Tracking, Service::Commission] {
            if round % 2 == 0 {
                scene.service(service).kill()?;
            } else {
                scene.service(service).ask_to_end()?;
                let status = scene.service(service).ended(crate::scene::SOON).await?;
                ensure!(status.success(), "{} did not end in order: {status}", service.name());
            }
            scene.restart(service, &[]).await?;
        }
    }
    scene.passed(2 * rounds).await
}
