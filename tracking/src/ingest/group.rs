//! One group of events in one transaction: lock, look around, decide, write, say.

use std::sync::Arc;

use service_kit::store::{Cause, Store, Work};
use shared_events::TenantId;

use super::locks;
use super::neighbourhood::{MOST_CONVERSIONS, MOST_PER_CLICK_ID, Wanted};
use super::write::{self, WriteError};
use crate::catalog::Catalogs;
use crate::domain::catalog::Catalog;
use crate::domain::event::{NewEvent, Standing};
use crate::domain::plan::{Fact, Plan, Verdict, clicks_with_more, plan, touched_by_late_clicks};
use crate::judge_again;

/// The events of one request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose they are.
    pub tenant: TenantId,
    /// The events, in order.
    pub events: Vec<NewEvent>,
    /// What everything that follows from them refers to.
    pub cause: Cause,
}

/// Records the events of all `requests`, or nothing. The verdicts are in the order of the requests and their events. `again`: an earlier
/// attempt may have committed without our hearing of it, so that even ids which we made ourselves may be there.
///
/// # Errors
/// [`WriteError`]; nothing happened then.
pub async fn record(
    store: &Store,
    catalogs: &Catalogs,
    requests: &[&Request],
    again: bool,
) -> Result<Vec<Vec<Verdict>>, WriteError> {
    let mut tenants: Vec<&TenantId> = requests.iter().map(|request| &request.tenant).collect();
    tenants.sort_by_key(|tenant| (locks::tenant_hash(tenant), *tenant));
    tenants.dedup();
    let mut verdicts: Vec<Vec<Verdict>> = vec![Vec::new(); requests.len()];
    let mut work = store.begin().await?;
    for tenant in tenants {
        let own: Vec<(usize, &Request)> =
            (0..).zip(requests.iter().copied()).filter(|(_, request)| request.tenant == *tenant).collect();
        work.set_tenant(tenant).await?;
        let places: Vec<usize> =
            own.iter().flat_map(|(place, request)| std::iter::repeat_n(*place, request.events.len())).collect();
        for (place, verdict) in places.into_iter().zip(record_tenant(&mut work, catalogs, &own, again).await?) {
            verdicts[place].push(verdict);
        }
    }
    work.commit().await?;
    Ok(verdicts)
}

/// Records events of the tenant of `work` in its transaction; the requests bear any numbers. The verdicts are in their order.
///
/// # Errors
/// [`WriteError`]; the transaction cannot go on then.
pub async fn record_tenant(
    work: &mut Work,
    catalogs: &Catalogs,
    requests: &[(usize, &Request)],
    again: bool,
) -> Result<Vec<Verdict>, WriteError> {
    let (events, causes): (Vec<&NewEvent>, Vec<&Cause>) =
        requests.iter().flat_map(|(_, request)| request.events.iter().map(|event| (event, &request.cause))).unzip();
    let shards = locks::shards(events.iter().copied());
    let catalog = enter(work, catalogs, &shards).await?;

    let mut wanted = Wanted::default();
    for event in &events {
        if again || event.event_id.is_some() {
            wanted.same_id(&event.facts);
        }
        if event.event_id.is_some() {
            wanted.waiting_for(&event.facts);
        }
        wanted.around_new(&event.facts, &catalog);
    }
    let mut known = wanted.load(work).await?;
    let late = touched_by_late_clicks(&events, &known, &catalog);
    // What a click concerns beyond what is looked at here is left to a job.
    for (place, click) in clicks_with_more(&events, &known, [MOST_CONVERSIONS, MOST_PER_CLICK_ID]) {
        judge_again::enqueue(work, causes[place], click).await?;
    }
    let mut wanted = Wanted::default();
    for again in &late {
        wanted.around_conversion(&again.conversion, &catalog);
    }
    known.extend(wanted.load(work).await?);

    let Plan { verdicts, inserts, updates, facts } = plan(&events, &known, &late, &catalog);
    write::insert(work, &events, &inserts).await?;
    write::update(work, &updates).await?;
    for (place, fact) in facts {
        say(work, causes[place], fact);
    }
    count(&events, &inserts, &verdicts);
    Ok(verdicts.into_iter().zip(events).map(|(verdict, event)| told(verdict, event, again)).collect())
}

/// Begins an ingest transaction for the tenant of `work`: waits for others that work on `shards`; the catalog as of after the wait.
///
/// # Errors
/// When the database is away, or others hold the shards for too long.
pub async fn enter(work: &mut Work, catalogs: &Catalogs, shards: &[i32]) -> Result<Arc<Catalog>, sqlx::Error> {
    let tenant_hash = locks::tenant_hash(work.tenant());
    let version = sqlx::query_scalar!(r#"SELECT enter_ingest($1, $2) AS "version!""#, tenant_hash, shards)
        .fetch_one(work.conn())
        .await?;
    catalogs.at(work, version).await
}

/// Says what was decided about a conversion.
pub fn say(work: &mut Work, cause: &Cause, fact: Fact) {
    match fact {
        Fact::Attributed(version, fact) => work.emit(cause, version, &fact),
        Fact::Unattributed(version, fact) => work.emit(cause, version, &fact),
        Fact::Refunded(version, fact) => work.emit(cause, version, &fact),
    }
}

/// An id of our own making can be here only because the attempt before did commit.
fn told(verdict: Verdict, event: &NewEvent, again: bool) -> Verdict {
    if again && verdict == Verdict::Duplicate && event.event_id.is_none() { Verdict::Recorded } else { verdict }
}

fn count(events: &[&NewEvent], inserts: &[(usize, Standing)], verdicts: &[Verdict]) {
    let rejected = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Rejected(_))).count();
    metrics::counter!("recoup_tracking_events_total", "status" => "recorded").increment(inserts.len() as u64);
    metrics::counter!("recoup_tracking_events_total", "status" => "rejected").increment(rejected as u64);
    metrics::counter!("recoup_tracking_events_total", "status" => "duplicate")
        .increment((events.len() - inserts.len() - rejected) as u64);
}
