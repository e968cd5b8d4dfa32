//! Messages that fail, kill, or come in entries that another client made.

use std::collections::HashMap;

use anyhow::ensure;
use e2e::bank::{Deposit, Deposited, Mood};
use e2e::check::{Promise, Report, check_bank};
use e2e::load::{Sender, envelope};
use e2e::process::killed;
use e2e::wait::until;
use e2e::world::World;
use pulsar::producer::{Message as PulsarMessage, ProducerOptions};
use pulsar::{Authentication, Pulsar, TokioExecutor};
use service_kit::config::Role;
use shared_events::partition::partition_of;
use shared_events::{Message, Service};
use sqlx::PgPool;
use uuid::Uuid;

use crate::runner::{Case, Passed};
use crate::scene::{BOUND, SOON, Scene};

/// Sends one entry of ten events, all in one partition, as a client that knows nothing of ours would.
async fn send_foreign_batch(world: &World<'_>, moods: [Mood; 10]) -> anyhow::Result<Vec<Uuid>> {
    let config = world.servers.pulsar(Role::Provisioner, &world.name)?;
    let token = config.token.current()?.map(|token| token.expose().as_bytes().to_vec()).unwrap_or_default();
    let client: Pulsar<TokioExecutor> = Pulsar::builder(config.service_url.clone(), TokioExecutor)
        .with_auth(Authentication { name: "token".into(), data: token })
        .build()
        .await?;
    let accounts: Vec<String> =
        (0..).map(|n| format!("foreign-{n}")).filter(|key| partition_of(key) == 2).take(10).collect();
    let mut producer = client
        .producer()
        .with_topic(format!("{}-partition-2", config.topic(Deposited::TOPIC.name())))
        .with_options(ProducerOptions { batch_size: Some(10), ..Default::default() })
        .build()
        .await?;
    let (mut ids, mut receipts) = (Vec::new(), Vec::new());
    for (account, mood) in accounts.into_iter().zip(moods) {
        let event = Deposited { account: account.clone(), deposit: Uuid::now_v7(), amount: 5, mood };
        let envelope = envelope(&event);
        ids.push(envelope.id.0);
        let message = PulsarMessage {
            payload: serde_json::to_vec(&event)?,
            properties: envelope.to_properties(),
            partition_key: Some(account),
            ..Default::default()
        };
        receipts.push(producer.send_non_blocking(message).await?);
    }
    let mut entries = std::collections::HashSet::new();
    for receipt in receipts {
        let id = receipt.await?.message_id;
        entries.insert(id.map(|id| (id.ledger_id, id.entry_id)));
    }
    ensure!(entries.len() == 1, "the ten came to stand in {} entries", entries.len());
    Ok(ids)
}

/// How often each event was applied, and whether it is put aside.
async fn fates(database: &PgPool, ids: &[Uuid]) -> anyhow::Result<Vec<(i64, bool)>> {
    let applied: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT event, count(*) FROM applied GROUP BY event").fetch_all(database).await?;
    let applied: HashMap<Uuid, i64> = applied.into_iter().collect();
    let parked: Vec<Uuid> = sqlx::query_scalar("SELECT message_id FROM parked").fetch_all(database).await?;
    Ok(ids.iter().map(|id| (applied.get(id).copied().unwrap_or_default(), parked.contains(id))).collect())
}

