//! Customers' first conversions, read and kept only for rules that count recurring months.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use service_kit::store::Work;
use shared_events::ConversionId;
use shared_events::tracking::ConversionAttributed;
use uuid::Uuid;

/// Campaign, kind, customer; rows are locked in this order.
type Key = (Uuid, &'static str, Uuid);

/// The customers that a run of messages touches.
#[derive(Debug, Default)]
pub struct Customers(BTreeMap<Key, Option<(DateTime<Utc>, Uuid)>>);

fn key(data: &ConversionAttributed) -> Option<Key> {
    data.visitor.map(|visitor| (data.campaign_id.0, data.on.name(), visitor.0))
}

impl Customers {
    /// Locks the customers of these conversions and reads their first ones.
    pub async fn lock(work: &mut Work, conversions: &[&ConversionAttributed]) -> Result<Self, sqlx::Error> {
        let mut customers: BTreeMap<Key, Option<(DateTime<Utc>, Uuid)>> =
            conversions.iter().filter_map(|data| key(data)).map(|key| (key, None)).collect();
        let tenant = work.tenant().clone();
        let campaigns: Vec<Uuid> = customers.keys().map(|key| key.0).collect();
        let kinds: Vec<&'static str> = customers.keys().map(|key| key.1).collect();
        let visitors: Vec<Uuid> = customers.keys().map(|key| key.2).collect();
        // The update changes nothing; it locks the row and makes it come back.
        let rows = sqlx::query!(
            r#"INSERT INTO customers AS c (tenant, campaign_id, rewarded_on, visitor)
               SELECT $1, k.* FROM unnest($2::uuid[], $3::reward_on[], $4::uuid[]) AS k
               ON CONFLICT (tenant, campaign_id, rewarded_on, visitor) DO UPDATE SET first_at = c.first_at
               RETURNING campaign_id, rewarded_on::text AS "rewarded_on!", visitor, first_at, first_conversion"#,
            tenant.as_str(),
            &campaigns,
            &kinds as _,
            &visitors,
        )
        .fetch_all(work.conn())
        .await?;
        for row in rows {
            let Some(kind) = kinds.iter().find(|kind| **kind == row.rewarded_on) else { continue };
            if let Some(first) = customers.get_mut(&(row.campaign_id, *kind, row.visitor)) {
                *first = row.first_at.zip(row.first_conversion);
            }
        }
        Ok(Self(customers))
    }

    /// The first conversion of this one's customer known so far, and whether it is this very one; remembers it when it is (now) the first.
    pub fn first_of(&mut self, data: &ConversionAttributed) -> Option<(DateTime<Utc>, bool)> {
        let first = self.0.get_mut(&key(data)?)?;
        let ConversionId(this) = data.conversion_id;
        match *first {
            Some((at, conversion)) if at <= data.occurred_at => Some((at, conversion == this)),
            earlier_known => {
                *first = Some((data.occurred_at, this));
                earlier_known.map(|(at, conversion)| (at, conversion == this))
            }
        }
    }

    /// Writes the first conversions.
    pub async fn save(&self, work: &mut Work) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let tenant = work.tenant().clone();
        let known: Vec<(&Key, (DateTime<Utc>, Uuid))> =
            self.0.iter().filter_map(|(key, first)| Some((key, (*first)?))).collect();
        sqlx::query!(
            "UPDATE customers c SET first_at = k.first_at, first_conversion = k.first_conversion
             FROM unnest($2::uuid[], $3::reward_on[], $4::uuid[], $5::timestamptz[], $6::uuid[])
                  AS k (campaign_id, rewarded_on, visitor, first_at, first_conversion)
             WHERE c.tenant = $1 AND c.campaign_id = k.campaign_id AND c.rewarded_on = k.rewarded_on AND c.visitor = k.visitor
               AND c.first_conversion IS DISTINCT FROM k.first_conversion",
            tenant.as_str(),
            &known.iter().map(|(key, _)| key.0).collect::<Vec<_>>(),
            &known.iter().map(|(key, _)| key.1).collect::<Vec<_>>() as _,
            &known.iter().map(|(key, _)| key.2).collect::<Vec<_>>(),
            &known.iter().map(|(_, first)| first.0).collect::<Vec<_>>(),
            &known.iter().map(|(_, first)| first.1).collect::<Vec<_>>(),
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }
}
