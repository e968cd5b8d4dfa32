//! What a group of new events changes. The caller loads what is stored around them (the same visitors, click ids, orders), this decides,
//! the caller writes. Pure, so that the order in which events come in can be tested in every permutation.

mod arena;
mod refunds;
mod signals;

use std::collections::{HashMap, HashSet};

use shared_events::TrackingEventId;
use shared_events::tracking::{ConversionAttributed, ConversionRefunded, ConversionUnattributed, Signals};

use super::attribution::{attribute, attribute_click};
use super::catalog::Catalog;
use super::event::{Decision, EventKind, NewEvent, Standing, State, Tracked};
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
    /// What is said, in order, each with the place of the new event that caused it.
    pub facts: Vec<(usize, Fact)>,
}

/// A stored conversion that has to be looked at again, and the place of the new click that is the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The conversion.
    pub conversion: Tracked,
    /// The click's place among the new events.
    pub cause: usize,
}

/// The stored conversions that a click among the new events may have led to: it came late. Everything around them has to be loaded, too.
pub fn touched_by_late_clicks(events: &[&NewEvent], known: &[Standing], catalog: &Catalog) -> Vec<Again> {
    if !known.iter().any(|standing| standing.facts.kind.is_conversion()) {
        return Vec::new();
    }
    let stored = Arena::new(known);
    let mut seen = HashSet::new();
    let mut touched = Vec::new();
    for (cause, event) in (0..).zip(events) {
        let click = &event.facts;
        if click.kind != EventKind::Click || click.partner.is_none() || stored.has(click.id) {
            continue;
        }
        let reach = click.occurred_at..=click.occurred_at + catalog.longest_window;
        for conversion in stored.conversions_beside(click) {
            // A named partner wins over any click.
            if conversion.partner.is_none() && reach.contains(&conversion.occurred_at) && seen.insert(conversion.id) {
                touched.push(Again { conversion: conversion.clone(), cause });
            }
        }
    }
    touched
}

/// New clicks, by their places, around which so many conversions were found that there may be more: `most` were looked for, of a visitor and
/// of a click id.
pub fn clicks_with_more(events: &[&NewEvent], known: &[Standing], most: [i64; 2]) -> Vec<(usize, TrackingEventId)> {
    let (mut of_visitors, mut of_click_ids) = (HashMap::new(), HashMap::new());
    let mut ids = HashSet::with_capacity(known.len());
    for Standing { facts, .. } in known {
        ids.insert(facts.id);
        if let Some(visitor) = facts.visitor.filter(|_| facts.kind.is_conversion() && facts.partner.is_none()) {
            *of_visitors.entry(visitor).or_insert(0) += 1;
        }
        if let Some(click_id) = &facts.click_id {
            *of_click_ids.entry(click_id.as_str()).or_insert(0) += 1;
        }
    }
    let has_more = |click: &Tracked| {
        let of_visitor = click.visitor.and_then(|visitor| of_visitors.get(&visitor)).copied().unwrap_or(0_i64);
        let of_click_id = click.click_id.as_deref().and_then(|id| of_click_ids.get(id)).copied().unwrap_or(0_i64);
        of_visitor >= most[0] || of_click_id >= most[1]
    };
    let late = |click: &Tracked| click.kind == EventKind::Click && click.partner.is_some() && !ids.contains(&click.id);
    (0..)
        .zip(events)
        .filter(|(_, event)| late(&event.facts) && has_more(&event.facts))
        .map(|(place, event)| (place, event.facts.id))
        .collect()
}

/// Decides about `events`, given what is stored around them and which stored conversions are to be looked at again.
pub fn plan(events: &[&NewEvent], known: &[Standing], again: &[Again], catalog: &Catalog) -> Plan {
    let mut arena = Arena::new(known);
    let mut said = Vec::with_capacity(events.len());
    // Everything new is there before anything is decided: within a group only the times count, not the order.
    let places: Vec<Result<usize, usize>> =
        (0..).zip(events).map(|(index, event)| arena.add(&event.facts, index)).collect();
    let fresh: Vec<(usize, usize)> =
        (0..).zip(&places).filter_map(|(index, place)| place.ok().map(|place| (index, place))).collect();
    for &(index, place) in &fresh {
        said.extend(decide(&mut arena, place, catalog).map(|fact| (index, fact)));
    }
    for Again { conversion, cause } in again {
        said.extend(decide_again(&mut arena, conversion.id, catalog).map(|fact| (*cause, fact)));
    }
    for &(index, place) in &fresh {
        said.extend(refunds::settle_pending(&mut arena, place).into_iter().map(|fact| (index, fact)));
    }
    for &(index, place) in &fresh {
        said.extend(refunds::take_back(&mut arena, place).map(|fact| (index, fact)));
    }
    let verdict = |place: &Result<usize, usize>| match place {
        Ok(place) => arena.row(*place).rejected.clone().map_or(Verdict::Recorded, Verdict::Rejected),
        // A repetition of what is refused is refused, too.
        Err(original) => arena.row(*original).rejected.clone().map_or(Verdict::Duplicate, Verdict::Rejected),
    };
    let verdicts = places.iter().map(verdict).collect();
    let (inserts, updates) = arena.into_changes();
    Plan { verdicts, inserts, updates, facts: said }
}

/// The first decision about a new click, lead or purchase.
fn decide(arena: &mut Arena, place: usize, catalog: &Catalog) -> Option<Fact> {
    let facts = &arena.row(place).now.facts;
    let decision = match facts.kind {
        EventKind::Lead | EventKind::Purchase => attribute(facts, arena.clicks_for(facts), catalog),
        EventKind::Click => attribute_click(facts, catalog)?,
        EventKind::Impression | EventKind::Refund | EventKind::Chargeback => return None,
    };
    arena.row_mut(place).now.duplicate_of = arena.purchase_before(place);
    Some(settle(arena, place, decision, catalog))
}

/// A late click: whose is it now?
fn decide_again(arena: &mut Arena, id: TrackingEventId, catalog: &Catalog) -> Option<Fact> {
    let place = arena.place(id)?;
    let standing = &arena.row(place).now;
    let decision = attribute(&standing.facts, arena.clicks_for(&standing.facts), catalog);
    if decision == standing.decision {
        return None;
    }
    if decision.won == standing.decision.won && decision.credits() == standing.decision.credits() {
        // Another click was looked at, but nobody's share changed.
        let row = arena.row_mut(place);
        row.now.decision = decision;
        row.changed = true;
        return None;
    }
    let replaced = Replaced { revision: standing.revision, state: standing.state, decision: standing.decision.clone() };
    arena.row_mut(place).replaced = Some(replaced);
    Some(settle(arena, place, decision, catalog))
}

fn settle(arena: &mut Arena, place: usize, decision: Decision, catalog: &Catalog) -> Fact {
    let signals = signals::signals(arena, place, &decision, catalog);
    let row = arena.row_mut(place);
    let standing = &mut row.now;
    standing.revision += 1;
    standing.version += 1;
    standing.state = if decision.won.is_some() { State::Attributed } else { State::Unattributed };
    standing.decision = decision;
    row.changed = true;
    fact(row, signals)
}

fn fact(row: &Row, signals: Signals) -> Fact {
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
