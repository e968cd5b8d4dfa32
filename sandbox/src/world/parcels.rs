//! Parcels that the seller sent by itself, with Amazon's carrier.

use chrono::Days;

use super::chance::Chance;
use super::region::Region;

/// A parcel that did not arrive whole.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The carrier's number.
    pub tracking: String,
    /// When it was to arrive.
    pub day: chrono::NaiveDate,
    /// What happened, as claims call it.
    pub reason: &'static str,
    /// What was in it was worth, in minor units.
    pub minor: i64,
    /// Its currency.
    pub currency: &'static str,
    /// The marketplace.
    pub marketplace: &'static str,
}

/// Some parcels of the year go wrong.
pub(crate) fn happen(region: &mut Region, chance: &mut Chance) {
    for number in 0..chance.between(2, 6) {
        let day = region.first + Days::new(chance.between(200, 360).unsigned_abs());
        let parcel = Parcel {
            tracking: format!("TBA{}{number:06}", region.marketplace),
            day,
            reason: chance.pick::<&str>(&["LOST_IN_TRANSIT", "DAMAGED_IN_TRANSIT", "DELIVERED_NOT_RECEIVED"]),
            minor: chance.between(900, 9_000),
            currency: region.currency,
            marketplace: region.marketplace,
        };
        let subject = format!("parcel {}", parcel.tracking);
        region.owe(
            "amazon_shipping_claim",
            subject,
            day,
            1,
            parcel.minor,
            (0, Some(60)),
            "the carrier lost or broke it",
        );
        region.parcels.push(parcel);
    }
}
