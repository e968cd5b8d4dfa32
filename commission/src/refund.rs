//! The customer's money went back, so the partner's does too, in proportion: first what no payout holds, the rest as a claw-back.
//!
//! A run of refunds is taken in a fixed number of statements: one lock on the money of all its partners, in one order, so that runs of
//! several partitions queue instead of waiting for each other.

mod changes;

use std::collections::{HashMap, HashSet};

use service_kit::handler::{Delivered, Failure, HandlesRun};
use service_kit::store::{Cause, Work};
use shared_events::tracking::{ConversionRefunded, RefundKind};
use shared_events::{ConversionId, MessageId};
use uuid::Uuid;

use crate::domain::reversal::Refund;
use crate::stored::{self, Stored};

use changes::Changes;

/// Handles [`ConversionRefunded`].
pub struct TakeRefunds;

/// One refund that is due to be taken from what its conversion earned.
struct Due {
    id: Uuid,
    conversion: Uuid,
    kind: String,
    refund: Refund,
    cause: Cause,
}

impl HandlesRun<ConversionRefunded> for TakeRefunds {
    async fn handle_run(&self, work: &mut Work, run: &[Delivered<ConversionRefunded>]) -> Result<(), Failure> {
        let mut new = record(work, run).await?;
        let due: Vec<Due> = run.iter().filter(|message| new.remove(&message.data.refund_id.0)).map(due).collect();
        apply(work, &due).await
    }
}

fn due(message: &Delivered<ConversionRefunded>) -> Due {
    let data = &message.data;
    Due {
        id: data.refund_id.0,
        conversion: data.conversion_id.0,
        kind: kind_name(data.kind).to_owned(),
        refund: Refund {
            amount_minor: data.amount.minor,
            total_minor: data.refunded_total_minor,
            purchase_minor: data.purchase_minor,
        },
        cause: Cause::from(&message.envelope),
    }
}

const fn kind_name(kind: RefundKind) -> &'static str {
    match kind {
        RefundKind::Refund => "refund",
        RefundKind::Chargeback => "chargeback",
    }
}

/// Writes refunds down, whether or not anything was earned; answers which of them were not known.
async fn record(work: &mut Work, run: &[Delivered<ConversionRefunded>]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let ids = |of: fn(&Delivered<ConversionRefunded>) -> Uuid| run.iter().map(of).collect::<Vec<Uuid>>();
    let minor = |of: fn(&ConversionRefunded) -> i64| run.iter().map(|message| of(&message.data)).collect::<Vec<i64>>();
    let kinds: Vec<&str> = run.iter().map(|message| kind_name(message.data.kind)).collect();
    let currencies: Vec<String> = run.iter().map(|message| message.data.amount.currency.to_string()).collect();
    let times: Vec<_> = run.iter().map(|message| message.data.occurred_at).collect();
    let new = sqlx::query_scalar!(
        "INSERT INTO refunds (tenant, refund_id, conversion_id, kind, currency, amount_minor, total_minor, purchase_minor, occurred_at, recorded_at, cause)
         SELECT $1, r.refund_id, r.conversion_id, r.kind, r.currency, r.amount_minor, r.total_minor, r.purchase_minor, r.occurred_at, $2, r.cause
         FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::timestamptz[], $11::uuid[])
              AS r (refund_id, conversion_id, kind, currency, amount_minor, total_minor, purchase_minor, occurred_at, cause)
         ON CONFLICT DO NOTHING RETURNING refund_id",
        tenant.as_str(),
        now,
        &ids(|message| message.data.refund_id.0),
        &ids(|message| message.data.conversion_id.0),
        &kinds as _,
        &currencies,
        &minor(|data| data.amount.minor),
        &minor(|data| data.refunded_total_minor),
        &minor(|data| data.purchase_minor),
        &times,
        &ids(|message| message.envelope.id.0),
    )
    .fetch_all(work.conn())
    .await?;
    Ok(new.into_iter().collect())
}

/// Applies every refund that stands to commissions that were worked out after them. What had gone back by each is counted without the
/// withdrawn ones.
///
/// # Errors
/// When the database is away.
pub async fn apply_all(work: &mut Work, conversion: ConversionId) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT refund_id, kind, amount_minor, sum(amount_minor) OVER (ORDER BY seq)::bigint AS "total_minor!", purchase_minor, cause
           FROM refunds WHERE tenant = $1 AND conversion_id = $2 AND withdrawn_at IS NULL ORDER BY seq"#,
        tenant.as_str(),
        conversion.0,
    )
    .fetch_all(work.conn())
    .await?;
    let due = rows.into_iter().map(|row| Due {
        id: row.refund_id,
        conversion: conversion.0,
        kind: row.kind,
        refund: Refund {
            amount_minor: row.amount_minor,
            total_minor: row.total_minor,
            purchase_minor: row.purchase_minor,
        },
        cause: Cause { message: Some(MessageId(row.cause)), ..Cause::root(row.cause, None) },
    });
    apply(work, &due.collect::<Vec<_>>()).await
}

/// Takes refunds, in this order, from what their conversions earned.
async fn apply(work: &mut Work, due: &[Due]) -> Result<(), Failure> {
    let conversions: HashSet<Uuid> = due.iter().map(|due| due.conversion).collect();
    if conversions.is_empty() {
        return Ok(());
    }
    let conversions: Vec<Uuid> = conversions.into_iter().collect();
    let mut earned: HashMap<Uuid, Vec<Stored>> = HashMap::new();
    for row in stored::lock_by_conversions(work, &conversions).await? {
        earned.entry(row.conversion).or_default().push(row);
    }
    let mut changes = Changes::default();
    for due in due {
        for row in earned.get_mut(&due.conversion).into_iter().flatten().filter(|row| row.stands()) {
            changes.take(work, row, due);
        }
    }
    changes.write(work, earned.values().flatten()).await?;
    Ok(())
}
