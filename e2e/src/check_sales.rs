//! The checker of Recoup itself: what was sold against topics, commissions and the ledger. It shares no rule and no query with the services.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use shared_events::{Service, Topic};
use uuid::Uuid;

use crate::check::{Promise, Report, check_inbox, check_order, first_occurrences};
use crate::sales::{RATE_BPS, Sale, Truth};
use crate::topics::{Stored, read_back};
use crate::world::World;

/// Waits for rest, then compares everything that both services hold with what was sold.
///
/// # Errors
/// When broker or database do not answer; broken promises are in the report.
pub async fn check_sales(world: &World<'_>, truth: &Truth, bound: Duration) -> anyhow::Result<Report> {
    let mut report = Report { sent: truth.events.len(), ..Report::default() };
    let began = Instant::now();
    if let Err(error) = world.settled(bound).await {
        report.broke(Promise::Recovers, format!("{error:#}"));
    }
    report.settled_in = began.elapsed();
    let mut topics = HashMap::new();
    for topic in [Topic::commands(Service::Tracking), Topic::commands(Service::Commission)]
        .into_iter()
        .chain(Service::ALL.map(Topic::events))
    {
        topics.insert(topic, read_back(world.servers, &world.name, topic.name()).await?);
    }
    for service in Service::ALL {
        let events = &topics[&Topic::events(service)];
        let (first, repeats) = first_occurrences(events);
        report.repeats += repeats;
        check_order(&mut report, Topic::events(service).name(), &first);
    }
    let heard =
        [&topics[&Topic::events(Service::Tracking)][..], &topics[&Topic::commands(Service::Commission)][..]].concat();
    check_inbox(&mut report, Service::Tracking, &world.tracking, &topics[&Topic::commands(Service::Tracking)]).await?;
    check_inbox(&mut report, Service::Commission, &world.commission, &heard).await?;
    check_events(&mut report, world, truth).await?;
    check_conversions(&mut report, truth, &topics[&Topic::events(Service::Tracking)]);
    check_commissions(&mut report, world, truth).await?;
    check_ledger(&mut report, world, truth).await?;
    report.parked = parked(world).await?;
    Ok(report)
}

async fn parked(world: &World<'_>) -> anyhow::Result<usize> {
    let mut sum = 0;
    for service in Service::ALL {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(world.database(service)).await?;
        sum += usize::try_from(count)?;
    }
    Ok(sum)
}

/// Every event that was answered is stored, once, and nothing else is.
async fn check_events(report: &mut Report, world: &World<'_>, truth: &Truth) -> anyhow::Result<()> {
    let rows: Vec<(Uuid, Option<String>)> =
        sqlx::query_as("SELECT id, event_id FROM events").fetch_all(&world.tracking).await?;
    let stored: HashMap<&str, &Uuid> = rows.iter().filter_map(|(id, name)| Some((name.as_deref()?, id))).collect();
    for (name, id) in &truth.events {
        report.expect(stored.get(name.as_str()) == Some(&id), Promise::NoneLost, || {
            format!("{name} was answered but is not stored")
        });
    }
    report.expect(stored.len() == rows.len(), Promise::AppliedOnce, || "an event is stored twice".into());
    for name in stored.keys().filter(|name| !truth.events.contains_key(**name)) {
        report.broke(Promise::NoPhantom, format!("{name} is stored, but nobody was told so"));
    }
    Ok(())
}

/// Every sale was told as a conversion, and no other was.
fn check_conversions(report: &mut Report, truth: &Truth, events: &[Stored]) {
    let conversions: HashMap<Uuid, usize> = first_occurrences(events)
        .0
        .into_iter()
        .filter(|event| event.kind == "tracking.conversion_attributed.v1")
        .filter_map(|event| {
            serde_json::from_slice::<Value>(&event.payload).ok()?["conversion_id"].as_str()?.parse().ok()
        })
        .fold(HashMap::new(), |mut told, id: Uuid| {
            *told.entry(id).or_default() += 1;
            told
        });
    for id in truth.sales.keys() {
        match conversions.get(id) {
            None => report.broke(Promise::NoneLost, format!("sale {id} was taken but not told")),
            Some(1) => {}
            // A late click may change who brought it, but none is late here.
            Some(times) => report.broke(Promise::AppliedOnce, format!("sale {id} was told {times} times")),
        }
    }
    for id in conversions.keys().filter(|id| !truth.sales.contains_key(id)) {
        report.broke(Promise::NoPhantom, format!("conversion {id} was never sold"));
    }
}

