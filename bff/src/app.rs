//! What the routes share.

use std::sync::Arc;

use providers::files::Files;
use service_kit::bus::Bus;
use service_kit::clock::Clock;
use service_kit::publisher::Publisher;
use service_kit::sealed::SealingKey;
use service_kit::shutdown::Shutdown;
use shared_events::Service;

use crate::config::Config;
use crate::consent::Consents;
use crate::idempotency::Sent;
use crate::proxy::Upstream;
use crate::status::Directory;
use crate::stream::Hub;

/// What the routes share; one per process.
pub struct App {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The way to the broker.
    pub publisher: Publisher,
    /// Seals account details and digests bodies.
    pub account_key: SealingKey,
    /// Where uploads go.
    pub files: Files,
    /// Where consents are given.
    pub consents: Consents,
    /// Commands that were sent lately.
    pub sent: Sent,
    /// The services, in the order of [`Service::ALL`].
    upstreams: Vec<Arc<Upstream>>,
    /// How the services fare.
    pub directory: Directory,
    /// Where event streams come from.
    pub hub: Arc<Hub>,
}

/// The routes' state.
pub type Shared = Arc<App>;

impl App {
    /// Connects nothing yet: the first command, question or stream does.
    pub fn new(config: &Config, bus: Arc<Bus>, clock: Arc<dyn Clock>, shutdown: &Shutdown) -> Self {
        let upstreams: Vec<Arc<Upstream>> = Service::ALL
            .into_iter()
            .zip(&config.addresses)
            .map(|(service, address)| Arc::new(Upstream::new(service, address)))
            .collect();
        Self {
            publisher: Publisher::new(Arc::clone(&bus)),
            hub: Hub::new(bus, shutdown.clone()),
            directory: Directory::new(upstreams.iter().cloned(), Arc::clone(&clock)),
            clock,
            account_key: config.account_key.clone(),
            files: config.files.clone(),
            consents: config.consents.clone(),
            sent: Sent::default(),
            upstreams,
        }
    }

    /// A service, as the BFF reaches it.
    pub fn upstream(&self, service: Service) -> &Upstream {
        let mut all = Service::ALL.into_iter().zip(&self.upstreams);
        let found = all.find(|(known, _)| *known == service);
        found.expect("every service has an address: the configuration makes one for each").1
    }
}
