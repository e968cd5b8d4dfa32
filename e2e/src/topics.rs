//! Reads topics back from their first message, with the bare client and nothing of the kit.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::StreamExt;
use pulsar::consumer::{ConsumerOptions, InitialPosition};
use pulsar::reader::Reader;
use pulsar::{Authentication, Pulsar, TokioExecutor};
use service_kit::config::Role;
use shared_events::partition::PARTITIONS;
use uuid::Uuid;

use crate::servers::{Servers, TENANT};

/// A message as it stands in a topic.
#[derive(Debug, Clone)]
pub struct Stored {
    /// `ce_id`; nothing for a message without one.
    pub id: Option<Uuid>,
    /// Its key.
    pub key: String,
    /// `ce_type`.
    pub kind: String,
    /// `ce_sequence`, the aggregate's version.
    pub sequence: u64,
    /// Its data.
    pub payload: Vec<u8>,
}

/// Everything in a topic: partition by partition, each in its own order.
///
/// # Errors
/// When the broker does not give it.
pub async fn read_back(servers: &Servers, namespace: &str, topic: &str) -> anyhow::Result<Vec<Stored>> {
    let config = servers.pulsar(Role::Provisioner, namespace)?;
    let token = config.token.current()?.context("the provisioner has a token")?;
    let authentication = Authentication { name: "token".into(), data: token.expose().as_bytes().to_vec() };
    let client: Pulsar<TokioExecutor> =
        Pulsar::builder(config.service_url.clone(), TokioExecutor).with_auth(authentication).build().await?;
    let mut all = Vec::new();
    for partition in 0..PARTITIONS {
        let name = format!("{TENANT}/{namespace}/{topic}-partition-{partition}");
        let reading = read_partition(servers, &client, &name);
        all.extend(
            tokio::time::timeout(Duration::from_secs(60), reading)
                .await
                .with_context(|| format!("reading {name}"))??,
        );
    }
    Ok(all)
}

async fn read_partition(servers: &Servers, client: &Pulsar<TokioExecutor>, name: &str) -> anyhow::Result<Vec<Stored>> {
    let stats = servers.admin()?.get(&format!("persistent/{name}/internalStats")).await?;
    let entries = stats["numberOfEntries"].as_u64().context("the broker counts entries")?;
    let mut found = Vec::new();
    if entries == 0 {
        return Ok(found);
    }
    let options =
        ConsumerOptions { initial_position: InitialPosition::Earliest, durable: Some(false), ..Default::default() };
    let mut reader: Reader<Vec<u8>, TokioExecutor> = client
        .reader()
        .with_topic(format!("persistent://{name}"))
        .with_subscription(format!("e2e-{}", Uuid::now_v7()))
        .with_options(options)
        .into_reader()
        .await?;
    let (mut complete, mut seen) = (0, HashSet::new());
    while complete < entries {
        let Some(message) = reader.next().await else { bail!("the reader of {name} ended") };
        let message = message?;
        let id = message.message_id().clone();
        let (index, size) = (id.batch_index.unwrap_or(0).max(0), message.metadata().num_messages_in_batch.unwrap_or(1));
        // A reader that reconnects begins anew.
        if !seen.insert((id.ledger_id, id.entry_id, index)) {
            continue;
        }
        complete += u64::from(index + 1 >= size);
        let key = message.key().unwrap_or_default();
        let property = |name: &str| {
            message.metadata().properties.iter().find(|pair| pair.key == name).map(|pair| pair.value.clone())
        };
        found.push(Stored {
            id: property("ce_id").and_then(|text| text.parse().ok()),
            key,
            kind: property("ce_type").unwrap_or_default(),
            sequence: property("ce_sequence").and_then(|text| text.parse().ok()).unwrap_or_default(),
            payload: message.payload.data,
        });
    }
    Ok(found)
}
