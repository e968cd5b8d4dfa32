//! Carriers are asked through EasyPost: each shipment is made there once, under our own id, and rated.

use futures::future::join_all;
use providers::easypost::{Address as PostAddress, EasyPost, Error, Parcel, Shipment};
use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::store::{Store, Work};
use shared_events::{Currency, Money, OrderId};
use uuid::Uuid;

use super::{Turn, is_at, locked, not_connected, send};
use crate::advance::Ending;
use crate::config::Parts;
use crate::domain::carriers::{Quote, choose};
use crate::domain::process::{HoldReason, Step};
use crate::order_row::Order;
use crate::private::{Address, Private};
use crate::put_rates::carriers;

/// Seconds after which a provider that is away is asked again.
const LOOK_AGAIN: i64 = 20;
/// Shipments that are asked about at the same time.
const MOST: usize = 6;

/// A shipment that has to be rated.
pub(super) struct Ask {
    id: Uuid,
    number: i32,
    grams: i64,
    asked_before: bool,
    from: Address,
    to: Address,
}

/// Finds the shipments without a carrier. That they will be made is written down before they are.
pub(super) async fn begin(parts: &Parts, work: &mut Work, order: &Order) -> Result<Turn, Failure> {
    send::leave_to_marketplaces(work, order).await?;
    let (tenant, now) = (work.tenant().clone(), work.now());
    let rows = sqlx::query!(
        "SELECT s.id, s.number, s.grams, s.rate_begun_at, w.address FROM shipments s JOIN warehouses w ON w.tenant = s.tenant AND w.id = s.warehouse_id
         WHERE s.tenant = $1 AND s.order_id = $2 AND s.state = 'planned' AND s.carrier IS NULL ORDER BY s.number LIMIT $3",
        tenant.as_str(),
        order.id.0,
        MOST as i64,
    )
    .fetch_all(work.conn())
    .await?;
    if rows.is_empty() {
        return Ok(Turn::Ends(Ending::done(chosen(work, order.id).await?)));
    }
    let private = Private::open(&parts.config.key, &tenant, order.id, &order.private_sealed).ok();
    let Some(to) = private.and_then(|private| private.shipping) else {
        return Ok(Turn::Ends(Ending::held(HoldReason::Address, "the order has no address to send to")));
    };
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut asks = Vec::with_capacity(rows.len());
    for row in rows {
        let from = row.address.map(serde_json::from_value).transpose().map_err(anyhow::Error::from)?;
        let Some(from) = from else {
            let detail = format!("the warehouse of shipment {} has no address for carriers", row.number);
            return Ok(Turn::Ends(Ending::held(HoldReason::Carrier, detail)));
        };
        let (to, asked_before) = (to.clone(), row.rate_begun_at.is_some());
        asks.push(Ask { id: row.id, number: row.number, grams: row.grams, asked_before, from, to });
    }
    sqlx::query!(
        "UPDATE shipments SET rate_begun_at = COALESCE(rate_begun_at, $3) WHERE tenant = $1 AND id = ANY($2)",
        tenant.as_str(),
        &ids,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(Turn::Asks(super::Ask::Rate(asks)))
}

/// Asks for all of them at the same time, and writes down what is chosen.
pub(super) async fn make(
    parts: &Parts,
    store: &Store,
    job: &Job,
    id: OrderId,
    asks: Vec<Ask>,
) -> Result<(Work, Order, Turn), Failure> {
    let Some(post) = &parts.post else { return Err(not_connected()) };
    let answers = join_all(asks.iter().map(|asked| ask(&post.client, asked))).await;
    let (mut work, order) = locked(store, job, id).await?;
    let mut ending = None;
    for (asked, answer) in asks.iter().zip(answers) {
        let other = match answer {
            Ok(shipment) => write(&mut work, &order, asked, &shipment).await?,
            Err(Error::Refused { code, .. }) => {
                Some(Ending::held(HoldReason::Address, format!("shipment {} is refused: {code}", asked.number)))
            }
            Err(error) => Some(Ending::later(LOOK_AGAIN, error.to_string())),
        };
        ending = ending.or(other);
    }
    if !is_at(&order, Step::ChooseCarrier) {
        return Ok((work, order, Turn::Leaves));
    }
    let turn = match ending {
        Some(ending) => Turn::Ends(ending),
        // There may be more than are asked at once.
        None if asks.len() == MOST => Turn::Again,
        None => Turn::Ends(Ending::done(chosen(&mut work, id).await?)),
    };
    Ok((work, order, turn))
}

async fn ask(client: &EasyPost, asked: &Ask) -> Result<Shipment, Error> {
    let reference = asked.id.to_string();
    if asked.asked_before
        && let Some(made) = client.find(&reference).await?
    {
        return Ok(made);
    }
    client.create(&reference, &posted(&asked.from), &posted(&asked.to), Parcel::of_grams(asked.grams)).await
}

fn posted(address: &Address) -> PostAddress {
    let both = [&address.first_name, &address.last_name].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    PostAddress {
        name: address.name.clone().or_else(|| Some(both).filter(|name| !name.is_empty())),
        company: address.company.clone(),
        street1: address.street_address.clone(),
        street2: address.street_address_2.clone(),
        city: address.city.clone(),
        state: address.state.clone(),
        zip: address.postal_code.clone(),
        country: address.country.as_ref().map(|country| country.trim().to_ascii_uppercase()),
        phone: address.phone.clone(),
    }
}

/// Chooses, and writes the choice down; an ending when nobody keeps the promise.
async fn write(work: &mut Work, order: &Order, asked: &Ask, shipment: &Shipment) -> Result<Option<Ending>, Failure> {
    let promise = carriers(work).await?.0.promise(&order.shipping_method);
    let quote = |rate: &providers::easypost::Rate| {
        let currency = Currency::try_new(&rate.currency).ok()?;
        let price: Money = Money::parse(&rate.rate, currency).ok()?;
        // Without a promise of the carrier's own, nothing is promised.
        let days = rate.delivery_days?;
        Some(Quote { carrier: rate.carrier.to_lowercase(), service: rate.service.clone(), price, days })
    };
    let quotes: Vec<Quote> = shipment.rates.iter().filter_map(quote).collect();
    let Some((chosen, why)) = choose(quotes, promise) else {
        let detail = format!("no carrier takes shipment {} as {}", asked.number, order.shipping_method);
        return Ok(Some(Ending::held(HoldReason::Carrier, detail)));
    };
    let is_it = |rate: &&providers::easypost::Rate| quote(rate).is_some_and(|other| other == chosen);
    let rate = shipment.rates.iter().find(is_it).map(|rate| rate.id.as_str());
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE shipments SET provider = 'easypost', provider_shipment = $3, provider_rate = $4, carrier = $5, service = $6, rate_minor = $7,
                rate_currency = $8, choice = $9 WHERE tenant = $1 AND id = $2 AND state = 'planned'",
        tenant.as_str(),
        asked.id,
        shipment.id,
        rate,
        chosen.carrier,
        chosen.service,
        chosen.price.minor,
        chosen.price.currency.code(),
        why,
    )
    .execute(work.conn())
    .await?;
    Ok(None)
}

async fn chosen(work: &mut Work, order: OrderId) -> Result<String, sqlx::Error> {
    let tenant = work.tenant().clone();
    let words = sqlx::query_scalar!(
        r#"SELECT COALESCE(choice, 'shipment ' || number || ' by ' || carrier, 'shipment ' || number) AS "words!" FROM shipments
           WHERE tenant = $1 AND order_id = $2 AND state <> 'cancelled' ORDER BY number LIMIT 100"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(words.join("; "))
}
