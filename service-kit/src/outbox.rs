//! The outbox: events are written beside the state change that they report, and one relay per service publishes them.
//!
//! Order: rows are read by id and sent one batched entry at a time for each partition. The broker stores an entry whole or not at
//! all, so sending it again after an unknown outcome can only repeat events, never reorder them; the readers' inbox drops repeats.
//! Rows are deleted once the broker has confirmed them. There is no "last id seen": ids become visible in the order of commits,
//! not of numbers, and a cursor would step over late ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use shared_events::partition::partition_of;
use shared_events::{Envelope, Topic};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::bus::{Bus, Outbound, PartitionProducer, next_entry};
use crate::faults;
use crate::lease::Lease;
use crate::pace;
use crate::store::Store;

/// Rows read at a time.
const PAGE: i64 = 2_000;
/// How long an idle relay waits before it looks for itself (commits of its own process wake it at once).
const POLL: Duration = Duration::from_millis(50);

/// An event on its way into the outbox.
pub(crate) struct Outgoing {
    topic: &'static str,
    key: String,
    properties: String,
    payload: String,
}

impl Outgoing {
    pub(crate) fn new(topic: Topic, envelope: &Envelope, event: &impl Serialize) -> Self {
        Self {
            topic: topic.name(),
            key: envelope.subject.clone(),
            properties: serde_json::to_string(&envelope.to_properties()).expect("texts serialise"),
            payload: serde_json::to_string(event).expect("events serialise"),
        }
    }
}

