//! One test's world: a namespace and databases of its own, and its services as processes.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use reqwest::Method;
use service_kit::config::Role;
use service_kit::provision::{Retention, provision};
use shared_events::partition::PARTITIONS;
use shared_events::{Service, Topic};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgPool};

use crate::bank;
use crate::process::{Process, Program, Ready};
use crate::servers::{Servers, TENANT};
use crate::wait::until;

/// A namespace, a database for each service, and how to start the services that use them.
pub struct World<'s> {
    /// The servers below.
    pub servers: &'s Servers,
    /// The namespace's name; databases bear it too.
    pub name: String,
    /// Tracking's database, as superuser.
    pub tracking: PgPool,
    /// Commission's database, as superuser.
    pub commission: PgPool,
    /// The databases of the services that come later in [`Service::ALL`], as superuser.
    others: Vec<PgPool>,
    environment: Vec<(String, String)>,
}

/// Durable subscriptions, along the stream.
pub const SUBSCRIPTIONS: [(Topic, Service); 2] =
    [(Topic::commands(Service::Tracking), Service::Tracking), (Topic::events(Service::Tracking), Service::Commission)];

impl<'s> World<'s> {
    /// A world for the tests' own business.
    ///
    /// # Errors
    /// When the servers refuse.
    pub async fn of_the_bank(servers: &'s Servers) -> anyhow::Result<Self> {
        let world = Self::new(servers, |_| &migrations::KIT_ONLY).await?;
        sqlx::raw_sql(bank::TRACKING_TABLES).execute(&world.tracking).await?;
        sqlx::raw_sql(bank::COMMISSION_TABLES).execute(&world.commission).await?;
        Ok(world)
    }

    /// A world whose services have these schemas.
    ///
    /// # Errors
    /// When the servers refuse.
    pub async fn new(servers: &'s Servers, schema: impl Fn(Service) -> &'static Migrator) -> anyhow::Result<Self> {
        let name = format!("e2e_{}", uuid::Uuid::now_v7().simple());
        let config = servers.pulsar(Role::Provisioner, &name)?;
        let retention = Retention { minutes: 600, mebibytes: 1_024 };
        provision(&servers.admin()?, &config, retention, |_| ()).await.context("provisioning")?;
        let mut environment = servers.variables().to_vec();
        let mut put = |name: &str, value: String| environment.push((name.to_owned(), value));
        put("PULSAR_TENANT", TENANT.into());
        put("PULSAR_NAMESPACE", name.clone());
        put("RUST_LOG", "info,sqlx=error,pulsar=warn".into());
        let mut pools = Vec::new();
        for service in Service::ALL {
            let database = format!("{name}_{}", service.name());
            let server = servers.database("postgres").await?;
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&server).await?;
            server.close().await;
            let pool = servers.database(&database).await?;
            schema(service).run(&pool).await.with_context(|| format!("migrating {database}"))?;
            let role = format!("{}_user", service.name());
            put(
                &format!("{}_DATABASE_URL", service.name().to_uppercase()),
                servers.service_database_url(&role, &database)?,
            );
            pools.push(pool);
        }
        let others = pools.split_off(2);
        let [tracking, commission] = <[PgPool; 2]>::try_from(pools).ok().context("two services")?;
        Ok(Self { servers, name, tracking, commission, others, environment })
    }

    /// What a process of this world needs to know.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Where a process of this world logs.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn logs(&self) -> anyhow::Result<PathBuf> {
        let logs = self.servers.dir().join(&self.name);
        std::fs::create_dir_all(&logs)?;
        Ok(logs)
    }

    /// The tests' own service (the binary stands beside the tests).
    ///
    /// # Errors
    /// When its logs cannot be placed.
    pub fn bank(&self, service: Service) -> anyhow::Result<Program> {
        Ok(Program {
            name: service.name().into(),
            binary: debug_binary("e2e-service")?,
            arguments: vec![service.name().into()],
            environment: self.environment.clone(),
            logs: self.logs()?,
            ready: Ready::Says("e2e-service is ready"),
        })
    }

    /// Both of the tests' own services, serving.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start_bank(&self) -> anyhow::Result<[Process; 2]> {
        let (tracking, commission) = (self.bank(Service::Tracking)?, self.bank(Service::Commission)?);
        let (tracking, commission) = tokio::join!(tracking.start(&[]), commission.start(&[]));
        Ok([tracking?, commission?])
    }

    /// The database of `service`, as superuser.
    pub fn database(&self, service: Service) -> &PgPool {
        match service {
            Service::Tracking => &self.tracking,
            Service::Commission => &self.commission,
            Service::Evidence => &self.others[0],
            Service::Claims => &self.others[1],
            Service::Orders => &self.others[2],
            Service::Notify => &self.others[3],
        }
    }

    /// Waits until nothing is on its way any more: no backlog, no outbox. Looks along the stream, so that what leaves one place is found in
    /// the next.
    ///
    /// # Errors
    /// When that is not so within `deadline`.
    pub async fn settled(&self, deadline: Duration) -> anyhow::Result<()> {
        until("nothing is on its way", deadline, async || {
            for (topic, service) in SUBSCRIPTIONS {
                if self.backlog(topic, service).await? > 0 || self.outbox(service).await? > 0 {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }

    /// Messages of `topic` that `service` has not acknowledged.
    ///
    /// # Errors
    /// When the broker does not say.
    pub async fn backlog(&self, topic: Topic, service: Service) -> anyhow::Result<u64> {
        let admin = self.servers.admin()?;
        let mut sum = 0;
        for partition in 0..PARTITIONS {
            let path = format!(
                "persistent/{TENANT}/{}/{}-partition-{partition}/stats?getPreciseBacklog=true",
                self.name,
                topic.name()
            );
            let stats = admin.get(&path).await?;
            sum += stats["subscriptions"][service.name()]["msgBacklog"]
                .as_u64()
                .context("the broker counts the backlog")?;
        }
        Ok(sum)
    }

    /// Events of `service` that wait to be published.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn outbox(&self, service: Service) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(self.database(service)).await?)
    }

    /// Calls the admin interface for every partition of a topic: `persistent/…-partition-N/` followed by `rest`.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn on_each_partition(&self, method: Method, topic: Topic, rest: &str) -> anyhow::Result<()> {
        let admin = self.servers.admin()?;
        for partition in 0..PARTITIONS {
            let path = format!("persistent/{TENANT}/{}/{}-partition-{partition}/{rest}", self.name, topic.name());
            admin.ensure(method.clone(), &path, None, &[]).await?;
        }
        Ok(())
    }
}

/// A binary of the workspace, as cargo built it beside this test.
///
/// # Errors
/// When it is not there.
pub fn debug_binary(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(|deps| deps.parent()).context("tests lie in target/debug/deps")?;
    let binary = folder.join(name);
    anyhow::ensure!(binary.exists(), "{} is not built", binary.display());
    Ok(binary)
}
