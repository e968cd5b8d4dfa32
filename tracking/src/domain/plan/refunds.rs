//! Refunds and chargebacks: onto their purchase, or waiting for it.

use shared_events::tracking::{ConversionRefunded, RefundKind};

use super::Fact;
use super::arena::Arena;
use crate::domain::event::{EventKind, State};
use crate::domain::incoming::Refused;
use crate::domain::refund::{Refusal, refund};

/// A purchase came in: what waited for it is taken off, first come first served.
pub fn settle_pending(arena: &mut Arena, place: usize) -> Vec<Fact> {
    let mut said = Vec::new();
    if arena.row(place).now.facts.kind != EventKind::Purchase {
        return said;
    }
    for pending in arena.pending_for(place) {
        match apply(arena, place, pending) {
            Ok(fact) => said.push(fact),
            Err(refusal) => {
                // It was answered as recorded; the reason stays with it.
                let row = arena.row_mut(pending);
                row.now.state = State::Refused;
                row.now.decision.reason = refusal.reason;
                row.changed = true;
            }
        }
    }
    said
}

/// A refund came in: off its purchase if that is here, else it waits.
pub fn take_back(arena: &mut Arena, place: usize) -> Option<Fact> {
    let event = &arena.row(place).now.facts;
    if !event.kind.takes_back() {
        return None;
    }
    let purchase = match event.refers_to {
        Some(named) => arena.place(named),
        None => arena.original(event.order_id.as_deref()),
    };
    let Some(purchase) = purchase else {
        let now = &mut arena.row_mut(place).now;
        now.state = State::Pending;
        now.decision.reason = "its purchase is not here yet".into();
        return None;
    };
    let outcome = match arena.row(purchase).now.facts.kind {
        EventKind::Purchase => apply(arena, purchase, place),
        other => {
            Err(Refusal { field: "refers_to", reason: format!("refers to a {}, not to a purchase", other.name()) })
        }
    };
    match outcome {
        Ok(fact) => Some(fact),
        Err(Refusal { field, reason }) => {
            arena.row_mut(place).rejected = Some(Refused { field: Some(field.into()), reason });
            None
        }
    }
}

fn apply(arena: &mut Arena, purchase: usize, refunding: usize) -> Result<Fact, Refusal> {
    let event = arena.row(refunding).now.facts.clone();
    let row = arena.row_mut(purchase);
    let bought = &mut row.now;
    let no_amount = Refusal { field: "refers_to", reason: "the purchase has no amount".into() };
    let paid = bought.facts.amount.ok_or(no_amount)?;
    let amount = refund(paid, bought.refunded_minor, event.amount)?;
    bought.refunded_minor += amount.minor;
    bought.version += 1;
    row.changed = true;
    let kind = if event.kind == EventKind::Chargeback { RefundKind::Chargeback } else { RefundKind::Refund };
    let refunded = ConversionRefunded {
        conversion_id: bought.facts.id.into(),
        refund_id: event.id,
        kind,
        amount,
        refunded_total_minor: bought.refunded_minor,
        purchase_minor: paid.minor,
        occurred_at: event.occurred_at,
    };
    let fact = Fact::Refunded(bought.version, refunded);
    let purchase_id = bought.facts.id;
    let row = arena.row_mut(refunding);
    row.now.state = State::Applied;
    row.now.facts.amount = Some(amount);
    row.now.facts.refers_to = Some(purchase_id);
    row.now.decision.reason = format!("taken off purchase {purchase_id}");
    row.changed = true;
    Ok(fact)
}
