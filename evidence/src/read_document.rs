//! A document is read: in a process of its own that may die, and what was read is written down for matching. Of a mail the files in it are
//! read ([`crate::take_attachments`]).

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;
use providers::files::{Files, Place};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Store, Work};
use shared_events::DocumentId;
use shared_events::evidence::{DocumentParsed, DocumentUnreadable, MediaType, UnitCostsDocumented, WrappedKey};
use sqlx::types::Json;

use crate::reading::apart::{self, Limits};
use crate::reading::invoice::{Flag, Invoice, Source};
use crate::reading::refusal::{Fate, Refusal};
use crate::{document_row, lookup, match_keys, read_again, unit_costs};

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

/// A document that waits to be read.
struct Waiting {
    place: Place,
    is_mail: bool,
}

impl RunsJob for ReadDocument {
    const KIND: &'static str = "evidence.read_document";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: DocumentId =
            serde_json::from_value(job.payload["document_id"].clone()).context("the job names no document")?;
        let again = job.payload["again"] == true;
        let mut work = store.read(&job.tenant).await?;
        let Some(Waiting { place, is_mail }) = waiting(&mut work, id, again).await? else { return Ok(()) };
        // No transaction stays open while the document is fetched and read.
        drop(work);
        let bytes = self.files.read_whole(&job.tenant, &place).await.context("fetching the document")?;
        if is_mail {
            return self.take_attachments(store, job, id, bytes, again).await;
        }
        let read = self.apart(job, move |program| apart::read(program, &bytes, Limits::default())).await?;
        faults::point("evidence.read");
        let mut work = store.read(&job.tenant).await?;
        match &read {
            Ok(invoice) => {
                let mut invoice = invoice.clone();
                invoice.flags.extend(in_future(&invoice, work.now().date_naive()));
                keep(&mut work, job, id, &invoice, again).await?;
            }
            Err(refusal) => refuse(&mut work, job, id, refusal, again).await?,
        }
        job.finish(&mut work).await?;
        work.commit().await?;
        match read {
            Ok(invoice) => tracing::info!(document.id = %id, lines = invoice.lines.len(), again, "document read"),
            Err(refusal) => tracing::info!(document.id = %id, rule = refusal.rule, again, "document not read"),
        }
        Ok(())
    }
}

impl ReadDocument {
    /// Asks the reader, which is a process of its own. A reader that only has to wait makes the job wait, for a while.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        job: &Job,
        ask: impl FnOnce(&Path) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<Result<T, Refusal>, Failure> {
        let program = self.program.clone();
        let answer = tokio::task::spawn_blocking(move || ask(&program)).await.context("the reader panicked")?;
        match answer {
            Err(refusal) if refusal.fate == Fate::Later && job.attempt < MOST_TRIES => {
                Err(anyhow::anyhow!("the document waits to be read: {refusal}").into())
            }
            answer => Ok(answer),
        }
    }
}

/// The document, if it still has to be read.
async fn waiting(work: &mut Work, id: DocumentId, again: bool) -> Result<Option<Waiting>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "SELECT object, bytes, key_master, key_wrapped, media_type FROM documents
         WHERE tenant = $1 AND id = $2 AND (state = 'received' OR ($3 AND state <> 'deleted'))",
        tenant.as_str(),
        id.0,
        again,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| Waiting {
        is_mail: row.media_type == MediaType::Eml.name(),
        place: Place {
            object: row.object,
            bytes: row.bytes.unsigned_abs(),
            key: WrappedKey { master: row.key_master, wrapped: row.key_wrapped },
        },
    }))
}

/// Invoices are not dated ahead; tomorrow it is already in the east.
fn in_future(invoice: &Invoice, today: NaiveDate) -> Option<Flag> {
    let date = invoice.date.as_ref()?.value.date;
    (date > today.succ_opt()?)
        .then(|| Flag { rule: "date-in-future".into(), message: format!("{date} is yet to come") })
}

/// Writes down what was read, unless the document was deleted meanwhile.
async fn keep(work: &mut Work, job: &Job, id: DocumentId, invoice: &Invoice, again: bool) -> Result<(), Failure> {
    let mut is_another = false;
    if again {
        read_again::note(work, id, None).await?;
        match read_again::before(work, id).await? {
            Some(before) if read_again::is_same(&before, READER, invoice) => return Ok(()),
            Some(_) => {
                read_again::take_back(work, &job.cause, id).await?;
                is_another = true;
            }
            None => {}
        }
    }
    let Some(version) = settle(work, id, "parsed", None, again).await? else { return Ok(()) };
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
    // What rests on the reading before has to go, also when this one says nothing of costs.
    let nothing = is_another.then(|| (issued_on.unwrap_or_else(|| work.now().date_naive()), Vec::new()));
    if let Some((issued_on, costs)) = unit_costs::of_invoice(invoice).or(nothing)
        && unit_costs::is_own(work, id).await?
    {
        let version = document_row::count(work, id).await?;
        work.emit(&job.cause, version, &UnitCostsDocumented { document_id: id, issued_on, costs });
    }
    let due_at = work.now();
    let payload = serde_json::json!({ "document_id": id });
    let cause = job.cause.clone();
    // By its version: while it is matched by what was read before, it can wait to be matched by what was read now.
    let key = if again { format!("{id}/again/{version}") } else { id.to_string() };
    work.enqueue(NewJob { kind: MATCH_DOCUMENT, key, due_at, payload, cause }).await?;
    Ok(())
}

/// Writes down why it was not read.
pub(crate) async fn refuse(
    work: &mut Work,
    job: &Job,
    id: DocumentId,
    refusal: &Refusal,
    again: bool,
) -> Result<(), Failure> {
    if again {
        read_again::note(work, id, Some(refusal)).await?;
        if read_again::before(work, id).await?.is_some() {
            return Ok(());
        }
    }
    let state = match refusal.fate {
        Fate::Quarantined => "quarantined",
        Fate::Kept => "kept",
        Fate::ParseFailed | Fate::Unsupported | Fate::Later => "parse_failed",
    };
    let Some(version) = settle(work, id, state, Some(refusal), again).await? else { return Ok(()) };
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

/// Takes a document out of `received`, or out of any state when it is read again; none when it is not there any more.
pub(crate) async fn settle(
    work: &mut Work,
    id: DocumentId,
    state: &str,
    refusal: Option<&Refusal>,
    again: bool,
) -> Result<Option<u64>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = sqlx::query_scalar!(
        "UPDATE documents SET state = $3::text::document_state, rule = $4, reason = $5, read_at = $6, version = version + 1
         WHERE tenant = $1 AND id = $2 AND (state = 'received' OR ($7 AND state <> 'deleted')) RETURNING version",
        tenant.as_str(),
        id.0,
        state,
        refusal.map(|refusal| refusal.rule.as_str()),
        refusal.map(|refusal| refusal.reason.as_str()),
        now,
        again,
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
