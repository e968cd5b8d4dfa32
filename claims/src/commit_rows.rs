//! Writes rows: what is new, what reads otherwise than before, and which subjects that touches. A row that was there as it is now
//! changes nothing.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use service_kit::store::Work;
use shared_events::{ConnectionId, SyncRunId};
use uuid::Uuid;

use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::parse_report::{Batch, NewRow};
use crate::reports::RowKey;
use crate::touch_rows::touch;
use crate::touched;

/// Whose rows, and who brings them.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The seller.
    pub connection: ConnectionId,
    /// The run.
    pub run: SyncRunId,
    /// The kind of rows.
    pub kind: Kind,
    /// The marketplace that was asked for.
    pub place: Marketplace,
    /// The day there.
    pub today: NaiveDate,
}

/// What became of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Not known before.
    pub new: i64,
    /// Read otherwise than before.
    pub changed: i64,
    /// Wait for somebody who knows their reason.
    pub quarantined: i64,
}

/// Writes one batch.
///
/// # Errors
/// When the database is away.
pub async fn commit(work: &mut Work, origin: Origin, batch: Batch) -> Result<Committed, sqlx::Error> {
    let Batch { header, mut rows, .. } = batch;
    if rows.is_empty() {
        return Ok(Committed::default());
    }
    if let Some((id, names)) = &header {
        let tenant = work.tenant().clone();
        sqlx::query!(
            "INSERT INTO report_headers (tenant, id, names) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            id,
            &names[..],
        )
        .execute(work.conn())
        .await?;
    }
    // In the order of the primary key: neighbours are found fast, and two runs never wait for each other.
    rows.sort_unstable_by_key(|row| row.key);
    let written = insert(work, origin, header.map(|(id, _)| id), &rows).await?;
    let mut committed = Committed::default();
    let mut kept = Vec::with_capacity(written.len());
    for row in rows {
        let Some(is_new) = written.get(&row.key) else { continue };
        if *is_new {
            committed.new += 1
        } else {
            committed.changed += 1
        }
        if let Some(word) = &row.entry.unknown {
            committed.quarantined += 1;
            tracing::warn!(report = origin.kind.name(), reason = word, "a row is quarantined: nobody knows its reason");
        }
        kept.push((row, *is_new));
    }
    let quarantined = u64::try_from(committed.quarantined).unwrap_or_default();
    metrics::counter!("recoup_claims_rows_quarantined_total", "report" => origin.kind.name()).increment(quarantined);
    moves(work, origin, &kept).await?;
    touch(work, origin, kept).await?;
    Ok(committed)
}

/// Inserts rows; gives those that were written, and whether they are new.
async fn insert(
    work: &mut Work,
    origin: Origin,
    header: Option<Uuid>,
    rows: &[NewRow],
) -> Result<HashMap<RowKey, bool>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let column = |of: fn(&NewRow) -> Option<&str>| -> Vec<Option<&str>> { rows.iter().map(of).collect() };
    let hashes: Vec<Uuid> = rows.iter().map(|row| Uuid::from_u128(row.key.hash)).collect();
    let occurrences: Vec<i32> = rows.iter().map(|row| i32::try_from(row.key.occurrence).unwrap_or(i32::MAX)).collect();
    let days: Vec<NaiveDate> = rows.iter().map(|row| row.entry.day.unwrap_or(origin.today)).collect();
    let raws: Vec<&str> = rows.iter().map(|row| row.raw.as_str()).collect();
    let currencies: Vec<Option<String>> =
        rows.iter().map(|row| row.entry.currency.map(|currency| currency.code().to_owned())).collect();
    let written = sqlx::query!(
        r#"INSERT INTO report_rows (tenant, connection_id, report, hash, occurrence, marketplace, day, fnsku, sku, order_id, case_id, currency,
               header_id, raw, quarantined, run_id, first_seen, changed_at)
           SELECT $1, $2, $3, hash, occurrence, $4, day, fnsku, sku, order_id, case_id, currency, $5, raw, quarantined, $6, $7, $7
           FROM unnest($8::uuid[], $9::int[], $10::date[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
               $17::text[]) AS u (hash, occurrence, day, fnsku, sku, order_id, case_id, currency, raw, quarantined)
           ON CONFLICT (tenant, connection_id, report, hash, occurrence) DO UPDATE
           SET raw = excluded.raw, header_id = excluded.header_id, day = excluded.day, fnsku = excluded.fnsku, sku = excluded.sku,
               order_id = excluded.order_id, case_id = excluded.case_id, currency = excluded.currency, quarantined = excluded.quarantined,
               run_id = excluded.run_id,
               changed_at = CASE WHEN report_rows.raw = excluded.raw THEN report_rows.changed_at ELSE excluded.changed_at END
           WHERE report_rows.raw <> excluded.raw OR report_rows.quarantined IS DISTINCT FROM excluded.quarantined OR $18
           RETURNING hash, occurrence, (xmax = 0) AS "is_new!", (changed_at = $7) AS "is_changed!""#,
        tenant.as_str(),
        origin.connection.0,
        origin.kind.name(),
        origin.place.code(),
        header,
        origin.run.0,
        now,
        &hashes,
        &occurrences,
        &days,
        &column(|row| row.entry.fnsku.as_deref()) as &[Option<&str>],
        &column(|row| row.entry.sku.as_deref()) as &[Option<&str>],
        &column(|row| row.entry.order_id.as_deref()) as &[Option<&str>],
        &column(|row| row.entry.case_id.as_deref()) as &[Option<&str>],
        &currencies as &[Option<String>],
        &raws as &[&str],
        &column(|row| row.entry.unknown.as_deref()) as &[Option<&str>],
        origin.kind.is_snapshot(),
    )
    .fetch_all(work.conn())
    .await?;
    let written = written.into_iter().filter(|row| row.is_new || row.is_changed);
    Ok(written
        .map(|row| (RowKey { hash: row.hash.as_u128(), occurrence: row.occurrence.unsigned_abs() }, row.is_new))
        .collect())
}

