//! How far the shop was read, and why it could not be read the last time.

use chrono::{DateTime, Utc};
use service_kit::handler::Failure;
use service_kit::store::{Store, Work};

use super::Shop;

/// How far the shop was read.
pub struct Feed {
    /// Changes before it are known.
    pub since: DateTime<Utc>,
    /// The newest change that was seen.
    pub newest: DateTime<Utc>,
    /// The page of the shop to go on with.
    pub after: Option<String>,
}

/// How far the shop was read; it begins now, unless said otherwise.
pub async fn feed(store: &Store, shop: &Shop) -> Result<Feed, Failure> {
    let mut work = store.read(&shop.tenant).await?;
    let (tenant, now) = (work.tenant().clone(), work.now());
    let begun = shop.since.unwrap_or(now);
    sqlx::query!(
        "INSERT INTO saleor_feeds (tenant, since, newest, asked_at) VALUES ($1, $2, $2, $3) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        begun,
        now,
    )
    .execute(work.conn())
    .await?;
    let feed =
        sqlx::query_as!(Feed, "SELECT since, newest, after FROM saleor_feeds WHERE tenant = $1", tenant.as_str())
            .fetch_one(work.conn())
            .await?;
    work.commit().await?;
    Ok(feed)
}

/// Keeps how far it was read, and why it could not be.
pub async fn note(work: &mut Work, feed: &Feed, problem: Option<&str>) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE saleor_feeds SET since = $2, newest = $3, after = $4, asked_at = $5, problem = $6 WHERE tenant = $1",
        tenant.as_str(),
        feed.since,
        feed.newest,
        feed.after,
        now,
        problem,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
