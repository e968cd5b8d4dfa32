//! Work over all tenants: a service that does any keeps their names in its table `known_tenants`, which is read without a tenant being set.

use std::collections::VecDeque;

use shared_events::TenantId;

use crate::store::Store;

/// Names read at a time.
const PAGE: i64 = 500;

/// The tenants that a service knows, one after the other by their names. One that comes to be known on the way may be left out.
pub struct Tenants<'s> {
    store: &'s Store,
    page: VecDeque<String>,
    last: String,
    ended: bool,
}

impl<'s> Tenants<'s> {
    /// The tenants of `store`'s service.
    pub fn of(store: &'s Store) -> Self {
        Self { store, page: VecDeque::new(), last: String::new(), ended: false }
    }

    /// The next tenant; none after the last.
    ///
    /// # Errors
    /// When the database is away, or the service has no table `known_tenants`.
    pub async fn next(&mut self) -> Result<Option<TenantId>, sqlx::Error> {
        loop {
            if self.page.is_empty() {
                if self.ended {
                    return Ok(None);
                }
                self.turn().await?;
            }
            if let Some(name) = self.page.pop_front()
                && let Ok(tenant) = TenantId::try_new(name)
            {
                return Ok(Some(tenant));
            }
        }
    }

    async fn turn(&mut self) -> Result<(), sqlx::Error> {
        // The table is the service's own, so the kit's schema, which queries are checked against here, does not have it.
        let sql = "SELECT tenant FROM known_tenants WHERE tenant > $1 ORDER BY tenant LIMIT $2";
        let page: Vec<String> =
            sqlx::query_scalar(sql).bind(&self.last).bind(PAGE).fetch_all(self.store.pool()).await?;
        self.ended = (page.len() as i64) < PAGE;
        if let Some(last) = page.last() {
            self.last.clone_from(last);
        }
        self.page = page.into();
        Ok(())
    }
}
