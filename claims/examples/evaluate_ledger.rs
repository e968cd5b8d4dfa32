//! How long a million ledger rows take from their bytes to findings: `cargo run --release -p claims --example evaluate_ledger [ROWS]`.

use std::fmt::Write;
use std::time::Instant;

use chrono::{DateTime, Utc};
use claims::detection::{Books, Fact, Subject};
use claims::marketplace::Marketplace;
use claims::policy::Policy;
use claims::reports::{LedgerEvent, Options, Reader, RowKey};
use shared_events::money::Currency;

const HEADER: &str = "Date\tFNSKU\tASIN\tMSKU\tTitle\tEvent Type\tReference ID\tQuantity\tFulfillment Center\tDisposition\tReason\tCountry\tReconciled Quantity\tUnreconciled Quantity\tDate and Time\tStore\n";

/// Every row an adjustment: mostly losses and damages, some found again.
fn ledger(rows: usize) -> String {
    let mut text = String::from(HEADER);
    for number in 0..rows {
        let (day, month) = (1 + number % 28, 6 + number * 3 / rows);
        let article = number * 7 % 5_000;
        let (code, quantity) = [("M", -2), ("5", -1), ("E", -1), ("F", 1), ("6", -1)][number % 5];
        let (reconciled, open) = (0, i32::abs(quantity));
        writeln!(text, "{month:02}/{day:02}/2026\tX{article:05}\tB0\tSKU{article:05}\tTitle of {article}\tAdjustments\t{number}\t{quantity}\tLGB3\tSELLABLE\t{code}\tUS\t{reconciled}\t{open}\t2026-{month:02}-{day:02}T00:00:00-0700\t")
            .expect("texts grow");
    }
    text
}

fn main() {
    let rows: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let file = ledger(rows);
    let place = Marketplace::of_country("US").expect("it is listed");
    let now: DateTime<Utc> = "2026-08-30T12:00:00Z".parse().expect("a moment");
    let started = Instant::now();
    let mut books = Books::new(Policy::embedded());
    for row in Reader::<_, LedgerEvent>::open(file.as_bytes(), Options::default()).expect("a ledger") {
        let row = row.expect("a good row");
        books.add(row.key, place, Fact::Ledger(row.row));
    }
    let read = started.elapsed();
    let findings = books.evaluate_all(now);
    println!(
        "{rows} rows read and kept in {read:.2?}, evaluated in {:.2?}: {} findings",
        started.elapsed() - read,
        findings.len()
    );

    // One more row: only what it touches is evaluated again.
    let one = ledger(5).replace("X00000", "X00007");
    let row = Reader::<_, LedgerEvent>::open(one.as_bytes(), Options::default()).expect("a ledger").next();
    let row = row.expect("a row").expect("a good one").row;
    let started = Instant::now();
    let touched = books.add(RowKey::of(&["new"]), place, Fact::Ledger(row));
    let found: usize = touched.iter().map(|subject| books.evaluate(subject, now).len()).sum();
    println!(
        "one more row: {} subject of {} evaluated in {:.2?}, {found} findings",
        touched.len(),
        books.subjects().count(),
        started.elapsed()
    );
    assert_eq!(
        touched.into_iter().next(),
        Some(Subject::Stock("X00007".to_owned(), Currency::USD)),
        "and nothing else"
    );
}
