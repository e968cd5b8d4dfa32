//! Which of our claims a reimbursement pays, and which posting shows that the money really came. Tolerance is zero: an amount that is
//! a cent off is another one.

use chrono::{Days, NaiveDate, TimeDelta};
use shared_events::money::Money;
use uuid::Uuid;

/// From this probability on, in ten thousandths, a reimbursement without our case id counts as ours.
pub const LIKELY_BPS: i32 = 8_500;
/// Business days from the approval to the money.
pub const BUSINESS_DAYS: u32 = 5;
/// Days by which the two ways to tell of the same money differ at most.
const SAME_TIME: i64 = 3;
/// Days after the approval within which its posting is looked for.
const POSTED_WITHIN: i64 = 45;

/// A row of the reimbursements report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// The row.
    pub key: String,
    /// Amazon's number of the reimbursement.
    pub reimbursement_id: String,
    /// The case that brought it; none: the marketplace paid by itself.
    pub case_id: Option<String>,
    /// The day it was approved, in the marketplace's zone.
    pub approved_on: NaiveDate,
    /// The seller's number of the article.
    pub sku: String,
    /// The marketplace's number of it.
    pub fnsku: String,
    /// In all; negative when taken back.
    pub total: Money,
    /// Units paid in money.
    pub cash_units: i64,
    /// Units given as units.
    pub inventory_units: i64,
    /// The reimbursement that this takes back.
    pub reverses: Option<String>,
}

/// Money that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The row.
    pub key: String,
    /// The day, in the marketplace's zone.
    pub day: NaiveDate,
    /// The article, where the row names one.
    pub sku: Option<String>,
    /// How much; negative when it is taken.
    pub amount: Money,
}

/// A claim that waits for money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The claim.
    pub claim: Uuid,
    /// Its case.
    pub case_id: Option<String>,
    /// The article.
    pub fnsku: Option<String>,
    /// The seller's number of it.
    pub sku: Option<String>,
    /// Units claimed.
    pub units: i64,
    /// What was claimed.
    pub amount: Money,
    /// When it was sent.
    pub sent_on: NaiveDate,
    /// What reimbursements brought it so far, in minor units.
    pub brought: i64,
}

/// A claim that a reimbursement pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The claim.
    pub claim: Uuid,
    /// How probable that is, in ten thousandths; none: the row names our case.
    pub probability_bps: Option<i32>,
}

/// The claim that a row pays: that of its case, else the one that fits best if that is likely enough. A row that names a case of
/// somebody else, or pays our case in another currency, is nobody's. Where several claims were told of one case, it is the one of its
/// article, then one that still waits for money, then the one whose amount and units are the row's, then the oldest.
pub fn claim_of(paid: &Paid, waiting: &[Waiting]) -> Option<Match> {
    if let Some(case) = &paid.case_id {
        let ours =
            |claim: &&Waiting| claim.case_id.as_ref() == Some(case) && claim.amount.currency == paid.total.currency;
        let fit = |claim: &&Waiting| {
            let waits = claim.brought < claim.amount.minor;
            let units = paid.cash_units + paid.inventory_units == claim.units;
            (is_article(paid, claim), waits, claim.amount == paid.total, units)
        };
        // The newest stand first, and of equals the last one is taken.
        let found = waiting.iter().filter(ours).max_by_key(fit)?;
        return Some(Match { claim: found.claim, probability_bps: None });
    }
    let weights: Vec<(i64, &Waiting)> =
        waiting.iter().map(|claim| (weight(paid, claim), claim)).filter(|(weight, _)| *weight > 0).collect();
    // Beside the claims stands one more explanation, of weight 8: the marketplace paid something else by itself.
    let all: i64 = 8 + weights.iter().map(|(weight, _)| weight).sum::<i64>();
    let (weight, best) = weights.into_iter().max_by_key(|(weight, claim)| (*weight, claim.claim))?;
    let probability = i32::try_from(weight * 10_000 / all).unwrap_or_default();
    (probability >= LIKELY_BPS).then_some(Match { claim: best.claim, probability_bps: Some(probability) })
}

fn is_article(paid: &Paid, claim: &Waiting) -> bool {
    claim.fnsku.as_ref().map_or_else(|| claim.sku.as_ref() == Some(&paid.sku), |fnsku| *fnsku == paid.fnsku)
}

/// How much speaks for a claim, as odds: 0 when something speaks against it for sure.
fn weight(paid: &Paid, claim: &Waiting) -> i64 {
    let later = paid.approved_on >= claim.sent_on;
    let units = paid.cash_units + paid.inventory_units;
    if !is_article(paid, claim) || !later || claim.amount.currency != paid.total.currency || units > claim.units {
        return 0;
    }
    let for_units = if units == claim.units { 8 } else { 1 };
    let for_amount = if claim.amount == paid.total { 16 } else { 1 };
    let for_date = if paid.approved_on <= claim.sent_on + TimeDelta::days(30) { 4 } else { 1 };
    for_units * for_amount * for_date
}

