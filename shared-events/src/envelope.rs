//! The envelope of every message: CloudEvents 1.0 in binary mode. The payload is the JSON data alone; the attributes travel as
//! message properties with the prefix `ce_`, after the pattern of the CloudEvents Kafka binding (there is none for Pulsar).

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::ids::{MessageId, TenantId};
use crate::topic::Topic;

/// Something that can be said: it knows its wire name, its topic and the key that keeps its order.
pub trait Message: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The wire name with its version: `tracking.conversion_attributed.v1`.
    const TYPE: &'static str;
    /// Where it is said.
    const TOPIC: Topic;
    /// The id of the aggregate that it is about. Messages of one key keep their order.
    fn key(&self) -> String;
}

/// Everything about a message except its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Identity of the message: the same id is the same message, however often it arrives.
    pub id: MessageId,
    /// Who says it: `/services/tracking`.
    pub source: String,
    /// The wire name, [`Message::TYPE`].
    pub kind: String,
    /// The aggregate it is about; also the partition key.
    pub subject: String,
    /// When it happened (UTC).
    pub time: DateTime<Utc>,
    /// When it was written down (UTC): for events, the insert into the outbox.
    pub recorded: DateTime<Utc>,
    /// Version of the aggregate after this event, counted from 1; 0 for commands.
    pub sequence: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who caused it (JWT `sub`), where a person or machine did.
    pub actor: Option<String>,
    /// Everything that follows from one request shares this id.
    pub correlation: Uuid,
    /// The message that directly caused this one.
    pub causation: Option<MessageId>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// For commands: digest of the request body, so that a reused idempotency key with another body can be told.
    pub body_digest: Option<String>,
    /// The replay job this copy belongs to, if it is a copy.
    pub replay: Option<String>,
}

/// Why properties are not an envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message property {name} is missing or malformed")]
pub struct BadEnvelope {
    /// The property's name.
    pub name: &'static str,
}

fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl Envelope {
    /// The envelope of a message that follows from no other: a story begins with it, and bears its id.
    pub fn begin<M: Message>(source: &str, message: &M, id: MessageId, tenant: TenantId, now: DateTime<Utc>) -> Self {
        Self {
            id,
            source: source.to_owned(),
            kind: M::TYPE.to_owned(),
            subject: message.key(),
            time: now,
            recorded: now,
            sequence: 0,
            tenant,
            actor: None,
            correlation: id.0,
            causation: None,
            traceparent: None,
            body_digest: None,
            replay: None,
        }
    }

    /// The envelope as message properties.
    pub fn to_properties(&self) -> HashMap<String, String> {
        let mut properties = HashMap::with_capacity(16);
        let mut put = |name: &str, value: String| {
            properties.insert(name.to_owned(), value);
        };
        put("ce_specversion", "1.0".into());
        put("ce_id", self.id.to_string());
        put("ce_source", self.source.clone());
        put("ce_type", self.kind.clone());
        put("ce_subject", self.subject.clone());
        put("ce_time", time_text(self.time));
        put("ce_recordedtime", time_text(self.recorded));
        put("ce_sequence", format!("{:020}", self.sequence));
        put("ce_tenant", self.tenant.to_string());
        put("ce_correlationid", self.correlation.to_string());
        put("content-type", "application/json".into());
        let optional = [
            ("ce_actor", self.actor.clone()),
            ("ce_causationid", self.causation.map(|id| id.to_string())),
            ("ce_traceparent", self.traceparent.clone()),
            ("ce_bodydigest", self.body_digest.clone()),
            ("ce_replayid", self.replay.clone()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                put(name, value);
            }
        }
        properties
    }

    /// Reads an envelope from message properties.
    ///
    /// # Errors
    /// [`BadEnvelope`] names the first property that is missing or malformed.
    pub fn from_properties<'a>(properties: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, BadEnvelope> {
        const NAMES: [&str; 15] = [
            "ce_id",
            "ce_source",
            "ce_type",
            "ce_subject",
            "ce_time",
            "ce_recordedtime",
            "ce_sequence",
            "ce_tenant",
            "ce_correlationid",
            "ce_specversion",
            "ce_actor",
            "ce_causationid",
            "ce_traceparent",
            "ce_bodydigest",
            "ce_replayid",
        ];
        // Read for every message, so without a map.
        let mut found = [None; NAMES.len()];
        for (name, value) in properties {
            if let Some(slot) = NAMES.iter().position(|known| *known == name) {
                found[slot] = Some(value);
            }
        }
        let text = |name: &'static str| {
            let slot = NAMES.iter().position(|known| *known == name);
            slot.and_then(|slot| found[slot]).map(str::to_owned).ok_or(BadEnvelope { name })
        };
        let bad = |name: &'static str| move |_| BadEnvelope { name };
        let uuid = |name: &'static str, value: &str| Uuid::try_parse(value).map_err(|_| BadEnvelope { name });
        let time = |name: &'static str, value: &str| {
            DateTime::parse_from_rfc3339(value).map(|time| time.with_timezone(&Utc)).map_err(|_| BadEnvelope { name })
        };
        if text("ce_specversion")? != "1.0" {
            return Err(BadEnvelope { name: "ce_specversion" });
        }
        Ok(Self {
            id: MessageId(uuid("ce_id", &text("ce_id")?)?),
            source: text("ce_source")?,
            kind: text("ce_type")?,
            subject: text("ce_subject")?,
            time: time("ce_time", &text("ce_time")?)?,
            recorded: time("ce_recordedtime", &text("ce_recordedtime")?)?,
            sequence: text("ce_sequence")?.parse().map_err(|_| BadEnvelope { name: "ce_sequence" })?,
            tenant: TenantId::try_new(text("ce_tenant")?).map_err(bad("ce_tenant"))?,
            correlation: uuid("ce_correlationid", &text("ce_correlationid")?)?,
            actor: text("ce_actor").ok(),
            causation: text("ce_causationid").ok().map(|id| uuid("ce_causationid", &id)).transpose()?.map(MessageId),
            traceparent: text("ce_traceparent").ok(),
            body_digest: text("ce_bodydigest").ok(),
            replay: text("ce_replayid").ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Envelope {
        let time = DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("in range");
        Envelope {
            id: MessageId(Uuid::from_u128(1)),
            source: "/services/tracking".into(),
            kind: "tracking.conversion_attributed.v1".into(),
            subject: "s".into(),
            time,
            recorded: time,
            sequence: 7,
            tenant: TenantId::try_new("demo").expect("valid"),
            actor: Some("user123".into()),
            correlation: Uuid::from_u128(2),
            causation: Some(MessageId(Uuid::from_u128(3))),
            traceparent: None,
            body_digest: None,
            replay: None,
        }
    }

    #[test]
    fn an_envelope_survives_the_wire() {
        let properties = sample().to_properties();
        let read = Envelope::from_properties(properties.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        assert_eq!(read, Ok(sample()));
    }

    #[test]
    fn a_missing_attribute_is_named() {
        let mut properties = sample().to_properties();
        properties.remove("ce_tenant");
        let read = Envelope::from_properties(properties.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        assert_eq!(read, Err(BadEnvelope { name: "ce_tenant" }));
    }
}