/// Adds up what moved, for balances. A row's quantity is part of its identity, so only new rows count.
async fn moves(work: &mut Work, origin: Origin, rows: &[(NewRow, bool)]) -> Result<(), sqlx::Error> {
    let mut sums: BTreeMap<(String, &str, &str, NaiveDate), i64> = BTreeMap::new();
    for (row, _) in rows.iter().filter(|(_, is_new)| *is_new) {
        let Some((units, country, state)) = &row.entry.moved else { continue };
        // Rows that no rule looks at have no number in the index, so it is read off the row's text.
        let fnsku = row.raw.split(crate::report_rows::FIELD_END).nth(1).unwrap_or_default().to_owned();
        *sums.entry((fnsku, country, state, row.entry.day.unwrap_or(origin.today))).or_default() += units;
    }
    let tenant = work.tenant().clone();
    let (mut fnskus, mut places, mut states) = (Vec::new(), Vec::new(), Vec::new());
    let (mut days, mut totals) = (Vec::new(), Vec::new());
    for ((fnsku, country, state, day), units) in sums {
        fnskus.push(fnsku);
        places.push(country);
        states.push(state);
        days.push(day);
        totals.push(units);
    }
    sqlx::query!(
        "INSERT INTO stock_moves (tenant, connection_id, fnsku, place, state, day, units)
         SELECT $1, $2, fnsku, place, state, day, units
         FROM unnest($3::text[], $4::text[], $5::text[], $6::date[], $7::bigint[]) AS u (fnsku, place, state, day, units)
         ON CONFLICT (tenant, connection_id, fnsku, place, state, day) DO UPDATE SET units = stock_moves.units + excluded.units",
        tenant.as_str(),
        origin.connection.0,
        &fnskus,
        &places as &[&str],
        &states as &[&str],
        &days,
        &totals,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Takes away what a snapshot no longer lists: there is none of it now.
///
/// # Errors
/// When the database is away.
pub async fn forget_unlisted(work: &mut Work, origin: Origin) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let gone = sqlx::query_scalar!(
        "DELETE FROM report_rows WHERE tenant = $1 AND connection_id = $2 AND report = $3 AND marketplace = $4 AND run_id <> $5
         RETURNING fnsku",
        tenant.as_str(),
        origin.connection.0,
        origin.kind.name(),
        origin.place.code(),
        origin.run.0,
    )
    .fetch_all(work.conn())
    .await?;
    let gone: Vec<String> = gone.into_iter().flatten().collect();
    touched::mark_known(work, origin.connection, &["stock"], Some(&gone)).await?;
    Ok(())
}

/// Notes up to which day something is known; what waits for that is looked at again.
///
/// # Errors
/// When the database is away.
pub async fn raise_watermark(
    work: &mut Work,
    connection: ConnectionId,
    name: &str,
    day: NaiveDate,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let raised = sqlx::query!(
        "INSERT INTO watermarks (tenant, connection_id, name, day) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, connection_id, name) DO UPDATE SET day = excluded.day WHERE watermarks.day < excluded.day",
        tenant.as_str(),
        connection.0,
        name,
        day,
    )
    .execute(work.conn())
    .await?;
    if raised.rows_affected() > 0 {
        let waiting = if name.starts_with("settled/") { "payments" } else { "returns" };
        touched::mark_known(work, connection, &[waiting], None).await?;
    }
    Ok(())
}
