//! What lying in the warehouse costs: the surcharge for units that lie long, and each month's storage.

use chrono::{Datelike, Days, Months};

use super::chance::Chance;
use super::region::{Article, Region};

/// Whether there was any.
pub(crate) fn happen(region: &mut Region, chance: &mut Chance, article: &Article) -> bool {
    if !chance.percent(40) {
        return false;
    }
    // Volume in ten thousandths, rate in hundredths.
    let (volume, rate) = (chance.between(500, 9_000), 690);
    for month in 0..12 {
        let day = region.first + Months::new(month) + Days::new(14);
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
        if day <= region.last && wrong > 0 {
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
    true
}

/// Each month's storage, told in the middle of the next.
pub(crate) fn monthly(region: &mut Region, chance: &mut Chance, article: &Article) {
    // Volume in ten thousandths, rate in hundredths.
    let (volume, rate) = (chance.between(400, 8_000), 78);
    for month in 1..12 {
        let Some(day) = (region.first + Months::new(month)).with_day(1) else { continue };
        let told_on = day + Months::new(1) + Days::new(9);
        // Units on average, in hundredths.
        let units = chance.between(200, 6_000);
        let wrong = if chance.percent(10) { chance.between(30, 700) } else { 0 };
        if told_on > region.last {
            return;
        }
        // In hundred-millionths: exact, so that nothing is owed for rounding.
        let fee = units * volume * rate + wrong * 1_000_000;
        let decimal = |digits: i64, scale: usize| {
            let digits = format!("{digits:0width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{whole}{}{fraction}", if region.marketplace == "US" { '.' } else { ',' })
        };
        let row = vec![
            article.asin.clone(),
            article.fnsku.clone(),
            article.title.clone(),
            "LGB3".to_owned(),
            region.marketplace.to_owned(),
            decimal(volume, 4),
            "cubic feet".to_owned(),
            decimal(units, 2),
            decimal(units * volume, 6),
            day.format("%Y-%m").to_string(),
            decimal(rate, 2),
            region.currency.to_owned(),
            decimal(fee, 8),
        ];
        region.paper("GET_FBA_STORAGE_FEE_CHARGES_DATA").add(told_on, row);
        if wrong > 0 {
            let subject = format!("storage {day} fnsku {}", article.fnsku);
            let story = "charged for more than lay there";
            region.owe("fee_storage_overcharge", subject, day, 1, wrong, (0, Some(90)), story);
        }
    }
}
