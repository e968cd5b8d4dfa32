//! What happens in fulfilment centres: units are lost or broken, found, paid for, given, taken back, searched for.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::chance::Chance;
use super::money_files::Moved;
use super::region::{Article, Paid, Region};
use super::warehouse_rows::{noise, tell};

/// What became of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Missing,
    Found(NaiveDate),
    Paid {
        reimbursement: String,
        per_unit: i64,
    },
    Given,
    /// Paid, and taken back without reason: what is owed is the reversal.
    TakenBack,
}

/// Units that went missing together.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) day: NaiveDate,
    pub(crate) code: &'static str,
    pub(crate) reference: String,
    pub(crate) center: &'static str,
    pub(crate) units: Vec<Fate>,
}

/// What is going to happen.
#[derive(Debug, Clone)]
enum Step {
    Find { batch: usize },
    Pay { units: usize, by_case: bool },
    Give { units: usize },
    TakeBack { reimbursement: String, per_unit: i64 },
}

pub(crate) const CENTERS: [&str; 4] = ["LGB3", "JFK8", "PHX6", "DTM2"];

pub(crate) fn later(chance: &mut Chance, day: NaiveDate, low: i64, high: i64) -> NaiveDate {
    day + Days::new(chance.between(low, high).unsigned_abs())
}

pub(crate) fn happen(region: &mut Region, chance: &mut Chance, article: &Article) {
    for lost in [true, false] {
        // Where nothing of an article is ever found again, a reversal is without reason.
        let finds = lost && chance.percent(60);
        let reason = if lost { "Lost_Warehouse" } else { "Damaged_Warehouse" };
        let mut shelf =
            Shelf { article: article.clone(), lost, finds, reason, batches: Vec::new(), steps: BTreeMap::new() };
        shelf.plan(region, chance);
        while let Some((day, steps)) = shelf.steps.pop_first() {
            if day >= region.last {
                break;
            }
            for step in steps {
                shelf.live(region, chance, day, &step);
            }
        }
        tell(region, chance, article, &shelf.batches, lost);
    }
    noise(region, chance, article);
}

/// One article's losses (or damages), and what happens to them.
struct Shelf {
    article: Article,
    lost: bool,
    finds: bool,
    reason: &'static str,
    batches: Vec<Batch>,
    steps: BTreeMap<NaiveDate, Vec<Step>>,
}

impl Shelf {
    fn plan(&mut self, region: &mut Region, chance: &mut Chance) {
        for _ in 0..chance.between(2, 7) {
            // Half of them lately, so that there is something to claim.
            let from = if chance.percent(50) { region.last - Days::new(75) } else { region.first };
            let day = later(chance, from, 0, (region.last - from).num_days() - 1);
            let code =
                if self.lost { *chance.pick(&["M", "5"]) } else { *chance.pick(&["6", "7", "E", "H", "K", "U"]) };
            let (reference, center) = (format!("21{}", region.number()), *chance.pick(&CENTERS));
            let count = usize::try_from(chance.between(1, 8)).unwrap_or(1);
            let batch = self.batches.len();
            self.batches.push(Batch { day, code, reference, center, units: vec![Fate::Missing; count] });
            // Two rows that read the same are two events.
            if chance.percent(12) {
                self.batches.push(self.batches[batch].clone());
            }
            let mut left = count;
            while left > 0 {
                let units = usize::try_from(chance.between(1, left as i64)).unwrap_or(1);
                left -= units;
                let (step, low, high) = match chance.between(1, 100) {
                    1..=25 if self.finds => (Step::Find { batch }, 4, 45),
                    1..=55 => (Step::Pay { units, by_case: false }, 2, 6),
                    56..=65 => (Step::Pay { units, by_case: true }, 10, 40),
                    66..=72 => (Step::Give { units }, 5, 20),
                    _ => continue,
                };
                self.steps.entry(later(chance, day, low, high)).or_default().push(step);
            }
        }
    }

    fn live(&mut self, region: &mut Region, chance: &mut Chance, day: NaiveDate, step: &Step) {
        match step {
            Step::Find { batch } => match self.batches[*batch].units.iter().position(|fate| *fate == Fate::Missing) {
                Some(unit) => self.found(region, (*batch, unit), day),
                // All are paid for: Amazon takes the money for one back.
                None => {
                    let paid = self.batches[*batch].units.iter().find_map(|fate| match fate {
                        Fate::Paid { reimbursement, per_unit } => Some((reimbursement.clone(), *per_unit)),
                        _ => None,
                    });
                    if let Some((reimbursement, per_unit)) = paid {
                        self.take_back(region, chance, day, &reimbursement, per_unit, 1);
                    }
                }
            },
            Step::Pay { units, by_case } => self.pay(region, chance, day, *units, *by_case),
            Step::Give { units } => self.give(region, chance, day, *units),
            Step::TakeBack { reimbursement, per_unit } => {
                let units = self.paid_with(reimbursement).len();
                self.take_back(region, chance, day, reimbursement, *per_unit, units);
            }
        }
    }

