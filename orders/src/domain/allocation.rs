//! From which warehouses an order is sent: the fewest shipments, of those the cheapest, of those the shortest way. Exact up to
//! [`EXACT`] warehouses; beyond, warehouses that bring least are left out first.

/// Up to so many warehouses every choice is looked at.
pub const EXACT: usize = 10;

/// A warehouse as an order sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warehouse {
    /// Its name.
    pub id: String,
    /// What it can give of each line's article, in the order of the lines. Lines of the same article are joined before.
    pub available: Vec<i64>,
    /// What one shipment from it costs, in minor units.
    pub cost_minor: i64,
    /// How far it is, in kilometres.
    pub distance_km: i64,
}

/// So much of a line comes from a warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which warehouse, by its place in the list.
    pub warehouse: usize,
    /// Which line, by its place.
    pub line: usize,
    /// How many; positive.
    pub quantity: i64,
}

/// What is missing: line and quantity.
pub type Short = Vec<(usize, i64)>;

/// Chooses the warehouses.
///
/// # Errors
/// What all of them together are short of.
pub fn allocate(wanted: &[i64], warehouses: &[Warehouse]) -> Result<Vec<Part>, Short> {
    let all: Vec<usize> = (0..warehouses.len()).collect();
    let short = missing(wanted, warehouses, &all);
    if !short.is_empty() {
        return Err(short);
    }
    let pool = narrowed(wanted, warehouses, all);
    if pool.len() > EXACT {
        // None of them can be left out.
        return Ok(parts(wanted, warehouses, pool));
    }
    let mut best: Option<(usize, i64, i64, Vec<usize>)> = None;
    for choice in 1_u32..1 << pool.len() {
        let count = choice.count_ones() as usize;
        if best.as_ref().is_some_and(|(fewest, ..)| count > *fewest) {
            continue;
        }
        let chosen: Vec<usize> =
            pool.iter().enumerate().filter(|(bit, _)| choice & (1 << bit) != 0).map(|(_, index)| *index).collect();
        if !missing(wanted, warehouses, &chosen).is_empty() {
            continue;
        }
        let cost = chosen.iter().map(|index| warehouses[*index].cost_minor).sum();
        let distance = chosen.iter().map(|index| warehouses[*index].distance_km).sum();
        let candidate = (count, cost, distance, chosen);
        if best.as_ref().is_none_or(|best| candidate < *best) {
            best = Some(candidate);
        }
    }
    Ok(best.map(|(.., chosen)| parts(wanted, warehouses, chosen)).unwrap_or_default())
}

/// What these warehouses together are short of.
fn missing(wanted: &[i64], warehouses: &[Warehouse], chosen: &[usize]) -> Short {
    let lines = wanted.iter().enumerate();
    lines
        .filter_map(|(line, wanted)| {
            let have = chosen.iter().map(|index| warehouses[*index].available[line].max(0)).sum::<i64>();
            (have < *wanted).then_some((line, wanted - have))
        })
        .collect()
}

/// At most [`EXACT`] warehouses that have everything together: those that bring least go first, as long as the rest suffices.
fn narrowed(wanted: &[i64], warehouses: &[Warehouse], mut pool: Vec<usize>) -> Vec<usize> {
    let brings = |index: usize| -> i64 {
        let available = &warehouses[index].available;
        wanted.iter().zip(available).map(|(wanted, available)| (*wanted).min((*available).max(0))).sum()
    };
    pool.retain(|index| brings(*index) > 0);
    pool.sort_by_key(|index| {
        (std::cmp::Reverse(brings(*index)), warehouses[*index].cost_minor, warehouses[*index].distance_km, *index)
    });
    let mut at = pool.len();
    while pool.len() > EXACT && at > 0 {
        at -= 1;
        let mut without = pool.clone();
        without.remove(at);
        if missing(wanted, warehouses, &without).is_empty() {
            pool = without;
        }
    }
    pool
}

