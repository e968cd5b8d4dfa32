//! Takes an order: prices from the catalogue, totals by the rate table, and the first step of its way, in one transaction.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::orders::{AskedItem, Channel, Listed, OrderPlaced, PlaceOrder, Pricing, SoldLine};
use shared_events::outcome::Rejection;
use shared_events::{Currency, Money, Written};
use sqlx::types::Json;

use crate::advance;
use crate::domain::process::Step;
use crate::domain::rates::{Rates, WHOLE};
use crate::domain::totals::{Given, Item, reckon};
use crate::order_row::stored_currency;
use crate::read_order;
use crate::write_order::{insert, insert_cards, insert_lines};

/// Most lines that an order may have.
pub const MOST_LINES: usize = 200;
/// Most pieces of one article.
const MOST_PIECES: i64 = 100_000;

/// Handles [`PlaceOrder`].
pub struct Place;

/// A line with its price.
pub(crate) struct Priced {
    pub product_id: Option<String>,
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    /// The price of one.
    pub unit: Money,
    /// What one weighs.
    pub grams: i64,
    pub pricing: Option<Pricing>,
}

impl Handles<PlaceOrder> for Place {
    async fn handle(&self, work: &mut Work, message: &Delivered<PlaceOrder>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        check(data)?;
        let lines = price(work, data).await?;
        let currency = one_currency(data, &lines)?;
        let given = given(data, currency)?;
        let rates = rates(work).await?;
        let items: Vec<Item> =
            lines.iter().map(|line| Item { quantity: line.quantity, unit_minor: line.unit.minor }).collect();
        let totals = reckon(&items, currency, &data.ship_country, &data.shipping_method, &rates, given)?;
        let expected = data.expected_total.as_ref().map(|total| read(total, currency, "total_amount")).transpose()?;
        if expected.is_some_and(|expected| expected != Money::new(totals.grand, currency)) {
            let detail = format!("the order comes to {}", Money::new(totals.grand, currency));
            return Err(Rejection::new("total_conflict", detail).at("total_amount").into());
        }
        let seq = insert(work, message, currency, &totals, given, &rates.version).await?;
        insert_lines(work, data, &lines, &totals).await?;
        insert_cards(work, data.order_id, &data.marks, seq, work.now()).await?;
        let sold = |(index, line): (usize, &Priced)| SoldLine {
            line: number(index),
            sku: line.sku.clone(),
            quantity: line.quantity,
            net_minor: line.quantity * line.unit.minor,
        };
        let placed = OrderPlaced {
            order_id: data.order_id,
            customer_id: data.customer_id.clone(),
            channel: data.channel,
            lines: lines.iter().enumerate().map(sold).collect(),
            goods: Money::new(totals.subtotal, currency),
            total: Money::new(totals.grand, currency),
            click_id: data.click_id.clone(),
            coupon: data.coupon.clone(),
            email: data.email.clone(),
        };
        work.emit(&cause, 1, &placed);
        advance::run_step(work, &cause, data.order_id, Step::Validate, 0).await?;
        let order = read_order::short(work, data.order_id).await?.ok_or_else(crate::order_row::not_found)?;
        Ok(Outcome::ids(&order))
    }
}

/// The number of a line, from 1.
pub(crate) fn number(index: usize) -> i32 {
    i32::try_from(index + 1).unwrap_or(i32::MAX)
}

fn check(data: &PlaceOrder) -> Result<(), Rejection> {
    if data.items.is_empty() || data.items.len() > MOST_LINES {
        return Err(Rejection::new("invalid_items", format!("an order has 1 to {MOST_LINES} lines")).at("items"));
    }
    for (index, item) in data.items.iter().enumerate() {
        let field = |name: &str| format!("items[{index}].{name}");
        if !(1..=MOST_PIECES).contains(&item.quantity) {
            let detail = format!("must be from 1 to {MOST_PIECES}");
            return Err(Rejection::new("invalid_quantity", detail).at(&field("quantity")));
        }
        if item.product_id.is_none() && item.sku.is_none() {
            return Err(Rejection::new("unknown_product", "name a product or its sku").at(&field("product_id")));
        }
    }
    let own = data.tax.is_some() || data.tax_basis_points.is_some() || data.shipping.is_some();
    if own && !data.is_trusted {
        return Err(Rejection::new("own_rates_forbidden", "only a selling system may name tax and shipping"));
    }
    Ok(())
}

/// Finds what each line costs. The catalogue's price counts; another that the buyer saw is a conflict that names the line.
async fn price(work: &mut Work, data: &PlaceOrder) -> Result<Vec<Priced>, Failure> {
    let tenant = work.tenant().clone();
    let ids: Vec<String> = data.items.iter().filter_map(|item| item.product_id.clone()).collect();
    let skus: Vec<String> = data.items.iter().filter_map(|item| item.sku.clone()).collect();
    let rows = sqlx::query!(
        "SELECT product_id, sku, name, currency, unit_minor, grams, is_active FROM products
         WHERE tenant = $1 AND (product_id = ANY($2) OR sku = ANY($3))",
        tenant.as_str(),
        &ids,
        &skus,
    )
    .fetch_all(work.conn())
    .await?;
    let known: Vec<Listed> = rows
        .into_iter()
        .map(|row| Listed {
            product_id: row.product_id,
            sku: row.sku,
            name: row.name,
            unit_price: Money::new(row.unit_minor, stored_currency(&row.currency)),
            grams: row.grams,
            is_active: row.is_active,
            pricing: None,
        })
        .collect();
    let ours = |item: &AskedItem| {
        known.iter().find(|product| match (&item.product_id, &item.sku) {
            (Some(id), _) if product.product_id == *id => true,
            (_, Some(sku)) => product.sku == *sku,
            _ => false,
        })
    };
    let found: Vec<Option<&Listed>> =
        data.items.iter().map(|item| item.listed.as_ref().or_else(|| ours(item))).collect();
    // What the catalogue does not know is sold in the currency of what it knows.
    let of_catalogue = || found.iter().flatten().next().map(|product| product.unit_price.currency);
    let currency = data.currency.or_else(of_catalogue).unwrap_or(Currency::USD);
    let mut lines = Vec::with_capacity(data.items.len());
    for (index, (item, product)) in data.items.iter().zip(&found).enumerate() {
        lines.push(match product {
            Some(product) => listed(item, product, index)?,
            None => foreign(data, item, index, currency)?,
        });
    }
    Ok(lines)
}

