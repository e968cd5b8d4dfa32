//! Works out what an attributed conversion earns. The hottest handler: a run of messages is one set of rows, written by a fixed number of
//! statements however long the run is.

mod customers;
mod rows;
mod standings;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::TimeDelta;
use service_kit::handler::{Delivered, Failure, HandlesRun};
use service_kit::store::{Cause, Work};
use shared_events::commission::{CommissionCalculated, CommissionRejected};
use shared_events::tracking::ConversionAttributed;
use shared_events::{CampaignId, CommissionId, ConversionId, Money};
use uuid::Uuid;

use crate::domain::explain::nothing_earned;
use crate::domain::rewards::{looks_back, month_of, rewards, within_recurring};
use crate::domain::shares::shares;
use crate::domain::signals;
use crate::reattribute;
use crate::rule_book::{RuleBook, Rules};

use customers::Customers;
use rows::{Row, Rows};
pub use standings::uncount;
use standings::{Key, Standings};

/// Handles [`ConversionAttributed`].
pub struct Calculate {
    /// The rules, as tracking told them.
    pub rules: RuleBook,
}

impl HandlesRun<ConversionAttributed> for Calculate {
    async fn handle_run(&self, work: &mut Work, run: &[Delivered<ConversionAttributed>]) -> Result<(), Failure> {
        let known = seen_before(work, run.iter().map(|message| message.data.conversion_id)).await?;
        let mut in_this_run = HashSet::with_capacity(run.len());
        let is_new = |message: &&Delivered<ConversionAttributed>| {
            let conversion = message.data.conversion_id;
            in_this_run.insert(conversion) && !known.contains(&conversion.0)
        };
        let (new, again): (Vec<_>, Vec<_>) = run.iter().partition(is_new);
        calculate(work, &self.rules, &new).await?;
        for message in again {
            reattribute::attributed(work, &self.rules, message).await?;
        }
        Ok(())
    }
}

/// Which of these conversions left any trace here. Messages of one conversion come one after the other, so nobody adds one meanwhile.
async fn seen_before(
    work: &mut Work,
    conversions: impl Iterator<Item = ConversionId>,
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let ids: Vec<Uuid> = conversions.map(|id| id.0).collect();
    let rows = sqlx::query_scalar!(
        // One probe for each conversion, whatever the planner knows of the tables' sizes: a plan made while they were empty stays in use.
        r#"SELECT u.id AS "id!" FROM unnest($2::uuid[]) AS u (id) CROSS JOIN LATERAL (
               SELECT FROM commissions c WHERE c.tenant = $1 AND c.conversion_id = u.id
               UNION ALL SELECT FROM refunds r WHERE r.tenant = $1 AND r.conversion_id = u.id
               UNION ALL SELECT FROM revisions v WHERE v.tenant = $1 AND v.conversion_id = u.id
               LIMIT 1) seen"#,
        tenant.as_str(),
        &ids,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().collect())
}