pub(crate) async fn insert(connection: &mut PgConnection, rows: &[Outgoing]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let topics: Vec<&str> = rows.iter().map(|row| row.topic).collect();
    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    let properties: Vec<&str> = rows.iter().map(|row| row.properties.as_str()).collect();
    let payloads: Vec<&str> = rows.iter().map(|row| row.payload.as_str()).collect();
    sqlx::query!(
        "INSERT INTO outbox (topic, key, properties, payload)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])",
        &topics as &[&str],
        &keys as &[&str],
        &properties as &[&str],
        &payloads as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Publishes a service's outbox while this process leads.
pub struct Relay {
    store: Store,
    bus: Arc<Bus>,
    producers: BTreeMap<(Topic, u32), PartitionProducer>,
    owner: Uuid,
    name: &'static str,
}

/// What a round of the relay found.
enum Turn {
    /// No rows, or another relay leads.
    Nothing,
    /// Fewer rows than a page.
    Some,
    /// A page; there are probably more.
    Full,
}

struct Row {
    id: i64,
    topic: Topic,
    partition: u32,
    message: Outbound,
}

impl Relay {
    /// A relay for `store`, publishing through `bus`.
    pub fn new(store: Store, bus: Arc<Bus>) -> Self {
        let name = store.service().name();
        Self { store, bus, producers: BTreeMap::new(), owner: Uuid::now_v7(), name }
    }

    /// Runs until `stop`; on the way out it publishes what is there and gives up the lease.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut lease: Option<Lease> = None;
        let mut trouble = Backoff::default();
        loop {
            let (stopping, began) = (stop.is_cancelled(), Instant::now());
            match self.turn(&mut lease).await {
                Ok(turn) => {
                    trouble.reset();
                    match turn {
                        Turn::Nothing if stopping => break,
                        Turn::Nothing => tokio::select! {
                            () = self.store.signals().outbox.notified() => {}
                            () = tokio::time::sleep(POLL) => {}
                            () = stop.cancelled() => {}
                        },
                        Turn::Some => tokio::time::sleep(pace::after_page(began.elapsed())).await,
                        Turn::Full => {}
                    }
                }
                Err(error) => {
                    metrics::counter!("recoup_relay_errors_total", "service" => self.name).increment(1);
                    tracing::warn!(error = format!("{error:#}"), "the relay could not publish, it tries again");
                    if stopping {
                        break;
                    }
                    trouble.wait(&stop).await;
                }
            }
        }
        if let Some(lease) = lease
            && let Err(error) = lease.release(self.store.pool()).await
        {
            tracing::warn!(%error, "the relay's lease was not given up, it will expire");
        }
        for producer in self.producers.into_values() {
            producer.close().await;
        }
    }

    /// One round: lead, read, publish, delete.
    async fn turn(&mut self, lease: &mut Option<Lease>) -> anyhow::Result<Turn> {
        if lease.as_ref().is_none_or(|lease| Instant::now() >= lease.renew_at) {
            *lease = Lease::acquire(self.store.pool(), self.owner).await?;
        }
        let Some(held) = lease else {
            return Ok(Turn::Nothing);
        };
        let rows = self.read().await?;
        if rows.is_empty() {
            return Ok(Turn::Nothing);
        }
        let full = rows.len() as i64 == PAGE;
        faults::point("relay.before_publish");
        let result = self.publish(rows, held.expires).await;
        faults::point("relay.after_receipt");
        let kept = self.delete(&result.confirmed, held).await?;
        if !kept {
            tracing::warn!(epoch = held.epoch, "another relay took the lease over");
            *lease = None;
        }
        match result.error {
            Some(error) => Err(error),
            None if full => Ok(Turn::Full),
            None if kept => Ok(Turn::Some),
            None => Ok(Turn::Nothing),
        }
    }

    async fn read(&self) -> anyhow::Result<Vec<Row>> {
        let rows = sqlx::query!("SELECT id, topic, key, properties, payload FROM outbox ORDER BY id LIMIT $1", PAGE)
            .fetch_all(self.store.pool())
            .await?;
        rows.into_iter()
            .map(|row| {
                let topic = Topic::from_name(&row.topic)
                    .ok_or_else(|| anyhow::anyhow!("outbox row {} names no topic", row.id))?;
                let properties = serde_json::from_str(&row.properties)?;
                let partition = partition_of(&row.key);
                let message = Outbound { key: row.key, properties, payload: row.payload.into_bytes() };
                Ok(Row { id: row.id, topic, partition, message })
            })
            .collect()
    }

    /// Publishes every row, one entry in flight per partition, partitions side by side.
    async fn publish(&mut self, rows: Vec<Row>, lease_expires: Instant) -> Published {
        let mut lanes: BTreeMap<(Topic, u32), Vec<(Outbound, i64)>> = BTreeMap::new();
        for row in rows {
            lanes.entry((row.topic, row.partition)).or_default().push((row.message, row.id));
        }
        let bus = &self.bus;
        for lane in lanes.keys() {
            self.producers.entry(*lane).or_insert_with(|| PartitionProducer::new(Arc::clone(bus), lane.0, lane.1));
        }
        let sends = self.producers.iter_mut().filter_map(|(lane, producer)| {
            lanes.remove(lane).map(|messages| publish_lane(producer, messages, lease_expires))
        });
        let mut published = Published::default();
        for lane in futures::future::join_all(sends).await {
            published.confirmed.extend(lane.confirmed);
            published.error = published.error.or(lane.error);
        }
        metrics::counter!("recoup_relay_published_total", "service" => self.name)
            .increment(published.confirmed.len() as u64);
        published
    }

    /// Deletes what the broker confirmed, unless another relay leads by now. False: the lease is lost (the rows will be sent again).
    async fn delete(&self, confirmed: &[i64], lease: &Lease) -> Result<bool, sqlx::Error> {
        if confirmed.is_empty() {
            return Ok(true);
        }
        if faults::sabotaged("no_lease") {
            let delete = sqlx::query("DELETE FROM outbox WHERE id = ANY($1)").bind(confirmed);
            return Ok(delete.execute(self.store.pool()).await?.rows_affected() > 0);
        }
        let deleted = sqlx::query!(
            "DELETE FROM outbox WHERE id = ANY($1) AND EXISTS
             (SELECT 1 FROM relay_lease WHERE name = 'outbox' AND owner = $2 AND epoch = $3)",
            confirmed,
            lease.owner,
            lease.epoch,
        )
        .execute(self.store.pool())
        .await?
        .rows_affected();
        Ok(deleted > 0)
    }
}

#[derive(Default)]
struct Published {
    confirmed: Vec<i64>,
    error: Option<anyhow::Error>,
}

async fn publish_lane(
    producer: &mut PartitionProducer,
    messages: Vec<(Outbound, i64)>,
    lease_expires: Instant,
) -> Published {
    let mut published = Published::default();
    let mut queue = messages.into_iter().peekable();
    while queue.peek().is_some() {
        // A leader that was frozen must not go on as if nothing had happened. (If it does, readers see repeats, nothing worse.)
        if Instant::now() >= lease_expires {
            published.error = Some(anyhow::anyhow!("the relay's lease ran out while it published"));
            break;
        }
        let (entry, ids) = next_entry(&mut queue);
        if let Err(error) = producer.send_entry(entry).await {
            published.error = Some(error);
            break;
        }
        published.confirmed.extend(ids);
    }
    published
}
