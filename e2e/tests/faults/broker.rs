//! The broker killed, away, frozen, restless and rewound.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::servers::TENANT;
use e2e::wait::{let_pass, until};
use e2e::world::SUBSCRIPTIONS;
use reqwest::Method;
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::Role;
use service_kit::provision::{Retention, provision};
use shared_events::{Service, Topic};

use crate::runner::{Case, Passed};
use crate::scene::{SOON, Scene};

pub async fn killed_while_publishing(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(2, 20);
    let scene = Scene::begin(case.servers, &mut case.random).await?;
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        scene.more(case.random.within(20..400)).await?;
        case.servers.kill_broker().await?;
        case.servers.start_broker().await?;
        if round % 2 == 1 {
            // Once more, while clients are connecting again.
            let_pass(Duration::from_millis(case.random.within(200..3_000))).await;
            case.servers.kill_broker().await?;
            case.servers.start_broker().await?;
        }
        let healthy = Instant::now();
        scene.more_applied(50).await?;
        slowest = slowest.max(healthy.elapsed());
    }
    let report = scene.finish().await?.sound()?;
    Ok(Passed {
        strikes: rounds,
        found: format!("{report}; applying again {} ms after the broker, at worst", slowest.as_millis()),
    })
}

pub async fn away_for_a_minute(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(1, 5);
    let scene = Scene::begin(case.servers, &mut case.random).await?;
    for _ in 0..rounds {
        scene.more(200).await?;
        case.servers.kill_broker().await?;
        // The fault is the time itself: longer than the client goes on trying by itself (about 41 s).
        let_pass(Duration::from_secs(60)).await;
        case.servers.start_broker().await?;
        scene.more_applied(200).await?;
    }
    scene.passed(rounds).await
}

pub async fn topics_unloaded(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(10, 150);
    let scene = Scene::begin(case.servers, &mut case.random).await?;
    for _ in 0..rounds {
        let path = format!("namespaces/{TENANT}/{}/unload", scene.world.name);
        case.servers.admin()?.ensure(Method::PUT, &path, None, &[]).await?;
        let_pass(Duration::from_secs(2)).await;
    }
    scene.more_applied(200).await?;
    scene.passed(rounds).await
}

pub async fn frozen(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(1, 10);
    let scene = Scene::begin(case.servers, &mut case.random).await?;
    for _ in 0..rounds {
        scene.more(case.random.within(100..300)).await?;
        case.servers.freeze_broker().await?;
        // Past every deadline of the client: its keep-alive is 10 s, a receipt may take 15 s.
        let_pass(Duration::from_secs(case.random.within(20..45))).await;
        case.servers.continue_broker().await?;
        scene.more_applied(200).await?;
    }
    scene.passed(rounds).await
}

pub async fn cursor_reset_by_an_hour(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(2, 20);
    let scene = Scene::begin(case.servers, &mut case.random).await?;
    for _ in 0..rounds {
        scene.more(case.random.within(500..1_000)).await?;
        let hour_ago = SystemClock.now().timestamp_millis() - 3_600_000;
        for (topic, service) in SUBSCRIPTIONS {
            let rest = format!("subscription/{}/resetcursor/{hour_ago}", service.name());
            scene.world.on_each_partition(Method::POST, topic, &rest).await?;
        }
        scene.more_applied(100).await?;
    }
    scene.passed(8 * rounds).await
}

/// A service whose subscription is missing refuses to start and says what to do; once it is provisioned, nothing from before is missed.
pub async fn subscription_missing(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(2, 10);
    let mut scene = Scene::begin(case.servers, &mut case.random).await?;
    for _ in 0..rounds {
        scene.commission.kill()?;
        let (name, topic) = (scene.world.name.clone(), Topic::events(Service::Tracking));
        // The broker needs a moment to see that the consumer is gone.
        until("the subscription is deleted", SOON, async || {
            let path = format!("persistent/{TENANT}/{name}/{}/subscription/commission", topic.name());
            case.servers.admin()?.ensure(Method::DELETE, &path, None, &[404]).await.map(Some)
        })
        .await?;
        let mut refusing = scene.world.bank(Service::Commission)?.spawn(&[])?;
        let status = refusing.ended(SOON).await?;
        ensure!(!status.success(), "it started without its subscription");
        ensure!(refusing.said("recoup provision")?, "it does not say what to do: {}", refusing.tail());
        let config = case.servers.pulsar(Role::Provisioner, &name)?;
        provision(&case.servers.admin()?, &config, Retention { minutes: 600, mebibytes: 1_024 }, |_| ()).await?;
        scene.restart(Service::Commission, &[]).await?;
        scene.more_applied(100).await?;
    }
    scene.passed(rounds).await
}
