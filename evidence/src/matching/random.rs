//! Repeatable randomness: the same seed trains the same model on every machine and with every version of every crate.

use super::text::stir;

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        stir(self.0)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// `wanted` different numbers below `end`, sorted.
    pub fn choose(&mut self, wanted: usize, end: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..end).collect();
        for at in 0..wanted.min(end) {
            let other = at + self.below(end - at);
            numbers.swap(at, other);
        }
        numbers.truncate(wanted);
        numbers.sort_unstable();
        numbers
    }

    /// A fold below `folds` for each row, so that the matches spread evenly.
    pub fn folds(&mut self, labels: &[bool], folds: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..labels.len()).collect();
        for at in (1..order.len()).rev() {
            let other = self.below(at + 1);
            order.swap(at, other);
        }
        order.sort_by_key(|row| labels[*row]);
        let mut fold = vec![0; labels.len()];
        for (place, row) in order.into_iter().enumerate() {
            fold[row] = place % folds;
        }
        fold
    }
}
