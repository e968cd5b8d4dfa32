//! What waits, as gauges at `/metrics`: events that the broker has not confirmed, parked messages, jobs, and the backlog of subscriptions.
//! Every process of a service tells the same numbers: take the greatest. They stay as they were while the database or broker is away,
//! which `/health/ready` tells.

use std::time::{Duration, Instant};

use serde_json::Value;
use shared_events::Topic;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::bus::Bus;
use crate::store::Store;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(15);
/// Rows counted at most: what matters is that there are too many, and counting all of them would cost most when it is worst.
pub const COUNTED: i64 = 10_001;

/// Looks at what waits for one service.
pub struct Waiting {
    store: Store,
    admin: Admin,
    subscription: &'static str,
    /// Each with its full name at the broker.
    topics: Vec<(Topic, String)>,
    oldest: Option<Oldest>,
}

/// The lowest id in the outbox, and when it was seen first: rows bear no time, and a healthy one is gone by the next look.
struct Oldest {
    id: i64,
    seen: Instant,
}

impl Waiting {
    /// For `store`, and the subscriptions of `bus`' role on `topics`.
    pub fn new(store: Store, bus: &Bus, topics: &[Topic]) -> Self {
        let topics = topics.iter().map(|topic| (*topic, bus.topic_name(*topic))).collect();
        Self { store, admin: Admin::new(bus.config()), subscription: bus.role(), topics, oldest: None }
    }

    /// Looks again and again until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "cannot see what waits in the database");
            }
            if let Err(error) = self.look_at_the_broker().await {
                tracing::debug!(error = format!("{error:#}"), "cannot see what waits at the broker");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Looks at the database once.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn look(&mut self) -> Result<(), sqlx::Error> {
        let now = self.store.now();
        let row = sqlx::query!(
            r#"SELECT (SELECT min(id) FROM outbox) AS oldest,
                      (SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS few) AS "outbox!",
                      (SELECT count(*) FROM (SELECT FROM parked WHERE state IN ('parked', 'redrive') LIMIT $1) AS few) AS "parked!",
                      (SELECT count(*) FROM (SELECT FROM jobs WHERE failed_at IS NULL AND due_at <= $2 LIMIT $1) AS few) AS "due!",
                      (SELECT count(*) FROM (SELECT FROM jobs WHERE failed_at IS NOT NULL LIMIT $1) AS few) AS "failed!""#,
            COUNTED,
            now,
        )
        .fetch_one(self.store.pool())
        .await?;
        let age = self.age_of(row.oldest);
        let service = self.store.service().name();
        let show = |name: &'static str, value: f64| metrics::gauge!(name, "service" => service).set(value);
        show("recoup_outbox_rows", row.outbox as f64);
        show("recoup_outbox_oldest_seconds", age.as_secs_f64());
        show("recoup_parked_open", row.parked as f64);
        show("recoup_jobs_due", row.due as f64);
        show("recoup_jobs_failed", row.failed as f64);
        Ok(())
    }

    /// For how long the outbox has begun with this row, as far as we saw.
    fn age_of(&mut self, oldest: Option<i64>) -> Duration {
        let known = self.oldest.take().filter(|known| oldest == Some(known.id));
        self.oldest = known.or_else(|| oldest.map(|id| Oldest { id, seen: Instant::now() }));
        self.oldest.as_ref().map_or(Duration::ZERO, |oldest| oldest.seen.elapsed())
    }

    /// Asks the broker once for the backlogs.
    ///
    /// # Errors
    /// When the broker does not answer or refuses.
    pub async fn look_at_the_broker(&self) -> anyhow::Result<()> {
        for (topic, full_name) in &self.topics {
            let path = format!("{}/partitioned-stats?perPartition=true", full_name.replace("://", "/"));
            for (partition, backlog) in backlogs(&self.admin.get(&path).await?, self.subscription) {
                let labels = [
                    ("topic", topic.name().to_owned()),
                    ("subscription", self.subscription.to_owned()),
                    ("partition", partition),
                ];
                metrics::gauge!("recoup_backlog", &labels).set(backlog as f64);
            }
        }
        Ok(())
    }
}

/// Number of the partition and entries that `subscription` has not acknowledged there.
fn backlogs(stats: &Value, subscription: &str) -> Vec<(String, u64)> {
    let of_partition = |(name, stats): (&String, &Value)| {
        let (_, number) = name.rsplit_once("-partition-")?;
        Some((number.to_owned(), stats["subscriptions"][subscription]["msgBacklog"].as_u64()?))
    };
    stats["partitions"].as_object().into_iter().flatten().filter_map(of_partition).collect()
}
