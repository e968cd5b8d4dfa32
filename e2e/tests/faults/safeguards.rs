//! Each safeguard is needed: without it, the checker reports a broken promise.

use anyhow::ensure;
use e2e::bank::Mood;
use e2e::check::{Promise, Report};
use shared_events::Service;
use std::time::Duration;

use crate::poison::{abort_beside_innocents, kill_half_way};
use crate::runner::{Case, Passed};
use crate::scene::Scene;

fn without(safeguard: &str) -> [(&'static str, String); 1] {
    [("RECOUP_SABOTAGE", safeguard.to_owned())]
}

fn must_break(report: &Report, promise: Promise) -> anyhow::Result<Passed> {
    ensure!(report.broken(promise), "{promise:?} was kept without the safeguard: the test proves nothing ({report})");
    let ways = report.broken[&promise].len();
    Ok(Passed {
        strikes: 1,
        found: format!("{promise:?} broken {ways} times, as it should: {}", report.broken[&promise][0]),
    })
}

pub async fn without_inbox(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let sabotage = without("no_inbox");
    let mut scene = Scene::begin_with(case.servers, &mut case.random, &sabotage).await?;
    scene.die_at(Service::Commission, "consumer.after_commit", 3, &mut case.random, &sabotage).await?;
    must_break(&scene.finish().await?, Promise::AppliedOnce)
}

pub async fn without_ack_after_commit(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let sabotage = without("ack_before_commit");
    let mut scene = Scene::begin_with(case.servers, &mut case.random, &sabotage).await?;
    scene.die_at(Service::Commission, "consumer.before_commit", 3, &mut case.random, &sabotage).await?;
    must_break(&scene.finish().await?, Promise::NoneLost)
}

pub async fn without_entry_aware_ack(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let report = kill_half_way(case, [Mood::Good; 10], 4, &without("ack_first_of_entry")).await?;
    must_break(&report, Promise::NoneLost)
}

/// Suspicious messages tried side by side: all that were in hand are blamed for the death of the process.
pub async fn without_trying_suspects_alone(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let (_, aside) = abort_beside_innocents(case, &without("suspects_together")).await?;
    ensure!(aside > 1, "only {aside} was put aside without the safeguard: the test proves nothing");
    Ok(Passed { strikes: 1, found: format!("{aside} put aside for one guilty, as it should") })
}

/// Rebuilt producers under their old names: the broker takes what they send for repeats and drops it, with a receipt.
pub async fn without_fresh_producer_names(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let sabotage = without("fixed_producer_name");
    let mut scene = Scene::begin_with(case.servers, &mut case.random, &sabotage).await?;
    for _ in 0..3 {
        scene.more(200).await?;
        scene.tracking.kill()?;
        scene.restart(Service::Tracking, &sabotage).await?;
    }
    must_break(&scene.finish_within(Duration::from_secs(20)).await?, Promise::NoneLost)
}

async fn two_instances(case: &mut Case<'_>, extra: &[(&str, String)]) -> anyhow::Result<Report> {
    let scene = Scene::begin_with(case.servers, &mut case.random, extra).await?;
    let second = scene.world.bank(Service::Tracking)?.start(extra).await?;
    let third = scene.world.bank(Service::Commission)?.start(extra).await?;
    scene.more(1_500).await?;
    let report = scene.finish().await;
    drop((second, third));
    report
}

/// With the lease, only one of two relays publishes: without a fault nothing stands in a topic twice.
pub async fn two_instances_publish_once(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let report = two_instances(case, &[]).await?.sound()?;
    ensure!(report.repeats == 0, "{} messages were published more than once", report.repeats);
    Ok(Passed { strikes: 1, found: report.to_string() })
}

/// Two relays without a lease publish the same rows. Readers still apply them once (that is the inbox' work), but the topic shows it.
pub async fn without_lease(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let report = two_instances(case, &without("no_lease")).await?.sound()?;
    ensure!(report.repeats > 0, "nothing was published twice without the lease: the test proves nothing ({report})");
    Ok(Passed { strikes: 1, found: format!("{} published twice, as it should", report.repeats) })
}
