//! What looks odd about a conversion. Commission decides what to make of it.

use chrono::TimeDelta;
use shared_events::PartnerId;
use shared_events::tracking::Signals;

use super::arena::Arena;
use crate::domain::catalog::Catalog;
use crate::domain::event::Decision;

/// The signals of the conversion at `place`, if `decision` holds.
pub fn signals(arena: &Arena, place: usize, decision: &Decision, catalog: &Catalog) -> Signals {
    let standing = &arena.row(place).now;
    let conversion = &standing.facts;
    let hour_before = conversion.occurred_at - TimeDelta::hours(1);
    let in_the_hour = |at| at >= hour_before && at <= conversion.occurred_at;
    let clicks_last_hour = arena
        .clicks_like(conversion)
        .filter(|click| click.id != conversion.id && in_the_hour(click.occurred_at))
        .count();
    let credits = decision.credits();
    // Where a coupon or a named partner won, the partner's own click tells as much as one that won.
    let own_click = arena
        .clicks_for(conversion)
        .filter(|click| click.occurred_at <= conversion.occurred_at)
        .filter(|click| credits.iter().any(|credit| Some(&credit.partner) == click.partner.as_ref()))
        .map(|click| click.occurred_at)
        .max();
    let millis_from_click = decision
        .credited_click_at()
        .max(own_click)
        .filter(|_| conversion.kind.is_conversion())
        .map(|at| (conversion.occurred_at - at).num_milliseconds());
    let self_referral = match (decision.won.and_then(|won| catalog.campaigns.get(&won.campaign)), conversion.visitor) {
        (Some(campaign), Some(visitor)) => {
            let is_the_customer = |partner: &PartnerId| campaign.enrolled.get(partner) == Some(&visitor);
            credits.into_iter().map(|credit| credit.partner).filter(is_the_customer).collect()
        }
        _ => Vec::new(),
    };
    Signals {
        self_referral,
        duplicate_of: standing.duplicate_of.map(Into::into),
        millis_from_click,
        clicks_last_hour: u32::try_from(clicks_last_hour).unwrap_or(u32::MAX),
    }
}
