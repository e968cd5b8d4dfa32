//! `docs/asyncapi.json`: AsyncAPI 3.0 with the Pulsar binding.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use shared_events::partition::PARTITIONS;
use shared_events::{Kind, Service, Topic};

use super::catalogue::Entry;

/// Version of the Pulsar binding that is used.
const BINDING: &str = "0.1.0";

/// The document.
pub fn document(entries: &[Entry]) -> Value {
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for entry in entries {
        schemas.insert(entry.name.clone(), json!(entry.schema));
        schemas.extend(entry.schemas.iter().map(|(name, schema)| (name.clone(), json!(schema))));
    }
    schemas.insert("Envelope".into(), envelope());
    let topics: Vec<Topic> = Topic::all().filter(|topic| topic.kind != Kind::Parked).collect();
    let channels: Map<String, Value> =
        topics.iter().map(|topic| (topic.name().to_owned(), channel(*topic, entries))).collect();
    let messages: Map<String, Value> = entries.iter().map(|entry| (entry.name.clone(), message(entry))).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Recoup",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What Recoup's services say to one another over Apache Pulsar. Made from the code by `recoup gen`.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "pulsar": {
                "host": "{broker}",
                "protocol": "pulsar+ssl",
                "description": "Any Pulsar: `PULSAR_SERVICE_URL`, tenant and namespace by `PULSAR_TENANT` and `PULSAR_NAMESPACE`.",
                "variables": { "broker": { "default": "localhost:6650" } },
                "bindings": { "pulsar": { "tenant": "recoup", "bindingVersion": BINDING } },
            },
        },
        "channels": channels,
        "operations": operations(&topics, entries),
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn channel(topic: Topic, entries: &[Entry]) -> Value {
    let said: Map<String, Value> = entries
        .iter()
        .filter(|entry| entry.topics.contains(&topic))
        .map(|entry| (entry.name.clone(), json!({ "$ref": format!("#/components/messages/{}", entry.name) })))
        .collect();
    let verb = if topic.kind == Kind::Command { "is asked" } else { "tells" };
    json!({
        "address": topic.name(),
        "description": format!("What {} {verb}; {PARTITIONS} partitions, keyed by the aggregate's id.", topic.service.name()),
        "messages": said,
        "bindings": { "pulsar": { "namespace": "default", "persistence": "persistent", "deduplication": true, "bindingVersion": BINDING } },
    })
}

fn message(entry: &Entry) -> Value {
    json!({
        "name": entry.kind,
        "title": entry.name,
        "summary": entry.doc,
        "contentType": "application/json",
        "headers": { "$ref": "#/components/schemas/Envelope" },
        "payload": { "$ref": format!("#/components/schemas/{}", entry.name) },
        "correlationId": { "location": "$message.header#/ce_correlationid" },
        "x-key": entry.key,
    })
}

/// Who sends to and receives from which channel.
fn operations(topics: &[Topic], entries: &[Entry]) -> Value {
    let mut operations = Map::new();
    let mut add = |who: &str, action: &str, topic: Topic, names: Vec<&str>| {
        if names.is_empty() {
            return;
        }
        let channel = topic.name();
        let messages: Vec<Value> =
            names.iter().map(|name| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") })).collect();
        let operation =
            json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") }, "messages": messages });
        operations.insert(format!("{who}-{action}-{channel}"), operation);
    };
    let services: Vec<&str> = ["bff"].into_iter().chain(Service::ALL.map(Service::name)).collect();
    for topic in topics {
        for who in &services {
            let here = || entries.iter().filter(|entry| entry.topics.contains(topic));
            // What every service says about its own commands is said on its own topic only.
            let sends = |entry: &&Entry| {
                entry.producers.contains(who) && (topic.kind == Kind::Command || topic.service.name() == *who)
            };
            let receives =
                |entry: &&Entry| entry.consumers.iter().any(|consumer| consumer.split(' ').next() == Some(*who));
            add(who, "send", *topic, here().filter(sends).map(|entry| entry.name.as_str()).collect());
            add(who, "receive", *topic, here().filter(receives).map(|entry| entry.name.as_str()).collect());
        }
    }
    Value::Object(operations)
}

fn envelope() -> Value {
    let text = |meaning: &str| json!({ "type": "string", "description": meaning });
    let formatted = |format: &str, meaning: &str| json!({ "type": "string", "format": format, "description": meaning });
    json!({
        "type": "object",
        "description": "CloudEvents 1.0, binary mode: attributes as message properties.",
        "required": [
            "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_recordedtime", "ce_sequence", "ce_tenant",
            "ce_correlationid", "content-type",
        ],
        "properties": {
            "ce_specversion": { "type": "string", "const": "1.0" },
            "ce_id": formatted("uuid", "Identity of the message: the same id is the same message."),
            "ce_source": text("Who says it."),
            "ce_type": text("Wire name with version."),
            "ce_subject": text("The aggregate it is about; also the key."),
            "ce_time": formatted("date-time", "When it happened."),
            "ce_recordedtime": formatted("date-time", "When it was written down."),
            "ce_sequence": { "type": "string", "pattern": "^[0-9]{20}$", "description": "Version of the aggregate after the event; 0 for commands." },
            "ce_tenant": text("Whose it is."),
            "ce_correlationid": formatted("uuid", "Shared by everything that follows from one request."),
            "ce_causationid": formatted("uuid", "The message that directly caused it."),
            "ce_actor": text("Who caused it."),
            "ce_traceparent": text("W3C trace context."),
            "ce_bodydigest": text("Commands: digest of the request's body."),
            "ce_replayid": text("The replay that this copy belongs to."),
            "content-type": { "type": "string", "const": "application/json" },
        },
    })
}
