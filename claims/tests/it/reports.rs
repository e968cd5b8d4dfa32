//! Files as they really are: charsets, quotes, bad rows, identical rows, and files too large to keep.

use std::io::{self, Read};

use claims::reports::*;

const LEDGER: &str = "Date\tFNSKU\tASIN\tMSKU\tTitle\tEvent Type\tReference ID\tQuantity\tFulfillment Center\tDisposition\tReason\tCountry\tReconciled Quantity\tUnreconciled Quantity\tDate and Time\tStore\n";
const RETURNS: &str = "return-date\torder-id\tsku\tasin\tfnsku\tproduct-name\tquantity\tfulfillment-center-id\tdetailed-disposition\treason\tstatus\tlicense-plate-number\tcustomer-comments\n";

fn line(day: u32, reference: &str, quantity: &str) -> String {
    format!(
        "05/{day:02}/2026\tX1\tB0\tSKU1\t12\" pan\tAdjustments\t{reference}\t{quantity}\tLGB3\tSELLABLE\tM\tUS\t0\t1\t2026-05-{day:02}T00:00:00-0700\t\n"
    )
}

fn read<T: Report>(bytes: &[u8], charset: Charset) -> Vec<Result<Parsed<T>, ReadError>> {
    Reader::<_, T>::open(bytes, Options { charset }).expect("the header is complete").collect()
}

fn keys(text: &str) -> Vec<RowKey> {
    read::<LedgerEvent>(text.as_bytes(), Charset::Unknown).into_iter().map(|row| row.expect("good").key).collect()
}

#[test]
fn two_identical_rows_are_two_and_reading_again_adds_none() {
    let file = format!("{LEDGER}{}{}{}", line(26, "1", "-1"), line(26, "1", "-1"), line(26, "2", "-1"));
    let first = keys(&file);
    assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(keys(&file), first);
    // Reconciled later, and the title was changed: still the same rows.
    assert_eq!(keys(&file.replace("\t0\t1\t2026", "\t1\t0\t2026").replace("pan", "frying pan")), first);
}

#[test]
fn a_bad_row_is_told_with_line_and_column_and_does_not_stop_the_file() {
    let file =
        format!("{LEDGER}{}{}\n{}{}", line(1, "1", "-1"), line(2, "2", "1.5"), "short\tline\n", line(3, "3", "-2"));
    let rows = read::<LedgerEvent>(file.as_bytes(), Charset::Unknown);
    let told: Vec<String> = rows.iter().filter_map(|row| row.as_ref().err()).map(ToString::to_string).collect();
    assert_eq!(told, ["line 3, column quantity: is not a whole number", "line 5: 2 fields under 16 columns"]);
    assert_eq!(rows.iter().filter_map(|row| row.as_ref().ok()).map(|row| row.line).collect::<Vec<_>>(), [2, 6]);
}

#[test]
fn missing_columns_are_named_and_unknown_ones_are_kept() {
    let header = LEDGER.replace("Quantity\tFulfillment Center\t", "").replace("\tCountry", "");
    let Err(error) = Reader::<_, LedgerEvent>::open(header.as_bytes(), Options::default()) else { panic!("refused") };
    let told = error.to_string();
    assert!(told.ends_with("columns missing: quantity, fulfillment-center, country"), "{told}");

    let file =
        format!("{}{}", LEDGER.replace("\tStore", "\tStore\tMood"), line(1, "1", "-1").replace("\t\n", "\t\tcalm\n"));
    let rows = read::<LedgerEvent>(file.as_bytes(), Charset::Unknown);
    let raw = rows[0].as_ref().expect("good").raw.json();
    assert_eq!((&raw["mood"], &raw["title"]), (&"calm".into(), &"12\" pan".into()));
}

#[test]
fn header_only_empty_and_trailing_empty_header_are_no_errors() {
    assert!(read::<LedgerEvent>(LEDGER.as_bytes(), Charset::Unknown).is_empty());
    assert!(read::<LedgerEvent>(b"", Charset::Unknown).is_empty());
    let trailing = format!("{}{}", LEDGER.replace('\n', "\t\r\n"), line(1, "1", "-1").replace('\n', "\r\n"));
    let rows = read::<LedgerEvent>(trailing.as_bytes(), Charset::Unknown);
    assert!(rows.len() == 1 && rows[0].is_ok(), "{rows:?}");
}

