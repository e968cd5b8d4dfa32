//! The events of a group and what is stored around them, found by visitor, click id and order.

use std::collections::HashMap;

use shared_events::{TrackingEventId, VisitorId};
use uuid::Uuid;

use super::{Replaced, Update};
use crate::domain::event::{EventKind, Standing, State, Tracked};
use crate::domain::incoming::Refused;

/// One event in the arena.
#[derive(Debug)]
pub struct Row {
    /// How it stands by now.
    pub now: Standing,
    /// Its place among the new events; absent for stored ones.
    pub new: Option<usize>,
    /// Whether it has to be written.
    pub changed: bool,
    /// Why it is not stored after all.
    pub rejected: Option<Refused>,
    /// The attribution that it had.
    pub replaced: Option<Replaced>,
    read_version: u64,
}

/// Everything at hand. Places are positions in `rows`.
#[derive(Debug, Default)]
pub struct Arena {
    rows: Vec<Row>,
    by_id: HashMap<TrackingEventId, usize>,
    by_visitor: HashMap<VisitorId, Vec<usize>>,
    by_click_id: HashMap<String, Vec<usize>>,
    by_order: HashMap<String, Vec<usize>>,
    /// Refunds that wait, by the purchase that they refer to.
    waiting: HashMap<TrackingEventId, Vec<usize>>,
}

impl Arena {
    /// Of what is stored. The same event may be loaded more than once.
    pub fn new(known: &[Standing]) -> Self {
        let mut arena = Self::default();
        for standing in known {
            if arena.by_id.contains_key(&standing.facts.id) {
                continue;
            }
            let row = Row {
                now: standing.clone(),
                new: None,
                changed: false,
                rejected: None,
                replaced: None,
                read_version: standing.version,
            };
            let _place = arena.push(row);
        }
        arena
    }

    /// Adds a new event. `Err` is the place of the event that has its id already.
    pub fn add(&mut self, facts: &Tracked, new: usize) -> Result<usize, usize> {
        let now = Standing::fresh(facts.clone());
        self.push(Row { now, new: Some(new), changed: false, rejected: None, replaced: None, read_version: 0 })
    }

    fn push(&mut self, row: Row) -> Result<usize, usize> {
        let place = self.rows.len();
        let facts = &row.now.facts;
        if let Some(here) = self.by_id.get(&facts.id) {
            return Err(*here);
        }
        self.by_id.insert(facts.id, place);
        if let Some(visitor) = facts.visitor {
            self.by_visitor.entry(visitor).or_default().push(place);
        }
        if let Some(click_id) = &facts.click_id {
            self.by_click_id.entry(click_id.clone()).or_default().push(place);
        }
        if let Some(order_id) = &facts.order_id {
            self.by_order.entry(order_id.clone()).or_default().push(place);
        }
        if let Some(purchase) = facts.refers_to.filter(|_| row.now.state == State::Pending) {
            self.waiting.entry(purchase).or_default().push(place);
        }
        self.rows.push(row);
        Ok(place)
    }

    /// The row at `place`.
    pub fn row(&self, place: usize) -> &Row {
        &self.rows[place]
    }

    /// The row at `place`, to be changed.
    pub fn row_mut(&mut self, place: usize) -> &mut Row {
        &mut self.rows[place]
    }

