//! A test leaves nothing in the servers that those after it would have to carry.

use anyhow::ensure;
use e2e::world::World;

use crate::runner::{Case, Passed};

pub async fn forgotten(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let servers = case.servers;
    ensure!(servers.worlds().await?.is_empty(), "worlds of earlier tests are there");
    let world = World::of_the_bank(servers).await?;
    let services = world.start_bank().await?;
    ensure!(servers.worlds().await? == [world.name.clone()], "a world has a namespace");
    drop(services);
    servers.heal().await?;
    ensure!(servers.worlds().await?.is_empty(), "the namespace is still there");
    let databases: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)")
        .bind(&world.name)
        .fetch_one(&servers.database("postgres").await?)
        .await?;
    ensure!(databases == 0, "{databases} databases are still there");
    Ok(Passed { strikes: 0, found: "topics and databases of a finished world are gone".into() })
}