/// The posting that shows a row's money: the same article, exactly the same amount, not before the approval. `used`: rows that show
/// other money.
pub fn posting_of<'p>(paid: &Paid, postings: &'p [Posted], used: &[String]) -> Option<&'p Posted> {
    let fits = |posted: &&Posted| {
        posted.amount == paid.total
            && posted.sku.as_ref().is_none_or(|sku| *sku == paid.sku)
            && posted.day >= paid.approved_on - TimeDelta::days(1)
            && posted.day <= paid.approved_on + TimeDelta::days(POSTED_WITHIN)
            && !used.contains(&posted.key)
    };
    postings.iter().filter(fits).min_by(|one, other| (one.day, &one.key).cmp(&(other.day, &other.key)))
}

/// The same money told twice, by a settlement and by the Finances API, once: a line of a settlement and a posting of the same article,
/// amount and time are one. Where one of the two shows a payout already (`used`), neither shows another.
pub fn once(mut settled: Vec<Posted>, told: Vec<Posted>, used: &[String]) -> Vec<Posted> {
    let mut all = Vec::with_capacity(settled.len() + told.len());
    // Those that are used first, so that they take their twins with them.
    let mut told = told;
    told.sort_by_key(|posted| (!used.contains(&posted.key), posted.day, posted.key.clone()));
    settled.sort_by_key(|posted| (used.contains(&posted.key), posted.day, posted.key.clone()));
    for posted in told {
        let near = |other: &Posted| (other.day - posted.day).num_days().abs() <= SAME_TIME;
        let is_twin = |other: &Posted| other.amount == posted.amount && other.sku == posted.sku && near(other);
        // What shows money already pairs with what does not; without that, any pair is as good.
        let is_used = used.contains(&posted.key);
        let twins = settled.iter().enumerate().filter(|(_, other)| is_twin(other));
        let wanted = twins.min_by_key(|(_, other)| used.contains(&other.key) == is_used).map(|(at, _)| at);
        match wanted {
            Some(at) => {
                let twin = settled.remove(at);
                all.push(if is_used { posted } else { twin });
            }
            None => all.push(posted),
        }
    }
    all.extend(settled);
    all
}

/// The first day on which money that was approved on `day` is overdue.
pub fn overdue_on(day: NaiveDate) -> NaiveDate {
    crate::detection::business_days_after(day, BUSINESS_DAYS) + Days::new(1)
}

#[cfg(test)]
mod tests {
    use shared_events::money::Currency;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn posted(key: &str, on: &str, minor: i64) -> Posted {
        Posted { key: key.into(), day: day(on), sku: Some("SKU".into()), amount: Money::new(minor, Currency::USD) }
    }

    #[test]
    fn money_told_twice_is_money_once() {
        let keys = |settled: Vec<Posted>, told: Vec<Posted>, used: &[&str]| {
            let used: Vec<String> = used.iter().map(|key| (*key).to_owned()).collect();
            let mut keys: Vec<String> = once(settled, told, &used).into_iter().map(|posted| posted.key).collect();
            keys.sort();
            keys
        };
        let (s1, s2) = (posted("s1", "2026-03-12", 5_940), posted("s2", "2026-03-12", 5_940));
        let (f1, f2) = (posted("f1", "2026-03-11", 5_940), posted("f2", "2026-03-12", 5_940));
        assert_eq!(keys(vec![s1.clone()], vec![f1.clone()], &[]), ["s1"]);
        assert_eq!(keys(vec![s1.clone()], vec![f1.clone()], &["f1"]), ["f1"], "it showed money before it was settled");
        assert_eq!(keys(vec![s1.clone(), s2.clone()], vec![f1.clone(), f2.clone()], &["f1"]), ["f1", "s2"]);
        assert_eq!(keys(vec![s1.clone(), s2], vec![f1.clone()], &["s1"]).len(), 2, "two lines are two");
        assert_eq!(keys(vec![s1.clone()], vec![f1.clone(), f2], &["s1"]).len(), 2, "so are two postings");
        assert_eq!(
            keys(vec![s1], vec![posted("f", "2026-03-11", 5_939)], &[]),
            ["f", "s1"],
            "a cent off is other money"
        );
        assert_eq!(keys(vec![], vec![f1], &[]), ["f1"]);
    }

