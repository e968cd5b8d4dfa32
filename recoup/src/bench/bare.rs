//! The bare loop: the rows and messages of the pipeline through the same broker and database, and nothing decided on the way. What is left out is
//! HTTP, JSON parsing, attribution, rules, tenants and the kit; what is kept is every table with its indexes, the sizes, batches and commits.
//!
//! One half inserts events and outbox rows in one database; a relay publishes and deletes them; consumers of four partitions insert inbox,
//! commission, ledger and outbox rows in a second database; a second relay publishes those.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use pulsar::consumer::{ConsumerOptions, InitialPosition};
use pulsar::proto::MessageIdData;
use pulsar::{Consumer, SubType, TokioExecutor};
use service_kit::admin::Admin;
use service_kit::bus::{Bus, Outbound, PartitionProducer};
use service_kit::config::{Env, PulsarConfig, Reader, Role};
use service_kit::provision::{Retention, provision};
use shared_events::partition::{PARTITIONS, partition_of};
use shared_events::{Service, Topic};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use super::stack::owned;

/// Events in one transaction of the first half.
const BATCH: usize = 500;
/// Outbox rows that a relay reads at a time.
const PAGE: i64 = 2_000;
/// Rows that may wait between the halves.
const AHEAD: u64 = 12_000;

/// Shared by the tasks of a run.
struct Shared {
    made: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
}

