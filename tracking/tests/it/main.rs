//! The service against a real database, over HTTP and by its command handlers, as the role that it runs as.

mod campaigns;
mod concurrency;
mod events;
mod keys;
mod late;
mod links;
mod orders;
mod plans;
mod refunds;
mod speed;
mod tenants;
mod world;
