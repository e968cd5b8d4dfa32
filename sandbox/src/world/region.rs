//! One region: its habits, its articles, and all that was written down about them.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::calendar::Zone;
use super::chance::Chance;
use super::paper::{Habit, Paper, decimal};
use super::parcels::Parcel;
use super::reversals::Settled;
use super::summary::Movement;
use super::{Cost, Delivered, Owed, Sent};

/// An article.
#[derive(Debug, Clone)]
pub(crate) struct Article {
    pub(crate) sku: String,
    pub(crate) fnsku: String,
    pub(crate) asin: String,
    pub(crate) title: String,
    pub(crate) price: i64,
    pub(crate) referral: i64,
    pub(crate) fulfilment: i64,
    /// What a unit costs to buy, and what it costs later from a day on.
    cost: i64,
    later: Option<(NaiveDate, i64)>,
}

impl Article {
    /// Handling of a unit that goes abroad: dearer than any mistake at home.
    pub(crate) fn abroad(&self) -> i64 {
        self.fulfilment + 333
    }

    pub(crate) fn cost_on(&self, day: NaiveDate) -> i64 {
        self.later.filter(|(since, _)| *since <= day).map_or(self.cost, |(_, cost)| cost)
    }
}

/// Money that was posted.
pub(crate) struct Line<'a> {
    pub(crate) day: NaiveDate,
    pub(crate) transaction: &'static str,
    pub(crate) order: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) description: &'static str,
    pub(crate) minor: i64,
    pub(crate) sku: &'a str,
    pub(crate) quantity: Option<i64>,
}

/// Money that was posted, as it is told by the finance APIs.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) day: NaiveDate,
    pub(crate) at: DateTime<Utc>,
    pub(crate) transaction: &'static str,
    pub(crate) order: String,
    pub(crate) description: &'static str,
    pub(crate) minor: i64,
    pub(crate) sku: String,
    pub(crate) quantity: Option<i64>,
}

/// An order, as the orders API tells it.
#[derive(Debug, Clone)]
pub(crate) struct Ordered {
    pub(crate) id: String,
    pub(crate) day: NaiveDate,
    pub(crate) units: i64,
    pub(crate) minor: i64,
}

/// A reimbursement, or its reversal.
pub(crate) struct Paid<'a> {
    pub(crate) day: NaiveDate,
    pub(crate) case: Option<String>,
    pub(crate) order: &'a str,
    pub(crate) reason: &'static str,
    pub(crate) per_unit: i64,
    pub(crate) cash: i64,
    pub(crate) inventory: i64,
    /// The reimbursement that is taken back, and its reason.
    pub(crate) original: Option<(String, &'static str)>,
}

/// One region.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) marketplace: &'static str,
    pub(crate) currency: &'static str,
    pub(crate) store: &'static str,
    pub(crate) zone: Zone,
    pub(crate) habit: Habit,
    /// First and last day of a claim about a return, after the refund.
    pub(crate) return_days: (u64, u64),
    pub(crate) articles: Vec<Article>,
    pub(crate) papers: BTreeMap<&'static str, Paper>,
    pub(crate) costs: Vec<Cost>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) delivered: Vec<Delivered>,
    pub(crate) truth: Vec<Owed>,
    pub(crate) paid: i64,
    pub(crate) reversed: i64,
    /// First and last day of the year.
    pub(crate) first: NaiveDate,
    pub(crate) last: NaiveDate,
    /// Everything that was ever owed, with the day from which it can be claimed.
    pub(crate) owed_ever: Vec<(NaiveDate, Owed)>,
    pub(crate) postings: Vec<Posted>,
    pub(crate) movements: Vec<Movement>,
    /// Units of each article that are being searched for.
    pub(crate) searched: BTreeMap<String, i64>,
    pub(crate) orders: Vec<Ordered>,
    pub(crate) parcels: Vec<Parcel>,
    /// What Amazon paid by itself for returns and shipments, and may take back.
    pub(crate) settled: Vec<Settled>,
    number: u64,
}