/// Takes as much as possible from the nearest. No warehouse is left with nothing: then fewer would have sufficed.
fn parts(wanted: &[i64], warehouses: &[Warehouse], mut chosen: Vec<usize>) -> Vec<Part> {
    chosen.sort_by_key(|index| (warehouses[*index].distance_km, warehouses[*index].cost_minor, *index));
    let mut parts = Vec::new();
    for (line, wanted) in wanted.iter().enumerate() {
        let mut left = *wanted;
        for index in &chosen {
            let quantity = left.min(warehouses[*index].available[line].max(0));
            if quantity > 0 {
                parts.push(Part { warehouse: *index, line, quantity });
                left -= quantity;
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn warehouse(id: usize, available: &[i64], cost_minor: i64, distance_km: i64) -> Warehouse {
        Warehouse { id: format!("w{id}"), available: available.to_vec(), cost_minor, distance_km }
    }

    #[test]
    fn one_shipment_beats_two_cheaper_ones() {
        let warehouses =
            [warehouse(0, &[1, 0], 100, 10), warehouse(1, &[0, 1], 100, 10), warehouse(2, &[1, 1], 900, 900)];
        let parts = allocate(&[1, 1], &warehouses).expect("enough");
        assert!(parts.iter().all(|part| part.warehouse == 2));
    }

    #[test]
    fn of_equal_counts_the_cheaper_then_the_nearer_one() {
        let chosen = |warehouses: &[Warehouse]| allocate(&[2], warehouses).expect("enough")[0].warehouse;
        assert_eq!(chosen(&[warehouse(0, &[2], 500, 1), warehouse(1, &[2], 400, 900)]), 1);
        assert_eq!(chosen(&[warehouse(0, &[2], 400, 901), warehouse(1, &[2], 400, 900)]), 1);
        assert_eq!(chosen(&[warehouse(0, &[2], 400, 900), warehouse(1, &[2], 400, 900)]), 0);
    }

    #[test]
    fn what_is_short_is_said() {
        let warehouses = [warehouse(0, &[1, 5], 1, 1), warehouse(1, &[1, 0], 1, 1)];
        assert_eq!(allocate(&[3, 5], &warehouses), Err(vec![(0, 1)]));
        assert_eq!(allocate(&[1], &[]), Err(vec![(0, 1)]));
    }

    /// The same question, asked unit by unit: every way to send each unit, the best by the same order.
    fn by_units(wanted: &[i64], warehouses: &[Warehouse]) -> Option<(usize, i64, i64)> {
        let units: Vec<usize> =
            wanted.iter().enumerate().flat_map(|(line, count)| vec![line; *count as usize]).collect();
        let mut best = None;
        for mut code in 0..warehouses.len().pow(units.len() as u32) {
            let mut left: Vec<Vec<i64>> = warehouses.iter().map(|warehouse| warehouse.available.clone()).collect();
            let mut used = BTreeSet::new();
            let possible = units.iter().all(|line| {
                let from = code % warehouses.len();
                code /= warehouses.len();
                used.insert(from);
                left[from][*line] -= 1;
                left[from][*line] >= 0
            });
            if possible {
                let cost: i64 = used.iter().map(|index| warehouses[*index].cost_minor).sum();
                let distance: i64 = used.iter().map(|index| warehouses[*index].distance_km).sum();
                let candidate = (used.len(), cost, distance);
                best = Some(best.map_or(candidate, |best| candidate.min(best)));
            }
        }
        best
    }

    fn stock() -> impl Strategy<Value = (Vec<i64>, Vec<Warehouse>)> {
        let warehouses = prop::collection::vec((prop::collection::vec(0_i64..3, 2), 0_i64..4, 0_i64..4), 1..=6);
        (prop::collection::vec(1_i64..3, 2), warehouses).prop_map(|(wanted, rows)| {
            let of = |(index, (available, cost, distance)): (usize, (Vec<i64>, i64, i64))| {
                warehouse(index, &available, cost, distance)
            };
            (wanted, rows.into_iter().enumerate().map(of).collect())
        })
    }

    proptest! {
        #[test]
        fn the_choice_is_the_best_there_is((wanted, warehouses) in stock()) {
            let found = allocate(&wanted, &warehouses);
            let best = by_units(&wanted, &warehouses);
            prop_assert_eq!(found.is_ok(), best.is_some());
            if let (Ok(parts), Some(best)) = (found, best) {
                let used: BTreeSet<usize> = parts.iter().map(|part| part.warehouse).collect();
                let cost = used.iter().map(|index| warehouses[*index].cost_minor).sum();
                let distance = used.iter().map(|index| warehouses[*index].distance_km).sum();
                prop_assert_eq!((used.len(), cost, distance), best);
                for (line, wanted) in wanted.iter().enumerate() {
                    prop_assert_eq!(parts.iter().filter(|part| part.line == line).map(|part| part.quantity).sum::<i64>(), *wanted);
                }
                for part in &parts {
                    prop_assert!(part.quantity > 0 && part.quantity <= warehouses[part.warehouse].available[part.line]);
                }
            }
        }

        #[test]
        fn many_warehouses_still_give_everything(available in prop::collection::vec(0_i64..3, 11..40)) {
            let warehouses: Vec<_> = available.iter().enumerate().map(|(index, count)| warehouse(index, &[*count], 1, 1)).collect();
            let wanted = available.iter().sum::<i64>().clamp(1, 9);
            match allocate(&[wanted], &warehouses) {
                Ok(parts) => prop_assert_eq!(parts.iter().map(|part| part.quantity).sum::<i64>(), wanted),
                Err(short) => prop_assert_eq!(short, vec![(0, wanted - available.iter().sum::<i64>())]),
            }
        }
    }
}
