//! A document is read: in a process of its own that may die, and what was read is written down for matching.

use std::path::PathBuf;

use anyhow::Context;
use chrono::NaiveDate;
use providers::files::{Files, Place};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Store, Work};
use shared_events::DocumentId;
use shared_events::evidence::{DocumentParsed, DocumentUnreadable, UnitCostsDocumented, WrappedKey};
use sqlx::types::Json;

use crate::reading::apart::{self, Limits};
use crate::reading::invoice::{Flag, Invoice, Source};
use crate::reading::refusal::{Fate, Refusal};
use crate::{document_row, lookup, match_keys, unit_costs};

/// Job: compares one document with the requests that are open.
pub const MATCH_DOCUMENT: &str = "evidence.match_document";

/// Which reader it was; raised when what it reads changes.
const READER: i32 = 2;

/// How often a document is tried before it is given up although nothing is known to be wrong with it.
const MOST_TRIES: i32 = 8;

/// Job: reads one document.
pub struct ReadDocument {
    /// The program whose `read-document` reads, apart from this process.
    pub program: PathBuf,
    /// Where documents are.
    pub files: Files,
}

impl RunsJob for ReadDocument {
    const KIND: &'static str = "evidence.read_document";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: DocumentId =
            serde_json::from_value(job.payload["document_id"].clone()).context("the job names no document")?;
        let mut work = store.read(&job.tenant).await?;
        let Some(place) = unread(&mut work, id).await? else { return Ok(()) };
        // No transaction stays open while the document is fetched and read.
        drop(work);
        let bytes = self.files.read_whole(&job.tenant, &place).await.context("fetching the document")?;
        let program = self.program.clone();
        let read = tokio::task::spawn_blocking(move || apart::read(&program, &bytes, Limits::default())).await;
        let read = read.context("the reader panicked")?;
        if let Err(refusal) = &read
            && refusal.fate == Fate::Later
            && job.attempt < MOST_TRIES
        {
            return Err(anyhow::anyhow!("the document waits to be read: {refusal}").into());
        }
        faults::point("evidence.read");
        let mut work = store.read(&job.tenant).await?;
        match &read {
            Ok(invoice) => {
                let mut invoice = invoice.clone();
                invoice.flags.extend(in_future(&invoice, work.now().date_naive()));
                keep(&mut work, job, id, &invoice).await?;
            }
            Err(refusal) => refuse(&mut work, job, id, refusal).await?,
        }
        job.finish(&mut work).await?;
        work.commit().await?;
        match read {
            Ok(invoice) => tracing::info!(document.id = %id, lines = invoice.lines.len(), "document read"),
            Err(refusal) => tracing::info!(document.id = %id, rule = refusal.rule, "document not read"),
        }
        Ok(())
    }
}

/// Where the document is, if it still has to be read.
async fn unread(work: &mut Work, id: DocumentId) -> Result<Option<Place>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "SELECT object, bytes, key_master, key_wrapped FROM documents WHERE tenant = $1 AND id = $2 AND state = 'received'",
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| Place {
        object: row.object,
        bytes: row.bytes.unsigned_abs(),
        key: WrappedKey { master: row.key_master, wrapped: row.key_wrapped },
    }))
}

/// Invoices are not dated ahead; tomorrow it is already in the east.
fn in_future(invoice: &Invoice, today: NaiveDate) -> Option<Flag> {
    let date = invoice.date.as_ref()?.value.date;
    (date > today.succ_opt()?)
        .then(|| Flag { rule: "date-in-future".into(), message: format!("{date} is yet to come") })
}

/// Writes down what was read, unless the document was deleted meanwhile.
async fn keep(work: &mut Work, job: &Job, id: DocumentId, invoice: &Invoice) -> Result<(), Failure> {
    let Some(version) = settle(work, id, "parsed", None).await? else { return Ok(()) };
    let tenant = work.tenant().clone();
    let issuer = invoice.issuer.as_ref().map(|found| found.value.as_str());
    // A day that may be another one too is no day to look anything up by.
    let issued_on = invoice.date.as_ref().filter(|day| day.value.or.is_none()).map(|day| day.value.date);
    let gross = invoice.gross.as_ref().map(|found| found.value);
    sqlx::query!(
        "INSERT INTO readings (tenant, document_id, parser, parser_version, invoice, codes, supplier_words, issued_on, gross_minor, currency)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        id.0,
        parser_name(invoice.source),
        READER,
        Json(invoice) as _,
        &lookup::codes_of_invoice(invoice),
        &lookup::supplier_words(issuer),
        issued_on,
        gross.map(|money| money.minor),
        gross.as_ref().map(|money| money.currency.code()),
    )
    .execute(work.conn())
    .await?;
    match_keys::write(work, id, invoice, issued_on).await?;
    let parsed = DocumentParsed {
        document_id: id,
        parser: parser_name(invoice.source).to_owned(),
        lines: u32::try_from(invoice.lines.len()).unwrap_or(u32::MAX),
        flags: invoice.flags.iter().map(|flag| flag.rule.clone()).collect(),
    };
    work.emit(&job.cause, version, &parsed);
    if let Some((issued_on, costs)) = unit_costs::of_invoice(invoice)
        && unit_costs::is_own(work, id).await?
    {
        let version = document_row::count(work, id).await?;
        work.emit(&job.cause, version, &UnitCostsDocumented { document_id: id, issued_on, costs });
    }
    let due_at = work.now();
    let payload = serde_json::json!({ "document_id": id });
    let cause = job.cause.clone();
    work.enqueue(NewJob { kind: MATCH_DOCUMENT, key: id.to_string(), due_at, payload, cause }).await?;
    Ok(())
}

/// Writes down why it was not read.
async fn refuse(work: &mut Work, job: &Job, id: DocumentId, refusal: &Refusal) -> Result<(), Failure> {
    let state = match refusal.fate {
        Fate::Quarantined => "quarantined",
        Fate::Kept => "kept",
        Fate::ParseFailed | Fate::Unsupported | Fate::Later => "parse_failed",
    };
    let Some(version) = settle(work, id, state, Some(refusal)).await? else { return Ok(()) };
    if refusal.fate == Fate::Kept {
        // Nobody has to look at it.
        return Ok(());
    }
    let unreadable = DocumentUnreadable {
        document_id: id,
        state: state.to_owned(),
        rule: refusal.rule.clone(),
        reason: refusal.reason.clone(),
    };
    work.emit(&job.cause, version, &unreadable);
    Ok(())
}

/// Takes a document out of `received`; none when it is not there any more.
async fn settle(
    work: &mut Work,
    id: DocumentId,
    state: &str,
    refusal: Option<&Refusal>,
) -> Result<Option<u64>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = sqlx::query_scalar!(
        "UPDATE documents SET state = $3::text::document_state, rule = $4, reason = $5, read_at = $6, version = version + 1
         WHERE tenant = $1 AND id = $2 AND state = 'received' RETURNING version",
        tenant.as_str(),
        id.0,
        state,
        refusal.map(|refusal| refusal.rule.as_str()),
        refusal.map(|refusal| refusal.reason.as_str()),
        now,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(version.map(|version| u64::from(version.unsigned_abs())))
}

/// The name of what was read from, on the wire and in the database.
const fn parser_name(source: Source) -> &'static str {
    match source {
        Source::Ubl => "ubl",
        Source::Cii => "cii",
        Source::PdfText => "pdf_text",
        Source::Ocr => "ocr",
    }
}
