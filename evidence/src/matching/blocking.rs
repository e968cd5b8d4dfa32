//! Which pairs are worth a look: those that share a rare combination of values, or everything.

use super::levels::{Field, Style};
use super::record::Pair;
use super::text::{Id, joined};

/// A combination of values that would give more pairs than this is too common to mean anything.
const COMMON: usize = 100;

/// What a key is made of; keys that say "equal" are never too common.
const SAME: Id = 1 << 63;

/// The candidates among two lists of records, or within one (`right` is `None`; then `left` < `right` in each pair).
///
/// Records that are equal in all columns, or in one column whose values hardly ever repeat, are always candidates.
#[must_use]
pub fn candidates(styles: &[Style], left: &[Vec<Field>], right: Option<&[Vec<Field>]>) -> Vec<Pair> {
    let naming = naming(styles.len(), left, right);
    let mut keys: Vec<(Id, u32, bool)> = Vec::new();
    for (records, is_right) in [(left, false), (right.unwrap_or_default(), true)] {
        for (number, fields) in records.iter().enumerate() {
            keys_of(styles, &naming, fields, |key| keys.push((key, number as u32, is_right)));
        }
    }
    keys.sort_unstable();
    let mut pairs = Vec::new();
    for block in keys.chunk_by(|a, b| a.0 == b.0) {
        let split = block.partition_point(|(_, _, is_right)| !is_right);
        // Sorting put the records of a key in the order of their numbers, left and right ones mixed.
        let (lefts, rights): (Vec<u32>, Vec<u32>) = if right.is_none() {
            (block[..split].iter().map(|key| key.1).collect(), Vec::new())
        } else {
            let side = |wanted| block.iter().filter(|key| key.2 == wanted).map(|key| key.1).collect();
            (side(false), side(true))
        };
        let number =
            if right.is_none() { lefts.len() * lefts.len().saturating_sub(1) / 2 } else { lefts.len() * rights.len() };
        if number == 0 || (number > COMMON && block[0].0 & SAME == 0) {
            continue;
        }
        for (at, l) in lefts.iter().enumerate() {
            let others = if right.is_none() { &lefts[at + 1..] } else { &rights[..] };
            pairs.extend(others.iter().map(|r| Pair { left: *l, right: *r }));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Columns whose values hardly ever repeat within a list: at least nine of ten are different.
fn naming(columns: usize, left: &[Vec<Field>], right: Option<&[Vec<Field>]>) -> Vec<bool> {
    let unique = |records: &[Vec<Field>], column: usize| {
        let mut ids: Vec<Id> =
            records.iter().map(|fields| &fields[column]).filter(|f| !f.text.is_empty()).map(|f| f.id).collect();
        let filled = ids.len();
        ids.sort_unstable();
        ids.dedup();
        ids.len() * 10 >= filled * 9
    };
    (0..columns).map(|column| unique(left, column) && right.is_none_or(|right| unique(right, column))).collect()
}

/// Every two values that a record has, its words if its texts are long, its naming values, and all of it.
fn keys_of(styles: &[Style], naming: &[bool], fields: &[Field], mut put: impl FnMut(Id)) {
    let mut all = 0;
    for (number, (field, style)) in fields.iter().zip(styles).enumerate() {
        let own = joined(number as u64 + 1, field.id);
        all = joined(all, own);
        if field.text.is_empty() {
            continue;
        }
        put(if naming[number] { own | SAME } else { own & !SAME });
        if *style == Style::Words {
            field.words.iter().for_each(|(word, _)| put(joined(1000, *word) & !SAME));
        }
        for (after, other) in fields.iter().enumerate().skip(number + 1).filter(|(_, other)| !other.text.is_empty()) {
            put(joined(own, joined(after as u64 + 1, other.id)) & !SAME);
        }
    }
    put(all | SAME);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{levels, record::Record, schema::Schema};
    use proptest::prelude::*;

    fn ready(records: &[Record], all: &[Record]) -> (Vec<Style>, Vec<Vec<Field>>) {
        let schema = Schema::discover(all.iter());
        let styles = levels::styles(&schema, all.iter());
        let fields = records.iter().map(|record| levels::fields(&schema, &styles, record)).collect();
        (styles, fields)
    }

    fn records() -> impl Strategy<Value = Vec<Record>> {
        // Few different values, so that blocks are crowded and records repeat.
        let row = (0..4_u8, 0..3_u8, 0..2_u8);
        proptest::collection::vec(row, 2..80).prop_map(|rows| {
            let record = |(a, b, c)| {
                [("name", format!("n{a}")), ("town", format!("t{b}")), ("no", format!("{c}"))].into_iter().collect()
            };
            rows.into_iter().map(record).collect()
        })
    }

    proptest! {
        #[test]
        fn an_exact_match_is_never_lost(left in records(), right in records()) {
            let all: Vec<Record> = left.iter().chain(&right).cloned().collect();
            let (styles, l) = ready(&left, &all);
            let (_, r) = ready(&right, &all);
            let found = candidates(&styles, &l, Some(&r));
            for (a, x) in left.iter().enumerate() {
                for (b, y) in right.iter().enumerate().filter(|(_, y)| *y == x) {
                    let pair = Pair { left: a as u32, right: b as u32 };
                    prop_assert!(found.binary_search(&pair).is_ok(), "{x:?} {y:?}");
                }
            }
            let within = candidates(&styles, &l, None);
            prop_assert!(within.iter().all(|pair| pair.left < pair.right));
            for (a, x) in left.iter().enumerate() {
                for b in (a + 1..left.len()).filter(|b| left[*b] == *x) {
                    let pair = Pair { left: a as u32, right: b as u32 };
                    prop_assert!(within.binary_search(&pair).is_ok(), "{pair:?}");
                }
            }
        }
    }
}
