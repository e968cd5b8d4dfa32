//! `docs/EVENTS.md`.

use std::fmt::Write;

use shared_events::partition::PARTITIONS;
use shared_events::{Kind, Service, Topic};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, schema};

use super::catalogue::Entry;

const INTRODUCTION: &str = "\
# Messages

Made from the code by `recoup gen`; do not edit. The same as an AsyncAPI 3 document: [asyncapi.json](asyncapi.json).

A message is its data as JSON, with a CloudEvents 1.0 envelope in the Pulsar message's properties (binary mode). Messages of one key keep their order: the key
picks the partition by FNV-1a (64 bit, folded to 32, modulo the partition count). A message may arrive more than once, under the same `ce_id`.

## Envelope

| property | meaning |
|---|---|
| `ce_specversion` | `1.0` |
| `ce_id` | identity of the message (UUID): the same id is the same message |
| `ce_source` | who says it: `/services/tracking` |
| `ce_type` | wire name with version: `tracking.conversion_attributed.v1` |
| `ce_subject` | the aggregate it is about; also the key |
| `ce_time` | when it happened (RFC 3339, UTC) |
| `ce_recordedtime` | when it was written down |
| `ce_sequence` | version of the aggregate after the event, 20 digits; 0 for commands |
| `ce_tenant` | whose it is |
| `ce_correlationid` | shared by everything that follows from one request |
| `ce_causationid` | the message that directly caused it (optional) |
| `ce_actor` | who caused it, the token's `sub` (optional) |
| `ce_traceparent` | W3C trace context (optional) |
| `ce_bodydigest` | commands: digest of the request's body (optional) |
| `ce_replayid` | the replay that this copy belongs to (optional) |
| `content-type` | `application/json` |
";

/// The document.
pub fn document(entries: &[Entry]) -> String {
    let mut text = INTRODUCTION.to_owned();
    put(&mut text, format_args!("\n## Topics\n\nEach has {PARTITIONS} partitions.\n\n| topic | holds |\n|---|---|"));
    for topic in Topic::all() {
        let holds = match topic.kind {
            Kind::Command => format!("what {} is asked", topic.service.name()),
            Kind::Event => format!("what {} tells", topic.service.name()),
            Kind::Parked => format!(
                "notices of messages that {} could not handle (`message.parked.v1`); the messages wait in its database",
                topic.service.name()
            ),
        };
        put(&mut text, format_args!("| `{}` | {holds} |", topic.name()));
    }
    for service in Service::ALL {
        for (kind, title) in [(Kind::Command, "commands"), (Kind::Event, "events")] {
            let topic = Topic { service, kind };
            put(&mut text, format_args!("\n## {}: {title}\n", capital(service.name())));
            put(
                &mut text,
                format_args!("| message | wire name | key | said by | heard by | meaning |\n|---|---|---|---|---|---|"),
            );
            for entry in entries.iter().filter(|entry| entry.topics.contains(&topic)) {
                row(&mut text, entry);
            }
        }
    }
    put(&mut text, format_args!("\n## Data"));
    entries.iter().for_each(|entry| fields(&mut text, entry));
    text
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a String does not fail");
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn row(text: &mut String, entry: &Entry) {
    let consumers = if entry.consumers.is_empty() { "nobody yet".to_owned() } else { entry.consumers.join(", ") };
    put(
        text,
        format_args!(
            "| [{name}](#{anchor}) | `{}` | {} | {} | {consumers} | {} |",
            entry.kind,
            entry.key,
            entry.producers.join(", "),
            one_line(&entry.doc),
            name = entry.name,
            anchor = entry.name.to_lowercase(),
        ),
    );
}

fn fields(text: &mut String, entry: &Entry) {
    put(text, format_args!("\n### {}\n\n{}\n", entry.name, one_line(&entry.doc)));
    put(text, format_args!("| field | type | | meaning |\n|---|---|---|---|"));
    for (name, property) in &entry.schema.properties {
        let needed = if entry.schema.required.contains(name) { "" } else { "optional" };
        put(
            text,
            format_args!("| `{name}` | {} | {needed} | {} |", type_of(property), one_line(&description(property))),
        );
    }
}

fn description(property: &RefOr<Schema>) -> String {
    match property {
        RefOr::Ref(reference) => reference.description.clone(),
        RefOr::T(Schema::Object(object)) => object.description.clone().unwrap_or_default(),
        RefOr::T(Schema::Array(array)) => array.description.clone().unwrap_or_default(),
        RefOr::T(Schema::OneOf(one)) => one.description.clone().unwrap_or_default(),
        RefOr::T(Schema::AllOf(all)) => all.description.clone().unwrap_or_default(),
        RefOr::T(_) => String::new(),
    }
}

fn type_of(property: &RefOr<Schema>) -> String {
    let all = |items: &[RefOr<Schema>]| {
        let names: Vec<String> = items.iter().map(type_of).filter(|name| name != "null").collect();
        names.join(" or ")
    };
    match property {
        RefOr::Ref(reference) => reference.ref_location.rsplit('/').next().unwrap_or_default().to_owned(),
        RefOr::T(Schema::Object(object)) => plain(object),
        RefOr::T(Schema::Array(array)) => match &array.items {
            schema::ArrayItems::RefOrSchema(items) => format!("list of {}", type_of(items)),
            schema::ArrayItems::False => "list".to_owned(),
        },
        RefOr::T(Schema::OneOf(one)) => all(&one.items),
        RefOr::T(Schema::AllOf(every)) => all(&every.items),
        RefOr::T(Schema::AnyOf(any)) => all(&any.items),
        RefOr::T(_) => "anything".to_owned(),
    }
}

fn plain(object: &schema::Object) -> String {
    let name = |kind: &Type| match kind {
        Type::Object => "object",
        Type::String => "text",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "true or false",
        Type::Array => "list",
        Type::Null => "null",
    };
    let kinds = match &object.schema_type {
        SchemaType::Type(kind) => name(kind).to_owned(),
        SchemaType::Array(kinds) => {
            kinds.iter().filter(|kind| **kind != Type::Null).map(name).collect::<Vec<_>>().join(" or ")
        }
        SchemaType::AnyValue => "anything".to_owned(),
    };
    match &object.format {
        Some(schema::SchemaFormat::KnownFormat(schema::KnownFormat::DateTime)) => "time".to_owned(),
        Some(schema::SchemaFormat::KnownFormat(schema::KnownFormat::Uuid)) => "UUID".to_owned(),
        _ => kinds,
    }
}
