//! Reads a report in a thread of its own and hands it over in batches, never more than a few at a time.

use std::io::Read;
use std::sync::Arc;

use chrono::NaiveDate;
use shared_events::ids::derive;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::report_rows::FIELD_END;
use crate::reports::{BadRow, Charset, Options, ReadError, Reader, RowKey};
use crate::synced::{Entry, Synced};

/// Rows of one batch, and so of one transaction.
pub const BATCH: usize = 5_000;
/// Batches that wait to be committed.
const WAITING: usize = 2;
/// Columns that hold what customers wrote or where they live. Nothing needs them, so they are not kept.
const PRIVATE: [&str; 4] = ["customer-comments", "ship-city", "ship-state", "ship-postal-code"];

/// A row to be kept.
#[derive(Debug)]
pub struct NewRow {
    /// Its identity.
    pub key: RowKey,
    /// Its fields, parted by [`FIELD_END`], or its JSON.
    pub raw: String,
    /// What it is looked up by and tells.
    pub entry: Entry,
}

/// Some rows.
#[derive(Debug, Default)]
pub struct Batch {
    /// The header of the file.
    pub header: Option<(Uuid, Arc<[String]>)>,
    /// The rows.
    pub rows: Vec<NewRow>,
    /// Rows that cannot be read.
    pub bad: Vec<BadRow>,
    /// Up to which day something is known, after the last batch.
    pub watermark: Option<(String, NaiveDate)>,
}

/// What a file is read as.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Its kind of rows.
    pub kind: Kind,
    /// The marketplace it was asked for.
    pub place: Marketplace,
    /// The day there.
    pub today: NaiveDate,
    /// How it declares itself.
    pub charset: Charset,
}

/// Begins to read; batches come until the end or an error.
pub fn begin<R: Read + Send + 'static>(input: R, reading: Reading) -> mpsc::Receiver<Result<Batch, ReadError>> {
    let (out, batches) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        use crate::reports as r;
        match reading.kind {
            Kind::Ledger => read::<r::LedgerEvent, _>(input, reading, &out),
            Kind::LedgerDay => read::<r::LedgerDay, _>(input, reading, &out),
            Kind::Reimbursement => read::<r::Reimbursement, _>(input, reading, &out),
            Kind::Return => read::<r::CustomerReturn, _>(input, reading, &out),
            Kind::Replacement => read::<r::Replacement, _>(input, reading, &out),
            Kind::Sale => read::<r::Sale, _>(input, reading, &out),
            Kind::Removal => read::<r::RemovalOrder, _>(input, reading, &out),
            Kind::RemovalShipment => read::<r::RemovalShipment, _>(input, reading, &out),
            Kind::Stock => read::<r::Stock, _>(input, reading, &out),
            Kind::FeePreview => read::<r::FeePreview, _>(input, reading, &out),
            Kind::LongTermStorage => read::<r::LongTermStorage, _>(input, reading, &out),
            Kind::Storage => read::<r::Storage, _>(input, reading, &out),
            Kind::Settlement => read::<r::SettlementLine, _>(input, reading, &out),
            Kind::Finance | Kind::Inbound | Kind::InboundDelivery | Kind::Delivery | Kind::Parcel => {}
        }
    });
    batches
}

fn read<T: Synced, R: Read>(input: R, reading: Reading, out: &mpsc::Sender<Result<Batch, ReadError>>) {
    if let Err(error) = batches::<T, R>(input, reading, out) {
        // Nobody listens any more when the run was given up.
        let _ = out.blocking_send(Err(error));
    }
}

fn batches<T: Synced, R: Read>(
    input: R,
    reading: Reading,
    out: &mpsc::Sender<Result<Batch, ReadError>>,
) -> Result<(), ReadError> {
    let Reading { kind, place, today, charset } = reading;
    let mut state = T::State::default();
    let mut batch = Batch::default();
    let mut header: Option<(Uuid, Arc<[String]>)> = None;
    let mut raw = String::new();
    for parsed in Reader::<_, T>::open(input, Options { charset })? {
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(ReadError::Row(bad)) => {
                batch.bad.push(bad);
                continue;
            }
            Err(error) => return Err(error),
        };
        let names = header.get_or_insert_with(|| {
            let names = Arc::clone(parsed.raw.header());
            (derive(&names.iter().map(String::as_str).collect::<Vec<_>>()), names)
        });
        raw.clear();
        for (at, field) in parsed.raw.fields().enumerate() {
            if at > 0 {
                raw.push(FIELD_END);
            }
            if !names.1.get(at).is_some_and(|name| PRIVATE.contains(&name.as_str())) {
                // The sign that parts fields, and the one that texts of the database cannot hold.
                raw.extend(field.chars().filter(|sign| !matches!(sign, &FIELD_END | '\0')));
            }
        }
        match parsed.row.entry(&mut state, place, today) {
            Ok(None) => {}
            Ok(Some(entry)) => {
                let key = key_within(kind, place, parsed.key, &raw);
                batch.rows.push(NewRow { key, raw: raw.clone(), entry });
            }
            Err(problem) => batch.bad.push(BadRow { line: parsed.line, column: None, problem }),
        }
        if batch.rows.len() + batch.bad.len() >= BATCH {
            batch.header.clone_from(&header);
            if out.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
                return Ok(());
            }
        }
    }
    batch.header = header;
    batch.watermark = T::watermark(&state);
    let _ = out.blocking_send(Ok(batch));
    Ok(())
}

/// Stock is told for each marketplace by itself. Fees that changed are another row, so that what was true before stays known.
fn key_within(kind: Kind, place: Marketplace, key: RowKey, raw: &str) -> RowKey {
    let more = match kind {
        Kind::Stock => place.code(),
        Kind::FeePreview => raw,
        _ => return key,
    };
    RowKey { hash: derive(&[&key.to_string(), more]).as_u128(), occurrence: 1 }
}