/// A line at the catalogue's price; what the buyer saw has to be the same.
fn listed(item: &AskedItem, product: &Listed, index: usize) -> Result<Priced, Rejection> {
    let at = |name: &str| format!("items[{index}].{name}");
    let other_sku = item.sku.as_ref().is_some_and(|sku| *sku != product.sku);
    let other_id = item.product_id.as_ref().is_some_and(|id| *id != product.product_id);
    if other_sku || other_id {
        return Err(Rejection::new("product_conflict", "product and sku are not the same article").at(&at("sku")));
    }
    if !product.is_active {
        let detail = format!("{} is not sold any more", product.sku);
        return Err(Rejection::new("product_conflict", detail).at(&at("product_id")));
    }
    let unit = product.unit_price;
    let seen = item.unit_price.as_ref().map(|seen| read(seen, unit.currency, &at("unit_price"))).transpose()?;
    if let Some(seen) = seen.filter(|seen| *seen != unit) {
        let detail = format!("line {} was seen at {seen} and costs {unit}", index + 1);
        return Err(Rejection::new("price_conflict", detail).at(&at("unit_price")));
    }
    Ok(Priced {
        product_id: Some(product.product_id.clone()),
        sku: product.sku.clone(),
        name: product.name.clone(),
        quantity: item.quantity,
        unit,
        grams: product.grams,
        pricing: product.pricing.clone(),
    })
}

/// A line that the catalogue does not know: only a selling system may sell it, and has to say at what price.
fn foreign(data: &PlaceOrder, item: &AskedItem, index: usize, currency: Currency) -> Result<Priced, Rejection> {
    let at = |name: &str| format!("items[{index}].{name}");
    let unknown = |detail: &str, name: &str| Rejection::new("unknown_product", detail).at(&at(name));
    if data.channel != Channel::Workflow || !data.is_trusted {
        return Err(unknown("the catalogue has no such product", "product_id"));
    }
    let sku = item.sku.clone().ok_or_else(|| unknown("is needed for what the catalogue does not know", "sku"))?;
    let unit = item
        .unit_price
        .as_ref()
        .ok_or_else(|| unknown("is needed for what the catalogue does not know", "unit_price"))?;
    let unit = read(unit, currency, &at("unit_price"))?;
    if unit.minor < 0 {
        return Err(unknown("must not be negative", "unit_price"));
    }
    let name = item.name.clone().unwrap_or_else(|| sku.clone());
    Ok(Priced {
        product_id: item.product_id.clone(),
        sku,
        name,
        quantity: item.quantity,
        unit,
        grams: 0,
        pricing: None,
    })
}

/// An amount as it was written, in the currency that it turns out to be of.
fn read(written: &Written, currency: Currency, field: &str) -> Result<Money, Rejection> {
    written.read(currency).map_err(|error| Rejection::new("invalid_amount", error.to_string()).at(field))
}

fn one_currency(data: &PlaceOrder, lines: &[Priced]) -> Result<Currency, Rejection> {
    let wanted = data.currency.or_else(|| lines.first().map(|line| line.unit.currency)).unwrap_or(Currency::USD);
    match lines.iter().position(|line| line.unit.currency != wanted) {
        None => Ok(wanted),
        Some(index) => {
            let detail = format!("line {} is sold in {}, not in {wanted}", index + 1, lines[index].unit.currency);
            Err(Rejection::new("currency_conflict", detail).at(&format!("items[{index}].unit_price")))
        }
    }
}

fn given(data: &PlaceOrder, currency: Currency) -> Result<Given, Rejection> {
    let minor = |amount: &Option<Written>, field: &str| match amount
        .as_ref()
        .map(|amount| read(amount, currency, field))
        .transpose()?
    {
        Some(money) if money.currency != currency || money.minor < 0 => {
            Err(Rejection::new("invalid_amount", "must be an amount in the order's currency").at(field))
        }
        other => Ok(other.map(|money| money.minor)),
    };
    if data.tax_basis_points.is_some_and(|share| !(0..=WHOLE).contains(&share)) {
        return Err(Rejection::new("invalid_amount", "must be from 0 to 1").at("tax_rate"));
    }
    Ok(Given {
        tax_basis_points: data.tax_basis_points,
        tax_minor: minor(&data.tax, "tax_amount")?,
        shipping_minor: minor(&data.shipping, "shipping_amount")?,
    })
}

/// The tenant's rate table, or the built-in one.
pub async fn rates(work: &mut Work) -> Result<Rates, sqlx::Error> {
    Ok(own_rates(work).await?.unwrap_or_default())
}

/// The rate table that a tenant was given.
///
/// # Errors
/// When the database is away.
pub async fn own_rates(work: &mut Work) -> Result<Option<Rates>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let own = sqlx::query_scalar!(
        r#"SELECT rates AS "rates: Json<Rates>" FROM rate_tables WHERE tenant = $1"#,
        tenant.as_str()
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(own.flatten().map(|own| own.0))
}