/// Works out and writes the commissions of conversions that have none (any more).
///
/// # Errors
/// `Retry` when rules are not known yet or the database is away, `Reject` for messages that contradict themselves.
pub async fn calculate(
    work: &mut Work,
    book: &RuleBook,
    messages: &[&Delivered<ConversionAttributed>],
) -> Result<(), Failure> {
    if messages.is_empty() {
        return Ok(());
    }
    let rules = rules_of(work, book, messages).await?;
    let rule_of = |data: &ConversionAttributed| rules[&(data.campaign_id, data.rules_version)].rule(data.on);
    let mut customers = Customers::default();
    if messages.iter().any(|message| rule_of(&message.data).is_some_and(|rule| rule.recurring_months.is_some())) {
        let limited: Vec<&ConversionAttributed> = messages
            .iter()
            .map(|message| &message.data)
            .filter(|data| rule_of(data).is_some_and(|rule| rule.recurring_months.is_some()))
            .collect();
        customers = Customers::lock(work, &limited).await?;
    }
    let mut standings = Standings::default();
    if messages.iter().any(|message| rule_of(&message.data).is_some_and(looks_back)) {
        standings = Standings::lock(work, keys_of(messages)).await?;
    }
    let now = work.now();
    let mut rows = Rows::with_capacity(messages.len());
    for message in messages {
        let (data, envelope) = (&message.data, &message.envelope);
        let currency = rules[&(data.campaign_id, data.rules_version)].currency;
        let amount = data.amount.unwrap_or(Money::new(0, currency));
        if amount.currency != currency {
            return Err(Failure::reject(
                "currency_mismatch",
                format!("the conversion is in {}, its campaign in {currency}", amount.currency),
            ));
        }
        let rule = rule_of(data);
        let shares = shares(&data.credits).map_err(|bad| Failure::reject("bad_weights", bad.to_string()))?;
        let counts = rule.is_none_or(|rule| {
            let first = if rule.recurring_months.is_some() { customers.first_of(data) } else { None };
            within_recurring(rule, data.occurred_at, first)
        });
        let month = month_of(data.occurred_at);
        let before: Vec<_> = shares.iter().map(|share| standings.before(data, share.partner, month)).collect();
        let earned = rewards(rule, counts, amount.minor, &shares, &before);
        let hold_until = now + TimeDelta::days(rule.map_or(0, |rule| i64::from(rule.hold_days)));
        for (share, reward) in shares.iter().zip(earned) {
            standings.add(data, share.partner, month, &reward);
            let review: Vec<&'static str> = if reward.earned_minor > 0 {
                signals::codes(&data.signals, share.partner).collect()
            } else {
                Vec::new()
            };
            rows.push(Row {
                id: CommissionId::of(data.conversion_id, share.partner, data.revision),
                data,
                share,
                reward: &reward,
                amount,
                month,
                hold_until,
                review: &review,
                cause: envelope.id,
                correlation: envelope.correlation,
            });
            announce(work, message, share.partner, amount, &reward, hold_until, review);
        }
    }
    rows.insert(work).await?;
    customers.save(work).await?;
    standings.save(work).await?;
    rows.accrue(work);
    Ok(())
}

async fn rules_of(
    work: &mut Work,
    book: &RuleBook,
    messages: &[&Delivered<ConversionAttributed>],
) -> Result<HashMap<(CampaignId, u32), Arc<Rules>>, Failure> {
    let mut rules = HashMap::new();
    for message in messages {
        let key = (message.data.campaign_id, message.data.rules_version);
        if let std::collections::hash_map::Entry::Vacant(vacant) = rules.entry(key) {
            vacant.insert(book.find(work, key.0, key.1).await?);
        }
    }
    Ok(rules)
}

fn keys_of(messages: &[&Delivered<ConversionAttributed>]) -> BTreeSet<Key> {
    messages
        .iter()
        .flat_map(|message| message.data.credits.iter().map(|credit| Key::of(&message.data, &credit.partner)))
        .collect()
}

fn announce(
    work: &mut Work,
    message: &Delivered<ConversionAttributed>,
    partner: &shared_events::PartnerId,
    amount: Money,
    reward: &crate::domain::rewards::Reward,
    hold_until: chrono::DateTime<chrono::Utc>,
    review: Vec<&'static str>,
) {
    let data = &message.data;
    let commission_id = CommissionId::of(data.conversion_id, partner, data.revision);
    let earnings = Money::new(reward.earned_minor, amount.currency);
    let cause = Cause::from(&message.envelope);
    if reward.earned_minor == 0 {
        let reason = nothing_earned(&reward.facts).to_owned();
        work.emit(&cause, 1, &CommissionRejected { commission_id, partner: partner.clone(), earnings, reason });
        return;
    }
    let calculated = CommissionCalculated {
        commission_id,
        conversion_id: data.conversion_id,
        campaign_id: data.campaign_id,
        partner: partner.clone(),
        earnings,
        hold_until,
        review: review.into_iter().map(str::to_owned).collect(),
    };
    work.emit(&cause, 1, &calculated);
}