    /// Amazon settles what has been missing longest.
    fn oldest_missing(&self, day: NaiveDate, units: usize) -> Vec<(usize, usize)> {
        let mut order: Vec<usize> = (0..self.batches.len()).filter(|at| self.batches[*at].day < day).collect();
        order.sort_by_key(|at| self.batches[*at].day);
        let all = order.into_iter().flat_map(|at| (0..self.batches[at].units.len()).map(move |unit| (at, unit)));
        all.filter(|(at, unit)| self.batches[*at].units[*unit] == Fate::Missing).take(units).collect()
    }

    fn paid_with(&self, wanted: &str) -> Vec<(usize, usize)> {
        let all = (0..self.batches.len()).flat_map(|at| (0..self.batches[at].units.len()).map(move |unit| (at, unit)));
        all.filter(|(at, unit)| matches!(&self.batches[*at].units[*unit], Fate::Paid { reimbursement, .. } if reimbursement == wanted))
            .collect()
    }

    fn pay(&mut self, region: &mut Region, chance: &mut Chance, day: NaiveDate, units: usize, by_case: bool) {
        let missing = self.oldest_missing(day, units);
        if missing.is_empty() {
            return;
        }
        let (due, low) = (self.article.cost_on(day), chance.percent(8));
        let per_unit = if low { due / 2 } else { due };
        let case = by_case.then(|| format!("15{}", region.number()));
        let cash = missing.len() as i64;
        let paid = Paid { day, case, order: "", reason: self.reason, per_unit, cash, inventory: 0, original: None };
        let reimbursement = region.pay(chance, &self.article, &paid);
        if low {
            let subject = format!("reimbursement {reimbursement} sku {}", self.article.sku);
            region.owe(
                "reimbursed_undervalued",
                subject,
                day,
                1,
                (due - per_unit) * cash,
                (0, Some(60)),
                "paid half of what it cost",
            );
        } else if self.lost && chance.percent(85) {
            let step = Step::TakeBack { reimbursement: reimbursement.clone(), per_unit };
            self.steps.entry(later(chance, day, 8, 30)).or_default().push(step);
        }
        // What was paid too low stays as it is, so that each thing has one reason.
        let fate = if low { Fate::Given } else { Fate::Paid { reimbursement, per_unit } };
        for (at, unit) in missing {
            self.batches[at].units[unit] = fate.clone();
        }
    }

    fn give(&mut self, region: &mut Region, chance: &mut Chance, day: NaiveDate, units: usize) {
        let missing = self.oldest_missing(day, units);
        if missing.is_empty() {
            return;
        }
        let (inventory, per_unit) = (missing.len() as i64, self.article.cost_on(day));
        let paid =
            Paid { day, case: None, order: "", reason: self.reason, per_unit, cash: 0, inventory, original: None };
        region.pay(chance, &self.article, &paid);
        let center = self.batches[missing[0].0].center;
        self.row(region, day, center, inventory, "N", (0, inventory));
        for (at, unit) in missing {
            self.batches[at].units[unit] = Fate::Given;
        }
    }

    fn row(
        &self,
        region: &mut Region,
        day: NaiveDate,
        center: &'static str,
        quantity: i64,
        reason: &'static str,
        both: (i64, i64),
    ) {
        let reference = format!("23{}", region.number());
        let (event, disposition) = ("Adjustments", "SELLABLE");
        let (reconciled, reconciled_before) = (Some(both), None);
        region.move_stock(
            &self.article,
            &Moved { day, event, reference, quantity, center, disposition, reason, reconciled, reconciled_before },
        );
    }

    fn found(&mut self, region: &mut Region, (at, unit): (usize, usize), day: NaiveDate) {
        self.row(region, day, self.batches[at].center, 1, "F", (1, 0));
        self.batches[at].units[unit] = Fate::Found(day);
    }

    /// Takes money back for units of one reimbursement; rightly only if they were found.
    fn take_back(
        &mut self,
        region: &mut Region,
        chance: &mut Chance,
        day: NaiveDate,
        reimbursement: &str,
        per_unit: i64,
        units: usize,
    ) {
        let back: Vec<_> = self.paid_with(reimbursement).into_iter().take(units).collect();
        let on = if self.finds { day + Days::new(2) } else { day };
        if back.is_empty() || on >= region.last {
            return;
        }
        let cash = -(back.len() as i64);
        let original = Some((reimbursement.to_owned(), self.reason));
        let paid = Paid {
            day: on,
            case: None,
            order: "",
            reason: "Reimbursement_Reversal",
            per_unit,
            cash,
            inventory: 0,
            original,
        };
        let id = region.pay(chance, &self.article, &paid);
        if !self.finds {
            let (subject, minor) = (format!("reversal {id} fnsku {}", self.article.fnsku), per_unit * -cash);
            region.owe(
                "reimbursement_reversed_unmatched",
                subject,
                on,
                -cash,
                minor,
                (0, Some(60)),
                "taken back, and nothing was found",
            );
        }
        for place in back {
            if self.finds {
                self.found(region, place, day);
            } else {
                self.batches[place.0].units[place.1] = Fate::TakenBack;
            }
        }
    }
}
