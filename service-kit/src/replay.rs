//! Applying messages again, to a scratch database: the same code that a service's consumer runs, fed by hand.

use std::collections::HashMap;
use std::sync::Arc;

use shared_events::Topic;
use tokio_util::sync::CancellationToken;

use crate::handler::Routes;
use crate::inbox::Processor;
use crate::incoming::Incoming;
use crate::reader::Record;
use crate::store::Store;

/// Runs a service's real handlers over recorded messages. Its store has no relay and no worker, so that nothing leaves it: events stay in its outbox,
/// jobs in its table.
pub struct Applier {
    store: Store,
    routes: Routes,
    processors: HashMap<(Topic, u32), Arc<Processor>>,
}

impl Applier {
    /// Applies to `store` by `routes`.
    pub fn new(store: Store, routes: Routes) -> Self {
        Self { store, routes, processors: HashMap::new() }
    }

    /// Whether a handler exists for messages of this type.
    pub fn handles(&self, kind: &str) -> bool {
        self.routes.find(kind).is_some()
    }

    /// Applies messages of one partition as one run, as its consumer would: in one transaction, and one by one when that fails. What cannot be
    /// handled is parked.
    ///
    /// # Errors
    /// When the database is away, or `stop` was cancelled.
    pub async fn apply(&mut self, run: Vec<Record>, stop: &CancellationToken) -> anyhow::Result<()> {
        let Some((topic, partition)) = run.first().map(|first| (first.topic, first.partition)) else { return Ok(()) };
        debug_assert!(
            run.iter().all(|record| (record.topic, record.partition) == (topic, partition)),
            "a run is of one partition"
        );
        let processor = self.processors.entry((topic, partition)).or_insert_with(|| {
            let (store, routes) = (self.store.clone(), self.routes.clone());
            Arc::new(Processor::new(store, routes, topic, partition, Arc::default()).impatient())
        });
        let messages: Vec<Incoming> = run
            .into_iter()
            .map(|record| Incoming::new(partition, record.key, record.properties, record.payload, record.id))
            .filter(|message| processor.wants(message))
            .collect();
        if messages.is_empty() {
            return Ok(());
        }
        processor.process(messages, stop).await
    }
}
