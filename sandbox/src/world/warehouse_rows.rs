//! What the ledger and the stock report say of losses, and rows that look like losses and are none.

use chrono::{Days, NaiveDate};

use super::chance::Chance;
use super::money_files::Moved;
use super::region::{Article, Region};
use super::warehouse::{Batch, CENTERS, Fate, later};

/// Writes the ledger's rows of what went missing, and what is owed for it.
pub(crate) fn tell(region: &mut Region, chance: &mut Chance, article: &Article, batches: &[Batch], lost: bool) {
    let early = region.last - Days::new(20);
    let mut searched: i64 = 0;
    let mut newest: Vec<&Batch> = batches.iter().collect();
    newest.sort_by_key(|batch| std::cmp::Reverse(batch.day));
    let mut to_search = if lost && chance.percent(20) { chance.between(1, 3) } else { 0 };
    for batch in newest {
        let total = i64::try_from(batch.units.len()).unwrap_or(0);
        let found = |until: NaiveDate| {
            let before = batch.units.iter().filter(|fate| matches!(fate, Fate::Found(day) if *day <= until));
            i64::try_from(before.count()).unwrap_or(0)
        };
        let (now, before) = (found(region.last), found(early));
        let moved = Moved {
            day: batch.day,
            event: "Adjustments",
            reference: batch.reference.clone(),
            quantity: -total,
            center: batch.center,
            disposition: "SELLABLE",
            reason: batch.code,
            reconciled: Some((now, total - now)),
            reconciled_before: (before != now).then_some((before, total - before)),
        };
        region.move_stock(article, &moved);
        if !lost {
            let into = Moved {
                quantity: total,
                disposition: "WAREHOUSE_DAMAGED",
                reason: "P",
                reconciled: None,
                reconciled_before: None,
                ..moved
            };
            region.move_stock(article, &into);
        }
        let missing = i64::try_from(batch.units.iter().filter(|fate| **fate == Fate::Missing).count()).unwrap_or(0);
        // Amazon searches for what was lost lately.
        let waits = if batch.day >= region.last - Days::new(59) { to_search.min(missing) } else { 0 };
        to_search -= waits;
        searched += waits;
        let owed = missing - waits;
        if owed > 0 {
            let kind = if lost { "fc_lost" } else { "fc_damaged" };
            // For a week Amazon is given the chance to pay by itself.
            let minor = owed * article.cost_on(batch.day);
            let closes = Some(60);
            if batch.day + Days::new(7) <= region.last {
                let subject = format!("fnsku {}", article.fnsku);
                region.owe(kind, subject, batch.day, owed, minor, (0, closes), "never found and never paid for");
            }
        }
    }
    if lost {
        region.searched.insert(article.fnsku.clone(), searched);
    }
}

/// Rows that look like losses and are none.
pub(crate) fn noise(region: &mut Region, chance: &mut Chance, article: &Article) {
    let kinds: [(&str, &str, i64); 9] = [
        ("Adjustments", "O", -1),
        ("Adjustments", "Q", -1),
        ("Adjustments", "P", 1),
        ("Adjustments", "3", 2),
        ("Adjustments", "4", -2),
        ("Adjustments", "D", -1),
        ("WhseTransfers", "", -5),
        ("WhseTransfers", "", 5),
        ("Adjustments", "Z", -3),
    ];
    for _ in 0..12 {
        let (event, reason, quantity) = *chance.pick(&kinds);
        let day = later(chance, region.first, 0, 363);
        let (reference, center) = (format!("24{}", region.number()), *chance.pick(&CENTERS));
        let disposition = "SELLABLE";
        region.move_stock(
            article,
            &Moved {
                day,
                event,
                reference,
                quantity,
                center,
                disposition,
                reason,
                reconciled: None,
                reconciled_before: None,
            },
        );
    }
}