/// An entry of ten, killed after three of them are committed; gives the checker's findings. `pass`: of the handler, at which it dies.
pub async fn kill_half_way(
    case: &Case<'_>,
    moods: [Mood; 10],
    pass: u64,
    extra: &[(&str, String)],
) -> anyhow::Result<Report> {
    let world = World::of_the_bank(case.servers).await?;
    let ids = send_foreign_batch(&world, moods).await?;
    let mut variables = vec![("RECOUP_FAULT", format!("bank.keep_balance:kill:{pass}"))];
    variables.extend_from_slice(extra);
    let program = world.bank(Service::Commission)?;
    let mut process = program.start(&variables).await?;
    ensure!(killed(process.ended(SOON).await?), "it was not killed: {}", process.tail());
    let committed: i64 = sqlx::query_scalar("SELECT count(*) FROM applied").fetch_one(&world.commission).await?;
    let whole = moods.iter().all(|mood| *mood == Mood::Good) && extra.is_empty();
    ensure!(committed == if whole { 0 } else { 3 }, "{committed} of ten were committed when it was killed");
    let _running = program.start(extra).await?;
    let mut report = Report { sent: ids.len(), ..Report::default() };
    if let Err(error) = world.settled(BOUND).await {
        report.broke(Promise::Recovers, format!("{error:#}"));
    }
    for ((applied, parked), (id, mood)) in fates(&world.commission, &ids).await?.into_iter().zip(ids.iter().zip(moods))
    {
        report.parked += usize::from(parked);
        report.expect(applied > 0 || parked, Promise::NoneLost, || {
            format!("event {id} was neither applied nor put aside")
        });
        report.expect(applied + i64::from(parked) <= 1, Promise::AppliedOnce, || {
            format!("event {id} was applied {applied} times")
        });
        report.expect(parked == (mood != Mood::Good), Promise::AppliedOnce, || {
            format!("event {id} ({mood:?}) parked: {parked}")
        });
    }
    Ok(report)
}

pub async fn foreign_batch_killed_half_way(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(2, 10);
    let mut found = String::new();
    for _ in 0..rounds {
        // In the one transaction of all ten, at the fourth.
        kill_half_way(case, [Mood::Good; 10], 4, &[]).await?.sound()?;
        // The fifth fails, so after five calls they go one by one: three are committed when the fourth dies.
        let mut moods = [Mood::Good; 10];
        moods[4] = Mood::Fails;
        found = kill_half_way(case, moods, 9, &[]).await?.sound()?.to_string();
    }
    Ok(Passed { strikes: 2 * rounds, found })
}

pub async fn message_that_aborts_the_process(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(1, 10);
    let mut deaths = 0;
    let mut found = String::new();
    for _ in 0..rounds {
        let mut scene = Scene::begin(case.servers, &mut case.random).await?;
        let account = "poison".to_owned();
        for mood in [Mood::Good, Mood::Aborts, Mood::Good, Mood::Good] {
            scene.sender.send(Deposit { account: account.clone(), amount: 7, mood }).await;
        }
        let mut here = 0;
        // As a supervisor would: start it again whenever it is gone, until the message is put aside and its followers with it.
        until("the message is parked", BOUND, async || {
            if scene.commission.exited()?.is_some() {
                here += 1;
                scene.restart(Service::Commission, &[]).await?;
            }
            let reasons: Vec<String> =
                sqlx::query_scalar("SELECT reason FROM parked ORDER BY id").fetch_all(&scene.world.commission).await?;
            Ok((reasons.len() >= 3).then_some(()))
        })
        .await?;
        ensure!((3..=15).contains(&here), "it took {here} deaths to put the message aside");
        scene.more_applied(200).await?;
        let database = scene.world.commission.clone();
        // Redriven before anything was mended it kills a few starts more, and is put aside again instead of ending every start.
        sqlx::query("UPDATE parked SET state = 'redrive'").execute(&database).await?;
        let mut again = 0;
        until("the redriven message is parked again", BOUND, async || {
            if scene.commission.exited()?.is_some() {
                again += 1;
                scene.restart(Service::Commission, &[]).await?;
            }
            let error: Option<String> =
                sqlx::query_scalar("SELECT error FROM parked WHERE state = 'parked' AND reason = 'attempts'")
                    .fetch_optional(&database)
                    .await?;
            Ok(error.filter(|error| error.contains("redriven")).map(|_| ()))
        })
        .await?;
        ensure!(again == 3, "it took {again} deaths to put the redriven message aside");
        scene.more_applied(200).await?;
        let report = scene.finish().await?.sound()?;
        let aside: Vec<(String, String)> =
            sqlx::query_as("SELECT key, reason FROM parked ORDER BY id").fetch_all(&database).await?;
        let expected = [("poison", "attempts"), ("poison", "follows"), ("poison", "follows")];
        ensure!(aside.iter().map(|(key, reason)| (key.as_str(), reason.as_str())).eq(expected), "put aside: {aside:?}");
        deaths += here + again;
        found = report.to_string();
    }
    Ok(Passed { strikes: deaths, found })
}

