//! Context: how a pair compares with its rivals, the other candidates of its two records.

use super::record::Pair;

/// The parts of a vector that pairs are compared by among their rivals.
pub const BASES: [&str; 4] = [
    "main text: cosine of rare words",
    "main text: share of similar words",
    "whole text: cosine of rare words",
    "whole text: share of similar words",
];

/// A rival within this much counts as close.
const CLOSE: f32 = 0.05;

/// Likenesses of a pair: the bases, and last the logit of a first judgement.
pub type Likeness = [f32; BASES.len() + 1];

/// Names of the context parts, in the order of [`among_rivals`].
#[must_use]
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    for side in ["left", "right"] {
        names.push(format!("rivals of the {side} record"));
        names.extend(["lead", "rank", "share"].map(|how| format!("first judgement, {side}: {how}")));
        for base in BASES {
            names.extend(
                ["lead over the best rival", "rank", "close rivals"].map(|how| format!("{base}, {side}: {how}")),
            );
        }
    }
    names
}

/// The context parts of every pair. All pairs are rivals that share a record; their labels play no part.
#[must_use]
pub fn among_rivals(pairs: &[Pair], likeness: &[Likeness]) -> Vec<Vec<f32>> {
    let mut parts = vec![Vec::new(); pairs.len()];
    for side in [|pair: &Pair| pair.left, |pair: &Pair| pair.right] {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|at| side(&pairs[*at]));
        for group in order.chunk_by(|a, b| side(&pairs[*a]) == side(&pairs[*b])) {
            for own in group {
                // The same pair may be listed twice, as in two of the files: it is no rival of itself.
                let rivals: Vec<usize> = group.iter().copied().filter(|rival| pairs[*rival] != pairs[*own]).collect();
                parts[*own].push(rivals.len() as f32);
                let (bases, [mine]) = likeness[*own].split_at(BASES.len()) else { continue };
                let of_rivals = || rivals.iter().map(|rival| likeness[*rival][BASES.len()]);
                let best = of_rivals().fold(-12.0, f32::max);
                parts[*own].push(mine - best);
                parts[*own].push(of_rivals().filter(|value| value > mine).count() as f32);
                let odds: f32 = of_rivals().map(f32::exp).sum();
                parts[*own].push(mine.exp() / (mine.exp() + odds));
                for (base, mine) in bases.iter().copied().enumerate() {
                    let of_rivals =
                        || rivals.iter().map(|rival| likeness[*rival][base]).filter(|value| !value.is_nan());
                    // Without a rival the lead is over nothing.
                    let best = of_rivals().fold(0.0, f32::max);
                    parts[*own].push(mine - best);
                    parts[*own].push(of_rivals().filter(|value| *value > mine).count() as f32);
                    parts[*own].push(of_rivals().filter(|value| (*value - mine).abs() <= CLOSE).count() as f32);
                }
            }
        }
    }
    parts
}
