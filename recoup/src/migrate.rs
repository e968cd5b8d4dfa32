//! `recoup migrate`: roles, databases and schemas of the services.

use std::str::FromStr;

use anyhow::Context;
use service_kit::config::{AdminDatabaseConfig, DatabaseConfig, Env, Reader, Secret};
use shared_events::Service;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::cli;
use crate::output::{self, BadUsage, Exit};

/// Makes each service's role and database and brings its schema up to date. Running it again changes nothing.
#[derive(clap::Args)]
pub struct Args {
    /// Only this service's database
    #[arg(value_parser = cli::service)]
    service: Option<Service>,
}

/// One service's database: the server's owner, and what the service itself will connect as.
pub struct Target {
    service: Service,
    owner: PgConnectOptions,
    password: Secret,
    database: String,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let env = Env::process();
    let mut reader = Reader::new(&env);
    let services = Service::ALL.into_iter().filter(|service| args.service.is_none_or(|only| only == *service));
    let read: Vec<_> = services
        .map(|service| {
            let both =
                (AdminDatabaseConfig::read_for(&mut reader, service), DatabaseConfig::read_for(&mut reader, service));
            Some((service, both.0?, both.1?))
        })
        .collect();
    let configs = reader.finish(read.into_iter().collect::<Option<Vec<_>>>())?;
    let targets: Vec<Target> =
        configs.into_iter().map(|(service, admin, own)| Target::of(service, admin, &own)).collect::<Result<_, _>>()?;
    for target in targets {
        let changed = target.apply().await.with_context(|| format!("migrating {}", target.service.name()))?;
        output::line(format_args!("{}: database {} has {changed}", target.service.name(), target.database))?;
    }
    Ok(Exit::Done)
}

/// The role that a service connects as; migrations grant to it by name.
pub fn role_of(service: Service) -> String {
    format!("{}_user", service.name())
}

/// The schema of a service's database.
pub fn schema_of(service: Service) -> &'static Migrator {
    match service {
        Service::Tracking => &migrations::TRACKING,
        Service::Commission => &migrations::COMMISSION,
        Service::Evidence => &migrations::EVIDENCE,
        Service::Claims => &migrations::CLAIMS,
        Service::Orders => &migrations::ORDERS,
        Service::Notify => &migrations::NOTIFY,
    }
}

impl Target {
    fn of(service: Service, admin: AdminDatabaseConfig, own: &DatabaseConfig) -> anyhow::Result<Self> {
        let upper = service.name().to_uppercase();
        let bad = |name: &str, why: &str| BadUsage(format!("{upper}_{name}: {why}"));
        let owner = PgConnectOptions::from_str(admin.admin_url.expose())
            .map_err(|_| bad("ADMIN_DATABASE_URL", "is malformed"))?;
        let own = PgConnectOptions::from_str(own.url.expose()).map_err(|_| bad("DATABASE_URL", "is malformed"))?;
        if own.get_username() != role_of(service) {
            return Err(bad("DATABASE_URL", &format!("must connect as {}", role_of(service))).into());
        }
        let database = own.get_database().ok_or_else(|| bad("DATABASE_URL", "names no database"))?.to_owned();
        Ok(Self { service, owner, password: admin.password, database })
    }

    async fn apply(&self) -> anyhow::Result<String> {
        let mut server = connect(&self.owner).await?;
        // Roles belong to the whole server: two who change one at the same moment get an error. Held until this connection closes.
        sqlx::query("SELECT pg_advisory_lock(hashtextextended('recoup.migrate', 0))").execute(&mut server).await?;
        let role = role_of(self.service);
        make_role(&mut server, &role, self.password.expose())
            .await
            .with_context(|| format!("making the role {role}"))?;
        make_database(&mut server, &self.database)
            .await
            .with_context(|| format!("making the database {}", self.database))?;
        for statement in ["REVOKE ALL ON DATABASE %1$I FROM PUBLIC", "GRANT CONNECT ON DATABASE %1$I TO %2$I"] {
            execute(&mut server, statement, &[&self.database, &role]).await?;
        }
        server.close().await?;
        let mut database = connect(&self.owner.clone().database(&self.database)).await?;
        let before = applied(&mut database).await?;
        schema_of(self.service).run(&mut database).await?;
        let after = applied(&mut database).await?;
        database.close().await?;
        Ok(match after - before {
            0 => format!("{after} migrations, none new"),
            new => format!("{after} migrations, {new} of them new"),
        })
    }
}

async fn connect(options: &PgConnectOptions) -> anyhow::Result<PgConnection> {
    let options = options.clone().application_name("recoup migrate");
    options.connect().await.with_context(|| {
        format!("connecting to Postgres at {}:{} as {}", options.get_host(), options.get_port(), options.get_username())
    })
}

/// Runs a statement whose names and texts Postgres itself quotes.
async fn execute(connection: &mut PgConnection, template: &str, values: &[&str]) -> Result<(), sqlx::Error> {
    let statement: String = sqlx::query_scalar("SELECT format($1, VARIADIC $2::text[])")
        .bind(template)
        .bind(values)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

async fn make_role(server: &mut PgConnection, role: &str, password: &str) -> Result<(), sqlx::Error> {
    let attributes: Option<(bool, bool)> =
        sqlx::query_as("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1")
            .bind(role)
            .fetch_optional(&mut *server)
            .await?;
    match attributes {
        None => match execute(
            server,
            "CREATE ROLE %1$I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD %2$L",
            &[role, password],
        )
        .await
        {
            // Somebody else made it a moment ago, for another database on the same server.
            Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42710" | "23505")) => {}
            other => return other,
        },
        // Taking these away needs a superuser, so it is asked for only where there is something to take.
        Some((true, _) | (_, true)) => execute(server, "ALTER ROLE %1$I NOSUPERUSER NOBYPASSRLS", &[role]).await?,
        Some((false, false)) => {}
    }
    execute(server, "ALTER ROLE %1$I LOGIN PASSWORD %2$L", &[role, password]).await
}

async fn make_database(server: &mut PgConnection, database: &str) -> Result<(), sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(database)
        .fetch_one(&mut *server)
        .await?;
    if exists {
        return Ok(());
    }
    match execute(server, "CREATE DATABASE %1$I", &[database]).await {
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P04" | "23505")) => Ok(()),
        other => other,
    }
}

async fn applied(database: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let table: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&mut *database).await?;
    if !table {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(database).await
}
