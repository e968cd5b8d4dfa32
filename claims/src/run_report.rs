//! The job that brings one report in: asked for, waited for, downloaded, read, committed. Each step is noted before the next, so a run
//! that is killed goes on where it was; a document is read again from its beginning, which adds nothing twice.

use chrono::TimeDelta;
use providers::amazon::{CreateReport, Error, ProcessingStatus, Session};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::{ConnectionId, SyncRunId};
use uuid::Uuid;

use crate::amazon::Amazon;
use crate::connection_row::{self, Connection};
use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::run_row::{self, Run, Step};
use crate::{fetch_document, fetch_finances, fetch_inbound, list_settlements};

/// The kind of the job; its payload is `{"run_id": ...}`.
pub const RUN_REPORT: &str = "claims.run_report";
/// How often a report in the making is asked about.
const POLL: TimeDelta = TimeDelta::seconds(20);
/// How long to wait before a report that went wrong is asked for again.
const AFTER_FATAL: TimeDelta = TimeDelta::minutes(30);
/// Failures that may pass, before a run is given up: with the pauses between them, more than six hours.
const PATIENCE: i32 = 30;
/// The first pause, in seconds; each further one is twice as long, up to a quarter of an hour.
const FIRST_PAUSE: i64 = 15;
/// After how many doublings a pause grows no more.
const DOUBLINGS: i32 = 6;
/// How often a document that cannot be read is fetched anew, before it is believed to be broken.
const READINGS: i32 = 4;

/// Runs [`RUN_REPORT`].
pub struct RunReport {
    /// Amazon, and the vault.
    pub amazon: Amazon,
}

/// What a run works with.
pub struct Running<'a> {
    /// The database.
    pub store: &'a Store,
    /// The job.
    pub job: &'a Job,
    /// The run, as it was when the job began.
    pub run: &'a Run,
    /// The seller.
    pub connection: &'a Connection,
    /// The seller at Amazon.
    pub session: &'a Session,
    /// The kind of rows.
    pub kind: Kind,
    /// The marketplace.
    pub place: Marketplace,
}

/// Why a step did not succeed.
#[derive(Debug)]
pub enum Trouble {
    /// With Amazon.
    Amazon(Error),
    /// With the file: it cannot be what it should be.
    Report(String),
    /// With us; the kit tries again.
    Ours(Failure),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Amazon(error)
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Ours(error.into())
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

/// What comes after a step.
#[derive(Debug)]
pub enum Next {
    /// The same run again, after a while.
    After(TimeDelta),
    /// Nothing.
    Done,
}

/// Has a run go on after a while.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, run: SyncRunId, after: TimeDelta) -> Result<(), sqlx::Error> {
    let payload = serde_json::json!({ "run_id": run });
    let due_at = work.now() + after;
    work.enqueue(NewJob { kind: RUN_REPORT, key: run.to_string(), due_at, payload, cause: cause.clone() }).await
}

impl RunsJob for RunReport {
    const KIND: &'static str = RUN_REPORT;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = job.payload["run_id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        let id = SyncRunId(id.ok_or_else(|| Failure::reject("malformed", "the job names no run"))?);
        let mut work = store.read(&job.tenant).await?;
        let Some(run) = run_row::lock(&mut work, id).await?.filter(|run| !run.is_final()) else { return Ok(()) };
        let connection = connection_row::read(&mut work, ConnectionId(run.connection_id)).await?;
        let usable = connection.filter(|connection| connection.state == "connected");
        let session = usable.as_ref().map(|connection| self.amazon.session(job.tenant.as_str(), connection));
        let (connection, session) = match (usable, session) {
            (Some(connection), Some(Ok(session))) => (connection, session),
            (_, Some(Err(error))) => return fail(work, job, id, &error.to_string()).await,
            (_, None) => return fail(work, job, id, "the seller is not connected").await,
            (None, _) => return fail(work, job, id, "the seller is not connected").await,
        };
        work.commit().await?;
        let (Some(kind), Some(place)) = (Kind::of_name(&run.report), Marketplace::of_country(&run.marketplace)) else {
            let work = store.read(&job.tenant).await?;
            return fail(work, job, id, "this release knows no such report").await;
        };
        let running = Running { store, job, run: &run, connection: &connection, session: &session, kind, place };
        let next = match step(&running).await {
            Ok(next) => next,
            Err(Trouble::Ours(failure)) => return Err(failure),
            Err(Trouble::Report(problem)) => {
                let work = store.read(&job.tenant).await?;
                return fail(work, job, id, &problem).await;
            }
            Err(Trouble::Amazon(error)) => return trouble(&running, error).await,
        };
        let mut work = store.read(&job.tenant).await?;
        job.finish(&mut work).await?;
        if let Next::After(pause) = next {
            enqueue(&mut work, &job.cause, id, pause).await?;
        }
        Ok(work.commit().await?)
    }
}

/// One step of a run, or several that need no waiting in between.
async fn step(running: &Running<'_>) -> Result<Next, Trouble> {
    let run = running.run;
    match (run.state.as_str(), running.kind) {
        ("queued" | "downloading" | "parsing", Kind::Inbound) => fetch_inbound::fetch(running).await,
        ("queued" | "downloading" | "parsing", Kind::Finance) => fetch_finances::fetch(running).await,
        ("queued", Kind::Settlement) => list_settlements::list(running).await,
        ("queued", _) => ask(running).await,
        ("requested" | "processing", _) => wait(running).await,
        _ => fetch_document::fetch(running, run.document_id.as_deref().unwrap_or_default()).await,
    }
}