    /// Where the event with this id is.
    pub fn place(&self, id: TrackingEventId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// Whether the event with this id is here.
    pub fn has(&self, id: TrackingEventId) -> bool {
        self.by_id.contains_key(&id)
    }

    fn of_visitor(&self, visitor: Option<VisitorId>) -> impl Iterator<Item = &Row> {
        visitor.and_then(|visitor| self.by_visitor.get(&visitor)).into_iter().flatten().map(|place| &self.rows[*place])
    }

    fn with_click_id(&self, click_id: Option<&str>) -> impl Iterator<Item = &Row> {
        click_id
            .and_then(|click_id| self.by_click_id.get(click_id))
            .into_iter()
            .flatten()
            .map(|place| &self.rows[*place])
    }

    fn with_order(&self, order_id: Option<&str>) -> impl Iterator<Item = usize> {
        order_id.and_then(|order_id| self.by_order.get(order_id)).into_iter().flatten().copied()
    }

    /// The clicks of a visitor.
    pub fn clicks_of(&self, visitor: Option<VisitorId>) -> impl Iterator<Item = &Tracked> {
        self.of_visitor(visitor).map(|row| &row.now.facts).filter(|facts| facts.kind == EventKind::Click)
    }

    /// The event that a conversion names by our own id of it, as `/t/{code}` hands it out.
    fn followed(&self, conversion: &Tracked) -> Option<&Tracked> {
        let id = conversion.click_id.as_deref().and_then(click_uuid)?;
        self.place(id).map(|place| &self.rows[place].now.facts)
    }

    /// The clicks that count for how often the customer of `conversion` clicks: its visitor's, and, since a link knows no user id, those of
    /// whoever followed the link whose click it names.
    pub fn clicks_like<'a>(&'a self, conversion: &'a Tracked) -> impl Iterator<Item = &'a Tracked> {
        let followed =
            self.followed(conversion).filter(|named| conversion.kind.is_conversion() && named.kind == EventKind::Click);
        let follower = followed.and_then(|click| click.visitor).filter(|visitor| Some(*visitor) != conversion.visitor);
        self.clicks_of(conversion.visitor).chain(self.clicks_of(follower))
    }

    /// The clicks that may have led to `conversion`, each once: those of its visitor, and those that its click id names (by the caller's id or
    /// by ours).
    pub fn clicks_for<'a>(&'a self, conversion: &'a Tracked) -> impl Iterator<Item = &'a Tracked> {
        let click_id = conversion.click_id.as_deref();
        let ours = self.followed(conversion).filter(|click| click.click_id.as_deref() != click_id);
        let named = self.with_click_id(click_id).map(|row| &row.now.facts).chain(ours);
        let not_the_visitors_own = |facts: &&Tracked| facts.visitor.is_none() || facts.visitor != conversion.visitor;
        let named = named.filter(|facts| facts.kind == EventKind::Click).filter(not_the_visitors_own);
        self.clicks_of(conversion.visitor).chain(named)
    }

    /// The conversions that `click` may have led to.
    pub fn conversions_beside<'a>(&'a self, click: &'a Tracked) -> impl Iterator<Item = &'a Tracked> {
        let beside = self.of_visitor(click.visitor).chain(self.with_click_id(click.click_id.as_deref()));
        beside.map(|row| &row.now.facts).filter(|facts| facts.kind.is_conversion())
    }

    /// The purchase that was here before the one at `place` under the same order id.
    pub fn purchase_before(&self, place: usize) -> Option<TrackingEventId> {
        let facts = &self.rows[place].now.facts;
        (facts.kind == EventKind::Purchase)
            .then(|| self.original(facts.order_id.as_deref()))?
            .filter(|first| *first < place)
            .map(|first| self.rows[first].now.facts.id)
    }

    /// The first purchase of an order.
    pub fn original(&self, order_id: Option<&str>) -> Option<usize> {
        let purchases =
            self.with_order(order_id).filter(|place| self.rows[*place].now.facts.kind == EventKind::Purchase);
        // Stored ones come before new ones, and a stored original says itself that it is one.
        purchases.min_by_key(|place| (self.rows[*place].now.duplicate_of.is_some(), *place))
    }

    /// The refunds that wait for the purchase at `place`, in the order in which they came.
    pub fn pending_for(&self, place: usize) -> Vec<usize> {
        let purchase = &self.rows[place].now.facts;
        let by_id = self.waiting.get(&purchase.id).into_iter().flatten().copied();
        let by_order = self.with_order(purchase.order_id.as_deref()).filter(|place| {
            let row = &self.rows[*place].now;
            row.state == State::Pending && row.facts.refers_to.is_none()
        });
        let mut pending: Vec<usize> = by_id.chain(by_order).collect();
        pending.sort_by_key(|place| (self.rows[*place].now.facts.received_at, self.rows[*place].now.facts.id));
        pending.dedup();
        pending
    }

    /// What has to be inserted and updated.
    pub fn into_changes(self) -> (Vec<(usize, Standing)>, Vec<Update>) {
        let (mut inserts, mut updates) = (Vec::with_capacity(self.rows.len()), Vec::new());
        for row in self.rows {
            match row.new {
                Some(_) if row.rejected.is_some() => {}
                Some(new) => inserts.push((new, row.now)),
                None if row.changed => {
                    updates.push(Update { standing: row.now, read_version: row.read_version, replaced: row.replaced })
                }
                None => {}
            }
        }
        (inserts, updates)
    }
}

/// A click id that is a UUID may be our own id of the click, as `/t/{code}` hands it out.
pub fn click_uuid(click_id: &str) -> Option<TrackingEventId> {
    Uuid::try_parse(click_id).ok().map(TrackingEventId)
}
