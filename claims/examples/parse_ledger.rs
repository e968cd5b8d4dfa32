//! How many ledger rows are read a second, and what that takes of memory: `cargo run --release -p claims --example parse_ledger [ROWS]`.

use std::io::{self, Read};
use std::time::Instant;

use claims::reports::{LedgerEvent, Options, Reader};

const HEADER: &str = "\"Date\"\t\"FNSKU\"\t\"ASIN\"\t\"MSKU\"\t\"Title\"\t\"Event Type\"\t\"Reference ID\"\t\"Quantity\"\t\"Fulfillment Center\"\t\"Disposition\"\t\"Reason\"\t\"Country\"\t\"Reconciled Quantity\"\t\"Unreconciled Quantity\"\t\"Date and Time\"\t\"Store\"\n";

/// A ledger of many rows, written while it is read.
struct Ledger {
    made: u64,
    rows: u64,
    text: io::Cursor<Vec<u8>>,
}

impl Read for Ledger {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.text.position() == self.text.get_ref().len() as u64 && self.made < self.rows {
            let number = self.made;
            let day = 1 + number * 28 / self.rows;
            let row = format!(
                "\"05/{day:02}/2026\"\t\"X{:09}\"\t\"B0EXAMPLE{}\"\t\"SKU-{}\"\t\"How Deep Lies the Shadow, number {number}\"\t\"Adjustments\"\t\"{}\"\t\"-1\"\t\"LGB3\"\t\"SELLABLE\"\t\"M\"\t\"US\"\t\"0\"\t\"1\"\t\"2026-05-{day:02}T00:00:00-0700\"\t\"\"\n",
                number % 5_000,
                number % 5_000,
                number % 5_000,
                21_000_000 + number
            );
            self.text = io::Cursor::new(row.into_bytes());
            self.made += 1;
        }
        self.text.read(into)
    }
}

#[expect(clippy::float_arithmetic, reason = "a rate, no money")]
fn main() {
    let rows: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let started = Instant::now();
    let mut writing = Ledger { made: 0, rows, text: io::Cursor::default() };
    let bytes = io::copy(&mut writing, &mut io::sink()).expect("nothing can fail here");
    let written_in = started.elapsed();
    let ledger = Ledger { made: 0, rows, text: io::Cursor::default() };
    let started = Instant::now();
    let reader = Reader::<_, LedgerEvent>::open(HEADER.as_bytes().chain(ledger), Options::default()).expect("a ledger");
    let read = reader.map(|row| row.expect("a good row")).filter(|row| row.key.occurrence == 1).count();
    let seconds = (started.elapsed() - written_in).as_secs_f64();
    println!("{read} rows ({} MB) in {seconds:.2} s: {:.0} rows a second", bytes / 1_000_000, rows as f64 / seconds);
    // The file is never held. What grows is which rows were seen, up to some 100 MB (`reports/key.rs`).
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown", str::trim);
    println!("most memory at once: {peak}");
}
