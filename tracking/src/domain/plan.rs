//! What a group of new events changes. The caller loads what is stored around them (the same visitors, click ids, orders), this decides,
//! the caller writes. Pure, so that the order in which events come in can be tested in every permutation.

mod arena;
mod refunds;
mod signals;

use std::collections::HashSet;

use shared_events::TrackingEventId;
use shared_events::tracking::{ConversionAttributed, ConversionRefunded, ConversionUnattributed};

use super::attribution::{attribute, attribute_click};
use super::catalog::Catalog;
use super::event::{Decision, NewEvent, Standing, State, Tracked};
use super::incoming::Refused;
use arena::{Arena, Row};

/// What became of one new event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored.
    Recorded,
    /// Its id was here before; nothing changed.
    Duplicate,
    /// It is not stored.
    Rejected(Refused),
}

/// A stored event that changes.
#[derive(Debug, Clone)]
pub struct Update {
    /// How it stands now.
    pub standing: Standing,
    /// The version that was read: if another process has written a newer one, the group starts over.
    pub read_version: u64,
    /// The attribution that is replaced, for the history.
    pub replaced: Option<Replaced>,
}

/// An attribution that no longer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Its revision.
    pub revision: u32,
    /// Attributed or unattributed.
    pub state: State,
    /// What was decided.
    pub decision: Decision,
}

/// Something to say about a conversion, with the conversion's version after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// It belongs to partners.
    Attributed(u64, ConversionAttributed),
    /// It belongs to nobody.
    Unattributed(u64, ConversionUnattributed),
    /// Money of it went back.
    Refunded(u64, ConversionRefunded),
}

/// What is to be written and said.
#[derive(Debug, Default)]
pub struct Plan {
    /// One verdict per new event, in their order.
    pub verdicts: Vec<Verdict>,
    /// New events that are stored: their place among the new events, and how they stand.
    pub inserts: Vec<(usize, Standing)>,
    /// Stored events that change.
    pub updates: Vec<Update>,
    /// What is said, in order.
    pub facts: Vec<Fact>,
}

/// The stored conversions that a click among the new events may have led to: it came late. Everything around them has to be loaded, too.
pub fn touched_by_late_clicks(events: &[NewEvent], known: &[Standing], catalog: &Catalog) -> Vec<Tracked> {
    let stored = Arena::new(known);
    let mut seen = HashSet::new();
    let mut touched = Vec::new();
    for click in events.iter().map(|event| &event.facts).filter(|facts| facts.kind == super::event::EventKind::Click) {
        if click.partner.is_none() || stored.has(click.id) {
            continue;
        }
        let reach = click.occurred_at..=click.occurred_at + catalog.longest_window;
        for conversion in stored.conversions_beside(click) {
            // A named partner wins over any click.
            if conversion.partner.is_none() && reach.contains(&conversion.occurred_at) && seen.insert(conversion.id) {
                touched.push(conversion.clone());
            }
        }
    }
    touched
}

/// Decides about `events`, given what is stored around them and which stored conversions are to be looked at again.
pub fn plan(events: &[NewEvent], known: &[Standing], again: &[TrackingEventId], catalog: &Catalog) -> Plan {
    let mut arena = Arena::new(known);
    let mut facts = Vec::with_capacity(events.len());
    // Everything new is there before anything is decided: within a group only the times count, not the order.
    let places: Vec<Result<usize, usize>> =
        (0..).zip(events).map(|(index, event)| arena.add(&event.facts, index)).collect();
    let fresh: Vec<usize> = places.iter().filter_map(|place| place.ok()).collect();
    for &place in &fresh {
        decide(&mut arena, place, catalog, &mut facts);
    }
    for id in again {
        decide_again(&mut arena, *id, catalog, &mut facts);
    }
    for &place in &fresh {
        refunds::settle_pending(&mut arena, place, &mut facts);
    }
    for &place in &fresh {
        refunds::take_back(&mut arena, place, &mut facts);
    }
    let verdict = |place: &Result<usize, usize>| match place {
        Ok(place) => arena.row(*place).rejected.clone().map_or(Verdict::Recorded, Verdict::Rejected),
        // A repetition of what is refused is refused, too.
        Err(original) => arena.row(*original).rejected.clone().map_or(Verdict::Duplicate, Verdict::Rejected),
    };
    let verdicts = places.iter().map(verdict).collect();
    let (inserts, updates) = arena.into_changes();
    Plan { verdicts, inserts, updates, facts }
}

/// The first decision about a new click, lead or purchase.
fn decide(arena: &mut Arena, place: usize, catalog: &Catalog, facts: &mut Vec<Fact>) {
    let facts_of = &arena.row(place).now.facts;
    let decision = if facts_of.kind.is_conversion() {
        attribute(facts_of, arena.clicks_for(facts_of), catalog)
    } else if let Some(decision) = attribute_click(facts_of, catalog).filter(|_| facts_of.kind.rewarded_as().is_some())
    {
        decision
    } else {
        return;
    };
    arena.row_mut(place).now.duplicate_of = arena.purchase_before(place);
    settle(arena, place, decision, catalog, facts);
}

/// A late click: whose is it now?
fn decide_again(arena: &mut Arena, id: TrackingEventId, catalog: &Catalog, facts: &mut Vec<Fact>) {
    let Some(place) = arena.place(id) else { return };
    let standing = &arena.row(place).now;
    let decision = attribute(&standing.facts, arena.clicks_for(&standing.facts), catalog);
    if decision == standing.decision {
        return;
    }
    let same_result = decision.won == standing.decision.won && decision.credits() == standing.decision.credits();
    if same_result {
        // Another click was looked at, but nobody's share changed.
        let row = arena.row_mut(place);
        row.now.decision = decision;
        row.changed = true;
        return;
    }
    let replaced = Replaced { revision: standing.revision, state: standing.state, decision: standing.decision.clone() };
    arena.row_mut(place).replaced = Some(replaced);
    settle(arena, place, decision, catalog, facts);
}

fn settle(arena: &mut Arena, place: usize, decision: Decision, catalog: &Catalog, facts: &mut Vec<Fact>) {
    let signals = signals::signals(arena, place, &decision, catalog);
    let row = arena.row_mut(place);
    let standing = &mut row.now;
    standing.revision += 1;
    standing.version += 1;
    standing.state = if decision.won.is_some() { State::Attributed } else { State::Unattributed };
    standing.decision = decision;
    row.changed = true;
    facts.push(fact(row, signals));
}

fn fact(row: &Row, signals: shared_events::tracking::Signals) -> Fact {
    let Standing { facts, decision, revision, version, .. } = &row.now;
    let (Some(won), Some(on)) = (decision.won, facts.kind.rewarded_as()) else {
        let unattributed = ConversionUnattributed {
            conversion_id: facts.id.into(),
            revision: *revision,
            reason: decision.reason.clone(),
        };
        return Fact::Unattributed(*version, unattributed);
    };
    let attributed = ConversionAttributed {
        conversion_id: facts.id.into(),
        revision: *revision,
        campaign_id: won.campaign,
        rules_version: won.rules_version,
        on,
        amount: facts.amount,
        order_id: facts.order_id.clone(),
        visitor: facts.visitor,
        occurred_at: facts.occurred_at,
        credits: decision.credits(),
        reason: decision.reason.clone(),
        signals,
    };
    Fact::Attributed(*version, attributed)
}

#[cfg(test)]
#[path = "plan/plan_tests.rs"]
mod tests;
