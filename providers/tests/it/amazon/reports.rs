//! Reports of a seller's world, as they come.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use providers::amazon::{CreateReport, Error, GetReports, ProcessingStatus, Region, Report, Session};

use super::bed::{Bed, settings};

pub(super) const LEDGER: &str = "GET_LEDGER_DETAIL_VIEW_DATA";
pub(super) const REIMBURSEMENTS: &str = "GET_FBA_REIMBURSEMENTS_DATA";
const US: &str = "ATVPDKIKX0DER";
const DE: &str = "A1PA6795UKMFR9";

/// Asks until there is an outcome; the states come in order.
pub(super) async fn made(session: &Session, wish: &CreateReport) -> Report {
    let id = session.create_report(wish).await.unwrap();
    let mut states = vec![];
    for _ in 0..20 {
        let report = session.get_report(&id).await.unwrap();
        states.push(report.processing_status.clone());
        if report.processing_status.is_final() {
            let begun: Vec<_> = states.iter().take_while(|state| !state.is_final()).cloned().collect();
            let in_order = [ProcessingStatus::InQueue, ProcessingStatus::InProgress];
            assert!(begun.is_empty() || begun == in_order, "{begun:?}");
            return report;
        }
    }
    panic!("it is never through: {states:?}");
}

pub(super) async fn content(session: &Session, document: &str) -> Vec<u8> {
    let mut download = session.download(document).await.unwrap();
    let mut content = vec![];
    while let Some(piece) = download.piece().await.unwrap() {
        content.extend_from_slice(&piece);
    }
    content
}

