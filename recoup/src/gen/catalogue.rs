//! Every message: what it is called, where it is said, by whom and for whom.

mod listed;

use std::collections::BTreeSet;

use service_kit::config::{Env, load};
use shared_events::outcome::{COMMAND_REJECTED, CommandRejected};
use shared_events::{Kind, Message, Service, Topic};
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{RefOr, schema};

/// One message.
pub struct Entry {
    /// The Rust type.
    pub name: String,
    /// The wire name.
    pub kind: &'static str,
    /// Where it is said.
    pub topics: Vec<Topic>,
    /// The field that is its key.
    pub key: &'static str,
    /// Who says it.
    pub producers: Vec<&'static str>,
    /// Who listens.
    pub consumers: Vec<&'static str>,
    /// What it means.
    pub doc: String,
    /// Its data.
    pub schema: schema::Object,
    /// What its data refers to.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// Which types have a handler in which service.
struct Handled([(&'static str, BTreeSet<&'static str>); 6]);

impl Handled {
    fn read() -> Self {
        let config = load::<::commission::Config>(&Env::of([("ACCOUNT_DETAILS_KEY", crate::replay::NO_KEY)]));
        let config = config.expect("everything but the key has a default");
        let notify = load::<::notify::Config>(&Env::of([("ACCOUNT_DETAILS_KEY", crate::replay::NO_KEY)]));
        let notify = notify.expect("everything but the key has a default");
        Self([
            (Service::Tracking.name(), ::tracking::messages().types().collect()),
            (Service::Commission.name(), ::commission::routes(&config).types().collect()),
            (Service::Evidence.name(), ::evidence::messages(::evidence::prompts::Timing::default()).types().collect()),
            (Service::Claims.name(), ::claims::messages(None).types().collect()),
            (Service::Orders.name(), ::orders::routes().types().collect()),
            (Service::Notify.name(), ::notify::messages(&notify).types().collect()),
        ])
    }

    fn by(&self, kind: &str) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(move |(_, types)| types.contains(kind)).map(|(service, _)| *service)
    }
}

fn entry<M: Message + ToSchema>(handled: &Handled, key: &'static str) -> Entry {
    let topic = M::TOPIC;
    let mut consumers: Vec<_> = handled.by(M::TYPE).collect();
    // The edge of orders makes its commands itself.
    let from_bff = topic.kind == Kind::Command && topic.service != Service::Orders;
    let producer = if from_bff { "bff" } else { topic.service.name() };
    if topic.kind == Kind::Event {
        consumers.push("bff (event stream)");
    }
    built::<M>(M::TYPE, vec![topic], key, vec![producer], consumers)
}

fn built<M: ToSchema>(
    kind: &'static str,
    topics: Vec<Topic>,
    key: &'static str,
    producers: Vec<&'static str>,
    consumers: Vec<&'static str>,
) -> Entry {
    let RefOr::T(Schema::Object(schema)) = M::schema() else { panic!("{kind} is not an object") };
    let mut schemas = Vec::new();
    M::schemas(&mut schemas);
    let doc = schema.description.clone().unwrap_or_default();
    Entry { name: M::name().into_owned(), kind, topics, key, producers, consumers, doc, schema, schemas }
}

/// Every message, in the order in which the code declares them.
pub fn entries() -> Vec<Entry> {
    let handled = &Handled::read();
    let mut entries = listed::all(handled);
    let everywhere = Service::ALL.map(Topic::events).to_vec();
    let services = Service::ALL.map(Service::name).to_vec();
    entries.push(built::<CommandRejected>(
        COMMAND_REJECTED,
        everywhere,
        "(the command's)",
        services,
        vec!["bff (event stream)"],
    ));
    entries
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
