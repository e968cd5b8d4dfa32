//! Which reports a seller is synced by, when, and over which time.

use chrono::{DateTime, Days, TimeDelta, Utc};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work, new_id};
use shared_events::{ConnectionId, SyncId, SyncRunId};
use uuid::Uuid;

use crate::connection_row::{self, Connection};
use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::run_report;
use crate::run_row::{self, Run};

/// The kind of the timer; its payload is `{"connection_id", "report", "marketplace"}`.
pub const SYNC_TIMER: &str = "claims.sync_timer";
/// How far Amazon's history goes back: eighteen months.
const HISTORY: Days = Days::new(540);
/// How far back a later run looks, since rows turn up late and Amazon changes them for sixty days.
const OVERLAP: Days = Days::new(65);

/// What is fetched by itself. The monthly storage and the daily balances are among them; arrivals are told, not fetched.
pub const FETCHED: [Kind; 15] = [
    Kind::FeePreview,
    Kind::Ledger,
    Kind::LedgerDay,
    Kind::Reimbursement,
    Kind::Return,
    Kind::Replacement,
    Kind::Sale,
    Kind::Removal,
    Kind::RemovalShipment,
    Kind::Stock,
    Kind::LongTermStorage,
    Kind::Storage,
    Kind::Settlement,
    Kind::Finance,
    Kind::Inbound,
];

/// Starts the first sync of a seller, and its timers.
///
/// # Errors
/// When the database is away.
pub async fn schedule(work: &mut Work, cause: &Cause, connection: &Connection) -> Result<(), sqlx::Error> {
    let sync = SyncId(new_id(work.now()));
    for kind in FETCHED {
        for marketplace in &connection.marketplaces {
            start(work, cause, connection, (kind, marketplace), sync).await?;
            set_timer(work, cause, connection.id, kind, marketplace).await?;
        }
    }
    Ok(())
}

async fn set_timer(
    work: &mut Work,
    cause: &Cause,
    connection: Uuid,
    kind: Kind,
    marketplace: &str,
) -> Result<(), sqlx::Error> {
    let key = format!("{connection}/{}/{marketplace}", kind.name());
    let payload = serde_json::json!({ "connection_id": connection, "report": kind.name(), "marketplace": marketplace });
    let due_at = work.now() + TimeDelta::minutes(kind.minutes_between());
    work.enqueue(NewJob { kind: SYNC_TIMER, key, due_at, payload, cause: cause.clone() }).await
}

/// Starts one run, unless one of its kind is under way.
///
/// # Errors
/// When the database is away.
pub async fn start(
    work: &mut Work,
    cause: &Cause,
    connection: &Connection,
    (kind, marketplace): (Kind, &str),
    sync: SyncId,
) -> Result<Option<SyncRunId>, sqlx::Error> {
    let id = SyncRunId(new_id(work.now()));
    let (window_from, window_to) = window(work, connection, kind, marketplace).await?;
    let run = Run {
        id: id.0,
        sync_id: sync.0,
        connection_id: connection.id,
        report: kind.name().to_owned(),
        marketplace: marketplace.to_owned(),
        window_from,
        window_to,
        state: "queued".to_owned(),
        report_id: None,
        document_id: None,
        failures: 0,
    };
    if !run_row::create(work, cause, &run).await? {
        return Ok(None);
    }
    run_report::enqueue(work, cause, id, TimeDelta::zero()).await?;
    Ok(Some(id))
}

/// From the beginning the first time, and some weeks before the last success afterwards; whole days of the marketplace, so that identical
/// rows of a day are always counted together.
async fn window(
    work: &mut Work,
    connection: &Connection,
    kind: Kind,
    marketplace: &str,
) -> Result<(DateTime<Utc>, DateTime<Utc>), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let last = sqlx::query_scalar!(
        "SELECT max(window_to) FROM sync_runs
         WHERE tenant = $1 AND connection_id = $2 AND report = $3 AND marketplace = $4 AND state IN ('committed', 'no_data')",
        tenant.as_str(),
        connection.id,
        kind.name(),
        marketplace,
    )
    .fetch_one(work.conn())
    .await?;
    let from = last.map_or(now - HISTORY, |last| last - OVERLAP);
    let from = Marketplace::of_country(marketplace).map_or(from, |place| place.start_of(place.date_of(&from)));
    Ok((from, now))
}

/// Runs [`SYNC_TIMER`]: starts the run that is due, and sets the timer anew.
pub struct StartDue;

impl RunsJob for StartDue {
    const KIND: &'static str = SYNC_TIMER;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let text = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
        let id = Uuid::try_parse(&text("connection_id"));
        let id = id.map_err(|_| Failure::reject("malformed", "the job names no connection"))?;
        let kind = Kind::of_name(&text("report"));
        let kind = kind.ok_or_else(|| Failure::reject("malformed", "the job names no report"))?;
        let marketplace = text("marketplace");
        let mut work = store.read(&job.tenant).await?;
        let connection = connection_row::read(&mut work, ConnectionId(id)).await?;
        job.finish(&mut work).await?;
        // Without its token a seller is not synced; a new consent sets the timers again.
        if let Some(connection) = connection.filter(|connection| connection.state == "connected") {
            let sync = SyncId(new_id(work.now()));
            start(&mut work, &job.cause, &connection, (kind, &marketplace), sync).await?;
            set_timer(&mut work, &job.cause, id, kind, &marketplace).await?;
        }
        Ok(work.commit().await?)
    }
}
