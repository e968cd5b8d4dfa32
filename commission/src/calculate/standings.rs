//! What partners did in their months: read under lock only where a rule looks back, added to once per run.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use service_kit::store::Work;
use shared_events::PartnerId;
use shared_events::tracking::{ConversionAttributed, RewardOn};
use uuid::Uuid;

use crate::domain::rewards::{Reward, Standing, month_of};
use crate::stored::Stored;

/// Partner, campaign, kind and month; rows are locked in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    partner: String,
    campaign: Uuid,
    on: &'static str,
    month: NaiveDate,
}

impl Key {
    /// Where a conversion counts for one of its partners.
    pub fn of(data: &ConversionAttributed, partner: &PartnerId) -> Self {
        Self::new(partner.as_str(), data.campaign_id.0, data.on, month_of(data.occurred_at))
    }

    /// The row of a partner, campaign, kind and month.
    pub fn new(partner: &str, campaign: Uuid, on: RewardOn, month: NaiveDate) -> Self {
        Self { partner: partner.to_owned(), campaign, on: on.name(), month }
    }
}

#[derive(Debug, Default)]
struct Counted {
    before: Standing,
    added: Standing,
}

/// The standings that a run of messages touches.
#[derive(Debug, Default)]
pub struct Standings(BTreeMap<Key, Counted>);

/// The columns of some keys.
struct Columns {
    partner: Vec<String>,
    campaign: Vec<Uuid>,
    on: Vec<&'static str>,
    month: Vec<NaiveDate>,
}

impl Columns {
    fn of<'a>(keys: impl Iterator<Item = &'a Key>) -> Self {
        let mut columns = Self { partner: vec![], campaign: vec![], on: vec![], month: vec![] };
        for key in keys {
            columns.partner.push(key.partner.clone());
            columns.campaign.push(key.campaign);
            columns.on.push(key.on);
            columns.month.push(key.month);
        }
        columns
    }
}

impl Standings {
    /// Locks and reads what these partners did in these months; rows that are missing are made first, so that there is something to lock.
    pub async fn lock(work: &mut Work, keys: BTreeSet<Key>) -> Result<Self, sqlx::Error> {
        let mut standings = Self(keys.into_iter().map(|key| (key, Counted::default())).collect());
        let found = standings.read(work).await?;
        if found < standings.0.len() {
            let (tenant, columns) = (work.tenant().clone(), Columns::of(standings.0.keys()));
            sqlx::query!(
                "INSERT INTO partner_months (tenant, partner, campaign_id, rewarded_on, month, count, amount_minor, earned_minor)
                 SELECT $1, k.partner, k.campaign_id, k.rewarded_on, k.month, 0, 0, 0
                 FROM unnest($2::text[], $3::uuid[], $4::reward_on[], $5::date[]) AS k (partner, campaign_id, rewarded_on, month)
                 ON CONFLICT DO NOTHING",
                tenant.as_str(),
                &columns.partner,
                &columns.campaign,
                &columns.on as _,
                &columns.month,
            )
            .execute(work.conn())
            .await?;
            standings.read(work).await?;
        }
        Ok(standings)
    }

    async fn read(&mut self, work: &mut Work) -> Result<usize, sqlx::Error> {
        let (tenant, columns) = (work.tenant().clone(), Columns::of(self.0.keys()));
        let rows = sqlx::query!(
            "SELECT k.position, m.count, m.amount_minor, m.earned_minor
             FROM unnest($2::text[], $3::uuid[], $4::reward_on[], $5::date[]) WITH ORDINALITY AS k (partner, campaign_id, rewarded_on, month, position)
             JOIN partner_months m ON m.tenant = $1 AND m.partner = k.partner AND m.campaign_id = k.campaign_id
                  AND m.rewarded_on = k.rewarded_on AND m.month = k.month
             ORDER BY k.position FOR UPDATE OF m",
            tenant.as_str(),
            &columns.partner,
            &columns.campaign,
            &columns.on as _,
            &columns.month,
        )
        .fetch_all(work.conn())
        .await?;
        let found = rows.len();
        let mut rows = rows.into_iter().peekable();
        for (position, counted) in (1..).zip(self.0.values_mut()) {
            if let Some(row) = rows.next_if(|row| row.position == Some(position)) {
                counted.before =
                    Standing { count: row.count, amount_minor: row.amount_minor, earned_minor: row.earned_minor };
            }
        }
        Ok(found)
    }

