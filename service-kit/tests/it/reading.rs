//! Readers see everything once, in order, and leave no trace.

use std::collections::HashMap;

use service_kit::admin::Admin;
use service_kit::bus::{Bus, Outbound, PartitionProducer};
use service_kit::config::{PulsarConfig, Role};
use service_kit::provision::grants;
use service_kit::reader::{End, Merged, Record, Span, Start};
use service_kit::testing::{Namespace, eventually};
use shared_events::partition::PARTITIONS;
use shared_events::tracking::ActivateCampaign;
use shared_events::{CampaignId, Message, Service, Topic};
use uuid::Uuid;

use crate::world::envelope;

const TOPIC: Topic = Topic::commands(Service::Tracking);

fn message(count: u32, seconds: i64) -> Outbound {
    let message = ActivateCampaign { campaign_id: CampaignId(Uuid::from_u128(count.into())) };
    let mut envelope = envelope(&message, Uuid::from_u128(u128::from(count) + 1));
    envelope.recorded = chrono::DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("in range");
    let key = message.key();
    Outbound { key, ..Outbound::new(&envelope, serde_json::to_vec(&message).expect("it serialises")) }
}

/// Entries of one and of ten messages, by turns, over all partitions: message n is written down in second n.
async fn publish(namespace: &Namespace, seconds: std::ops::Range<u32>) {
    publish_as(namespace.role(Role::Bff), seconds).await;
}

/// As [`publish`].
pub async fn publish_as(config: PulsarConfig, seconds: std::ops::Range<u32>) {
    let bus = Bus::new(config);
    for partition in 0..PARTITIONS {
        let mut producer = PartitionProducer::new(bus.clone(), TOPIC, partition);
        let mut ours: Vec<Outbound> =
            seconds.clone().filter(|n| n % PARTITIONS == partition).map(|n| message(n, n.into())).collect();
        while !ours.is_empty() {
            let size = if ours.len().is_multiple_of(2) { 10 } else { 1 };
            let entry = ours.drain(..size.min(ours.len())).collect();
            producer.send_entry(entry).await.expect("the broker takes it");
        }
    }
}

async fn read(namespace: &Namespace, span: Span) -> Merged {
    read_as(namespace.role(Role::Replayer), span).await
}

pub async fn read_as(config: PulsarConfig, span: Span) -> Merged {
    let admin = Admin::new(&config);
    Merged::open(&Bus::new(config), &admin, &[TOPIC], span).await.expect("the topics can be read")
}

fn second(record: &Record) -> i64 {
    record.recorded().timestamp() - 1_700_000_000
}

pub async fn all(mut merged: Merged) -> Vec<i64> {
    let mut seconds = Vec::new();
    while let Some(record) = merged.next().await.expect("it goes on") {
        seconds.push(second(&record));
    }
    seconds
}

#[tokio::test]
async fn partitions_and_batches_are_merged_by_time_and_no_cursor_is_left() {
    let namespace = Namespace::provisioned().await;
    assert_eq!(all(read(&namespace, Span::ALL).await).await, Vec::<i64>::new());
    publish(&namespace, 0..200).await;
    assert_eq!(all(read(&namespace, Span::ALL).await).await, (0..200).collect::<Vec<_>>());
    let time = |n: i64| chrono::DateTime::from_timestamp(1_700_000_000 + n, 0);
    let part = Span { from: time(50), to: time(59), ..Span::ALL };
    assert_eq!(all(read(&namespace, part).await).await, (50..60).collect::<Vec<_>>());
    let later = Span {
        start: Start::Published(chrono::DateTime::from_timestamp(4_000_000_000, 0).expect("in range")),
        ..Span::ALL
    };
    assert_eq!(all(read(&namespace, later).await).await, Vec::<i64>::new());
    let config = namespace.role(Role::Provisioner);
    let durable: HashMap<&str, bool> =
        grants().iter().filter(|role| role.consumes.contains(&TOPIC)).map(|role| (role.name, true)).collect();
    eventually("readers leave nothing behind", async || {
        let path = format!("persistent/{}/{}/{}-partition-0/stats", config.tenant, config.namespace, TOPIC.name());
        let stats = namespace.admin().get(&path).await.expect("the broker answers");
        let subscriptions = stats["subscriptions"].as_object().expect("an object");
        subscriptions.keys().all(|name| durable.contains_key(name.as_str())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was_after_the_topic_moved() {
    let namespace = Namespace::provisioned().await;
    publish(&namespace, 0..3_000).await;
    let mut merged = read(&namespace, Span { end: End::Never, ..Span::ALL }).await;
    let mut seen = Vec::new();
    for _ in 0..1_000 {
        seen.push(second(&merged.next().await.expect("it goes on").expect("there is more")));
    }
    let config = namespace.role(Role::Provisioner);
    let path = format!("persistent/{}/{}/{}/unload", config.tenant, config.namespace, TOPIC.name());
    namespace.admin().ensure(reqwest::Method::PUT, &path, None, &[]).await.expect("the topic is unloaded");
    publish(&namespace, 3_000..3_400).await;
    while seen.len() < 3_400 {
        let next = tokio::time::timeout(service_kit::testing::DEADLINE, merged.next()).await.expect("in time");
        seen.push(second(&next.expect("it goes on").expect("there is more")));
    }
    assert_eq!(seen[..3_000], (0..3_000).collect::<Vec<_>>());
    let mut rest = seen.split_off(3_000);
    rest.sort_unstable();
    assert_eq!(rest, (3_000..3_400).collect::<Vec<_>>());
}
