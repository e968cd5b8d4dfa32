//! A message as it came, before anybody has looked into it.

use std::collections::HashMap;

use pulsar::consumer::Message as PulsarMessage;
use shared_events::Envelope;
use uuid::Uuid;

/// A message as it came from the broker.
pub(crate) struct Incoming {
    pub(crate) id: Uuid,
    /// The partition that it came from.
    pub(crate) partition: u32,
    pub(crate) key: String,
    pub(crate) tenant: String,
    pub(crate) kind: String,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) payload: Vec<u8>,
    /// The envelope, or why there is none.
    pub(crate) envelope: Result<Envelope, String>,
}

impl Incoming {
    pub(crate) fn read(message: PulsarMessage<Vec<u8>>, partition: u32) -> Self {
        let position = message.message_id();
        let place = format!("{}:{}:{}", position.ledger_id, position.entry_id, position.batch_index.unwrap_or(-1));
        let topic = message.topic.clone();
        let payload = message.payload;
        let key = payload.metadata.partition_key.unwrap_or_default();
        let properties: Vec<_> = payload.metadata.properties.into_iter().map(|pair| (pair.key, pair.value)).collect();
        // Without an id of its own it is known by where it stands.
        let fallback = shared_events::ids::derive(&["position", &topic, &place]);
        Self::new(partition, key, properties, payload.data, fallback)
    }

    pub(crate) fn new(
        partition: u32,
        key: String,
        properties: Vec<(String, String)>,
        payload: Vec<u8>,
        fallback: Uuid,
    ) -> Self {
        let read = Envelope::from_properties(properties.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let text = |name: &str| {
            properties.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Self {
            partition,
            id: read.as_ref().map_or(fallback, |envelope| envelope.id.0),
            key,
            tenant: text("ce_tenant"),
            kind: text("ce_type"),
            payload,
            envelope: read.map_err(|error| error.to_string()),
            properties,
        }
    }

    /// The properties as a JSON object, for the table of parked messages.
    pub(crate) fn properties_json(&self) -> String {
        let object: HashMap<&str, &str> =
            self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        serde_json::to_string(&object).unwrap_or_default()
    }
}
