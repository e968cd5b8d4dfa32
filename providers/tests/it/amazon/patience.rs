//! Rates, and what is tried again.

use std::time::Duration;

use providers::amazon::{Error, GetInventorySummaries, GetReports, Operation, Patience, Region, SellingPartner};
use service_kit::config::Secret;

use super::bed::{Bed, application, patience, settings};

fn stock() -> GetReports {
    GetReports { report_types: vec!["GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA".to_owned()], ..GetReports::default() }
}

#[tokio::test]
async fn too_many_requests_and_server_errors_are_tried_again() {
    let bed = Bed::new().await;
    for (kind, times) in [("throttle", 1), ("error", 3), ("truncate", 1)] {
        let before = bed.calls("getReport").await;
        bed.fault("getReport", kind, times).await;
        bed.us().get_report("ID323").await.unwrap();
        assert_eq!(bed.calls("getReport").await - before, u64::from(times) + 1, "{kind}");
    }
}

#[tokio::test]
async fn patience_ends() {
    let bed = Bed::new().await;
    bed.us().get_report("ID323").await.unwrap();
    let short = Patience { deadline: Duration::from_millis(700), request: Duration::from_millis(250), ..patience() };
    let hasty = bed.partner.with_patience(short);
    let session = hasty.session(Region::Na, "A2SANDBOX00007", Secret::new("Atzr|refresh-token-of-the-seller"));
    bed.fault("getReport", "hang", 100).await;
    let error = session.get_report("ID323").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { operation: Operation::GetReport, .. }), "{error}");
    assert!(error.is_temporary());
    assert!(bed.calls("getReport").await > 2, "it was tried again meanwhile");
}

#[tokio::test]
async fn the_rate_that_amazon_tells_takes_the_place_of_the_published_one() {
    let bed = Bed::new().await;
    let session = bed.us();
    // Published are ten at once and then one in 45 seconds; the sandbox tells of fifty a second.
    for _ in 0..25 {
        session.get_reports(&stock()).await.unwrap();
    }
}

#[tokio::test]
async fn beyond_the_deadline_nobody_waits_for_the_rate() {
    let mut slow = settings();
    slow.rate = 1;
    let bed = Bed::with(slow).await;
    let hasty = bed.partner.with_patience(Patience { deadline: Duration::from_millis(300), ..patience() });
    let session = hasty.session(Region::Na, "A1", Secret::new("Atzr|1"));
    let query =
        GetInventorySummaries { marketplace_id: "ATVPDKIKX0DER".to_owned(), ..GetInventorySummaries::default() };
    let mut throttled = None;
    // Two at once and then one a second: even a slow machine is refused in the end.
    for _ in 0..200 {
        if let Err(error) = session.get_inventory_summaries(&query, None).await {
            throttled = Some(error);
            break;
        }
    }
    let Some(Error::Throttled { operation, after }) = throttled else { panic!("{throttled:?}") };
    assert_eq!(operation, Operation::GetInventorySummaries);
    assert!(after <= Duration::from_secs(1) && after > Duration::from_millis(300), "{after:?}");
    // Each seller has rates of its own.
    let other = hasty.session(Region::Na, "A2", Secret::new("Atzr|2"));
    other.get_inventory_summaries(&query, None).await.unwrap();
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_done() {
    let bed = Bed::new().await;
    let token = bed.us();
    token.get_report("ID323").await.unwrap();
    let mut endpoints = bed.partner.endpoints().clone();
    endpoints.api = endpoints.api.map(|_| "http://127.0.0.1:9".to_owned());
    let lost = SellingPartner::new(endpoints, application(), bed.clock.clone());
    let lost = lost.with_patience(Patience { deadline: Duration::from_millis(300), ..patience() });
    let session = lost.session(Region::Na, "A1", Secret::new("Atzr|1"));
    let error = session.create_claim(&super::claims::claim("TBA1")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { operation: Operation::CreateClaim, .. }), "{error}");
}

#[tokio::test]
async fn the_pages_of_the_stock_begin_anew_when_their_token_died() {
    let mut big = settings();
    big.world.articles = 24;
    let bed = Bed::with(big).await;
    let query = GetInventorySummaries {
        marketplace_id: "ATVPDKIKX0DER".to_owned(),
        details: true,
        ..GetInventorySummaries::default()
    };
    let mut pages = bed.us().inventory(query.clone());
    let mut skus = vec![];
    while let Some(page) = pages.next().await.unwrap() {
        assert!(!page.restarted);
        skus.extend(page.summaries.into_iter().map(|summary| summary.seller_sku.unwrap()));
    }
    assert_eq!(skus.len(), 24);
    let mut pages = bed.us().inventory(query.clone());
    let first = pages.next().await.unwrap().unwrap();
    bed.advance(31);
    let again = pages.next().await.unwrap().unwrap();
    assert!(again.restarted);
    assert_eq!(first.summaries[0].seller_sku, again.summaries[0].seller_sku);
    assert!(!pages.next().await.unwrap().unwrap().restarted);
    // What Amazon says counts as well.
    let mut pages = bed.us().inventory(query);
    pages.next().await.unwrap();
    bed.amazon.advance(chrono::TimeDelta::seconds(31));
    assert!(pages.next().await.unwrap().unwrap().restarted);
}
