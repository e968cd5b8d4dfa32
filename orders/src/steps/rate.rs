//! Carriers are asked through EasyPost: each shipment is made there once, under our own id, and rated.

use providers::easypost::{Address as PostAddress, EasyPost, Error, Parcel, Shipment};
use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::store::{Store, Work};
use shared_events::{Currency, Money, OrderId};
use uuid::Uuid;

use super::{at_step, send};
use crate::advance::{Ending, end_step};
use crate::config::{Parts, Post};
use crate::domain::carriers::{Quote, choose};
use crate::domain::process::{HoldReason, Step};
use crate::order_row::Order;
use crate::private::{Address, Private};
use crate::put_rates::carriers;

/// Seconds after which a provider that is away is asked again.
const LOOK_AGAIN: i64 = 20;

/// A shipment that has to be rated.
struct Unrated {
    id: Uuid,
    number: i32,
    grams: i64,
    asked_before: bool,
    from: Option<Address>,
}

/// Rates every shipment of an order, one after the other.
pub async fn run(parts: &Parts, post: &Post, store: &Store, job: &Job, id: OrderId) -> Result<(), Failure> {
    loop {
        let mut work = store.read(&job.tenant).await?;
        let Some(mut order) = at_step(&mut work, id, Step::ChooseCarrier).await? else {
            job.finish(&mut work).await?;
            return Ok(work.commit().await?);
        };
        send::leave_to_marketplaces(&mut work, &order).await?;
        let Some(unrated) = next(&mut work, id).await? else {
            let words = chosen(&mut work, id).await?;
            job.finish(&mut work).await?;
            end_step(&mut work, &job.cause, &mut order, Step::ChooseCarrier, &Ending::done(words)).await?;
            return Ok(work.commit().await?);
        };
        let private = Private::open(&parts.config.key, &job.tenant, id, &order.private_sealed).ok();
        let to = private.and_then(|private| private.shipping);
        let ending = match (&unrated.from, &to) {
            (Some(from), Some(to)) => {
                work.commit().await?;
                let asked = ask(&post.client, &unrated, from, to).await;
                work = store.read(&job.tenant).await?;
                order = Order::lock(&mut work, id).await?;
                match asked {
                    Ok(shipment) => write(&mut work, &order, &unrated, &shipment).await?,
                    Err(Error::Refused { code, .. }) => Some(Ending::held(
                        HoldReason::Address,
                        format!("shipment {} is refused: {code}", unrated.number),
                    )),
                    Err(error) => Some(Ending::later(LOOK_AGAIN, error.to_string())),
                }
            }
            (None, _) => {
                let detail = format!("the warehouse of shipment {} has no address for carriers", unrated.number);
                Some(Ending::held(HoldReason::Carrier, detail))
            }
            (_, None) => Some(Ending::held(HoldReason::Address, "the order has no address to send to")),
        };
        match ending {
            None => work.commit().await?,
            Some(ending) => {
                job.finish(&mut work).await?;
                let is_there = order.progress.next() == Some(Step::ChooseCarrier)
                    && at_step(&mut work, id, Step::ChooseCarrier).await?.is_some();
                if is_there {
                    end_step(&mut work, &job.cause, &mut order, Step::ChooseCarrier, &ending).await?;
                }
                return Ok(work.commit().await?);
            }
        }
    }
}

/// The next shipment without a carrier. That it will be made is written down before it is.
async fn next(work: &mut Work, order: OrderId) -> Result<Option<Unrated>, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let row = sqlx::query!(
        "SELECT s.id, s.number, s.grams, s.rate_begun_at, w.address FROM shipments s JOIN warehouses w ON w.tenant = s.tenant AND w.id = s.warehouse_id
         WHERE s.tenant = $1 AND s.order_id = $2 AND s.state = 'planned' AND s.carrier IS NULL ORDER BY s.number LIMIT 1",
        tenant.as_str(),
        order.0,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let from = row.address.map(serde_json::from_value).transpose().map_err(anyhow::Error::from)?;
    sqlx::query!(
        "UPDATE shipments SET rate_begun_at = COALESCE(rate_begun_at, $3) WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        row.id,
        now,
    )
    .execute(work.conn())
    .await?;
    let asked_before = row.rate_begun_at.is_some();
    Ok(Some(Unrated { id: row.id, number: row.number, grams: row.grams, asked_before, from }))
}

async fn ask(client: &EasyPost, unrated: &Unrated, from: &Address, to: &Address) -> Result<Shipment, Error> {
    let reference = unrated.id.to_string();
    if unrated.asked_before
        && let Some(made) = client.find(&reference).await?
    {
        return Ok(made);
    }
    client.create(&reference, &posted(from), &posted(to), Parcel::of_grams(unrated.grams)).await
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
async fn write(
    work: &mut Work,
    order: &Order,
    unrated: &Unrated,
    shipment: &Shipment,
) -> Result<Option<Ending>, Failure> {
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
        let detail = format!("no carrier takes shipment {} as {}", unrated.number, order.shipping_method);
        return Ok(Some(Ending::held(HoldReason::Carrier, detail)));
    };
    let is_it = |rate: &&providers::easypost::Rate| quote(rate).is_some_and(|other| other == chosen);
    let rate = shipment.rates.iter().find(is_it).map(|rate| rate.id.as_str());
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE shipments SET provider = 'easypost', provider_shipment = $3, provider_rate = $4, carrier = $5, service = $6, rate_minor = $7,
                rate_currency = $8, choice = $9 WHERE tenant = $1 AND id = $2 AND state = 'planned'",
        tenant.as_str(),
        unrated.id,
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
