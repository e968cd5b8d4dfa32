//! The books once more, straight from the text of the log. This shares no code with the services: its own reading, its own
//! arithmetic in whole cents, its own counting of months. Only the choices of the story are the same.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;

use super::log::Purchase;
use super::story::{self, BASE_BPS, EVENT_CAP, Moment, PAID, TIER_BPS, TIER_FROM};

/// One partner's books, in cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Purchases credited to it.
    pub conversions: i64,
    /// What customers paid.
    pub turnover: i64,
    /// What it earned by that.
    pub earned: i64,
    /// What was taken back before a payout.
    pub reversed: i64,
    /// What was taken back after one.
    pub clawed_back: i64,
    /// What was paid out.
    pub paid: i64,
    /// What it may ask for; negative while it owes.
    pub available: i64,
}

/// How far the story has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Early refunds are in, nothing is paid.
    BeforePayout,
    /// One partner was paid and the late refunds are in.
    End,
}

/// What every partner's books have to show at a stage.
///
/// # Errors
/// When an amount of the log cannot be read.
pub fn totals(purchases: &[Purchase], stage: Stage) -> anyhow::Result<BTreeMap<&'static str, Totals>> {
    let mut in_order: Vec<&Purchase> = purchases.iter().collect();
    in_order.sort_by_key(|purchase| (purchase.day, purchase.line));
    let mut months: HashMap<(u32, String), usize> = HashMap::new();
    let mut books: BTreeMap<&'static str, Totals> =
        story::PARTNERS.into_iter().map(|partner| (partner, Totals::default())).collect();
    for purchase in in_order {
        let partner = story::partner_of(purchase.customer);
        let cents = cents(purchase.dollars).with_context(|| format!("line {} of the log", purchase.line))?;
        let in_month = months.entry((purchase.customer % 3, purchase.day.format("%Y%m").to_string())).or_default();
        *in_month += 1;
        let earned = earned(cents, *in_month);
        let own = books.entry(partner).or_default();
        own.conversions += 1;
        own.turnover += cents;
        own.earned += earned;
        if let Some((moment, extent)) = story::refund_of(purchase) {
            let back = taken_back(earned, cents, &story::parts(extent, cents));
            match moment {
                Moment::Early => own.reversed += back,
                Moment::Late if stage == Stage::BeforePayout => {}
                Moment::Late if partner == PAID => own.clawed_back += back,
                Moment::Late => own.reversed += back,
            }
        }
    }
    for (partner, own) in &mut books {
        let kept = own.earned - own.reversed;
        if *partner == PAID && stage == Stage::End {
            // It asked for everything that it had; what came afterwards is owed.
            own.paid = kept;
            own.available = -own.clawed_back;
        } else {
            own.available = kept;
        }
    }
    Ok(books)
}

/// Reads dollars and cents as they stand in the log.
fn cents(dollars: &str) -> anyhow::Result<i64> {
    let (whole, fraction) = dollars.split_once('.').context("an amount without a point")?;
    anyhow::ensure!(fraction.len() == 2, "an amount without two decimals");
    Ok(whole.parse::<i64>()? * 100 + fraction.parse::<i64>()?)
}

/// What the purchase that is number `in_month` of its partner's month earns.
fn earned(cents: i64, in_month: usize) -> i64 {
    let rate = if in_month < TIER_FROM { BASE_BPS } else { TIER_BPS };
    half_up(cents * rate, 10_000).min(EVENT_CAP)
}

/// What refunds take from a commission: each its proportion, and the one that completes the purchase all that is left.
fn taken_back(earned: i64, cents: i64, parts: &[i64]) -> i64 {
    let (mut gone, mut taken) = (0, 0);
    for part in parts {
        gone += part;
        taken += if gone == cents { earned - taken } else { half_up(earned * part, cents) };
    }
    taken
}

/// A quotient of numbers that are not negative, rounded to the nearest whole; halves go up.
fn half_up(numerator: i64, denominator: i64) -> i64 {
    (2 * numerator + denominator) / (2 * denominator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::log;

    #[test]
    fn arithmetic_by_hand() {
        assert_eq!(cents("29.33").expect("read"), 2_933);
        assert!(cents("29").is_err() && cents("1.5").is_err());
        // 29.33 at 8 % is 2.3464; at 10 % 2.933; 507.00 is capped.
        assert_eq!((earned(2_933, 99), earned(2_933, 100), earned(50_700, 1)), (235, 293, 1_500));
        assert_eq!(taken_back(235, 2_933, &[1_466, 1_467]), 235);
        assert_eq!(taken_back(235, 2_933, &[1_173]), 94);
    }

    #[test]
    fn nothing_is_lost_between_partners() {
        let purchases = log::read(log::TEXT).expect("well formed");
        let books = totals(&purchases, Stage::End).expect("read");
        assert_eq!(books.values().map(|own| own.conversions).sum::<i64>(), 6_919);
        assert_eq!(books.values().map(|own| own.turnover).sum::<i64>(), 24_409_194);
        let paid = books[PAID];
        assert!(
            paid.clawed_back > 0 && paid.available == -paid.clawed_back && paid.paid == paid.earned - paid.reversed
        );
        for own in books.values() {
            assert_eq!(own.earned, own.reversed + own.clawed_back + own.paid + own.available, "{own:?}");
        }
    }

    #[test]
    fn waves_split_where_the_tier_begins() {
        let purchases = log::read(log::TEXT).expect("well formed");
        let [below, reached] = story::waves(&purchases);
        assert_eq!(below.len() + reached.len(), purchases.len());
        assert!(below.len() > 4_000 && reached.len() > 1_000, "{} and {}", below.len(), reached.len());
    }
}
