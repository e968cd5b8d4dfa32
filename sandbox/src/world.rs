//! A seller's year, made from a number: the same number makes the same year.
//!
//! Things happen to single units here, and each knows its own fate; what is owed is read off these fates. How the
//! marketplace's reports tell of it is written down beside, and nothing is computed from the reports. No rule of the claims
//! service is used, so that each can be checked against the other.

pub(crate) mod calendar;
mod chance;
pub(crate) mod customers;
pub(crate) mod headers;
mod inbound;
pub(crate) mod money_files;
pub(crate) mod paper;
mod parcels;
pub(crate) mod region;
mod removals;
mod returns;
mod reversals;
mod storage;
pub(crate) mod summary;
mod truth;
mod warehouse;
mod warehouse_rows;

use chrono::{DateTime, NaiveDate, Utc};

use chance::Chance;
use region::Region;

pub use paper::File;
pub use parcels::Parcel;
pub use truth::Owed;

/// How a world is made.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The number that it is made from.
    pub seed: u64,
    /// Articles in each of the two regions.
    pub articles: usize,
    /// Orders of each article.
    pub orders: usize,
    /// The last day of its year, on which everything is looked at.
    pub last_day: NaiveDate,
}

impl Settings {
    /// A small seller.
    pub fn of_seed(seed: u64) -> Self {
        let last_day = NaiveDate::from_ymd_opt(2026, 9, 30).expect("a date");
        Self { seed, articles: 24, orders: 40, last_day }
    }
}

/// What one unit of an article costs to buy, from a day on.
#[derive(Debug, Clone)]
pub struct Cost {
    /// Amazon's number of the article.
    pub fnsku: String,
    /// In minor units.
    pub minor: i64,
    /// Its currency.
    pub currency: &'static str,
    /// The first day.
    pub since: NaiveDate,
    /// The marketplace.
    pub marketplace: &'static str,
}

/// One article of a shipment to Amazon, as its shipment page shows it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Amazon's number of the shipment.
    pub shipment_id: String,
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// Units sent.
    pub shipped: i64,
    /// Units received, as the page says.
    pub received: i64,
    /// The shipment is closed.
    pub closed: bool,
    /// When the carrier delivered it.
    pub delivered_on: Option<NaiveDate>,
    /// Amazon's own carrier brought it.
    pub partnered: bool,
    /// The marketplace.
    pub marketplace: &'static str,
}

/// What carrier and seller say of a removal's parcel.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The removal order.
    pub order_id: String,
    /// The parcel.
    pub tracking: String,
    /// The article.
    pub fnsku: String,
    /// When it arrived, if it did.
    pub on: Option<NaiveDate>,
    /// Units that arrived whole.
    pub good: i64,
    /// Units that arrived broken.
    pub damaged: i64,
    /// The marketplace.
    pub marketplace: &'static str,
}

/// A seller's world.
#[derive(Debug)]
pub struct World {
    /// How it was made.
    pub settings: Settings,
    /// The moment at which everything is looked at.
    pub now: DateTime<Utc>,
    /// The reports, in the order in which they are fetched; some twice, some first without the latest rows.
    pub files: Vec<File>,
    /// What articles cost.
    pub costs: Vec<Cost>,
    /// What was sent in.
    pub sent: Vec<Sent>,
    /// What came back of removals.
    pub delivered: Vec<Delivered>,
    /// Parcels of the seller's own that went wrong with Amazon's carrier.
    pub parcels: Vec<Parcel>,
    /// What is truly owed and can be claimed now. Nothing but a measurement may read it.
    pub truth: Vec<Owed>,
    /// What Amazon paid in all and took back again, in minor units of both currencies together: a share, no amount.
    pub paid_and_reversed: (i64, i64),
    /// The regions, from which reports of any time and place can be written.
    pub(crate) regions: Vec<Region>,
}

impl World {
    /// Makes the world.
    pub fn generate(settings: Settings) -> Self {
        let now = settings.last_day.and_hms_opt(20, 0, 0).expect("a time").and_utc();
        let mut world = Self {
            settings,
            now,
            files: Vec::new(),
            costs: Vec::new(),
            sent: Vec::new(),
            delivered: Vec::new(),
            parcels: Vec::new(),
            truth: Vec::new(),
            paid_and_reversed: (0, 0),
            regions: Vec::new(),
        };
        let mut chance = Chance::of_seed(settings.seed);
        // What was thought of later has a chance of its own, so that the rest of a world stays as it was.
        let mut later = Chance::of_seed(settings.seed ^ 0x7061_7263_656c);
        let mut last = Chance::of_seed(settings.seed ^ 0x7265_7665_7273);
        for mut region in [Region::united_states(settings.last_day), Region::germany(settings.last_day)] {
            region.stock_up(&mut chance, settings.articles);
            for article in region.articles.clone() {
                warehouse::happen(&mut region, &mut chance, &article);
                customers::happen(&mut region, &mut chance, &article, settings.orders);
                removals::happen(&mut region, &mut chance, &article);
                inbound::happen(&mut region, &mut chance, &article);
                let lies_long = storage::happen(&mut region, &mut chance, &article);
                if !lies_long {
                    storage::monthly(&mut region, &mut later, &article);
                }
            }
            parcels::happen(&mut region, &mut later);
            reversals::happen(&mut region, &mut last);
            region.hand_over(&mut world);
            world.regions.push(region);
        }
        world
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_debt_happens_but_those_that_need_a_person() {
        let (mut kinds, mut stories) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        for seed in 1..4 {
            let world = World::generate(Settings::of_seed(seed));
            kinds.extend(world.truth.iter().map(|owed| owed.claim_type));
            let monthly = world.truth.iter().filter(|owed| owed.subject.contains("-01 fnsku"));
            assert!(monthly.count() > 0, "some month's storage was too dear");
            let taken_back = world.truth.iter().filter(|owed| owed.subject.starts_with("reversal"));
            stories.extend(taken_back.map(|owed| owed.story.clone()));
            let (paid, reversed) = world.paid_and_reversed;
            assert!((paid / 10..paid / 3).contains(&reversed), "about a fifth is taken back: {reversed} of {paid}");
        }
        assert_eq!(kinds.len(), 19, "{kinds:?}");
        assert_eq!(stories.len(), 2, "money for losses is taken back, and money for returns or shipments: {stories:?}");
    }

    #[test]
    fn the_same_number_makes_the_same_world() {
        let [one, other] = [(), ()].map(|()| World::generate(Settings::of_seed(5)));
        assert_eq!(one.truth, other.truth);
        let bytes = |world: &World| world.files.iter().map(|file| file.bytes.clone()).collect::<Vec<_>>();
        assert_eq!(bytes(&one), bytes(&other));
    }
}