/// The lines of a report that is there.
pub(super) async fn lines(session: &Session, wish: &CreateReport) -> Vec<String> {
    let report = made(session, wish).await;
    assert_eq!(report.processing_status, ProcessingStatus::Done, "{report:?}");
    let content = content(session, &report.report_document_id.unwrap()).await;
    // Windows-1252 is close enough to Latin-1 to count lines by.
    let text: String = content.iter().map(|byte| char::from(*byte)).collect();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_report_is_made_and_read_in_both_habits() {
    let bed = Bed::new().await;
    let american = lines(&bed.us(), &CreateReport::new(LEDGER, [US])).await;
    assert!(american[0].starts_with("\"Date\"\t\"FNSKU\""));
    assert!(american.len() > 200, "{}", american.len());
    let session = bed.session(Region::Eu);
    let returns = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA";
    let report = made(&session, &CreateReport::new(returns, [DE])).await;
    let mut download = session.download(&report.report_document_id.unwrap()).await.unwrap();
    assert_eq!(download.content_type(), Some("text/plain; charset=cp1252"));
    let mut content = vec![];
    while let Some(piece) = download.piece().await.unwrap() {
        content.extend_from_slice(&piece);
    }
    assert!(content.contains(&0x92) && content.contains(&0x80), "an apostrophe and a euro in Windows-1252");
    assert_eq!(download.length(), Some(download.received()));
    let paid = lines(&session, &CreateReport::new(REIMBURSEMENTS, [DE])).await;
    assert!(paid[1].split('\t').nth(12).is_some_and(|amount| amount.contains(',')), "{}", paid[1]);
}

#[tokio::test]
async fn a_report_may_ignore_the_marketplace() {
    let bed = Bed::new().await;
    let session = bed.session(Region::Eu);
    let here = lines(&session, &CreateReport::new(REIMBURSEMENTS, [DE])).await;
    let there = lines(&session, &CreateReport::new(REIMBURSEMENTS, ["A13V1IB3VIYZZH"])).await;
    assert_eq!(here, there);
}

#[tokio::test]
async fn reports_grow_with_time() {
    let mut early = settings();
    early.now -= TimeDelta::days(40);
    let bed = Bed::with(early).await;
    let wish = CreateReport::new(LEDGER, [US]);
    let before = lines(&bed.us(), &wish).await;
    bed.advance(40 * 86_400);
    let after = lines(&bed.us(), &wish).await;
    assert!(after.len() > before.len() + 10, "{} and {}", before.len(), after.len());
    // Only what Amazon changed since reads otherwise.
    let after: BTreeSet<String> = after.into_iter().collect();
    let changed = before.iter().filter(|line| !after.contains(*line)).count();
    assert!(changed < before.len() / 10, "{changed}");
}

#[tokio::test]
async fn a_span_holds_only_its_days() {
    let bed = Bed::new().await;
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let wish = CreateReport::new(LEDGER, [US]).between(at("2026-03-01T08:00:00Z"), at("2026-03-31T19:00:00Z"));
    let lines = lines(&bed.us(), &wish).await;
    assert!(lines.len() > 5);
    assert!(lines[1..].iter().all(|line| line.starts_with("\"03/")));
}

#[tokio::test]
async fn nothing_to_tell_comes_in_two_shapes_and_failure_in_one() {
    let bed = Bed::new().await;
    let session = bed.us();
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let long_ago = (at("2019-01-01T00:00:00Z"), at("2019-02-01T00:00:00Z"));
    let cancelled = made(&session, &CreateReport::new(LEDGER, [US]).between(long_ago.0, long_ago.1)).await;
    assert_eq!((cancelled.processing_status, cancelled.report_document_id), (ProcessingStatus::Cancelled, None));
    let returns = CreateReport::new("GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA", [US]).between(long_ago.0, long_ago.1);
    assert_eq!(lines(&session, &returns).await.len(), 1, "the header alone");
    bed.fault("getReport", "fatal", 1).await;
    let fatal = made(&session, &CreateReport::new(LEDGER, [US])).await;
    assert_eq!(fatal.processing_status, ProcessingStatus::Fatal);
    bed.fault("getReport", "header_only", 1).await;
    assert_eq!(lines(&session, &CreateReport::new(LEDGER, [US])).await.len(), 1);
    let unknown = session.create_report(&CreateReport::new("GET_NO_SUCH_THING", [US])).await;
    assert!(matches!(unknown, Err(Error::Refused(refusal)) if refusal.status == 400));
}

#[tokio::test]
async fn settlements_are_found_and_a_new_one_comes_after_two_weeks() {
    let bed = Bed::new().await;
    let session = bed.us();
    let mut query = GetReports {
        report_types: vec!["GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2".to_owned()],
        created_since: Some(bed.amazon.now() - TimeDelta::days(90)),
        page_size: Some(3),
        ..GetReports::default()
    };
    let mut all = vec![];
    loop {
        let page = session.get_reports(&query).await.unwrap();
        all.extend(page.reports);
        let Some(next_token) = page.next_token else { break };
        query = GetReports { next_token: Some(next_token), ..GetReports::default() };
    }
    assert!((5..=7).contains(&all.len()), "{}", all.len());
    assert!(all.is_sorted_by_key(|report| std::cmp::Reverse(report.created_time.instant())));
    let text = content(&session, all[0].report_document_id.as_deref().unwrap()).await;
    let text = String::from_utf8(text).unwrap();
    let mut sums = text.lines().filter(|line| !line.split('\t').nth(4).unwrap().is_empty());
    assert_eq!(sums.clone().count(), 2, "the header and one sum");
    let settlement = sums.nth(1).unwrap().split('\t').next().unwrap();
    assert!(text.lines().skip(1).all(|line| line.starts_with(settlement)));
    bed.advance(15 * 86_400);
    let mut again = GetReports { next_token: None, page_size: Some(100), ..query };
    again.report_types = vec!["GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2".to_owned()];
    again.created_since = Some(bed.amazon.now() - TimeDelta::days(120));
    let newest = session.get_reports(&again).await.unwrap().reports;
    assert!(newest[0].created_time.instant() > all[0].created_time.instant());
}
