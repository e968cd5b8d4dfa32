//! What the commands that look into topics share: the broker as the role that may only read, and messages as JSON.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use service_kit::admin::Admin;
use service_kit::bus::Bus;
use service_kit::config::{Env, FromEnv, Mode, PulsarConfig, Reader, Role, RuntimeConfig};
use service_kit::reader::{Record, Start};

use crate::cli::show_time;

/// How far the clocks of services and broker may be apart.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(60);

/// The broker, as the role that reads everything and moves nothing.
pub struct Broker {
    /// Reads topics.
    pub bus: Arc<Bus>,
    /// Asks for statistics.
    pub admin: Admin,
    mode: Mode,
}

impl Broker {
    /// Reads how to reach it. Nothing is connected yet.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (runtime, pulsar) = (RuntimeConfig::read(reader), PulsarConfig::read_for(reader, Role::Replayer));
        let (mode, config) = (runtime?.mode, pulsar?);
        Some(Self { admin: Admin::new(&config), bus: Bus::new(config), mode })
    }

    /// The broker that the environment names.
    pub fn from_env() -> anyhow::Result<Self> {
        let env = Env::process();
        let mut reader = Reader::new(&env);
        let broker = Self::read(&mut reader);
        Ok(reader.finish(broker)?)
    }

    /// Where reading may begin so that nothing is missed which was written down at `from` or later. The broker finds messages by when it got them, which
    /// is never before that; but in development a service's clock may have been moved ahead.
    pub fn start_for(&self, from: Option<DateTime<Utc>>) -> Start {
        match (from, self.mode) {
            (Some(from), Mode::Production) => Start::Published(from - CLOCK_SKEW),
            _ => Start::Earliest,
        }
    }
}

/// A message as JSON.
pub fn as_json(record: &Record) -> Value {
    let data = serde_json::from_slice::<Value>(&record.payload)
        .unwrap_or_else(|_| String::from_utf8_lossy(&record.payload).into());
    let mut object = json!({
        "topic": record.topic.name(),
        "partition": record.partition,
        "position": record.place().rsplit(' ').next(),
        "published": show_time(record.published),
        "key": record.key,
        "id": record.id,
        "data": data,
    });
    match &record.envelope {
        Ok(envelope) => {
            object["type"] = json!(envelope.kind);
            object["source"] = json!(envelope.source);
            object["tenant"] = json!(envelope.tenant);
            object["time"] = json!(show_time(envelope.time));
            object["recorded"] = json!(show_time(envelope.recorded));
            object["sequence"] = json!(envelope.sequence);
            object["correlation"] = json!(envelope.correlation);
            object["causation"] = json!(envelope.causation);
            object["actor"] = json!(envelope.actor);
            object["traceparent"] = json!(envelope.traceparent);
        }
        Err(error) => {
            object["type"] = json!(record.kind());
            object["malformed"] = json!(error);
        }
    }
    object
}
