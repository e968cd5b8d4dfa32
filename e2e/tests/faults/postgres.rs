//! The database killed as by a power cut, under load.

use e2e::wait::let_pass;
use std::time::Duration;

use crate::runner::{Case, Passed};
use crate::scene::Scene;

pub async fn killed(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = case.rounds(3, 30);
    let scene = Scene::begin(case.servers, &mut case.random).await?;
    for _ in 0..rounds {
        scene.more(case.random.within(50..300)).await?;
        case.servers.kill_postgres().await?;
        // It stays away for a while: long enough for retries to run into it.
        let_pass(Duration::from_millis(case.random.within(0..4_000))).await;
        case.servers.start_postgres().await?;
        scene.more_applied(100).await?;
    }
    scene.passed(rounds).await
}
