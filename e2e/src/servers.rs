//! A broker and a Postgres of our own, made by `./dev`, which a test may kill, freeze and start again.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use service_kit::admin::Admin;
use service_kit::config::{Env, PulsarConfig, Role, TokenSource};
use shared_events::Service;
use sqlx::{AssertSqlSafe, PgPool};

/// Password of the services' database roles; the server listens on loopback and lives as long as the test.
pub const PASSWORD: &str = "only-for-this-test";
/// The tenant in the broker.
pub const TENANT: &str = "recoup-e2e";

/// Both servers. They are killed when this is dropped.
pub struct Servers {
    root: PathBuf,
    dir: PathBuf,
    variables: Vec<(String, String)>,
    postgres: String,
}

impl Servers {
    /// Starts both, on fresh data and free ports. `name` sets them apart from others of the same process, which must be started one after
    /// another: free ports are looked for.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn start(name: &str) -> anyhow::Result<Self> {
        let env = Env::process();
        let parent = env.get("RECOUP_TEST_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let dir = parent.join(format!("e2e-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate lies in the workspace")?.to_owned();
        let mut servers = Self { root, dir, variables: Vec::new(), postgres: String::new() };
        let (broker, postgres) = (servers.broker_dir(), servers.postgres_dir());
        let both = tokio::join!(
            servers.dev(["_broker", "start", &broker, "26650", "28080"]),
            servers.dev(["_postgres", "start", &postgres, "25432"])
        );
        both.0?;
        both.1?;
        servers.variables = pairs(&servers.dev(["_broker", "env", &broker]).await?);
        let database = pairs(&servers.dev(["_postgres", "env", &postgres]).await?);
        servers.postgres = database.into_iter().find(|(name, _)| name == "DATABASE_URL").context("a database URL")?.1;
        let pool = servers.database("postgres").await?;
        for service in Service::ALL.map(Service::name) {
            sqlx::query(AssertSqlSafe(format!("CREATE ROLE {service}_user LOGIN PASSWORD '{PASSWORD}'")))
                .execute(&pool)
                .await?;
        }
        pool.close().await;
        Ok(servers)
    }

