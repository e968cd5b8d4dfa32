//! What is played: who brought which customer, which purchases are refunded and when, and by which rules partners earn.
//!
//! Everything here is a fixed choice, made from the numbers in the log, so that the end is the same every time. The books are
//! worked out from these choices twice: by the system, and by `recompute`.

use serde_json::{Value, json};

use super::log::Purchase;

/// The campaign.
pub const CAMPAIGN: &str = "camp123";
/// The partners; customers are theirs in turn, by number. The first is the one whom `./dev up` prints a token for.
pub const PARTNERS: [&str; 3] = ["user123", "vinylblog", "dealsclub"];
/// The partner that is paid before the late refunds come in.
pub const PAID: &str = PARTNERS[1];
/// The partner that gets what carries nothing to go by.
pub const DEFAULT: &str = PARTNERS[2];

/// Hundredths of a percent of every purchase.
pub const BASE_BPS: i64 = 800;
/// From this conversion of a partner's calendar month on ...
pub const TIER_FROM: usize = 100;
/// ... so many instead.
pub const TIER_BPS: i64 = 1_000;
/// Most cents that one purchase earns.
pub const EVENT_CAP: i64 = 1_500;
/// Days that a commission waits.
pub const HOLD_DAYS: i64 = 30;
/// Smallest payout in cents.
pub const MIN_PAYOUT: i64 = 5_000;
/// Days for which a click counts; the log spans eighteen months.
pub const CLICK_WINDOW_DAYS: i64 = 730;
/// One purchase in so many is refunded.
const REFUND_EVERY: u32 = 20;

/// The campaign as it is created.
pub fn campaign() -> Value {
    json!({
        "code": CAMPAIGN,
        "name": "CDs, 1997",
        "currency": "USD",
        "destinations": ["https://shop.example/cds"],
        "attribution": { "model": "last_click", "click_window_days": CLICK_WINDOW_DAYS },
        "rules": [{
            "on": "sale",
            "value": { "basis_points": BASE_BPS },
            "tiers": [{ "from_count": TIER_FROM, "value": { "basis_points": TIER_BPS } }],
            "cap_per_event_minor": EVENT_CAP,
            "hold_days": HOLD_DAYS,
            "min_payout_minor": MIN_PAYOUT,
        }],
    })
}

/// Who brought a customer.
pub const fn partner_of(customer: u32) -> &'static str {
    PARTNERS[(customer % 3) as usize]
}

/// How much of a purchase goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Two fifths, the fraction of a cent dropped.
    Part,
    /// Half of it, the fraction of a cent dropped, and then the rest.
    TwoParts,
}

/// When money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// While the commission is on hold.
    Early,
    /// After the payout.
    Late,
}

/// The refund of a purchase, if it is one of those that are refunded.
pub fn refund_of(purchase: &Purchase) -> Option<(Moment, Extent)> {
    if !purchase.line.is_multiple_of(REFUND_EVERY) || !purchase.cost_something() {
        return None;
    }
    let turn = purchase.line / REFUND_EVERY;
    let moment = if turn.is_multiple_of(2) { Moment::Early } else { Moment::Late };
    let extent = match turn % 3 {
        0 => Extent::Whole,
        1 => Extent::Part,
        _ => Extent::TwoParts,
    };
    Some((moment, extent))
}

/// What goes back of so many cents, one refund after the other.
pub fn parts(extent: Extent, cents: i64) -> Vec<i64> {
    match extent {
        Extent::Whole => vec![cents],
        Extent::Part => vec![cents * 2 / 5],
        Extent::TwoParts => vec![cents / 2, cents - cents / 2],
    }
}

/// Purchases in two waves. The system counts purchases of a month as they come, on four partitions side by side, so which of two at
/// the threshold is the hundredth is a matter of chance. The first wave holds what stays below the threshold of the tier and the second
/// the rest; the story waits between them, so that each purchase's rate is settled by its place in the log.
pub fn waves(purchases: &[Purchase]) -> [Vec<&Purchase>; 2] {
    let mut in_order: Vec<&Purchase> = purchases.iter().collect();
    in_order.sort_by_key(|purchase| (purchase.day, purchase.line));
    let mut counted = std::collections::HashMap::new();
    let (below, reached) = in_order.into_iter().partition(|purchase| {
        let month = purchase.day.format("%Y-%m").to_string();
        let count: &mut usize = counted.entry((partner_of(purchase.customer), month)).or_default();
        *count += 1;
        *count < TIER_FROM
    });
    [below, reached]
}