/// What a sale earns, and what refunds take of it: the tests' own arithmetic, for amounts that are not negative.
fn earned(sale: &Sale) -> (i64, i64) {
    let half_up = |numerator: i64, denominator: i64| (2 * numerator + denominator) / (2 * denominator);
    let earned = half_up(sale.cents * RATE_BPS, 10_000);
    let back = if sale.refunded == sale.cents { earned } else { half_up(earned * sale.refunded, sale.cents) };
    (earned, back)
}

/// Every sale has one commission of the right partner and amount.
async fn check_commissions(report: &mut Report, world: &World<'_>, truth: &Truth) -> anyhow::Result<()> {
    let rows: Vec<(Uuid, String, i64, i64)> =
        sqlx::query_as("SELECT conversion_id, partner, earned_minor, reversed_minor FROM commissions")
            .fetch_all(&world.commission)
            .await?;
    let mut seen = HashSet::new();
    for (conversion, partner, has, reversed) in &rows {
        report.expect(seen.insert(*conversion), Promise::AppliedOnce, || {
            format!("sale {conversion} has two commissions")
        });
        let Some(sale) = truth.sales.get(conversion) else {
            report.broke(Promise::NoPhantom, format!("there is a commission for {conversion}, which was never sold"));
            continue;
        };
        let (earned, back) = earned(sale);
        report.expect((*has, *reversed) == (earned, back) && partner == sale.partner, Promise::AppliedOnce, || {
            format!(
                "{conversion} earns {partner} {has} less {reversed} instead of {} {earned} less {back}",
                sale.partner
            )
        });
    }
    let aside: Vec<String> = sqlx::query_scalar("SELECT key FROM parked").fetch_all(&world.commission).await?;
    for id in truth.sales.keys().filter(|id| !seen.contains(id)) {
        report.expect(aside.contains(&id.to_string()), Promise::NoneLost, || {
            format!("sale {id} has no commission and is not put aside")
        });
    }
    Ok(())
}

/// Each partner's accounts add up to nothing, and what is accrued is what its sales earn.
async fn check_ledger(report: &mut Report, world: &World<'_>, truth: &Truth) -> anyhow::Result<()> {
    let mut expected: BTreeMap<&str, i64> = BTreeMap::new();
    for sale in truth.sales.values() {
        let (earned, back) = earned(sale);
        *expected.entry(sale.partner).or_default() += earned - back;
    }
    let postings = "SELECT partner, account::text, sum(minor)::bigint FROM postings GROUP BY partner, account";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(postings).fetch_all(&world.commission).await?;
    let kept: Vec<(String, i64)> =
        sqlx::query_as("SELECT partner, accrued FROM balances").fetch_all(&world.commission).await?;
    let kept: HashMap<String, i64> = kept.into_iter().collect();
    for (partner, sum) in expected {
        let own = || rows.iter().filter(|(name, _, _)| name == partner);
        let (accrued, all): (i64, i64) =
            (own().filter(|(_, account, _)| account == "accrued").map(|row| row.2).sum(), own().map(|row| row.2).sum());
        report.expect(all == 0, Promise::AppliedOnce, || format!("{partner}'s ledger adds up to {all}"));
        report.expect(accrued == sum, Promise::AppliedOnce, || {
            format!("{partner}'s ledger shows {accrued} accrued instead of {sum}")
        });
        let balance = kept.get(partner).copied().unwrap_or_default();
        report.expect(balance == sum, Promise::AppliedOnce, || {
            format!("{partner}'s balance is {balance} instead of {sum}")
        });
    }
    Ok(())
}
