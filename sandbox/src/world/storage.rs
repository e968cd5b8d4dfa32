//! The surcharge for units that lie long.

use chrono::{Days, Months};

use super::chance::Chance;
use super::region::{Article, Region};
use super::{first_day, last_day};

pub(crate) fn happen(region: &mut Region, chance: &mut Chance, article: &Article) {
    if !chance.percent(40) {
        return;
    }
    // Volume in ten thousandths, rate in hundredths.
    let (volume, rate) = (chance.between(500, 9_000), 690);
    for month in 0..12 {
        let day = first_day() + Months::new(month) + Days::new(14);
        let units = chance.between(3, 30);
        let right = (units * volume * rate + 5_000) / 10_000;
        let wrong = if chance.percent(12) { chance.between(30, 900) } else { 0 };
        let mut decimal_volume = format!("0.{volume:04}");
        if region.marketplace != "US" {
            decimal_volume = decimal_volume.replace('.', ",");
        }
        let row = vec![
            format!("{day}T00:00:00+00:00"),
            article.sku.clone(),
            article.fnsku.clone(),
            article.asin.clone(),
            article.title.clone(),
            "New".to_owned(),
            decimal_volume,
            region.currency.to_owned(),
            "cubic feet".to_owned(),
            region.marketplace.to_owned(),
            units.to_string(),
            region.amount(right + wrong),
            "365+ days".to_owned(),
            region.amount(rate),
        ];
        region.paper("GET_FBA_FULFILLMENT_LONGTERM_STORAGE_FEE_CHARGES_DATA").add(day, row);
        if day <= last_day() && wrong > 0 {
            let subject = format!("storage {day} fnsku {}", article.fnsku);
            region.owe(
                "fee_storage_overcharge",
                subject,
                day,
                1,
                wrong,
                (0, Some(90)),
                "charged for more than its volume",
            );
        }
    }
}
