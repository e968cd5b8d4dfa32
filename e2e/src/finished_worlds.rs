//! What is left of worlds whose tests have ended: databases and namespaces, which would make the servers slower with every test.

use std::time::Duration;

use anyhow::Context;
use reqwest::Method;
use sqlx::AssertSqlSafe;

use crate::servers::{Servers, TENANT};
use crate::wait::until;

/// How long a broker that was just killed may take to give up one namespace.
const SOON: Duration = Duration::from_secs(60);

impl Servers {
    /// The namespaces of all worlds, by their names.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn worlds(&self) -> anyhow::Result<Vec<String>> {
        let admin = self.admin()?;
        // Before the first world there is no tenant.
        let tenants = admin.get("tenants").await?;
        if !names(&tenants)?.iter().any(|tenant| tenant == TENANT) {
            return Ok(Vec::new());
        }
        let namespaces = names(&admin.get(&format!("namespaces/{TENANT}")).await?)?;
        Ok(namespaces.iter().filter_map(|name| name.split_once('/')).map(|(_, name)| name.to_owned()).collect())
    }

    /// Drops the databases and namespaces of all worlds. None may be in use.
    pub(crate) async fn forget_worlds(&self) -> anyhow::Result<()> {
        let server = self.database("postgres").await?;
        let old: Vec<String> = sqlx::query_scalar(r"SELECT datname FROM pg_database WHERE datname LIKE 'e2e\_%'")
            .fetch_all(&server)
            .await?;
        for database in old {
            sqlx::query(AssertSqlSafe(format!("DROP DATABASE {database} WITH (FORCE)"))).execute(&server).await?;
        }
        server.close().await;
        for world in self.worlds().await? {
            until("the namespace of a finished world is gone", SOON, async || {
                self.forget_namespace(&world).await.map(Some)
            })
            .await?;
        }
        Ok(())
    }

    /// The broker removes no namespace by force, so its topics go first, with whatever still reads them.
    async fn forget_namespace(&self, world: &str) -> anyhow::Result<()> {
        let admin = self.admin()?;
        for topic in names(&admin.get(&format!("persistent/{TENANT}/{world}/partitioned")).await?)? {
            let path = format!("{}/partitions?force=true", topic.replace("://", "/"));
            admin.ensure(Method::DELETE, &path, None, &[404]).await?;
        }
        admin.ensure(Method::DELETE, &format!("namespaces/{TENANT}/{world}"), None, &[404]).await
    }
}

fn names(list: &serde_json::Value) -> anyhow::Result<Vec<String>> {
    serde_json::from_value(list.clone()).context("a list of names")
}
