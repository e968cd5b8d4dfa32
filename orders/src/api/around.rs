//! What the services around know of an order: who orders, what lies in the cart, what things cost. Where one is not configured, a table of
//! our own knows it. They are asked before the order is taken: one that is away means 503, and nothing is guessed.

use futures::stream::{StreamExt, TryStreamExt, iter};
use providers::shop::{Away, Product, Shop};
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use shared_events::Currency;
use shared_events::orders::Listed;
use std::time::Duration;

use super::Api;
use super::amount::Amount;
use super::bodies::{ItemBody, OrderBody};
use super::pricing::{self, Pricer};
use crate::config::Config;
use crate::place_order::MOST_LINES;

/// How long what a catalogue or the user service says is believed.
const BELIEVED: Duration = Duration::from_secs(15);
/// Articles that are asked for at the same time.
pub const AT_ONCE: usize = 8;

/// The services around that are configured.
#[derive(Debug, Clone, Default)]
pub struct Around {
    catalogue: Option<Shop>,
    carts: Option<Shop>,
    users: Option<Shop>,
    pricer: Pricer,
}

impl Around {
    /// What the configuration names.
    pub fn of(config: &Config) -> Self {
        let shop = |key: &str, name: &'static str, kept: Duration| {
            let known = config.neighbours.iter().find(|neighbour| neighbour.key == key)?;
            Some(Shop::new(name, &known.base, known.timeout, kept, config.redis.clone()))
        };
        Self {
            catalogue: shop("product_service", "product service", BELIEVED),
            // What lies in a cart changes while one looks.
            carts: shop("cart_service", "cart service", Duration::ZERO),
            users: shop("user_service", "user service", BELIEVED),
            pricer: match shop("pricing_service", "pricing service", BELIEVED) {
                _ if !config.prices_dynamically => Pricer::Catalogue,
                Some(service) => Pricer::Service(service),
                None => Pricer::Table,
            },
        }
    }
}

impl Around {
    /// Who decides what things cost: `catalogue`, `table` or `service`.
    pub fn decides(&self) -> &'static str {
        match self.pricer {
            Pricer::Catalogue => "catalogue",
            Pricer::Table => "table",
            Pricer::Service(_) => "service",
        }
    }
}

/// Whether our own catalogue is the only one.
pub fn is_ours(api: &Api) -> bool {
    api.around.catalogue.is_none()
}

/// One of them is away: 503, and nothing is guessed.
pub fn away(away: Away) -> Problem {
    tracing::warn!(service = away.service, problem = away.problem, "a service around does not answer");
    Problem::unavailable(format!("the {} does not answer; try again later", away.service))
}

/// Fills in what the services around know.
///
/// # Errors
/// 503 when one that is needed is away, 403 for a customer that may not order, 422 for a cart that is not there.
pub async fn complete(api: &Api, caller: &Caller, body: &mut OrderBody) -> Result<(), Problem> {
    let customer = body.customer_id.clone().unwrap_or_else(|| caller.subject.to_string());
    check_customer(api, caller, &customer).await?;
    if body.items.is_empty()
        && let Some(cart) = body.cart_id.clone()
    {
        body.items = take_cart(api, caller, &customer, &cart).await?;
    }
    price(api, caller, &mut body.items, body.currency).await
}

/// Finds out what each article is and costs, where that is not decided by our own catalogue alone.
///
/// # Errors
/// 503 when a service that is needed is away.
pub async fn price(
    api: &Api,
    caller: &Caller,
    items: &mut [ItemBody],
    currency: Option<Currency>,
) -> Result<(), Problem> {
    if items.len() > MOST_LINES {
        return Ok(());
    }
    if let Some(catalogue) = &api.around.catalogue {
        list(catalogue, items, currency.unwrap_or(Currency::USD)).await?;
    }
    pricing::apply(api, caller, &api.around.pricer, items).await
}

async fn check_customer(api: &Api, caller: &Caller, customer: &str) -> Result<(), Problem> {
    let may_order = match &api.around.users {
        Some(users) => match users.user(customer).await.map_err(away)? {
            Some(user) => user.active,
            None => return Err(Problem::invalid_field("customer_id", "there is no such customer")),
        },
        None => {
            let mut work = api.store.read(&caller.tenant).await?;
            let known = sqlx::query_scalar!(
                "SELECT is_active FROM customers WHERE tenant = $1 AND id = $2",
                caller.tenant.as_str(),
                customer,
            );
            // Nobody has to be entered to order; somebody who was may be shut out.
            known.fetch_optional(work.conn()).await?.unwrap_or(true)
        }
    };
    if may_order { Ok(()) } else { Err(Problem::forbidden("this customer may not order")) }
}

async fn take_cart(api: &Api, caller: &Caller, customer: &str, id: &str) -> Result<Vec<ItemBody>, Problem> {
    let unknown = || Problem::invalid_field("cart_id", "there is no such cart");
    let item = |product_id: String, quantity: i64, price: Option<String>| ItemBody {
        product_id: Some(product_id),
        quantity,
        unit_price: price.map(Amount::of),
        ..ItemBody::default()
    };
    if let Some(carts) = &api.around.carts {
        let cart = carts.cart(id).await.map_err(away)?.ok_or_else(unknown)?;
        // Somebody else's cart is not there.
        if cart.customer_id.as_deref().is_some_and(|owner| owner != customer) {
            return Err(unknown());
        }
        return Ok(cart.items.into_iter().map(|line| item(line.product_id, line.quantity, line.price)).collect());
    }
    let mut work = api.store.read(&caller.tenant).await?;
    let rows = sqlx::query!(
        "SELECT product_id, quantity, seen_price FROM cart_items WHERE tenant = $1 AND cart_id = $2 AND customer_id = $3 ORDER BY product_id LIMIT 201",
        caller.tenant.as_str(),
        id,
        customer,
    )
    .fetch_all(work.conn())
    .await?;
    if rows.is_empty() {
        return Err(unknown());
    }
    Ok(rows.into_iter().map(|row| item(row.product_id, row.quantity, row.seen_price)).collect())
}

/// Finds out what each article is and costs. What the catalogue does not know stays as it is: only a selling system may sell it.
async fn list(catalogue: &Shop, items: &mut [ItemBody], currency: Currency) -> Result<(), Problem> {
    let names: Vec<Option<String>> =
        items.iter().map(|item| item.product_id.clone().or_else(|| item.sku.clone())).collect();
    let known: Vec<Option<Product>> = iter(names)
        .map(|name| async move {
            match name {
                Some(name) => catalogue.product(&name).await,
                None => Ok(None),
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
        .map_err(away)?;
    for (item, product) in items.iter_mut().zip(known) {
        let Some(product) = product else { continue };
        let currency = match product.currency.as_deref().map(Currency::try_new) {
            Some(Ok(listed)) => listed,
            Some(Err(_)) => return Err(Problem::unavailable("the product service names an unknown currency")),
            None => currency,
        };
        let unit_price = Amount::of(product.price)
            .read("price", currency)
            .map_err(|_| Problem::unavailable("the product service names a price that cannot be read"))?;
        let sku = product.sku.unwrap_or_else(|| product.id.clone());
        item.listed = Some(Listed {
            name: product.name.unwrap_or_else(|| sku.clone()),
            product_id: product.id,
            sku,
            unit_price,
            grams: product.grams.unwrap_or_default().max(0),
            is_active: product.active,
            pricing: None,
        });
    }
    Ok(())
}
