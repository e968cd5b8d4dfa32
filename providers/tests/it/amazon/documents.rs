//! Links that run out, files that break off.

use std::io::Read;
use std::time::Duration;

use futures::TryStreamExt;
use providers::amazon::{CreateReport, Error, Operation, Patience, Region, Session};
use service_kit::config::Secret;
use tokio::runtime::Handle;

use super::bed::{Bed, patience};
use super::reports::{LEDGER, content, made};

async fn ledger(session: &Session) -> String {
    made(session, &CreateReport::new(LEDGER, ["ATVPDKIKX0DER"])).await.report_document_id.unwrap()
}

#[tokio::test]
async fn a_link_that_is_over_is_replaced() {
    let bed = Bed::new().await;
    let session = bed.us();
    let id = ledger(&session).await;
    let whole = content(&session, &id).await;
    // Amazon says that it is over.
    bed.fault("getReportDocument", "expire_link", 1).await;
    let before = (bed.calls("getReportDocument").await, bed.calls("document").await);
    assert_eq!(content(&session, &id).await, whole);
    let after = (bed.calls("getReportDocument").await, bed.calls("document").await);
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 2));
    // We know it ourselves.
    let document = session.get_report_document(&id).await.unwrap();
    bed.advance(301);
    let before = (bed.calls("getReportDocument").await, bed.calls("document").await);
    let pieces: Vec<_> = session.open(document).await.unwrap().into_stream().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), whole);
    let after = (bed.calls("getReportDocument").await, bed.calls("document").await);
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1), "the old link was not even tried");
}

#[tokio::test]
async fn a_file_that_breaks_off_goes_on_where_it_was() {
    let bed = Bed::new().await;
    let session = bed.us();
    let id = ledger(&session).await;
    let whole = content(&session, &id).await;
    bed.fault("document", "truncate", 3).await;
    assert_eq!(content(&session, &id).await, whole);
    assert_eq!(bed.calls("document from a place on").await, 3, "nothing was sent twice");
    // Its link is over when it breaks.
    bed.fault("document", "truncate", 1).await;
    let mut download = session.download(&id).await.unwrap();
    let mut read = download.piece().await.unwrap().unwrap().to_vec();
    bed.advance(301);
    while let Some(piece) = download.piece().await.unwrap() {
        read.extend_from_slice(&piece);
    }
    assert_eq!(read, whole);
}

#[tokio::test]
async fn half_a_file_is_never_taken_for_a_whole_one() {
    let bed = Bed::new().await;
    let session = bed.us();
    let id = ledger(&session).await;
    bed.fault("document", "error", 100).await;
    let error = session.download(&id).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { operation: Operation::Document, .. }), "{error}");
    // One that stands still is given up before a job's lease is over.
    bed.http.delete(format!("{}/_sandbox/faults", bed.base)).send().await.unwrap();
    let hasty = bed.partner.with_patience(Patience {
        deadline: Duration::from_millis(600),
        request: Duration::from_millis(250),
        ..patience()
    });
    let session = hasty.session(Region::Na, "A2SANDBOX00007", Secret::new("Atzr|refresh-token-of-the-seller"));
    bed.fault("document", "hang", 100).await;
    let before = std::time::Instant::now();
    let error = session.download(&id).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { operation: Operation::Document, .. }), "{error}");
    assert!(bed.calls("document").await > 1 && before.elapsed() < Duration::from_secs(8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_read_by_a_thread_that_blocks() {
    let bed = Bed::new().await;
    let session = bed.us();
    let id = ledger(&session).await;
    let whole = content(&session, &id).await;
    bed.fault("document", "truncate", 1).await;
    let mut reader = session.download(&id).await.unwrap().into_read(Handle::current());
    let read = tokio::task::spawn_blocking(move || {
        let mut read = vec![];
        reader.read_to_end(&mut read).map(|_| read)
    });
    assert_eq!(read.await.unwrap().unwrap(), whole);
}
