//! Which parts of a tenant's events a group touches.
//!
//! A click and a purchase of one visitor, handled at the same moment by two processes, would each not see the other. So every transaction
//! first takes an advisory lock for each shard of what it touches: the same visitor, click id, order or purchase is in the same shard.

use std::collections::BTreeSet;

use shared_events::TenantId;

use crate::domain::event::{EventKind, NewEvent, Tracked};

/// Few enough to lock all of them in one statement.
const SHARDS: u32 = 64;

fn hash(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The first half of the lock's key. Tenants are locked in the order of this number.
pub fn tenant_hash(tenant: &TenantId) -> i32 {
    hash(0x811c_9dc5, tenant.as_str().as_bytes()).cast_signed()
}

/// The shards that a click touches, in order.
pub fn shards_of(click: &Tracked) -> Vec<i32> {
    let mut shards = BTreeSet::new();
    touch(&mut shards, click, false);
    shards.into_iter().collect()
}

/// The shards that `events` touch, in order.
pub fn shards<'a>(events: impl Iterator<Item = &'a NewEvent>) -> Vec<i32> {
    let mut shards = BTreeSet::new();
    for NewEvent { facts, event_id, .. } in events {
        touch(&mut shards, facts, event_id.is_some());
    }
    shards.into_iter().collect()
}

/// `by_callers_id`: the caller has an id of its own for the event.
fn touch(shards: &mut BTreeSet<i32>, facts: &Tracked, by_callers_id: bool) {
    let mut touch = |kind: u8, bytes: &[u8]| {
        shards.insert((hash(hash(0x811c_9dc5, &[kind]), bytes) % SHARDS).cast_signed());
    };
    if facts.kind == EventKind::Impression {
        return;
    }
    if let Some(visitor) = facts.visitor {
        touch(b'v', visitor.0.as_bytes());
    }
    if let Some(click_id) = &facts.click_id {
        touch(b'c', click_id.as_bytes());
    }
    if let Some(order_id) = &facts.order_id {
        touch(b'o', order_id.as_bytes());
    }
    // A refund can name a purchase by the caller's id for it, and only by that.
    let purchase = facts.refers_to.or((facts.kind == EventKind::Purchase && by_callers_id).then_some(facts.id));
    if let Some(purchase) = purchase {
        touch(b'p', purchase.0.as_bytes());
    }
}
