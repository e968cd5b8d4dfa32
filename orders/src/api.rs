//! What can be asked over HTTP: the paths of the seeds, and what staff needs besides. Wishes become commands on the topic of this service,
//! so that they are handled like any other message; the answer waits for their outcome.

mod amount;
mod analytics;
mod around;
mod ask;
mod assign;
mod bodies;
mod catalogue;
mod change;
mod exceptions;
mod health;
mod inventory;
mod key_ring;
mod keys;
mod list;
mod one;
mod operators;
mod payments;
mod place;
mod post;
mod pricing;
mod problems;
mod rates;
mod reach;
mod reorders;
mod saleor;
mod shop;
mod staff;
mod tasks;
mod tokens;
mod webhooks;
mod workflow;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post, put};
use futures::future::BoxFuture;
use service_kit::publisher::Publisher;
use service_kit::store::Store;
use shared_events::{Envelope, Topic};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Config;

pub use around::Around;
pub use health::{Look, Probe};

/// Where commands go.
pub trait Sends: Send + Sync {
    /// Publishes a command; done when the broker has it.
    fn send<'a>(&'a self, topic: Topic, envelope: &'a Envelope, payload: Vec<u8>) -> BoxFuture<'a, anyhow::Result<()>>;
}

impl Sends for Publisher {
    fn send<'a>(&'a self, topic: Topic, envelope: &'a Envelope, payload: Vec<u8>) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(self.publish(topic, envelope, payload))
    }
}

/// What the routes need.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// From the environment.
    pub config: Arc<Config>,
    /// Where commands go.
    pub sender: Arc<dyn Sends>,
    /// What the service depends on, and how it fares.
    pub probe: Probe,
    /// Who knows customers, carts and prices.
    pub around: Around,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Recoup orders", description = "Orders: taken once, checked, paid, fulfilled, refunded", license(name = "Apache-2.0")),
    tags((name = "orders"), (name = "order workflow"), (name = "payments"), (name = "approvals"), (name = "access"), (name = "catalogue and stock"), (name = "health"))
)]
struct Document;

/// The documented routes, in the spelling of the seeds.
pub fn router(api: Api) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(list::own, place::place))
        .routes(routes!(one::show, change::update, change::cancel))
        .routes(routes!(list::all))
        .routes(routes!(staff::stats))
        .routes(routes!(staff::change_status))
        .routes(routes!(staff::retry))
        .routes(routes!(staff::skip))
        .routes(routes!(staff::audit))
        .routes(routes!(workflow::list, workflow::place))
        .routes(routes!(workflow::show))
        .routes(routes!(workflow::change_status))
        .routes(routes!(workflow::fulfil))
        .routes(routes!(workflow::refund))
        .routes(routes!(workflow::take_back))
        .routes(routes!(workflow::tracking))
        .routes(routes!(analytics::performance))
        .routes(routes!(inventory::inventory))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::claim))
        .routes(routes!(tasks::decide))
        .routes(routes!(assign::assign))
        .routes(routes!(assign::list))
        .routes(routes!(problems::raise, problems::list))
        .routes(routes!(exceptions::give_up_rest))
        .routes(routes!(exceptions::ask_stock_override))
        .routes(routes!(catalogue::put_product))
        .routes(routes!(post::easypost))
        .routes(routes!(post::label))
        .routes(routes!(shop::put_customer))
        .routes(routes!(shop::put_cart))
        .routes(routes!(catalogue::put_warehouse))
        .routes(routes!(rates::put_customers, rates::customers))
        .routes(routes!(rates::put_carriers, rates::carriers_table))
        .routes(routes!(pricing::put_rules, pricing::rules))
        .routes(routes!(pricing::show))
        .routes(routes!(catalogue::change_stock))
        .routes(routes!(catalogue::ledger))
        .routes(routes!(reorders::list))
        .routes(routes!(saleor::list))
        .routes(routes!(operators::assign, operators::list))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::itself))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::revoke))
        .routes(routes!(payments::show))
        .routes(routes!(webhooks::take))
        .routes(routes!(health::basic))
        .routes(routes!(health::connectivity))
        .routes(routes!(health::one))
        .with_state(api)
}

/// The same in their other spellings: with a slash at the end, and under `/api/v1`.
pub fn other_spellings(api: Api) -> Router {
    let table: [(&str, MethodRouter<Api>); 13] = [
        ("/orders", get(list::own).post(place::place)),
        ("/orders/{id}", get(one::show).put(change::update).delete(change::cancel)),
        ("/admin/orders", get(list::all)),
        ("/admin/orders/stats", get(staff::stats)),
        ("/admin/orders/{id}/status", put(staff::change_status)),
        ("/orders/{id}/steps/{step}/retry", post(staff::retry)),
        ("/orders/{id}/steps/{step}/skip", post(staff::skip)),
        ("/admin/orders/audit", get(staff::audit)),
        ("/orders/{id}/payments", get(payments::show)),
        ("/orders/{id}/problems", get(problems::list).post(problems::raise)),
        ("/orders/{id}/give-up-rest", post(exceptions::give_up_rest)),
        ("/orders/{id}/stock-override", post(exceptions::ask_stock_override)),
        ("/webhooks/payments/{provider}", post(webhooks::take)),
    ];
    let workflow: [(&str, MethodRouter<Api>); 9] = [
        ("/api/order-workflow/orders/", get(workflow::list).post(workflow::place)),
        ("/api/order-workflow/orders/{id}/", get(workflow::show)),
        ("/api/order-workflow/orders/{id}/status/", put(workflow::change_status)),
        ("/api/order-workflow/orders/{id}/fulfill/", post(workflow::fulfil)),
        ("/api/order-workflow/orders/{id}/refund/", post(workflow::refund)),
        ("/api/order-workflow/orders/{id}/return/", post(workflow::take_back)),
        ("/api/order-workflow/orders/{id}/tracking/", get(workflow::tracking)),
        ("/api/order-workflow/analytics/performance/", get(analytics::performance)),
        ("/api/order-workflow/analytics/inventory/", get(inventory::inventory)),
    ];
    let mut router = Router::new();
    for (path, methods) in table {
        for spelling in [format!("{path}/"), format!("/api/v1{path}"), format!("/api/v1{path}/")] {
            router = router.route(&spelling, methods.clone());
        }
    }
    for (path, methods) in workflow {
        router = router.route(path, methods);
    }
    router.with_state(api)
}
