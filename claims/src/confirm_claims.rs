//! Reimbursements or postings came in: money is set against the claims that brought it, and what is taken back as well.
//!
//! One transaction for one account. A row of the report counts once, and a posting shows the money of one row.

use std::collections::HashMap;

use anyhow::Context;
use chrono::{DateTime, Utc};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::ConnectionId;
use shared_events::money::Money;
use uuid::Uuid;

use crate::claim_row::currency;
use crate::claiming::settle::{Match, Paid, Posted, Waiting, claim_of, once, posting_of};
use crate::marketplace::Marketplace;
use crate::money_moves::{came, granted, reverse, store};
use crate::{confirm_payouts, money_rows};

/// Most claims of one account that can wait for money.
const MOST: i64 = 20_000;

/// Looks for the money of one account's claims.
pub struct Confirm;

impl RunsJob for Confirm {
    const KIND: &'static str = confirm_payouts::KIND;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: Uuid = serde_json::from_value(job.payload["connection_id"].clone()).context("which account")?;
        let mut work = store.read(&job.tenant).await?;
        confirm(&mut work, &job.cause, ConnectionId(id)).await?;
        job.finish(&mut work).await?;
        faults::point("claims.before_confirm");
        work.commit().await?;
        faults::point("claims.after_confirm");
        Ok(())
    }
}

/// What is known of rows that were set against claims before.
struct Known {
    claim: Uuid,
    reimbursement_id: String,
    confirmed: bool,
    probability_bps: Option<i32>,
}

/// Sets what came in against the claims of an account.
///
/// # Errors
/// When the database is away.
pub async fn confirm(work: &mut Work, cause: &Cause, connection: ConnectionId) -> Result<(), Failure> {
    // One at a time for an account: two jobs would look at the same rows.
    let tenant = work.tenant().clone();
    let lock = format!("claims.confirm/{tenant}/{connection}");
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock).execute(work.conn()).await?;
    let mut waiting = waiting(work, connection).await?;
    let Some(since) = waiting.iter().map(|claim| claim.sent_on).min() else { return Ok(()) };
    let (mut known, mut used) = known(work, connection).await?;
    let mut rows = money_rows::reimbursements(work, connection, since).await?;
    rows.sort_by_key(|told| (told.row.approved_at, told.key));
    let skus: Vec<String> = rows.iter().map(|told| told.row.sku.clone()).collect();
    let settled = money_rows::postings(work, connection, &skus).await?.into_iter();
    let settled = settled.map(|told| {
        let row = told.row;
        Posted { key: told.key.to_string(), day: row.day, sku: row.sku, amount: row.amount }
    });
    let told = money_rows::finance_postings(work, connection, &skus).await?.into_iter();
    let told = told.map(|told| {
        let (day, row) = (told.place.date_of(&told.row.posted_at), told.row);
        Posted { key: told.key.to_string(), day, sku: row.sku, amount: row.amount }
    });
    let postings = once(settled.collect(), told.collect(), &used);
    for told in rows {
        let row = &told.row;
        let paid = Paid {
            key: told.key.to_string(),
            reimbursement_id: row.reimbursement_id.clone(),
            case_id: row.case_id.clone(),
            approved_on: told.place.date_of(&row.approved_at),
            sku: row.sku.clone(),
            fnsku: row.fnsku.clone(),
            total: row.total,
            cash_units: row.cash_units,
            inventory_units: row.inventory_units,
            reverses: row.original_id.clone().filter(|_| row.is_reversal()),
        };
        if known.get(&paid.key).is_some_and(|known| known.confirmed) {
            continue;
        }
        if row.is_reversal() {
            let taken = known
                .values()
                .find(|known| known.confirmed && Some(&known.reimbursement_id) == paid.reverses.as_ref())
                .map(|known| (known.claim, known.probability_bps));
            if let Some((claim, probability_bps)) = taken {
                reverse(work, cause, &paid, Match { claim, probability_bps }, told.place).await?;
                let claim = Known { claim, reimbursement_id: paid.reimbursement_id, confirmed: true, probability_bps };
                known.insert(paid.key, claim);
            }
            continue;
        }
        let Some(found) = claim_of(&paid, &waiting) else { continue };
        let posting = posting_of(&paid, &postings, &used);
        // Units instead of money have no posting.
        let confirmed = posting.is_some() || (paid.total.minor == 0 && paid.inventory_units > 0);
        // What a row was set against once, it stays with.
        let before = known.get(&paid.key).map(|known| (known.claim, known.probability_bps));
        let found = before.map_or(found, |(claim, probability_bps)| Match { claim, probability_bps });
        store(work, connection, &paid, found, posting, confirmed).await?;
        used.extend(posting.map(|posting| posting.key.clone()));
        if confirmed {
            came(work, cause, &paid, found, posting, told.place).await?;
        } else if before.is_none() {
            granted(work, cause, &paid, found, told.place).await?;
        }
        if before.is_none()
            && let Some(claim) = waiting.iter_mut().find(|claim| claim.claim == found.claim)
        {
            claim.brought += paid.total.minor;
        }
        let entry = Known {
            claim: found.claim,
            reimbursement_id: paid.reimbursement_id,
            confirmed,
            probability_bps: found.probability_bps,
        };
        known.insert(paid.key, entry);
    }
    Ok(())
}

async fn waiting(work: &mut Work, connection: ConnectionId) -> Result<Vec<Waiting>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT id, case_id, subject->>'fnsku' AS fnsku, subject->>'sku' AS sku, units, amount_minor, currency, marketplace,
                  coalesce(submitted_at, changed_at) AS "sent_at!",
                  coalesce((SELECT sum(p.amount_minor) FROM claim_payouts p WHERE p.tenant = c.tenant AND p.claim_id = c.id), 0)::bigint
                      AS "brought!"
           FROM claims c
           WHERE tenant = $1 AND connection_id = $2 AND attempt > 0 AND state NOT IN ('withdrawn', 'expired', 'queued', 'failed', 'ready')
           ORDER BY seq DESC LIMIT $3"#,
        tenant.as_str(),
        connection.0,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    let day = |code: &str, at: DateTime<Utc>| {
        Marketplace::of_country(code).map_or_else(|| at.date_naive(), |place| place.date_of(&at))
    };
    let waiting = rows.into_iter().map(|row| Waiting {
        claim: row.id,
        case_id: row.case_id,
        fnsku: row.fnsku,
        sku: row.sku,
        units: row.units,
        amount: Money::new(row.amount_minor, currency(&row.currency)),
        sent_on: day(&row.marketplace, row.sent_at),
        brought: row.brought,
    });
    Ok(waiting.collect())
}

async fn known(
    work: &mut Work,
    connection: ConnectionId,
) -> Result<(HashMap<String, Known>, Vec<String>), sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT row_key, claim_id, reimbursement_id, posting_key, confirmed_at, probability_bps FROM claim_payouts
         WHERE tenant = $1 AND connection_id = $2",
        tenant.as_str(),
        connection.0,
    )
    .fetch_all(work.conn())
    .await?;
    let used = rows.iter().filter_map(|row| row.posting_key.clone()).collect();
    let known = rows.into_iter().map(|row| {
        let confirmed = row.confirmed_at.is_some();
        let (claim, probability_bps) = (row.claim_id, row.probability_bps);
        (row.row_key, Known { claim, reimbursement_id: row.reimbursement_id, confirmed, probability_bps })
    });
    Ok((known.collect(), used))
}