/// Runs it; events committed in the second database per second of steady state.
///
/// # Errors
/// When the broker or the database is away.
#[expect(clippy::float_arithmetic, reason = "a rate, no money")]
pub(super) async fn run(seconds: u64) -> anyhow::Result<f64> {
    let env = Env::process();
    let first = database(&env, "TRACKING", "bare_first", &migrations::TRACKING).await?;
    let second = database(&env, "COMMISSION", "bare_second", &migrations::COMMISSION).await?;
    let config = |role| {
        let mut reader = Reader::new(&env);
        let read = PulsarConfig::read_for(&mut reader, role);
        reader.finish(read)
    };
    let mut admin = config(Role::Provisioner)?;
    admin.namespace = format!("bare-{}", Uuid::now_v7().simple());
    provision(&Admin::new(&admin), &admin, Retention { minutes: 10, mebibytes: 2_048 }, |_| ()).await?;
    let bus = |role| -> anyhow::Result<Arc<Bus>> {
        Ok(Bus::new(PulsarConfig { namespace: admin.namespace.clone(), ..config(role)? }))
    };
    let shared = Arc::new(Shared { made: 0.into(), done: 0.into(), stop: false.into() });
    let mut tasks = vec![
        tokio::spawn(make(first.clone(), Arc::clone(&shared))),
        tokio::spawn(relay(first.clone(), bus(Role::Tracking)?, Topic::events(Service::Tracking), Arc::clone(&shared))),
        tokio::spawn(relay(
            second.clone(),
            bus(Role::Commission)?,
            Topic::events(Service::Commission),
            Arc::clone(&shared),
        )),
    ];
    let consumer_bus = bus(Role::Commission)?;
    for partition in 0..PARTITIONS {
        tasks.push(tokio::spawn(consume(second.clone(), Arc::clone(&consumer_bus), partition, Arc::clone(&shared))));
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (since, before) = (Instant::now(), shared.done.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let rate = (shared.done.load(Ordering::Relaxed) - before) as f64 / since.elapsed().as_secs_f64();
    shared.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    for (pool, service, name) in [(first, "TRACKING", "bare_first"), (second, "COMMISSION", "bare_second")] {
        pool.close().await;
        drop_database(&env, service, name).await?;
    }
    Ok(rate)
}

async fn drop_database(env: &Env, service: &str, name: &str) -> anyhow::Result<PgConnection> {
    let mut server = PgConnection::connect(&owned(env, service, "postgres")?).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")))
        .execute(&mut server)
        .await?;
    Ok(server)
}

async fn database(env: &Env, service: &str, name: &str, migrator: &sqlx::migrate::Migrator) -> anyhow::Result<PgPool> {
    let mut server = drop_database(env, service, name).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut server).await?;
    let pool = PgPoolOptions::new().max_connections(8).connect(&owned(env, service, name)?).await?;
    migrator.run(&pool).await?;
    Ok(pool)
}

/// Texts as long as a real envelope and a real conversion.
fn message(id: Uuid, key: Uuid, number: u64) -> (String, String) {
    let properties = format!(
        r#"{{"ce_specversion":"1.0","ce_id":"{id}","ce_source":"/services/tracking","ce_type":"tracking.conversion_attributed.v1","ce_subject":"{key}","ce_time":"2026-01-01T00:00:00.000000Z","ce_recordedtime":"2026-01-01T00:00:00.000000Z","ce_sequence":"00000000000000000001","ce_tenant":"bench","ce_correlationid":"{id}","ce_actor":"bench","content-type":"application/json"}}"#
    );
    let payload = format!(
        r#"{{"conversion_id":"{key}","revision":1,"campaign_id":"{key}","rules_version":1,"on":"sale","amount":{{"minor":{number},"currency":"USD"}},"order_id":"run-1-{number}","visitor":"{key}","occurred_at":"2026-01-01T00:00:00.000000Z","credits":[{{"partner":"partner-1","weight_bps":10000,"click":"{key}"}}],"reason":"the last click within 30 days before the purchase was partner-1's","signals":{{"millis_from_click":86400000}}}}"#
    );
    (properties, payload)
}

const INSERT_OUTBOX: &str =
    "INSERT INTO outbox (topic, key, properties, payload) SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])";

async fn insert_outbox(
    connection: &mut PgConnection,
    topic: Topic,
    ids: &[Uuid],
    first: u64,
) -> Result<(), sqlx::Error> {
    let (mut properties, mut payloads) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
    for (index, id) in ids.iter().enumerate() {
        let (envelope, payload) = message(*id, *id, first + index as u64);
        properties.push(envelope);
        payloads.push(payload);
    }
    let keys: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    sqlx::query(INSERT_OUTBOX)
        .bind(topic.name())
        .bind(keys)
        .bind(properties)
        .bind(payloads)
        .execute(connection)
        .await?;
    Ok(())
}

async fn make(pool: PgPool, shared: Arc<Shared>) -> anyhow::Result<()> {
    while !shared.stop.load(Ordering::Relaxed) {
        let made = shared.made.load(Ordering::Relaxed);
        if made >= shared.done.load(Ordering::Relaxed) + AHEAD {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        }
        let ids: Vec<Uuid> =
            (0..BATCH).map(|index| shared_events::ids::derive(&["bare", &(made + index as u64).to_string()])).collect();
        let orders: Vec<String> = (0..BATCH).map(|index| format!("run-1-{}", made + index as u64)).collect();
        let mut work = pool.begin().await?;
        sqlx::query(
            "INSERT INTO events (id, tenant, type, source, event_id, visitor, order_id, amount_minor, currency, occurred_at, received_at, metadata,
                 state, campaign_id, rules_version, revision, touchpoints, reason, version)
             SELECT id, 'bench', 'purchase', 'bench', o, id, o, 2500, 'USD', now(), now(), '{\"product_id\":\"prod-1\"}', 'attributed', id, 1, 1,
                 '[{\"click\":\"00000000-0000-0000-0000-000000000000\",\"partner\":\"partner-1\",\"weight_bps\":10000}]',
                 'the last click within 30 days before the purchase was partner-1''s', 1
             FROM unnest($1::uuid[], $2::text[]) AS fresh (id, o)",
        )
        .bind(&ids)
        .bind(orders)
        .execute(&mut *work)
        .await?;
        insert_outbox(&mut work, Topic::events(Service::Tracking), &ids, made).await?;
        work.commit().await?;
        shared.made.fetch_add(BATCH as u64, Ordering::Relaxed);
    }
    Ok(())
}

async fn relay(pool: PgPool, bus: Arc<Bus>, topic: Topic, shared: Arc<Shared>) -> anyhow::Result<()> {
    let mut lanes: Vec<PartitionProducer> =
        (0..PARTITIONS).map(|partition| PartitionProducer::new(Arc::clone(&bus), topic, partition)).collect();
    while !shared.stop.load(Ordering::Relaxed) {
        let rows: Vec<(i64, String, String, String)> =
            sqlx::query_as("SELECT id, key, properties, payload FROM outbox ORDER BY id LIMIT $1")
                .bind(PAGE)
                .fetch_all(&pool)
                .await?;
        if rows.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let mut entries: Vec<Vec<Outbound>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
        for (_, key, properties, payload) in rows {
            let properties: HashMap<String, String> = serde_json::from_str(&properties)?;
            entries[partition_of(&key) as usize].push(Outbound { key, properties, payload: payload.into_bytes() });
        }
        let sends = lanes.iter_mut().zip(entries).map(|(lane, messages)| async move {
            for entry in messages.chunks(500) {
                lane.send_entry(entry.to_vec()).await?;
            }
            anyhow::Ok(())
        });
        futures::future::try_join_all(sends).await?;
        sqlx::query("DELETE FROM outbox WHERE id = ANY($1)").bind(ids).execute(&pool).await?;
    }
    Ok(())
}