    /// What a partner did before this conversion; zeros when nothing was read because no rule looks back.
    pub fn before(&self, data: &ConversionAttributed, partner: &PartnerId, month: NaiveDate) -> Standing {
        self.0
            .get(&Key::new(partner.as_str(), data.campaign_id.0, data.on, month))
            .map_or_else(Standing::default, |counted| counted.before)
    }

    /// Adds what a conversion brought a partner.
    pub fn add(&mut self, data: &ConversionAttributed, partner: &PartnerId, month: NaiveDate, reward: &Reward) {
        let counted = self.0.entry(Key::new(partner.as_str(), data.campaign_id.0, data.on, month)).or_default();
        counted.before.add(reward);
        counted.added.add(reward);
    }

    /// Writes what was added, in the order of the keys. These sums are for tiers and caps, not money that anybody is owed: at the end of 64 bits
    /// they stay there, instead of holding up every later conversion of the month.
    pub async fn save(&self, work: &mut Work) -> Result<(), sqlx::Error> {
        let (tenant, columns) = (work.tenant().clone(), Columns::of(self.0.keys()));
        let column = |of: fn(&Standing) -> i64| self.0.values().map(|counted| of(&counted.added)).collect::<Vec<i64>>();
        sqlx::query!(
            "INSERT INTO partner_months AS m (tenant, partner, campaign_id, rewarded_on, month, count, amount_minor, earned_minor)
             SELECT $1, k.partner, k.campaign_id, k.rewarded_on, k.month, k.count, k.amount_minor, k.earned_minor
             FROM unnest($2::text[], $3::uuid[], $4::reward_on[], $5::date[], $6::bigint[], $7::bigint[], $8::bigint[])
                  AS k (partner, campaign_id, rewarded_on, month, count, amount_minor, earned_minor)
             ON CONFLICT (tenant, partner, campaign_id, rewarded_on, month) DO UPDATE
             SET count = m.count + EXCLUDED.count,
                 amount_minor = least(m.amount_minor::numeric + EXCLUDED.amount_minor, 9223372036854775807)::bigint,
                 earned_minor = least(m.earned_minor::numeric + EXCLUDED.earned_minor, 9223372036854775807)::bigint",
            tenant.as_str(),
            &columns.partner,
            &columns.campaign,
            &columns.on as _,
            &columns.month,
            &column(|standing| standing.count),
            &column(|standing| standing.amount_minor),
            &column(|standing| standing.earned_minor),
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }
}

/// Takes commissions out of the months in which they counted, because they are worked out anew.
///
/// # Errors
/// When the database is away or another transaction is in the way.
pub async fn uncount(work: &mut Work, commissions: &[Stored]) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let mut ordered: Vec<&Stored> = commissions.iter().filter(|row| row.reverses.is_none()).collect();
    ordered.sort_by(|a, b| (&a.partner, a.campaign_id, a.month).cmp(&(&b.partner, b.campaign_id, b.month)));
    for row in ordered {
        sqlx::query!(
            "UPDATE partner_months SET count = count - 1, amount_minor = amount_minor - $6, earned_minor = earned_minor - $7
             WHERE tenant = $1 AND partner = $2 AND campaign_id = $3 AND rewarded_on = $4::text::reward_on AND month = $5",
            tenant.as_str(),
            row.partner,
            row.campaign_id,
            row.rewarded_on,
            row.month,
            row.turnover_minor,
            row.amounts.earned,
        )
        .execute(work.conn())
        .await?;
    }
    Ok(())
}