/// Asks for the report.
async fn ask(running: &Running<'_>) -> Result<Next, Trouble> {
    let Running { session, run, kind, place, .. } = running;
    let Some(report) = kind.report() else { return Err(Trouble::Report("no report brings these rows".to_owned())) };
    let mut wish = CreateReport::new(report, [place.place().id.clone()]);
    // A snapshot is of now, and so are fees.
    if !matches!(kind, Kind::Stock | Kind::FeePreview) {
        wish = wish.between(run.window_from, run.window_to);
    }
    if *kind == Kind::LedgerDay {
        wish = wish.option("aggregateByLocation", "COUNTRY").option("aggregatedByTimePeriod", "DAILY");
    }
    faults::point("claims.before_report");
    let report_id = session.create_report(&wish).await?;
    faults::point("claims.after_report");
    running.advance(Step { state: Some("requested"), report_id: Some(&report_id), ..Step::default() }).await?;
    Ok(Next::After(POLL))
}

/// Looks whether the report is through.
async fn wait(running: &Running<'_>) -> Result<Next, Trouble> {
    let run = running.run;
    let report = running.session.get_report(run.report_id.as_deref().unwrap_or_default()).await?;
    match report.processing_status {
        ProcessingStatus::Done => {
            let Some(document) = report.report_document_id else {
                return Err(Trouble::Report("the report is through and has no document".to_owned()));
            };
            let step = Step { state: Some("downloading"), document_id: Some(&document), ..Step::default() };
            running.advance(step).await?;
            fetch_document::fetch(running, &document).await
        }
        // Cancelled means that there is nothing to tell.
        ProcessingStatus::Cancelled => {
            let alarm = fetch_document::emptied(running).await?;
            running.advance(Step { state: Some("no_data"), alarm: alarm.as_deref(), ..Step::default() }).await?;
            Ok(Next::Done)
        }
        ProcessingStatus::Fatal => {
            let problem = "amazon could not make the report";
            if run.failures + 1 >= READINGS {
                return Err(Trouble::Report(problem.to_owned()));
            }
            let step = Step { state: Some("queued"), failed: true, problem: Some(problem), ..Step::default() };
            running.advance(step).await?;
            Ok(Next::After(AFTER_FATAL))
        }
        _ if run.state == "processing" => Ok(Next::After(POLL)),
        _ => {
            running.advance(Step { state: Some("processing"), ..Step::default() }).await?;
            Ok(Next::After(POLL))
        }
    }
}

impl Running<'_> {
    /// The run's id.
    pub fn id(&self) -> SyncRunId {
        SyncRunId(self.run.id)
    }

    /// Moves the run on in a transaction of its own.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn advance(&self, step: Step<'_>) -> Result<(), sqlx::Error> {
        let mut work = self.store.read(&self.job.tenant).await?;
        run_row::advance(&mut work, &self.job.cause, self.id(), step).await?;
        work.commit().await
    }
}

/// Ends a run as failed.
async fn fail(mut work: Work, job: &Job, id: SyncRunId, problem: &str) -> Result<(), Failure> {
    let step = Step { state: Some("failed"), failed: true, problem: Some(problem), ..Step::default() };
    run_row::advance(&mut work, &job.cause, id, step).await?;
    job.finish(&mut work).await?;
    Ok(work.commit().await?)
}

/// How long to wait after so many failures before it.
fn pause(failures: i32) -> TimeDelta {
    TimeDelta::seconds((FIRST_PAUSE << failures.clamp(0, DOUBLINGS)).min(15 * 60))
}

/// Something went wrong with Amazon: the token is gone, or the same may work later, or it never will.
async fn trouble(running: &Running<'_>, error: Error) -> Result<(), Failure> {
    let Running { store, job, run, connection, .. } = running;
    let id = running.id();
    let mut work = store.read(&job.tenant).await?;
    let problem = error.to_string();
    tracing::warn!(run.id = %id.0, report = run.report, problem, "a run has trouble with amazon");
    match &error {
        Error::Revoked => {
            let seller = ConnectionId(connection.id);
            connection_row::token_failed(&mut work, &job.cause, seller, connection.kind(), &problem).await?;
            return fail(work, job, id, &problem).await;
        }
        // The rate is used up: that is no failure of the run.
        Error::Throttled { after, .. } => {
            let pause = TimeDelta::from_std(*after).unwrap_or(POLL).max(TimeDelta::seconds(1));
            job.finish(&mut work).await?;
            enqueue(&mut work, &job.cause, id, pause).await?;
        }
        _ if error.is_temporary() && run.failures + 1 < PATIENCE => {
            let step = Step { failed: true, problem: Some(&problem), ..Step::default() };
            run_row::advance(&mut work, &job.cause, id, step).await?;
            job.finish(&mut work).await?;
            enqueue(&mut work, &job.cause, id, pause(run.failures)).await?;
        }
        _ => return fail(work, job, id, &problem).await,
    }
    Ok(work.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazon_may_be_away_for_hours_and_not_for_a_day() {
        let pauses: TimeDelta = (0..PATIENCE - 1).map(pause).sum();
        assert!(pauses > TimeDelta::hours(6) && pauses < TimeDelta::hours(24), "{pauses}");
        assert_eq!((pause(0), pause(100)), (TimeDelta::seconds(15), TimeDelta::minutes(15)));
    }
}
