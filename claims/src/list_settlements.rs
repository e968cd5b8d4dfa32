//! Settlements are made by Amazon at its own times: those that are there and not known become runs.

use chrono::TimeDelta;
use providers::amazon::{GetReports, ProcessingStatus};
use service_kit::store::new_id;
use shared_events::SyncRunId;

use crate::kind::Kind;
use crate::run_report::{self, Next, Running, Trouble};
use crate::run_row::{self, Run, Step};

/// Pages in one run; a hundred settlements each.
const PAGES: usize = 50;

/// Lists them and starts a run for each new one.
///
/// # Errors
/// What went wrong with Amazon, or with us.
pub async fn list(running: &Running<'_>) -> Result<Next, Trouble> {
    let Running { store, job, run, session, place, .. } = running;
    let mut query = GetReports {
        report_types: Kind::Settlement.report().map(str::to_owned).into_iter().collect(),
        processing_statuses: vec![ProcessingStatus::Done],
        page_size: Some(100),
        // Amazon keeps reports for ninety days, and gives what it still has.
        created_since: Some(run.window_from),
        ..GetReports::default()
    };
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let page = session.get_reports(&query).await?;
        found.extend(page.reports);
        let Some(next) = page.next_token else { break };
        query = GetReports { next_token: Some(next), ..GetReports::default() };
    }
    let mut work = store.read(&job.tenant).await?;
    // A settlement may name several marketplaces, or none; each is fetched once.
    let here = |ids: &[String]| ids.is_empty() || ids.contains(&place.place().id);
    for report in found.into_iter().filter(|report| here(&report.marketplace_ids)) {
        let Some(document) = report.report_document_id else { continue };
        let id = SyncRunId(new_id(work.now()));
        let child = Run {
            id: id.0,
            state: "downloading".to_owned(),
            report_id: Some(report.report_id),
            document_id: Some(document),
            failures: 0,
            ..(*run).clone()
        };
        if run_row::create(&mut work, &job.cause, &child).await? {
            run_report::enqueue(&mut work, &job.cause, id, TimeDelta::zero()).await?;
        }
    }
    let step = Step { state: Some("committed"), ..Step::default() };
    run_row::advance(&mut work, &job.cause, running.id(), step).await?;
    work.commit().await?;
    Ok(Next::Done)
}
