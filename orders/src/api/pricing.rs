//! What an article costs where prices follow rules: a pricing service's, or the tenant's own table. Off, the catalogue's price counts. What
//! was decided travels with the order, and why; a price that the buyer saw and that is another now is a conflict as ever.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures::stream::{StreamExt, TryStreamExt, iter};
use providers::shop::{Price, Shop};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Query};
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::orders::{Listed, Pricing, PutRates};
use shared_events::{Currency, Money};
use utoipa::{IntoParams, ToSchema};

use super::amount::Amount;
use super::around::{AT_ONCE, away, price};
use super::ask::{Ask, Body, text};
use super::bodies::ItemBody;
use super::staff::MANAGERS;
use super::{Api, around};
use crate::domain::pricing::{Inputs, PriceRules, is_within_reach};
use crate::order_row::stored_currency;
use crate::put_rates::{PRICING, price_rules};

/// What a service says that it looked at: so many things at most are kept, and so much of each.
const MOST_INPUTS: usize = 16;
const LONGEST_WORD: usize = 64;

/// Who decides what things cost.
#[derive(Debug, Clone, Default)]
pub enum Pricer {
    /// The catalogue alone.
    #[default]
    Catalogue,
    /// The tenant's own rules.
    Table,
    /// A pricing service.
    Service(Shop),
}

/// Prices each article that a catalogue knows.
///
/// # Errors
/// 503 when the pricing service is away, or says what cannot be believed.
pub async fn apply(api: &Api, caller: &Caller, pricer: &Pricer, items: &mut [ItemBody]) -> Result<(), Problem> {
    match pricer {
        Pricer::Catalogue => Ok(()),
        Pricer::Table => {
            let mut work = api.store.read(&caller.tenant).await?;
            let (rules, is_own) = price_rules(&mut work).await?;
            if !is_own {
                return Ok(());
            }
            list_ours(&mut work, items).await?;
            by_table(&mut work, &rules, items).await
        }
        Pricer::Service(service) => {
            let mut work = api.store.read(&caller.tenant).await?;
            list_ours(&mut work, items).await?;
            drop(work);
            by_service(service, items).await
        }
    }
}

/// Fills in what our own catalogue says, where no other one did.
async fn list_ours(work: &mut Work, items: &mut [ItemBody]) -> Result<(), Problem> {
    let tenant = work.tenant().clone();
    let missing = || items.iter().filter(|item| item.listed.is_none());
    let ids: Vec<String> = missing().filter_map(|item| item.product_id.clone()).collect();
    let skus: Vec<String> = missing().filter_map(|item| item.sku.clone()).collect();
    let rows = sqlx::query!(
        "SELECT product_id, sku, name, currency, unit_minor, grams, is_active FROM products
         WHERE tenant = $1 AND (product_id = ANY($2) OR sku = ANY($3))",
        tenant.as_str(),
        &ids,
        &skus,
    )
    .fetch_all(work.conn())
    .await?;
    for item in items.iter_mut().filter(|item| item.listed.is_none()) {
        let known = rows.iter().find(|row| match (&item.product_id, &item.sku) {
            (Some(id), _) if row.product_id == *id => true,
            (_, Some(sku)) => row.sku == *sku,
            _ => false,
        });
        item.listed = known.map(|row| Listed {
            product_id: row.product_id.clone(),
            sku: row.sku.clone(),
            name: row.name.clone(),
            unit_price: Money::new(row.unit_minor, stored_currency(&row.currency)),
            grams: row.grams,
            is_active: row.is_active,
            pricing: None,
        });
    }
    Ok(())
}

async fn by_table(work: &mut Work, rules: &PriceRules, items: &mut [ItemBody]) -> Result<(), Problem> {
    let tenant = work.tenant().clone();
    let skus: Vec<String> =
        items.iter().filter_map(|item| item.listed.as_ref().map(|listed| listed.sku.clone())).collect();
    let rows = sqlx::query!(
        r#"SELECT s.sku, sum(GREATEST(s.on_hand - s.reserved - s.safety, 0))::bigint AS "available!" FROM stock_items s
           JOIN warehouses w ON w.tenant = s.tenant AND w.id = s.warehouse_id
           WHERE s.tenant = $1 AND s.sku = ANY($2) AND w.is_active GROUP BY s.sku"#,
        tenant.as_str(),
        &skus,
    )
    .fetch_all(work.conn())
    .await?;
    let available: HashMap<String, i64> = rows.into_iter().map(|row| (row.sku, row.available)).collect();
    for item in items {
        let quantity = item.quantity;
        let Some(listed) = &mut item.listed else { continue };
        let inputs = Inputs {
            sku: &listed.sku,
            list: listed.unit_price,
            quantity,
            available: available.get(&listed.sku).copied().unwrap_or_default(),
        };
        if let Some((price, why)) = rules.price(inputs) {
            (listed.unit_price, listed.pricing) = (price, Some(why));
        }
    }
    Ok(())
}

