//! A database of our own, for as long as the replay runs.

use std::str::FromStr;

use anyhow::Context;
use service_kit::config::Secret;
use shared_events::Service;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};
use uuid::Uuid;

use crate::migrate::schema_of;

/// A scratch database with the service's schema.
pub struct Scratch {
    server: PgConnectOptions,
    /// Its name.
    pub name: String,
    /// Its connections.
    pub pool: PgPool,
}

impl Scratch {
    /// Makes one on the server that `admin_url` names.
    pub async fn make(service: Service, admin_url: &Secret) -> anyhow::Result<Self> {
        let server = PgConnectOptions::from_str(admin_url.expose()).context("the owner's database URL is malformed")?;
        let name = format!("recoup_replay_{}", &Uuid::now_v7().simple().to_string()[16..]);
        let mut connection = server.connect().await.context("connecting as the owner of the database server")?;
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut connection).await.context("making a scratch database")?;
        connection.close().await?;
        // It is thrown away: nothing has to survive a power cut.
        let options =
            server.clone().database(&name).application_name("recoup replay").options([("synchronous_commit", "off")]);
        let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(options);
        let scratch = Self { server, name, pool };
        if let Err(error) = schema_of(service).run(&scratch.pool).await {
            scratch.drop().await?;
            return Err(anyhow::Error::from(error).context("bringing the scratch database's schema up to date"));
        }
        Ok(scratch)
    }

    /// Forgets it.
    pub async fn drop(self) -> anyhow::Result<()> {
        self.pool.close().await;
        let mut connection = self.server.connect().await?;
        let drop = sqlx::AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name));
        sqlx::raw_sql(drop)
            .execute(&mut connection)
            .await
            .with_context(|| format!("dropping the scratch database {}", self.name))?;
        connection.close().await?;
        Ok(())
    }
}