    fn paid(case_id: Option<&str>) -> Paid {
        Paid {
            key: "row".into(),
            reimbursement_id: "R1".into(),
            case_id: case_id.map(str::to_owned),
            approved_on: day("2026-03-10"),
            sku: "SKU".into(),
            fnsku: "X001".into(),
            total: Money::new(5_940, Currency::USD),
            cash_units: 6,
            inventory_units: 0,
            reverses: None,
        }
    }

    fn waiting(number: u128, case_id: &str) -> Waiting {
        Waiting {
            claim: Uuid::from_u128(number),
            case_id: Some(case_id.to_owned()),
            fnsku: Some("X001".into()),
            sku: None,
            units: 6,
            amount: Money::new(5_940, Currency::USD),
            sent_on: day("2026-03-01"),
            brought: 0,
        }
    }

    #[test]
    fn the_case_decides_and_a_foreign_case_is_nobodys() {
        let claims = [waiting(1, "C1"), waiting(2, "C2")];
        let found = claim_of(&paid(Some("C2")), &claims).expect("its case is known");
        assert_eq!((found.claim, found.probability_bps), (Uuid::from_u128(2), None));
        assert_eq!(claim_of(&paid(Some("C3")), &claims), None);
        let euro = Currency::try_new("EUR").expect("listed");
        let in_euro = Paid { total: Money::new(5_940, euro), ..paid(Some("C2")) };
        assert_eq!(claim_of(&in_euro, &claims), None, "our case, and not our currency");
    }

    #[test]
    fn of_several_claims_of_one_case_each_gets_its_own_money() {
        let of = |claims: &[Waiting]| claim_of(&paid(Some("C1")), claims).map(|found| found.claim.as_u128());
        let other = Waiting { fnsku: Some("X002".into()), ..waiting(2, "C1") };
        assert_eq!(of(&[other.clone(), waiting(1, "C1")]), Some(1), "the article decides");
        assert_eq!(of(&[waiting(1, "C1"), other.clone()]), Some(1));
        assert_eq!(of(&[other]), Some(2), "the only one has it, whatever it is for");
        let paid_before = Waiting { brought: 5_940, ..waiting(1, "C1") };
        assert_eq!(of(&[waiting(3, "C1"), paid_before.clone()]), Some(3), "one that still waits");
        assert_eq!(of(&[paid_before]), Some(1));
        let dearer = Waiting { amount: Money::new(7_000, Currency::USD), ..waiting(4, "C1") };
        assert_eq!(of(&[dearer.clone(), waiting(1, "C1")]), Some(1), "to the cent");
        assert_eq!(of(&[waiting(1, "C1"), dearer]), Some(1));
        assert_eq!(of(&[waiting(5, "C1"), waiting(1, "C1")]), Some(1), "the oldest");
    }

    #[test]
    fn without_a_case_only_a_likely_claim_is_taken_and_its_probability_told() {
        let found = claim_of(&paid(None), &[waiting(1, "C1")]).expect("units, amount and date fit");
        assert_eq!(found.probability_bps, Some(9_846));
        assert_eq!(claim_of(&paid(None), &[waiting(1, "C1"), waiting(2, "C2")]), None, "two fit equally well");
        let other_amount = Waiting { amount: Money::new(6_000, Currency::USD), ..waiting(1, "C1") };
        assert_eq!(claim_of(&paid(None), &[other_amount]), None);
        let other_article = Waiting { fnsku: Some("X002".into()), ..waiting(1, "C1") };
        let sent_later = Waiting { sent_on: day("2026-03-11"), ..waiting(1, "C1") };
        assert_eq!(claim_of(&paid(None), &[other_article, sent_later]), None);
    }

    #[test]
    fn a_posting_a_cent_off_or_used_before_shows_nothing() {
        let posted = |key: &str, minor, on: &str| Posted {
            key: key.into(),
            day: day(on),
            sku: Some("SKU".into()),
            amount: Money::new(minor, Currency::USD),
        };
        let all =
            [posted("a", 5_939, "2026-03-11"), posted("b", 5_940, "2026-03-12"), posted("c", 5_940, "2026-03-11")];
        assert_eq!(posting_of(&paid(None), &all, &[]).map(|found| found.key.as_str()), Some("c"), "the earliest");
        assert_eq!(posting_of(&paid(None), &all, &["c".into(), "b".into()]), None);
        assert_eq!(posting_of(&paid(None), &[posted("a", 5_940, "2026-02-01")], &[]), None, "before the approval");
        let foreign = Posted { sku: Some("OTHER".into()), ..posted("a", 5_940, "2026-03-11") };
        assert_eq!(posting_of(&paid(None), &[foreign], &[]), None);
    }

    #[test]
    fn five_business_days_skip_weekends() {
        assert_eq!(overdue_on(day("2026-03-06")), day("2026-03-14"), "a Friday: until the Friday after");
    }
}