impl Region {
    fn new(
        (marketplace, currency, store): (&'static str, &'static str, &'static str),
        zone: Zone,
        habit: Habit,
        last: NaiveDate,
    ) -> Self {
        Self {
            marketplace,
            currency,
            store,
            zone,
            habit,
            return_days: if marketplace == "US" { (60, 120) } else { (45, 105) },
            articles: Vec::new(),
            papers: BTreeMap::new(),
            costs: Vec::new(),
            sent: Vec::new(),
            delivered: Vec::new(),
            truth: Vec::new(),
            paid: 0,
            reversed: 0,
            first: last - Days::new(364),
            last,
            owed_ever: Vec::new(),
            postings: Vec::new(),
            movements: Vec::new(),
            searched: BTreeMap::new(),
            orders: Vec::new(),
            parcels: Vec::new(),
            settled: Vec::new(),
            number: if marketplace == "US" { 1_000_000 } else { 5_000_000 },
        }
    }

    pub(crate) fn united_states(last: NaiveDate) -> Self {
        Self::new(("US", "USD", "Amazon.com"), Zone::Pacific, Habit::American, last)
    }

    pub(crate) fn germany(last: NaiveDate) -> Self {
        Self::new(("DE", "EUR", "Amazon.de"), Zone::Berlin, Habit::European, last)
    }

    /// A new number for orders, cases and the like.
    pub(crate) fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub(crate) fn paper(&mut self, report: &'static str) -> &mut Paper {
        let last = self.last;
        self.papers.entry(report).or_insert_with(|| Paper::until(last))
    }

    pub(crate) fn amount(&self, minor: i64) -> String {
        decimal(minor, self.habit)
    }

    /// A moment of a day, as reports write it: in UTC, some of them late in the evening there.
    pub(crate) fn moment(&self, day: NaiveDate) -> String {
        let hour = [9, 12, 23][usize::try_from(self.number % 3).unwrap_or(0)];
        self.zone.at(day, hour, 30).to_utc().format("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    }

    pub(crate) fn stock_up(&mut self, chance: &mut Chance, articles: usize) {
        for number in 0..articles {
            let price = chance.between(1_200, 9_900);
            let referral = price * 15 / 100;
            let fulfilment = chance.between(250, 700);
            let cost = chance.between(200, price / 2);
            let later = chance.percent(30).then(|| {
                (self.first + Days::new(150 + chance.between(0, 60).unsigned_abs()), cost + chance.between(10, 200))
            });
            let code = self.marketplace;
            let article = Article {
                sku: format!("{code}-SKU-{number:03}"),
                fnsku: format!("X{code}{number:06}"),
                asin: format!("B0{code}{number:06}"),
                title: if number % 2 == 0 {
                    format!("Pan 12\" size {number}")
                } else {
                    format!("Kettle’s lid No {number}")
                },
                price,
                referral,
                fulfilment,
                cost,
                later,
            };
            let steps = [Some((self.first - Days::new(365), cost)), later];
            for (since, minor) in steps.into_iter().flatten() {
                let (fnsku, currency, marketplace) = (article.fnsku.clone(), self.currency, self.marketplace);
                self.costs.push(Cost { fnsku, minor, currency, since, marketplace });
            }
            self.articles.push(article);
        }
    }

    /// Notes that something is owed, if it can be claimed now.
    #[expect(clippy::too_many_arguments, reason = "all that is true of one thing owed, said where it happens")]
    pub(crate) fn owe(
        &mut self,
        claim_type: &'static str,
        subject: String,
        clock: NaiveDate,
        units: i64,
        minor: i64,
        window: (u64, Option<u64>),
        story: &str,
    ) {
        let until = window.1.map(|days| clock + Days::new(days));
        if minor <= 0 {
            return;
        }
        let opens = clock + Days::new(window.0);
        let (marketplace, currency, story) = (self.marketplace, self.currency, story.to_owned());
        let owed = Owed { claim_type, marketplace, subject, clock, units, minor, currency, until, story };
        if opens <= self.last && until.is_none_or(|until| self.last <= until) {
            add_up(&mut self.truth, &owed);
        }
        let ever = self.owed_ever.iter_mut().find(|(_, ever)| is_same(ever, &owed));
        match ever {
            Some((_, ever)) => {
                ever.units += owed.units;
                ever.minor += owed.minor;
            }
            None => self.owed_ever.push((opens, owed)),
        }
    }

    /// What can be claimed on a day, from the world's last day on.
    pub(crate) fn truth_on(&self, day: NaiveDate) -> impl Iterator<Item = &Owed> {
        let open =
            move |(opens, owed): &&(NaiveDate, Owed)| *opens <= day && owed.until.is_none_or(|until| day <= until);
        self.owed_ever.iter().filter(open).map(|(_, owed)| owed)
    }

    /// Takes something off what is owed, since it was paid after all.
    pub(crate) fn no_longer_owed(&mut self, at: usize) -> Owed {
        let owed = self.truth.remove(at);
        self.owed_ever.retain(|(_, ever)| !is_same(ever, &owed));
        owed
    }
}

fn is_same(one: &Owed, other: &Owed) -> bool {
    one.claim_type == other.claim_type && one.subject == other.subject && one.clock == other.clock
}

fn add_up(truth: &mut Vec<Owed>, owed: &Owed) {
    match truth.iter_mut().find(|known| is_same(known, owed)) {
        Some(known) => {
            known.units += owed.units;
            known.minor += owed.minor;
        }
        None => truth.push(owed.clone()),
    }
}