    /// Where everything of this run is kept.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The variables that name the broker and the tokens for it.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// One of [`Servers::variables`].
    ///
    /// # Errors
    /// When `./dev` did not say it.
    pub fn variable(&self, name: &str) -> anyhow::Result<&str> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).with_context(|| format!("./dev _broker env does not say {name}"))
    }

    /// How `role` reaches the broker, in `namespace`.
    ///
    /// # Errors
    /// When `./dev` did not say.
    pub fn pulsar(&self, role: Role, namespace: &str) -> anyhow::Result<PulsarConfig> {
        let tokens = PathBuf::from(self.variable("PULSAR_TOKEN_DIR")?);
        Ok(PulsarConfig {
            role,
            service_url: self.variable("PULSAR_SERVICE_URL")?.into(),
            admin_url: self.variable("PULSAR_ADMIN_URL")?.into(),
            token: TokenSource::File(tokens.join(format!("{}.jwt", role.name()))),
            authorities: None,
            tenant: TENANT.into(),
            namespace: namespace.into(),
        })
    }

    /// The broker's administrator.
    ///
    /// # Errors
    /// When `./dev` did not say how to reach it.
    pub fn admin(&self) -> anyhow::Result<Admin> {
        Ok(Admin::new(&self.pulsar(Role::Provisioner, "any")?))
    }

    /// The URL of a database, as superuser.
    pub fn database_url(&self, database: &str) -> String {
        let server = self.postgres.rsplit_once('/').map_or(self.postgres.as_str(), |(server, _)| server);
        format!("{server}/{database}")
    }

    /// The URL of a database, as a service's own role.
    ///
    /// # Errors
    /// When the superuser's URL is not as expected.
    pub fn service_database_url(&self, role: &str, database: &str) -> anyhow::Result<String> {
        let (_, address) = self.postgres.rsplit_once('@').context("the URL names a user")?;
        let address = address.split('/').next().unwrap_or_default();
        Ok(format!("postgres://{role}:{PASSWORD}@{address}/{database}"))
    }

    /// Connects to a database as superuser.
    ///
    /// # Errors
    /// When the server is away.
    pub async fn database(&self, database: &str) -> anyhow::Result<PgPool> {
        let pool = sqlx::postgres::PgPoolOptions::new().max_connections(3);
        Ok(pool.connect(&self.database_url(database)).await?)
    }

    /// Kills the broker (SIGKILL).
    ///
    /// # Errors
    /// When that does not work.
    pub async fn kill_broker(&self) -> anyhow::Result<()> {
        self.dev(["_broker", "kill", &self.broker_dir()]).await.map(drop)
    }

    /// Starts the broker again and waits until it is healthy.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn start_broker(&self) -> anyhow::Result<()> {
        let dir = self.broker_dir();
        self.dev(["_broker", "start", &dir]).await?;
        let now = pairs(&self.dev(["_broker", "env", &dir]).await?);
        ensure!(now == self.variables, "the broker came back under another address: {now:?}");
        Ok(())
    }

    /// Stops the broker's process where it stands (SIGSTOP).
    ///
    /// # Errors
    /// When that does not work.
    pub async fn freeze_broker(&self) -> anyhow::Result<()> {
        self.dev(["_broker", "freeze", &self.broker_dir()]).await.map(drop)
    }

    /// Lets the broker's process go on (SIGCONT).
    ///
    /// # Errors
    /// When that does not work.
    pub async fn continue_broker(&self) -> anyhow::Result<()> {
        self.dev(["_broker", "continue", &self.broker_dir()]).await.map(drop)
    }

    /// Kills Postgres with all its processes (SIGKILL).
    ///
    /// # Errors
    /// When that does not work.
    pub async fn kill_postgres(&self) -> anyhow::Result<()> {
        self.dev(["_postgres", "kill", &self.postgres_dir()]).await.map(drop)
    }

    /// Starts Postgres again and waits until it answers.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn start_postgres(&self) -> anyhow::Result<()> {
        self.dev(["_postgres", "start", &self.postgres_dir()]).await.map(drop)
    }

    /// Brings both back, whatever the last test left behind, and forgets its databases and topics.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn heal(&self) -> anyhow::Result<()> {
        // Fails when no broker runs, and then the next step starts one.
        drop(self.continue_broker().await);
        let both = tokio::join!(self.start_broker(), self.start_postgres());
        both.0.and(both.1)?;
        // After a kill, Postgres looks at every file it has before it answers, and the broker loads every topic again.
        self.forget_worlds().await
    }

    fn broker_dir(&self) -> String {
        self.dir.join("pulsar").display().to_string()
    }

    fn postgres_dir(&self) -> String {
        self.dir.join("pg").display().to_string()
    }

    async fn dev<const N: usize>(&self, arguments: [&str; N]) -> anyhow::Result<String> {
        // Its output goes through files: the servers inherit them, and a pipe would stay open as long as they live.
        let (said, complained) = (tempfile(&self.dir, "out")?, tempfile(&self.dir, "err")?);
        let status = tokio::process::Command::new(self.root.join("dev"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&said)?)
            .stderr(std::fs::File::create(&complained)?)
            .status()
            .await?;
        let (out, errors) = (std::fs::read_to_string(&said)?, std::fs::read_to_string(&complained)?);
        drop((std::fs::remove_file(said), std::fs::remove_file(complained)));
        ensure!(status.success(), "./dev {} failed: {errors}", arguments.join(" "));
        Ok(out)
    }
}

fn tempfile(dir: &Path, kind: &str) -> anyhow::Result<PathBuf> {
    let dir = dir.join("dev");
    std::fs::create_dir_all(&dir)?;
    Ok(dir.join(format!("{}.{kind}", uuid::Uuid::now_v7())))
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl Drop for Servers {
    fn drop(&mut self) {
        for (kind, dir) in [("_broker", self.broker_dir()), ("_postgres", self.postgres_dir())] {
            let killed = std::process::Command::new(self.root.join("dev")).args([kind, "kill", &dir]).status();
            if !killed.is_ok_and(|status| status.success()) {
                eprintln!("{kind} in {dir} was not killed");
            }
            // Logs stay for whoever looks into a failure; data, which may lie elsewhere behind a link, is of no use any more.
            if let Ok(data) = std::fs::canonicalize(Path::new(&dir).join("data")) {
                drop(std::fs::remove_dir_all(data));
            }
        }
    }
}
