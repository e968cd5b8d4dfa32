//! What is stored around a group of events: everything that they may change or be judged by, in one statement.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use service_kit::store::Work;
use shared_events::{CampaignId, Currency, Money, PartnerId, TrackingEventId, VisitorId};
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::attribution::MOST_CLICKS;
use crate::domain::catalog::Catalog;
use crate::domain::event::{Decision, EventKind, Standing, State, Touchpoint, Tracked, Won};

/// Late clicks look at so many conversions of their visitor at a time.
pub const MOST_CONVERSIONS: i64 = 100;
/// Events of one click id that are looked at.
pub const MOST_PER_CLICK_ID: i64 = 100;
const MOST_PER_ORDER: i64 = 200;

/// What to look for.
#[derive(Debug, Default)]
pub struct Wanted {
    ids: Vec<Uuid>,
    clicks: Ranges,
    conversions: Ranges,
    /// Of those who made these clicks.
    followers: Ranges,
    click_ids: Vec<String>,
    orders: Vec<String>,
    purchases: Vec<Uuid>,
}

#[derive(Debug, Default)]
struct Ranges {
    of: Vec<Uuid>,
    since: Vec<DateTime<Utc>>,
    until: Vec<DateTime<Utc>>,
}

impl Ranges {
    fn add(&mut self, of: Uuid, since: DateTime<Utc>, until: DateTime<Utc>) {
        self.of.push(of);
        self.since.push(since);
        self.until.push(until);
    }
}

impl Wanted {
    /// Looks for the event with this id.
    pub fn id(&mut self, id: TrackingEventId) {
        self.ids.push(id.0);
    }

    /// Looks for what has the event's own id already.
    pub fn same_id(&mut self, facts: &Tracked) {
        self.id(facts.id);
    }

    /// Looks for everything around a new event.
    pub fn around_new(&mut self, facts: &Tracked, catalog: &Catalog) {
        match facts.kind {
            EventKind::Lead | EventKind::Purchase => self.around_conversion(facts, catalog),
            EventKind::Click => self.around_click(facts, catalog),
            EventKind::Refund | EventKind::Chargeback => self.ids.extend(facts.refers_to.map(|id| id.0)),
            EventKind::Impression => {}
        }
        if facts.kind == EventKind::Purchase || facts.kind.takes_back() {
            self.orders.extend(facts.order_id.clone());
        }
    }

    /// Looks for what leads to a conversion.
    pub fn around_conversion(&mut self, facts: &Tracked, catalog: &Catalog) {
        if let Some(visitor) = facts.visitor {
            let hour = TimeDelta::hours(1);
            // A named partner needs no clicks; those of the last hour are a signal.
            let back = if facts.partner.is_some() { hour } else { catalog.longest_window.max(hour) };
            self.clicks.add(visitor.0, facts.occurred_at - back, facts.occurred_at);
        }
        if let Some(click_id) = &facts.click_id {
            if let Ok(click) = Uuid::try_parse(click_id) {
                self.ids.push(click);
                self.followers.add(click, facts.occurred_at - TimeDelta::hours(1), facts.occurred_at);
            }
            self.click_ids.push(click_id.clone());
        }
    }

    /// Looks for refunds that wait for a purchase by its id.
    pub fn waiting_for(&mut self, facts: &Tracked) {
        if facts.kind == EventKind::Purchase {
            self.purchases.push(facts.id.0);
        }
    }

    fn around_click(&mut self, facts: &Tracked, catalog: &Catalog) {
        if facts.partner.is_none() {
            return;
        }
        if let Some(visitor) = facts.visitor {
            self.conversions.add(visitor.0, facts.occurred_at, facts.occurred_at + catalog.longest_window);
            if catalog.rewards_clicks {
                self.clicks.add(visitor.0, facts.occurred_at - TimeDelta::hours(1), facts.occurred_at);
            }
        }
        self.click_ids.extend(facts.click_id.clone());
    }

