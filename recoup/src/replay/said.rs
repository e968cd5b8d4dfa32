//! What was said because of each message: by the live service, and by the replay. Where they differ first, handlers and history part.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde_json::Value;
use service_kit::clock::{Clock, SystemClock};
use service_kit::reader::{Merged, Span};
use shared_events::{Envelope, Service, Topic};
use sqlx::PgPool;
use uuid::Uuid;

use super::live::Live;
use crate::looking::Broker;

/// What followed from one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaction {
    /// When it was handled: the time of the transaction, by the service's clock.
    pub at: DateTime<Utc>,
    /// When the broker had what was said.
    pub published: DateTime<Utc>,
    /// A digest of all that was said, in any order.
    digest: u64,
}

/// Reactions by the message that caused them.
pub type Reactions = HashMap<Uuid, Reaction>;

/// What a service said.
#[derive(Default)]
pub struct Said {
    /// Because of messages.
    pub reactions: Reactions,
    /// When the broker had what timers said, by the time at which they said it.
    pub timers: HashMap<DateTime<Utc>, DateTime<Utc>>,
}

/// Said when a hold ended or a payout file was written.
const BY_TIMERS: [&str; 2] = ["commission.commission_approved.v1", "commission.payout_submitted.v1"];

/// One thing that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Saying {
    /// Wire name, subject and data, as one JSON value; without ids and times of its own.
    pub value: Value,
}

fn saying(envelope: &Envelope, payload: &[u8]) -> Option<(Uuid, Saying)> {
    let cause = envelope.causation?.0;
    let data: Value = serde_json::from_slice(payload).ok()?;
    Some((cause, Saying { value: serde_json::json!({ "type": envelope.kind, "key": envelope.subject, "data": data }) }))
}

impl Saying {
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Objects of serde_json are sorted by name, so that the text does not depend on who wrote it.
        self.value.to_string().hash(&mut hasher);
        hasher.finish()
    }
}

fn note(reactions: &mut Reactions, envelope: &Envelope, payload: &[u8], published: DateTime<Utc>) {
    if let Some((cause, saying)) = saying(envelope, payload) {
        // A handler says everything at once. What a timer says later because of the same message is not its reaction.
        let reaction = reactions.entry(cause).or_insert(Reaction { at: envelope.time, published, digest: 0 });
        match envelope.time.cmp(&reaction.at) {
            std::cmp::Ordering::Less => *reaction = Reaction { at: envelope.time, published, digest: saying.digest() },
            std::cmp::Ordering::Equal => reaction.digest = reaction.digest.wrapping_add(saying.digest()),
            std::cmp::Ordering::Greater => {}
        }
    }
}

fn envelope_of(properties: &str) -> Option<Envelope> {
    let properties: HashMap<String, String> = serde_json::from_str(properties).ok()?;
    Envelope::from_properties(properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))).ok()
}

/// What the live service said, from its topic and from what waits to be published.
pub async fn live(broker: &Broker, live: &Live) -> anyhow::Result<Said> {
    let mut said = Said::default();
    // Events may stand in the topic twice, after the relay had to send them again.
    let mut seen = HashSet::new();
    let mut merged = Merged::open(&broker.bus, &broker.admin, &[Topic::events(Service::Commission)], Span::ALL).await?;
    while let Some(record) = merged.next().await? {
        if let Ok(envelope) = &record.envelope
            && seen.insert(record.id)
        {
            note(&mut said.reactions, envelope, &record.payload, record.published);
            if BY_TIMERS.contains(&envelope.kind.as_str()) {
                said.timers.entry(envelope.time).or_insert(record.published);
            }
        }
    }
    for (properties, payload) in &live.unpublished {
        if let Some(envelope) = envelope_of(properties)
            && seen.insert(envelope.id.0)
        {
            note(&mut said.reactions, &envelope, payload.as_bytes(), SystemClock.now());
        }
    }
    Ok(said)
}

/// What the replay said: its outbox, which nobody publishes.
pub async fn replayed(scratch: &PgPool) -> anyhow::Result<Reactions> {
    let mut reactions = Reactions::new();
    let mut rows =
        sqlx::query_as::<_, (String, String)>("SELECT properties, payload FROM outbox ORDER BY id").fetch(scratch);
    while let Some((properties, payload)) = rows.try_next().await? {
        if let Some(envelope) = envelope_of(&properties) {
            note(&mut reactions, &envelope, payload.as_bytes(), envelope.time);
        }
    }
    Ok(reactions)
}

/// The messages, in their order, whose reactions differ.
pub fn differing(applied: &[Uuid], live: &Reactions, replayed: &Reactions) -> Vec<Uuid> {
    let digest = |reactions: &Reactions, id: &Uuid| reactions.get(id).map(|reaction| reaction.digest);
    applied.iter().filter(|id| digest(live, id) != digest(replayed, id)).copied().collect()
}

/// What both sides said, word by word: the live service and the replay.
pub type Quotes = HashMap<Uuid, (Vec<Value>, Vec<Value>)>;

/// What both sides said because of these messages, at the times of their handling.
pub async fn quote(
    broker: &Broker,
    live: &Live,
    scratch: &PgPool,
    causes: &HashSet<Uuid>,
    reactions: &Reactions,
) -> anyhow::Result<Quotes> {
    let mut quotes = Quotes::new();
    let mut seen = HashSet::new();
    let mut said = |envelope: &Envelope, payload: &[u8], by_live: bool| {
        if let Some((cause, saying)) = saying(envelope, payload)
            && causes.contains(&cause)
            && reactions.get(&cause).is_none_or(|reaction| reaction.at == envelope.time)
            && (!by_live || seen.insert(envelope.id.0))
        {
            let (live, replayed) = quotes.entry(cause).or_default();
            if by_live { live.push(saying.value) } else { replayed.push(saying.value) }
        }
    };
    let mut merged = Merged::open(&broker.bus, &broker.admin, &[Topic::events(Service::Commission)], Span::ALL).await?;
    while let Some(record) = merged.next().await? {
        if let Ok(envelope) = &record.envelope {
            said(envelope, &record.payload, true);
        }
    }
    for (properties, payload) in &live.unpublished {
        if let Some(envelope) = envelope_of(properties) {
            said(&envelope, payload.as_bytes(), true);
        }
    }
    let mut rows =
        sqlx::query_as::<_, (String, String)>("SELECT properties, payload FROM outbox ORDER BY id").fetch(scratch);
    while let Some((properties, payload)) = rows.try_next().await? {
        if let Some(envelope) = envelope_of(&properties) {
            said(&envelope, payload.as_bytes(), false);
        }
    }
    Ok(quotes)
}