async fn by_service(service: &Shop, items: &mut [ItemBody]) -> Result<(), Problem> {
    let asked: Vec<Option<(String, i64)>> = items
        .iter()
        .map(|item| item.listed.as_ref().map(|listed| (listed.product_id.clone(), item.quantity)))
        .collect();
    let prices: Vec<Option<Price>> = iter(asked)
        .map(|asked| async move {
            match asked {
                Some((id, quantity)) => service.price(&id, quantity).await,
                None => Ok(None),
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
        .map_err(away)?;
    for (item, price) in items.iter_mut().zip(prices) {
        if let (Some(listed), Some(price)) = (&mut item.listed, price) {
            let (unit, why) = believed(price, listed.unit_price)?;
            (listed.unit_price, listed.pricing) = (unit, Some(why));
        }
    }
    Ok(())
}

/// A price in the catalogue's currency, and not absurdly far from the catalogue's; and why.
fn believed(price: Price, list: Money) -> Result<(Money, Pricing), Problem> {
    let odd = |detail: &str| Problem::unavailable(format!("the pricing service {detail}"));
    if price.currency.as_deref().is_some_and(|code| code != list.currency.code()) {
        return Err(odd("names another currency than the catalogue"));
    }
    let unit =
        Amount::of(price.price).read("price", list.currency).map_err(|_| odd("names a price that cannot be read"))?;
    if !is_within_reach(unit.minor, list.minor) {
        return Err(odd("names a price too far from the catalogue's"));
    }
    let short =
        |text: String| text.chars().filter(|letter| !letter.is_control()).take(LONGEST_WORD).collect::<String>();
    let plain = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let inputs: BTreeMap<String, String> =
        price.inputs.into_iter().take(MOST_INPUTS).map(|(name, value)| (short(name), short(plain(value)))).collect();
    let pricing = Pricing {
        source: "service".into(),
        rule: short(price.rule.unwrap_or_else(|| "unnamed".into())),
        list_price: list.decimal(),
        inputs,
    };
    Ok((unit, pricing))
}

/// When goods cost another price than the catalogue's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rates": {"rules": [{"name": "ten-or-more", "quantity_from": 10, "basis_points": -500}]}, "reason": "spring sale"}))]
pub struct PriceTable {
    /// The rules; without them the catalogue's prices count again.
    #[serde(default)]
    rates: Option<PriceRules>,
    /// Why; 1 to 500 characters.
    reason: String,
}

impl Body for PriceTable {}

/// The price rules that count now.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownPriceRules {
    /// The rules.
    pub rates: PriceRules,
    /// Whether the tenant has some.
    pub is_own: bool,
    /// Who decides: `catalogue` (the rules do not count: dynamic pricing is off), `table` or `service`.
    #[schema(example = "table")]
    pub decided_by: &'static str,
}

/// Sets when goods cost another price than the catalogue's; it counts where dynamic pricing is on and no pricing service is configured. For
/// managers.
#[utoipa::path(put, path = "/api/v1/price-rules", operation_id = "put_price_rules", tag = "catalogue and stock", request_body = PriceTable,
    security(("bearer" = [])), responses(
        (status = 200, description = "They count", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value)))]
pub async fn put_rules(State(api): State<Api>, ask: Ask<PriceTable>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Ask { caller, body, ticket } = ask;
    text("reason", &body.reason, 500)?;
    let rates = body.rates.map(serde_json::to_value).transpose().map_err(Problem::internal)?;
    let command = PutRates { table: PRICING.to_owned(), rates, reason: body.reason, by: caller.subject.clone() };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// When goods cost another price than the catalogue's. For managers.
#[utoipa::path(get, path = "/api/v1/price-rules", operation_id = "read_price_rules", tag = "catalogue and stock", security(("bearer" = [])),
    responses((status = 200, description = "The rules that count", body = ShownPriceRules)))]
pub async fn rules(State(api): State<Api>, caller: Caller) -> Result<Json<ShownPriceRules>, Problem> {
    caller.require(&MANAGERS)?;
    let (rates, is_own) = price_rules(&mut api.store.read(&caller.tenant).await?).await?;
    let decided_by = api.around.decides();
    Ok(Json(ShownPriceRules { rates, is_own, decided_by }))
}

/// Of what the price is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Of {
    /// The article.
    product_id: String,
    /// How many; 1 unless said.
    #[param(minimum = 1, maximum = 100_000)]
    quantity: Option<i64>,
}

/// What one costs.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownPrice {
    /// The article.
    pub product_id: String,
    /// The seller's number.
    #[schema(example = "WIDGET-001")]
    pub sku: String,
    /// How many.
    pub quantity: i64,
    /// The price of one.
    #[schema(example = "28.49")]
    pub unit_price: String,
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: Currency,
    /// Why it costs that, where a pricing rule decided; absent = it is the catalogue's own price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
}

/// What one of so many costs now, and why. For whoever may order: a cart shows this price, and an order is taken at it.
#[utoipa::path(get, path = "/api/v1/prices", operation_id = "read_price", tag = "catalogue and stock", params(Of), security(("bearer" = [])),
    responses((status = 200, description = "The price", body = ShownPrice)))]
pub async fn show(State(api): State<Api>, caller: Caller, Query(of): Query<Of>) -> Result<Json<ShownPrice>, Problem> {
    text("product_id", &of.product_id, 128)?;
    let quantity = of.quantity.unwrap_or(1);
    if !(1..=100_000).contains(&quantity) {
        return Err(Problem::invalid_field("quantity", "must be from 1 to 100000"));
    }
    let mut items = [ItemBody { product_id: Some(of.product_id), quantity, ..ItemBody::default() }];
    price(&api, &caller, &mut items, None).await?;
    if around::is_ours(&api) {
        list_ours(&mut api.store.read(&caller.tenant).await?, &mut items).await?;
    }
    let [item] = items;
    let listed = item.listed.filter(|listed| listed.is_active).ok_or_else(Problem::not_found)?;
    Ok(Json(ShownPrice {
        unit_price: listed.unit_price.decimal(),
        currency: listed.unit_price.currency,
        product_id: listed.product_id,
        sku: listed.sku,
        quantity,
        pricing: listed.pricing,
    }))
}