    fn is_empty(&self) -> bool {
        let Self { ids, clicks, conversions, followers, click_ids, orders, purchases } = self;
        let keys = ids.len()
            + clicks.of.len()
            + conversions.of.len()
            + followers.of.len()
            + click_ids.len()
            + orders.len()
            + purchases.len();
        keys == 0
    }

    /// Reads what was looked for, each event once.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn load(mut self, work: &mut Work) -> Result<Vec<Standing>, sqlx::Error> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        for texts in [&mut self.click_ids, &mut self.orders] {
            texts.sort_unstable();
            texts.dedup();
        }
        let tenant = work.tenant().clone();
        let rows = sqlx::query_file_as!(
            Row,
            "src/ingest/neighbourhood.sql",
            tenant.as_str(),
            &self.ids,
            &self.clicks.of,
            &self.clicks.since,
            &self.clicks.until,
            // One more, so that it can be told when there are more than are looked at.
            MOST_CLICKS as i64 + 1,
            &self.conversions.of,
            &self.conversions.since,
            &self.conversions.until,
            MOST_CONVERSIONS,
            &self.click_ids,
            MOST_PER_CLICK_ID,
            &self.orders,
            MOST_PER_ORDER,
            &self.purchases,
            &self.followers.of,
            &self.followers.since,
            &self.followers.until,
        )
        .fetch_all(work.conn())
        .await?;
        let mut seen = HashSet::with_capacity(rows.len());
        rows.into_iter().filter(|row| seen.insert(row.id)).map(standing).collect()
    }
}

struct Row {
    id: Uuid,
    kind: String,
    visitor: Option<Uuid>,
    click_id: Option<String>,
    partner: Option<String>,
    campaign: Option<Uuid>,
    coupon: Option<String>,
    order_id: Option<String>,
    amount_minor: Option<i64>,
    currency: Option<String>,
    occurred_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    refers_to: Option<Uuid>,
    state: String,
    campaign_id: Option<Uuid>,
    rules_version: Option<i32>,
    revision: i32,
    touchpoints: Option<Json<Vec<Touchpoint>>>,
    reason: Option<String>,
    duplicate_of: Option<Uuid>,
    refunded_minor: i64,
    version: i64,
}

fn standing(row: Row) -> Result<Standing, sqlx::Error> {
    let unknown = |what: &str, text: &str| sqlx::Error::Decode(format!("unknown {what} {text}").into());
    let kind = EventKind::from_name(&row.kind).ok_or_else(|| unknown("event type", &row.kind))?;
    let state = State::from_name(&row.state).ok_or_else(|| unknown("state", &row.state))?;
    let amount = match (row.amount_minor, row.currency.as_deref()) {
        (Some(minor), Some("USD")) => Some(Money::new(minor, Currency::USD)),
        (Some(minor), Some(code)) => {
            Some(Money::new(minor, Currency::try_new(code).map_err(|error| sqlx::Error::Decode(error.into()))?))
        }
        _ => None,
    };
    let facts = Tracked {
        id: TrackingEventId(row.id),
        kind,
        visitor: row.visitor.map(VisitorId),
        click_id: row.click_id,
        partner: row.partner.map(PartnerId::try_new).transpose().map_err(|error| sqlx::Error::Decode(error.into()))?,
        campaign: row.campaign.map(CampaignId),
        coupon: row.coupon,
        order_id: row.order_id,
        amount,
        occurred_at: row.occurred_at,
        received_at: row.received_at,
        refers_to: row.refers_to.map(TrackingEventId),
    };
    let won = row.campaign_id.zip(row.rules_version);
    let decision = Decision {
        won: won
            .map(|(campaign, version)| Won { campaign: CampaignId(campaign), rules_version: version.unsigned_abs() }),
        touchpoints: row.touchpoints.map(|Json(touchpoints)| touchpoints).unwrap_or_default(),
        reason: row.reason.unwrap_or_default(),
    };
    Ok(Standing {
        facts,
        state,
        decision,
        revision: row.revision.unsigned_abs(),
        duplicate_of: row.duplicate_of.map(TrackingEventId),
        refunded_minor: row.refunded_minor,
        version: row.version.unsigned_abs(),
    })
}
