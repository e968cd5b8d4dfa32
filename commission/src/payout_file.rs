//! Writes a batch of payouts as CSV and JSON. This is the one place where account details are opened, and they go into the file alone.
//!
//! The content follows from the batch alone and a file appears whole or not at all, so the job may run any number of times.

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::SecondsFormat;
use serde::Serialize;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Store, Work};
use shared_events::commission::PayoutSubmitted;
use shared_events::{Money, PayoutBatchId, PayoutId};
use std::io::Write;
use std::sync::Arc;
use uuid::Uuid;

use crate::config::{Config, account_purpose};
use crate::domain::payout::stored_currency;
use crate::stored::partner_id;

/// Job: writes the files of one batch, then marks its payouts submitted.
pub struct WriteFile {
    /// Where to and with which key.
    pub config: Arc<Config>,
}

/// A form in which the file can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For spreadsheets and banks.
    Csv,
    /// For programs.
    Json,
}

/// Where a batch's file is.
pub fn path(folder: &Path, batch: PayoutBatchId, format: Format) -> PathBuf {
    let extension = match format {
        Format::Csv => "csv",
        Format::Json => "json",
    };
    folder.join(format!("{batch}.{extension}"))
}

/// One payment order.
#[derive(Serialize)]
struct Line {
    payout_id: Uuid,
    partner: String,
    amount: String,
    currency: String,
    method: String,
    account: String,
    requested_at: String,
}

#[derive(Serialize)]
struct Document<'a> {
    batch_id: PayoutBatchId,
    created_at: String,
    payouts: &'a [Line],
    totals: BTreeMap<String, String>,
}

impl RunsJob for WriteFile {
    const KIND: &'static str = "commission.write_payout_file";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let batch: PayoutBatchId =
            serde_json::from_value(job.payload["batch_id"].clone()).context("the job names no batch")?;
        let mut work = store.read(&job.tenant).await?;
        let (created_at, lines) = self.lines(&mut work, batch).await?;
        drop(work);
        let (csv, json) = (as_csv(&lines)?, as_json(batch, &created_at, &lines)?);
        let folder = self.config.payout_dir.clone();
        tokio::task::spawn_blocking(move || {
            write_whole(&folder, batch, Format::Csv, &csv)?;
            write_whole(&folder, batch, Format::Json, &json)
        })
        .await
        .context("the writer panicked")?
        .context("the payout file cannot be written")?;
        let mut work = store.read(&job.tenant).await?;
        mark_submitted(&mut work, batch, job).await?;
        job.finish(&mut work).await?;
        work.commit().await?;
        tracing::info!(batch.id = %batch, payouts = lines.len(), "payout file written");
        Ok(())
    }
}

/// The same job in a replay: the payouts are marked, and no file is written.
pub struct MarkOnly;

impl RunsJob for MarkOnly {
    const KIND: &'static str = WriteFile::KIND;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let batch: PayoutBatchId =
            serde_json::from_value(job.payload["batch_id"].clone()).context("the job names no batch")?;
        let mut work = store.read(&job.tenant).await?;
        mark_submitted(&mut work, batch, job).await?;
        job.finish(&mut work).await?;
        work.commit().await?;
        Ok(())
    }
}

impl WriteFile {
    async fn lines(&self, work: &mut Work, batch: PayoutBatchId) -> Result<(String, Vec<Line>), Failure> {
        let tenant = work.tenant().clone();
        let created_at = sqlx::query_scalar!(
            "SELECT created_at FROM payout_batches WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            batch.0
        )
        .fetch_one(work.conn())
        .await?;
        let rows = sqlx::query!(
            "SELECT id, partner, currency, amount_minor, method, account_sealed, requested_at FROM payouts
             WHERE tenant = $1 AND batch_id = $2 ORDER BY seq",
            tenant.as_str(),
            batch.0,
        )
        .fetch_all(work.conn())
        .await?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let purpose = account_purpose(&tenant, &partner_id(&row.partner));
            let account = self.config.account_key.open(&purpose, &row.account_sealed);
            let account = account.with_context(|| format!("the account details of payout {}", row.id))?;
            lines.push(Line {
                payout_id: row.id,
                partner: row.partner,
                amount: Money::new(row.amount_minor, stored_currency(&row.currency)).decimal(),
                currency: row.currency,
                method: row.method,
                account,
                requested_at: row.requested_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            });
        }
        Ok((created_at.to_rfc3339_opts(SecondsFormat::Micros, true), lines))
    }
}

fn as_csv(lines: &[Line]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line)?;
    }
    Ok(writer.into_inner()?)
}

fn as_json(batch_id: PayoutBatchId, created_at: &str, payouts: &[Line]) -> anyhow::Result<Vec<u8>> {
    let mut sums: BTreeMap<&str, Money> = BTreeMap::new();
    for line in payouts {
        let currency = stored_currency(&line.currency);
        let amount = Money::parse(&line.amount, currency)?;
        sums.entry(&line.currency).or_insert(Money::new(0, currency)).minor += amount.minor;
    }
    let totals = sums.into_iter().map(|(currency, sum)| (currency.to_owned(), sum.decimal())).collect();
    let mut bytes =
        serde_json::to_vec_pretty(&Document { batch_id, created_at: created_at.to_owned(), payouts, totals })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes beside the place and renames, so that nobody ever sees half a file.
fn write_whole(folder: &Path, batch: PayoutBatchId, format: Format, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let target = path(folder, batch, format);
    // A process that lost its job to another may still be writing: each writes its own file.
    let beside = target.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, &target)?;
    std::fs::File::open(folder)?.sync_all()
}

async fn mark_submitted(work: &mut Work, batch: PayoutBatchId, job: &Job) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let rows = sqlx::query!(
        "UPDATE payouts SET state = 'submitted', submitted_at = $3, version = version + 1
         WHERE tenant = $1 AND batch_id = $2 AND state = 'approved' RETURNING id, partner, version",
        tenant.as_str(),
        batch.0,
        now,
    )
    .fetch_all(work.conn())
    .await?;
    sqlx::query!(
        "UPDATE payout_batches SET written_at = $3 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        batch.0,
        now
    )
    .execute(work.conn())
    .await?;
    for row in rows {
        let submitted =
            PayoutSubmitted { payout_id: PayoutId(row.id), partner: partner_id(&row.partner), batch_id: batch };
        work.emit(&job.cause, u64::from(row.version.unsigned_abs()), &submitted);
    }
    Ok(())
}