async fn consume(pool: PgPool, bus: Arc<Bus>, partition: u32, shared: Arc<Shared>) -> anyhow::Result<()> {
    let (_, client) = bus.client().await?;
    let topic = bus.partition_name(Topic::events(Service::Tracking), partition);
    let mut stream: Consumer<Vec<u8>, TokioExecutor> = client
        .consumer()
        .with_topic(&topic)
        .with_subscription(bus.role())
        .with_subscription_type(SubType::Failover)
        .with_batch_size(1_000)
        .with_options(ConsumerOptions {
            initial_position: InitialPosition::Earliest,
            receiver_queue_size: Some(1_000),
            ..Default::default()
        })
        .build()
        .await?;
    while !shared.stop.load(Ordering::Relaxed) {
        let Ok(first) = tokio::time::timeout(Duration::from_millis(200), stream.next()).await else { continue };
        let (mut ids, mut entries, mut next) = (Vec::new(), Vec::<MessageIdData>::new(), first);
        loop {
            let message = next.ok_or_else(|| anyhow::anyhow!("the stream ended"))??;
            let position = message.message_id().clone();
            let last = position.batch_index.unwrap_or(0) + 1 >= message.metadata().num_messages_in_batch.unwrap_or(1);
            ids.push(message.key().and_then(|key| Uuid::try_parse(&key).ok()).unwrap_or_default());
            if last {
                entries.push(MessageIdData { batch_index: None, ..position });
                if ids.len() >= BATCH {
                    break;
                }
                match stream.next().now_or_never() {
                    Some(ready) => next = ready,
                    None => break,
                }
            } else {
                next = stream.next().await;
            }
        }
        apply(&pool, &ids, &shared).await?;
        for entry in entries {
            stream.ack_with_id(&topic, entry).await?;
        }
    }
    Ok(())
}

async fn apply(pool: &PgPool, ids: &[Uuid], shared: &Shared) -> anyhow::Result<()> {
    let orders: Vec<String> = ids.iter().map(|id| format!("run-1-{}", id.as_u128() % 1_000_000_000)).collect();
    let mut work = pool.begin().await?;
    sqlx::query("INSERT INTO inbox (message_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING message_id")
        .bind(ids)
        .fetch_all(&mut *work)
        .await?;
    sqlx::query(
        "INSERT INTO commissions (tenant, id, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
             base_minor, turnover_minor, earned_minor, state, hold_until, held, review, facts, reason, click_id, order_id, visitor, occurred_at,
             month, calculated_at, cause, correlation)
         SELECT 'bench', id, id, 1, id, 'partner-1', 1, 'sale', 10000, 'USD', 2500, 2500, 250, 'pending', now() + interval '30 days', false, '{}',
             '{\"value\":{\"basis_points\":1000}}', 'the last click within 30 days before the purchase was partner-1''s', id, o, id, now(),
             '2026-01-01', now(), id, id
         FROM unnest($1::uuid[], $2::text[]) AS fresh (id, o)",
    )
    .bind(ids)
    .bind(orders)
    .execute(&mut *work)
    .await?;
    sqlx::query(
        "INSERT INTO ledger (tenant, partner, at, currency, movement, from_account, to_account, minor, commission_id, cause)
         SELECT 'bench', 'partner-1', now(), 'USD', 'calculated', 'expense', 'accrued', 250, id, id FROM unnest($1::uuid[]) AS fresh (id)",
    )
    .bind(ids)
    .execute(&mut *work)
    .await?;
    insert_outbox(&mut work, Topic::events(Service::Commission), ids, 0).await?;
    work.commit().await?;
    shared.done.fetch_add(ids.len() as u64, Ordering::Relaxed);
    Ok(())
}
