//! Context: how a pair compares with its rivals, the other candidates of its two records.

use super::record::Pair;

/// The parts of a vector that pairs are compared by among their rivals.
pub const BASES: [&str; 4] = [
    "main text: cosine of rare words",
    "main text: share of similar words",
    "whole text: cosine of rare words",
    "whole text: share of similar words",
];

/// Likenesses of a pair by the bases.
pub type Likeness = [f32; BASES.len()];

/// A rival within this much counts as close.
const CLOSE: f32 = 0.05;

/// The logit of a rival that is not there.
const NOBODY: f32 = -12.0;

/// Names of the parts by likeness and by `judgements` judgements, in their order.
#[must_use]
pub fn names(judgements: usize) -> Vec<String> {
    let sides = |parts: &dyn Fn(&str) -> Vec<String>| ["left", "right"].map(parts).concat();
    let mut names = sides(&|side| {
        let hows = ["lead over the best rival", "rank", "close rivals"];
        let bases = BASES.iter().flat_map(|base| hows.map(|how| format!("{base}, {side}: {how}")));
        std::iter::once(format!("rivals of the {side} record")).chain(bases).collect()
    });
    for number in 1..=judgements {
        names.extend(sides(&|side| {
            ["lead", "rank", "share"].map(|how| format!("judgement {number}, {side}: {how}")).to_vec()
        }));
    }
    names
}

/// The parts of every pair by its likenesses. All pairs are rivals that share a record; their labels play no part.
#[must_use]
pub fn by_likeness(pairs: &[Pair], likeness: &[Likeness]) -> Vec<Vec<f32>> {
    among(pairs, |own, rivals, parts| {
        parts.push(rivals.len() as f32);
        for (base, mine) in likeness[own].into_iter().enumerate() {
            let of_rivals = || rivals.iter().map(|rival| likeness[*rival][base]).filter(|value| !value.is_nan());
            // Without a rival the lead is over nothing.
            parts.push(mine - of_rivals().fold(0.0, f32::max));
            parts.push(of_rivals().filter(|value| *value > mine).count() as f32);
            parts.push(of_rivals().filter(|value| (*value - mine).abs() <= CLOSE).count() as f32);
        }
    })
}

/// The parts of every pair by a judgement's logits.
#[must_use]
pub fn by_judgement(pairs: &[Pair], logits: &[f32]) -> Vec<Vec<f32>> {
    among(pairs, |own, rivals, parts| {
        let mine = logits[own];
        let of_rivals = || rivals.iter().map(|rival| logits[*rival]);
        parts.push(mine - of_rivals().fold(NOBODY, f32::max));
        parts.push(of_rivals().filter(|value| *value > mine).count() as f32);
        parts.push(mine.exp() / (mine.exp() + of_rivals().map(f32::exp).sum::<f32>()));
    })
}

/// Calls `each` with every pair's number, its rivals' numbers and its parts: first for the left record, then for the right one.
fn among(pairs: &[Pair], each: impl Fn(usize, &[usize], &mut Vec<f32>)) -> Vec<Vec<f32>> {
    let mut parts = vec![Vec::new(); pairs.len()];
    for side in [|pair: &Pair| pair.left, |pair: &Pair| pair.right] {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|at| side(&pairs[*at]));
        for group in order.chunk_by(|a, b| side(&pairs[*a]) == side(&pairs[*b])) {
            for own in group {
                // The same pair may be listed twice, as in two of the files: it is no rival of itself.
                let rivals: Vec<usize> = group.iter().copied().filter(|rival| pairs[*rival] != pairs[*own]).collect();
                each(*own, &rivals, &mut parts[*own]);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_leads_or_follows_its_rivals() {
        let pairs = [(0, 0), (0, 1), (1, 1), (0, 0)].map(|(left, right)| Pair { left, right });
        let parts = by_judgement(&pairs, &[2.0, 1.0, -3.0, 2.0]);
        assert_eq!(parts[0][..2], [1.0, 0.0], "the twin is no rival");
        assert_eq!(parts[1][..2], [-1.0, 2.0], "both listings of the rival are ahead");
        assert_eq!(parts[2][..3], [-3.0 - NOBODY, 0.0, 1.0], "its left record has no other candidate");
        let likeness = [[0.9, f32::NAN, 0.5, 0.5], [0.87, 0.2, 0.5, 0.5], [0.1; 4], [0.9, f32::NAN, 0.5, 0.5]];
        let alike = by_likeness(&pairs, &likeness);
        assert_eq!(alike[1][0], 2.0);
        assert!((alike[1][1] + 0.03).abs() < 1e-6 && alike[1][2..4] == [2.0, 2.0]);
        assert_eq!(alike[0].len() + parts[0].len(), names(1).len());
    }
}