#[test]
fn windows_1252_comments_are_read_declared_or_not() {
    let row = "2026-06-10T08:00:00+00:00\t113-1\tSKU1\tB0\tX1\tKit\t1\tDTM2\tSELLABLE\tR\tS\tLPN1\tIt\u{92}s broken \u{80}5\n";
    let bytes: Vec<u8> =
        format!("{RETURNS}{row}").chars().map(|sign| u8::try_from(u32::from(sign)).expect("one byte")).collect();
    for charset in [Charset::of_content_type("text/plain; charset=cp1252"), Charset::Unknown] {
        let rows = read::<CustomerReturn>(&bytes, charset);
        let raw = rows[0].as_ref().expect("good").raw.json();
        assert_eq!(raw["customer-comments"], "It’s broken €5");
    }
    assert!(read::<CustomerReturn>(&bytes, Charset::Utf8)[0].is_err(), "declared as UTF-8, which it is not");
    let utf8 = format!("\u{feff}{RETURNS}{}", row.replace("\u{92}", "’").replace('\u{80}', "€"));
    let rows = read::<CustomerReturn>(utf8.as_bytes(), Charset::Utf8);
    assert_eq!(rows[0].as_ref().expect("good").raw.json()["customer-comments"], "It’s broken €5");
}

#[test]
fn commas_with_quotes_hold_line_breaks_and_a_stray_quote_costs_one_row() {
    let comma = |text: &str| {
        let quoted = |line: &str| {
            line.split('\t').map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect::<Vec<_>>().join(",")
        };
        text.lines().map(|line| quoted(line) + "\n").collect::<String>()
    };
    let broken_title = comma(&line(2, "2", "-1")).replace("12\"\" pan", "a pan,\nround");
    let stray = comma(&line(3, "3", "-1")).replace("\"12\"\" pan\"", "\"12\" pan\"");
    let file =
        format!("{}{}{broken_title}{stray}{}", comma(LEDGER), comma(&line(1, "1", "-1")), comma(&line(4, "4", "-1")));
    let rows = read::<LedgerEvent>(file.as_bytes(), Charset::Unknown);
    let references: Vec<_> =
        rows.iter().filter_map(|row| row.as_ref().ok()).map(|row| row.row.reference.clone()).collect();
    assert_eq!(references, ["1", "2", "4"]);
    assert_eq!(rows[1].as_ref().expect("good").raw.json()["title"], "a pan,\nround");
    assert!(matches!(&rows[2], Err(ReadError::Row(BadRow { line: 5, .. }))), "{:?}", rows[2]);
}

/// A file of any length that is never in memory as a whole.
struct Endless {
    line: Vec<u8>,
    at: usize,
    left: usize,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.left).min(self.line.len() - self.at);
        into[..count].copy_from_slice(&self.line[self.at..self.at + count]);
        self.at = (self.at + count) % self.line.len();
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn a_line_without_end_is_told_and_skipped() {
    let endless = Endless { line: vec![b'x'; 4096], at: 0, left: 40 << 20 };
    let (first, last) = (line(1, "1", "-1"), format!("\n{}", line(2, "2", "-1")));
    let file = LEDGER.as_bytes().chain(first.as_bytes()).chain(endless).chain(last.as_bytes());
    let rows: Vec<_> = Reader::<_, LedgerEvent>::open(file, Options::default()).expect("a header").collect();
    assert!(rows[0].is_ok() && rows[2].is_ok() && rows.len() == 3);
    let told = rows[1].as_ref().expect_err("too long").to_string();
    assert_eq!(told, "line 3: the line is longer than a megabyte");
}

#[test]
fn a_stream_that_breaks_ends_the_rows_with_its_error() {
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the link expired"))
        }
    }
    let (header, rest) = (LEDGER.as_bytes(), line(1, "1", "-1"));
    let file = header.chain(rest.as_bytes()).chain(Breaks);
    let rows: Vec<_> = Reader::<_, LedgerEvent>::open(file, Options::default()).expect("a header").collect();
    assert!(rows[0].is_ok() && matches!(rows[1], Err(ReadError::Io(_))) && rows.len() == 2);
}
