//! What the service's own database says, seen at one instant, in a transaction that cannot write.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use anyhow::Context;
use chrono::{DateTime, Utc};
use service_kit::config::Secret;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use uuid::Uuid;

/// Where a row stands among those of its table, which are numbered as they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The row's number.
    pub row: i64,
}

/// Messages with the number of the first row that each made. Rows are numbered under the locks that order what depends on each other.
const MADE: [(&str, &str); 2] = [
    ("commissions", "SELECT cause, min(seq) FROM commissions WHERE reverses IS NULL GROUP BY cause"),
    ("payouts", "SELECT cause, min(seq) FROM payouts GROUP BY cause"),
];

/// The live database, as it was when the replay began.
pub struct Live {
    /// Its one connection, within the transaction.
    pub connection: PgConnection,
    /// Every tenant that has anything.
    pub tenants: Vec<String>,
    /// For messages that made commissions or a payout: where the first of those rows stands in the order of their making.
    pub places: HashMap<Uuid, Place>,
    /// When ended holds were swept.
    pub sweeps: Vec<DateTime<Utc>>,
    /// When payout files were written.
    pub files: Vec<DateTime<Utc>>,
    /// Messages that were ever parked: when they were handled after all, if they were.
    pub parked: HashMap<Uuid, Option<DateTime<Utc>>>,
    /// Events that were said and have not reached the broker yet: properties and data.
    pub unpublished: Vec<(String, String)>,
}

impl Live {
    /// Opens it as the service's own role.
    pub async fn open(url: &Secret) -> anyhow::Result<Self> {
        let options = PgConnectOptions::from_str(url.expose())
            .context("the database URL is malformed")?
            .application_name("recoup replay")
            .options([("default_transaction_read_only", "on")]);
        let mut connection = options.connect().await.context("connecting to the live database")?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
        let tenants: Vec<String> =
            sqlx::query_scalar("SELECT tenant FROM known_tenants ORDER BY tenant").fetch_all(&mut connection).await?;
        let parked: Vec<(Uuid, Option<DateTime<Utc>>)> =
            sqlx::query_as("SELECT message_id, CASE WHEN state = 'redriven' THEN resolved_at END FROM parked")
                .fetch_all(&mut connection)
                .await?;
        let unpublished =
            sqlx::query_as("SELECT properties, payload FROM outbox ORDER BY id").fetch_all(&mut connection).await?;
        let (mut places, mut sweeps, mut files) = (HashMap::new(), Vec::new(), Vec::new());
        for tenant in &tenants {
            set_tenant(&mut connection, tenant).await?;
            for (table, sql) in MADE {
                let made: Vec<(Uuid, i64)> = sqlx::query_as(sql).fetch_all(&mut connection).await?;
                places.extend(made.into_iter().map(|(cause, row)| (cause, Place { table, row })));
            }
            let swept = "SELECT DISTINCT at FROM ledger WHERE cause IS NULL AND movement = 'approved'";
            sweeps.extend(sqlx::query_scalar::<_, DateTime<Utc>>(swept).fetch_all(&mut connection).await?);
            let written = "SELECT written_at FROM payout_batches WHERE written_at IS NOT NULL";
            files.extend(sqlx::query_scalar::<_, DateTime<Utc>>(written).fetch_all(&mut connection).await?);
        }
        sweeps.sort_unstable();
        sweeps.dedup();
        files.sort_unstable();
        files.dedup();
        Ok(Self { connection, tenants, places, sweeps, files, parked: parked.into_iter().collect(), unpublished })
    }

    /// Which of these messages the service had handled by then.
    pub async fn handled(&mut self, ids: &[Uuid]) -> anyhow::Result<HashSet<Uuid>> {
        let found: Vec<Uuid> = sqlx::query_scalar("SELECT message_id FROM inbox WHERE message_id = ANY($1)")
            .bind(ids)
            .fetch_all(&mut self.connection)
            .await?;
        Ok(found.into_iter().collect())
    }
}

/// Opens one tenant's rows until another is set.
pub async fn set_tenant(connection: &mut PgConnection, tenant: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('recoup.tenant', $1, false)").bind(tenant).execute(connection).await?;
    Ok(())
}