/// A message that ends the process at the head of one partition, an innocent but slow one at the head of each other: all are in hand whenever
/// the process dies, and only the guilty one may be put aside.
pub async fn innocents_beside_an_abort(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(2, 20);
    let mut deaths = 0;
    for _ in 0..rounds {
        let (died, parked) = abort_beside_innocents(case, &[]).await?;
        ensure!(parked == 1, "{parked} were put aside, and one was guilty");
        deaths += died;
    }
    Ok(Passed { strikes: deaths, found: format!("{rounds} guilty ones put aside, no innocent one") })
}

/// How often the process died, and how many messages were put aside.
pub async fn abort_beside_innocents(case: &mut Case<'_>, extra: &[(&str, String)]) -> anyhow::Result<(u64, usize)> {
    let mut deaths = 0;
    let world = World::of_the_bank(case.servers).await?;
    let _tracking = world.bank(Service::Tracking)?.start(&[]).await?;
    let sender = Sender::new(case.servers.pulsar(Role::Bff, &world.name)?);
    let guilty = u32::try_from(case.random.within(0..4))?;
    for partition in 0..4 {
        let mut accounts = (0..).map(|n| format!("account-{n}")).filter(|key| partition_of(key) == partition);
        let account = accounts.next().unwrap_or_default();
        let mood = if partition == guilty { Mood::AbortsLate } else { Mood::Slow };
        sender.send(Deposit { account, amount: 1, mood }).await;
    }
    until("all four events wait", SOON, async || {
        Ok((world.backlog(Deposited::TOPIC, Service::Commission).await? == 4).then_some(()))
    })
    .await?;
    let program = world.bank(Service::Commission)?;
    let mut commission = program.start(extra).await?;
    until("every event is applied or parked", BOUND, async || {
        if commission.exited()?.is_some() {
            deaths += 1;
            commission = program.start(extra).await?;
        }
        let fates = "SELECT (SELECT count(*) FROM applied), (SELECT count(*) FROM parked)";
        let (applied, parked): (i64, i64) = sqlx::query_as(fates).fetch_one(&world.commission).await?;
        Ok((applied + parked == 4).then_some(()))
    })
    .await?;
    let report = check_bank(&world, &sender.confirmed(), BOUND).await?.sound()?;
    Ok((deaths, report.parked))
}

/// One deposit of an account fails always: it and all later ones of the account are put aside in order while others go on, and redriving after
/// the cause is mended restores everything.
pub async fn key_that_always_fails(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(1, 10);
    let mut found = String::new();
    for _ in 0..rounds {
        let mut scene = Scene::begin(case.servers, &mut case.random).await?;
        for (account, bad) in [("stuck", Mood::Fails), ("refused", Mood::Refused)] {
            for mood in [Mood::Good, Mood::Good, bad, Mood::Good, Mood::Good] {
                scene.sender.send(Deposit { account: account.into(), amount: 3, mood }).await;
            }
        }
        let database = scene.world.commission.clone();
        until("both accounts' last three are parked", SOON, async || {
            let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(&database).await?;
            Ok((parked == 6).then_some(()))
        })
        .await?;
        scene.more_applied(200).await?;
        scene.commission.kill()?;
        scene.restart(Service::Commission, &[("E2E_HEALED", "1".into())]).await?;
        sqlx::query("UPDATE parked SET state = 'redrive'").execute(&database).await?;
        until("everything is redriven", SOON, async || {
            let open: i64 = sqlx::query_scalar("SELECT count(*) FROM parked WHERE state <> 'redriven'")
                .fetch_one(&database)
                .await?;
            Ok((open == 0).then_some(()))
        })
        .await?;
        let report = scene.finish().await?.sound()?;
        ensure!(report.parked == 0, "{} are still parked", report.parked);
        found = report.to_string();
    }
    Ok(Passed { strikes: 2 * rounds, found })
}
