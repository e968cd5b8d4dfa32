//! What can be asked over HTTP. Wishes are commands, which the BFF makes.

mod audit;
pub mod callbacks;
mod contacts;
mod deliveries;
mod notifications;
mod page;
mod stream;
mod suppressions;
mod templates;
mod unsubscribe;
mod webhooks;

use std::sync::Arc;

use service_kit::auth::{Caller, Role};
use service_kit::store::Store;
use shared_events::notify::{STAFF, names_of};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Config;

/// Who sees everybody's and changes what is everybody's.
pub const MANAGERS: [Role; 2] = [Role::Admin, Role::Manager];

/// What the routes need.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// From the environment.
    pub config: Arc<Config>,
    /// Streams end when this does.
    pub stop: CancellationToken,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Recoup notify", description = "Who is told what: mail, texts, push, in-app, and signed webhooks", license(name = "Apache-2.0")),
    tags((name = "notifications"), (name = "contacts"), (name = "templates"), (name = "webhooks"))
)]
struct Document;

/// The documented routes.
pub fn router(api: Api) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(notifications::list))
        .routes(routes!(stream::stream))
        .routes(routes!(notifications::show))
        .routes(routes!(contacts::show))
        .routes(routes!(contacts::preferences))
        .routes(routes!(suppressions::list))
        .routes(routes!(templates::list))
        .routes(routes!(templates::show))
        .routes(routes!(templates::preview))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::types))
        .routes(routes!(webhooks::show))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(audit::list))
        .routes(routes!(unsubscribe::ask, unsubscribe::unsubscribe))
        .routes(routes!(callbacks::twilio))
        .with_state(api)
}

/// What a caller goes by as a recipient.
pub fn recipients_of(caller: &Caller) -> Vec<String> {
    let partner = caller.partner.as_ref().filter(|_| caller.has_any(&[Role::Partner]));
    names_of(&caller.subject, partner, caller.is_staff())
}

/// Whether a caller may see and change where this recipient is reached.
pub fn may_change(caller: &Caller, recipient: &str) -> bool {
    caller.has_any(&MANAGERS) || recipients_of(caller).iter().any(|name| name == recipient && name != STAFF)
}
