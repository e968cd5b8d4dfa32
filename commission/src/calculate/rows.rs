//! New commissions as columns: one statement writes them all, with their first ledger entries.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use service_kit::store::Work;
use shared_events::tracking::{ConversionAttributed, Signals};
use shared_events::{CommissionId, MessageId, Money};
use uuid::Uuid;

use crate::accounts;
use crate::domain::rewards::Reward;
use crate::domain::shares::Share;

/// One new commission.
pub struct Row<'a> {
    pub id: CommissionId,
    pub data: &'a ConversionAttributed,
    pub share: &'a Share<'a>,
    pub reward: &'a Reward,
    pub amount: Money,
    pub month: NaiveDate,
    pub hold_until: DateTime<Utc>,
    pub review: &'a [&'static str],
    pub cause: MessageId,
    pub correlation: Uuid,
}

/// New commissions, column by column.
#[derive(Default)]
pub struct Rows {
    id: Vec<Uuid>,
    conversion: Vec<Uuid>,
    revision: Vec<i32>,
    campaign: Vec<Uuid>,
    partner: Vec<String>,
    rules_version: Vec<i32>,
    on: Vec<&'static str>,
    weight: Vec<i32>,
    currency: Vec<String>,
    base: Vec<i64>,
    turnover: Vec<i64>,
    earned: Vec<i64>,
    hold_until: Vec<DateTime<Utc>>,
    review: Vec<String>,
    signals: Vec<Option<String>>,
    facts: Vec<String>,
    reason: Vec<String>,
    click: Vec<Option<Uuid>>,
    order: Vec<Option<String>>,
    visitor: Vec<Option<Uuid>>,
    occurred_at: Vec<DateTime<Utc>>,
    month: Vec<NaiveDate>,
    cause: Vec<Uuid>,
    correlation: Vec<Uuid>,
}

impl Rows {
    /// Room for about so many rows.
    pub fn with_capacity(rows: usize) -> Self {
        // The widest columns are worth it; the others grow quickly enough.
        Self {
            id: Vec::with_capacity(rows),
            partner: Vec::with_capacity(rows),
            facts: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row<'_>) {
        let data = row.data;
        self.id.push(row.id.0);
        self.conversion.push(data.conversion_id.0);
        self.revision.push(data.revision.cast_signed());
        self.campaign.push(data.campaign_id.0);
        self.partner.push(row.share.partner.to_string());
        self.rules_version.push(data.rules_version.cast_signed());
        self.on.push(data.on.name());
        self.weight.push(row.share.weight_bps.cast_signed());
        self.currency.push(row.amount.currency.to_string());
        self.base.push(row.amount.minor);
        self.turnover.push(row.reward.turnover_minor);
        self.earned.push(row.reward.earned_minor);
        self.hold_until.push(row.hold_until);
        self.review.push(row.review.join(","));
        self.signals.push((data.signals != Signals::default()).then(|| json(&data.signals)));
        self.facts.push(json(&row.reward.facts));
        self.reason.push(data.reason.clone());
        self.click.push(row.share.click.map(|id| id.0));
        self.order.push(data.order_id.clone());
        self.visitor.push(data.visitor.map(|id| id.0));
        self.occurred_at.push(data.occurred_at);
        self.month.push(row.month);
        self.cause.push(row.cause.0);
        self.correlation.push(row.correlation);
    }

    /// Writes the commissions and, for those that earn something, that it is accrued.
    pub async fn insert(&self, work: &mut Work) -> Result<(), sqlx::Error> {
        let (tenant, now) = (work.tenant().clone(), work.now());
        sqlx::query!(
            "WITH new AS MATERIALIZED (
                SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::uuid[], $7::text[], $8::int[], $9::reward_on[], $10::int[], $11::text[],
                                     $12::bigint[], $13::bigint[], $14::bigint[], $15::timestamptz[], $16::text[], $17::text[], $18::text[],
                                     $19::text[], $20::uuid[], $21::text[], $22::uuid[], $23::timestamptz[], $24::date[], $25::uuid[], $26::uuid[])
                AS t (id, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
                      base_minor, turnover_minor, earned_minor, hold_until, review, signals, facts,
                      reason, click_id, order_id, visitor, occurred_at, month, cause, correlation)
             ), written AS (
                INSERT INTO commissions (tenant, id, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
                      base_minor, turnover_minor, earned_minor, state, hold_until, held, review, signals, facts,
                      reason, click_id, order_id, visitor, occurred_at, month, calculated_at, cause, correlation)
                SELECT $1, id, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
                      base_minor, turnover_minor, earned_minor,
                      CASE WHEN earned_minor = 0 THEN 'rejected'::commission_state ELSE 'pending' END,
                      hold_until, review <> '', string_to_array(review, ','), signals::json, facts::json,
                      reason, click_id, order_id, visitor, occurred_at, month, $2, cause, correlation
                FROM new
             )
             INSERT INTO ledger (tenant, partner, at, currency, movement, from_account, to_account, minor, commission_id, cause)
             SELECT $1, partner, $2, currency, 'calculated', 'expense', 'accrued', earned_minor, id, cause FROM new WHERE earned_minor > 0",
            tenant.as_str(),
            now,
            &self.id,
            &self.conversion,
            &self.revision,
            &self.campaign,
            &self.partner,
            &self.rules_version,
            &self.on as _,
            &self.weight,
            &self.currency,
            &self.base,
            &self.turnover,
            &self.earned,
            &self.hold_until,
            &self.review,
            &self.signals as _,
            &self.facts,
            &self.reason,
            &self.click as _,
            &self.order as _,
            &self.visitor as _,
            &self.occurred_at,
            &self.month,
            &self.cause,
            &self.correlation,
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }

    /// Adds the earnings to the partners' balances, with the end of the transaction.
    pub fn accrue(&self, work: &mut Work) {
        let mut earned: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for (row, minor) in self.earned.iter().enumerate().filter(|(_, minor)| **minor > 0) {
            *earned.entry((&self.partner[row], &self.currency[row])).or_default() += minor;
        }
        accounts::accrue(work, earned.into_iter());
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data has a JSON form")
}
