//! Tracking changed its mind about who brought a conversion. While everything earned by it is still on hold, that is undone and worked
//! out again; once something was approved, it is left as it is, and the reason is kept.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::commission::CommissionReversed;
use shared_events::tracking::{ConversionAttributed, ConversionUnattributed};
use shared_events::{CommissionId, ConversionId, Money};
use uuid::Uuid;

use crate::accounts::{self, Entry};
use crate::calculate::{calculate, uncount};
use crate::domain::ledger::Movement;
use crate::domain::payout::stored_currency;
use crate::refund;
use crate::rule_book::RuleBook;
use crate::stored::{self, Stored, partner_id};

/// What is known of a conversion that left a trace before.
struct History {
    /// Highest revision heard of.
    latest: i32,
    /// The commissions of the revision that counts.
    live: Vec<Stored>,
    /// Whether something of it is beyond being undone.
    settled: bool,
}

/// A conversion is attributed again, or for the first time after refunds of it came in.
///
/// # Errors
/// As [`calculate`].
pub async fn attributed(
    work: &mut Work,
    book: &RuleBook,
    message: &Delivered<ConversionAttributed>,
) -> Result<(), Failure> {
    let conversion = message.data.conversion_id;
    let revision = message.data.revision.cast_signed();
    let history = history(work, conversion).await?;
    if revision <= history.latest {
        return Ok(());
    }
    let cause = Cause::from(&message.envelope);
    if history.settled {
        let note = format!(
            "attributed anew ({}), but the commission was approved or decided before: left as it was",
            message.data.reason
        );
        return remember(work, conversion, revision, "left", &note, &cause).await;
    }
    if !history.live.is_empty() {
        undo(work, &history.live, &format!("attributed anew: {}", message.data.reason), &cause).await?;
        remember(work, conversion, revision, "replaced", &message.data.reason, &cause).await?;
    }
    calculate(work, book, &[message]).await?;
    refund::apply_all(work, conversion).await
}

/// Handles [`ConversionUnattributed`].
pub struct TakeBack;

impl Handles<ConversionUnattributed> for TakeBack {
    async fn handle(&self, work: &mut Work, message: &Delivered<ConversionUnattributed>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let revision = data.revision.cast_signed();
        if revision <= 1 {
            // Nobody had anything before the first revision.
            return Ok(Outcome::none());
        }
        let history = history(work, data.conversion_id).await?;
        if revision <= history.latest {
            return Ok(Outcome::none());
        }
        if history.settled {
            let note = format!(
                "no longer attributed ({}), but the commission was approved or decided before: left as it was",
                data.reason
            );
            remember(work, data.conversion_id, revision, "left", &note, &cause).await?;
        } else {
            undo(work, &history.live, &format!("no longer attributed: {}", data.reason), &cause).await?;
            remember(work, data.conversion_id, revision, "withdrawn", &data.reason, &cause).await?;
        }
        Ok(Outcome::none())
    }
}

/// The commissions of the revision of a conversion that counts, locked with their partners' money.
///
/// # Errors
/// When the database is away.
pub async fn live(work: &mut Work, conversion: ConversionId) -> Result<Vec<Stored>, Failure> {
    Ok(history(work, conversion).await?.live)
}

async fn history(work: &mut Work, conversion: ConversionId) -> Result<History, Failure> {
    let tenant = work.tenant().clone();
    let all = stored::lock_by_conversions(work, &[conversion.0]).await?;
    let later = sqlx::query!(
        r#"SELECT max(revision) AS latest, max(revision) FILTER (WHERE outcome IN ('replaced', 'withdrawn')) AS effective
           FROM revisions WHERE tenant = $1 AND conversion_id = $2"#,
        tenant.as_str(),
        conversion.0,
    )
    .fetch_one(work.conn())
    .await?;
    let latest = all.iter().map(|row| row.revision).chain(later.latest).max().unwrap_or(0);
    let live: Vec<Stored> = all.into_iter().filter(|row| row.revision >= later.effective.unwrap_or(0)).collect();
    let settled = live.iter().any(|row| match row.state.as_str() {
        "pending" | "reversed" => row.reverses.is_some(),
        "rejected" => row.amounts.earned != 0,
        _ => true,
    });
    Ok(History { latest, live, settled })
}

/// Takes back commissions that are on hold, and uncounts them in their months.
async fn undo(work: &mut Work, live: &[Stored], why: &str, cause: &Cause) -> Result<(), Failure> {
    uncount(work, live).await?;
    let mut entries = Vec::new();
    for row in live.iter().filter(|row| row.state == "pending") {
        let left = row.left();
        entries.push(Entry {
            owner: row.owner(),
            movement: Movement::ReversedPending,
            minor: left,
            commission: Some(row.id),
            payout: None,
            cause: cause.message.map(|id| id.0),
        });
        let version = stored::close(work, row.id, "reversed", why).await?;
        let reversed = CommissionReversed {
            commission_id: CommissionId(row.id),
            partner: partner_id(&row.partner),
            reversed: Money::new(left, stored_currency(&row.currency)),
            remaining_minor: 0,
            reason: why.to_owned(),
        };
        work.emit(cause, version, &reversed);
    }
    accounts::post(work, &entries).await?;
    Ok(())
}

async fn remember(
    work: &mut Work,
    conversion: ConversionId,
    revision: i32,
    outcome: &str,
    note: &str,
    cause: &Cause,
) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO revisions (tenant, conversion_id, revision, outcome, note, recorded_at, cause) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        conversion.0,
        revision,
        outcome,
        note,
        now,
        cause.message.map_or(Uuid::nil(), |id| id.0),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
