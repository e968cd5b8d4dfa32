//! How gradient-boosted trees grow: leaf by leaf on histograms of binned values, as LightGBM does it.

use super::logistic::{sigmoid, softplus};
use super::random::Random;
use super::trees::{Forest, Node};

/// Settings of the growth; the same for every set.
#[derive(Debug, Clone)]
pub struct Growth {
    /// Share of each tree's answer that is taken.
    pub rate: f64,
    /// Leaves of a tree.
    pub leaves: usize,
    /// Fewest rows of a leaf.
    pub rows: f64,
    /// Share of the columns that a tree may ask.
    pub columns: f64,
    /// Share of the rows that a tree sees.
    pub bag: f64,
    /// Penalty on large answers.
    pub l2: f64,
    /// Most trees.
    pub trees: usize,
    /// Trees without a better validation loss before the growth ends.
    pub patience: usize,
}

impl Default for Growth {
    fn default() -> Self {
        Self { rate: 0.04, leaves: 15, rows: 10.0, columns: 0.25, bag: 0.7, l2: 5.0, trees: 500, patience: 60 }
    }
}

/// Values of a column fall into at most this many bins, and a bin for missing ones.
const BINS: usize = 64;

/// Rows with their labels.
#[derive(Clone, Copy)]
pub struct Lesson<'l> {
    /// The vectors.
    pub vectors: &'l [Vec<f32>],
    /// Whether they match.
    pub labels: &'l [bool],
}

/// Columns as bins, column by column; the rows of the validation follow those of the training.
struct Binned {
    cuts: Vec<Vec<f32>>,
    bins: Vec<Vec<u8>>,
}

impl Binned {
    fn of(train: &[Vec<f32>], valid: &[Vec<f32>]) -> Self {
        let width = train.first().map_or(0, Vec::len);
        let (mut cuts, mut bins) = (Vec::new(), Vec::new());
        for column in 0..width {
            let own = cuts_of(train.iter().map(|vector| vector[column]).filter(|value| !value.is_nan()).collect());
            let bin = |value: f32| if value.is_nan() { 0 } else { 1 + own.partition_point(|cut| *cut < value) as u8 };
            bins.push(train.iter().chain(valid).map(|vector| bin(vector[column])).collect());
            cuts.push(own);
        }
        Self { cuts, bins }
    }
}

/// Bounds between the bins: between all values when they are few, else so that the bins hold about as many rows each.
fn cuts_of(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_by(f32::total_cmp);
    let per_bin = values.len() as f64 / (BINS - 1) as f64;
    let different = values.chunk_by(|a, b| a == b).count();
    let (mut cuts, mut rows, mut next) = (Vec::new(), 0_usize, per_bin);
    let mut groups = values.chunk_by(|a, b| a == b).peekable();
    while let Some(group) = groups.next() {
        rows += group.len();
        let Some(following) = groups.peek() else { break };
        if different < BINS || rows as f64 >= next {
            cuts.push(f32::midpoint(group[0], following[0]));
            next = rows as f64 + per_bin;
        }
    }
    cuts.truncate(BINS - 1);
    cuts
}

#[derive(Clone, Copy, Default)]
struct Sum {
    slope: f64,
    bend: f64,
    rows: f64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        *self = Self { slope: self.slope + other.slope, bend: self.bend + other.bend, rows: self.rows + other.rows };
    }

    fn minus(self, other: Self) -> Self {
        Self { slope: self.slope - other.slope, bend: self.bend - other.bend, rows: self.rows - other.rows }
    }

    fn worth(self, l2: f64) -> f64 {
        self.slope * self.slope / (self.bend + l2)
    }
}

/// A leaf that may still be split.
struct Leaf {
    node: usize,
    /// Rows that it learns from.
    bag: Vec<u32>,
    /// Rows that only get its answer.
    others: Vec<u32>,
    sum: Sum,
    /// Per column of the tree and bin.
    histogram: Vec<Sum>,
    best: Option<Split>,
}

struct Split {
    gain: f64,
    column: usize,
    bin: usize,
}

/// Grows trees until the validation loss no longer falls, and keeps those up to its least.
#[must_use]
pub fn grow(growth: &Growth, seed: u64, train: Lesson<'_>, valid: Lesson<'_>) -> Forest {
    let binned = Binned::of(train.vectors, valid.vectors);
    let labels: Vec<bool> = train.labels.iter().chain(valid.labels).copied().collect();
    let mut random = Random::of(seed);
    let known = train.labels.len();
    let matches = train.labels.iter().filter(|label| **label).count() as f64;
    let base = ((matches + 0.5) / (known as f64 - matches + 0.5)).ln();
    let mut forest = Forest::of(base as f32);
    let mut logits = vec![base; labels.len()];
    let (mut least, mut kept) = (f64::INFINITY, 0);
    let width = binned.bins.len();
    for number in 1..=growth.trees {
        let gradient = |(logit, label): (&f64, &bool)| {
            let p = sigmoid(*logit);
            Sum { slope: p - f64::from(u8::from(*label)), bend: (p * (1.0 - p)).max(1e-9), rows: 1.0 }
        };
        let gradients: Vec<Sum> = logits.iter().zip(train.labels).map(gradient).collect();
        let bag = random.choose((growth.bag * known as f64).ceil() as usize, known);
        let columns = random.choose(((growth.columns * width as f64).ceil() as usize).max(1), width);
        let (nodes, leaves) =
            Tree { growth, binned: &binned, gradients: &gradients, columns: &columns }.grow(&bag, labels.len());
        for leaf in leaves {
            let answer = f64::from(nodes[leaf.node].value);
            leaf.bag.iter().chain(&leaf.others).for_each(|row| logits[*row as usize] += answer);
        }
        forest.push(&nodes);
        let loss = |(logit, label): (&f64, &bool)| softplus(*logit) - if *label { *logit } else { 0.0 };
        let loss = logits[known..].iter().zip(valid.labels).map(loss).sum();
        if loss < least {
            (least, kept) = (loss, number);
        } else if number - kept >= growth.patience {
            break;
        }
    }
    forest.truncate(kept);
    forest
}

struct Tree<'t> {
    growth: &'t Growth,
    binned: &'t Binned,
    gradients: &'t [Sum],
    columns: &'t [usize],
}

impl Tree<'_> {
    fn grow(&self, bag: &[usize], rows: usize) -> (Vec<Node>, Vec<Leaf>) {
        let empty = Node { part: 0, value: 0.0, next: 0 };
        let mut nodes = vec![empty];
        let mut bagged = vec![false; rows];
        bag.iter().for_each(|row| bagged[*row] = true);
        let (bag, others): (Vec<u32>, Vec<u32>) = (0..rows as u32).partition(|row| bagged[*row as usize]);
        let histogram = self.histogram(&bag);
        let mut leaves = vec![self.leaf(0, (bag, others), histogram)];
        while leaves.len() < self.growth.leaves {
            let gain = |leaf: &Leaf| leaf.best.as_ref().map_or(0.0, |split| split.gain);
            let Some(at) = (0..leaves.len()).max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b]))) else {
                break;
            };
            if gain(&leaves[at]) <= 1e-9 {
                break;
            }
            let Leaf { node, bag, others, mut histogram, best: Some(split), .. } = leaves.swap_remove(at) else {
                break;
            };
            let column = self.columns[split.column];
            let is_left = |row: &u32| usize::from(self.binned.bins[column][*row as usize]) <= split.bin;
            let ((left, right), (others_left, others_right)) = (parted(bag, is_left), parted(others, is_left));
            let value = split.bin.checked_sub(1).map_or(f32::MIN, |cut| self.binned.cuts[column][cut]);
            let next = nodes.len();
            nodes[node] = Node { part: column as u16, value, next: next as u32 };
            nodes.extend([empty; 2]);
            // Only the smaller side is counted; the other is what remains of the parent.
            let small = self.histogram(if left.len() < right.len() { &left } else { &right });
            histogram.iter_mut().zip(&small).for_each(|(cell, gone)| *cell = cell.minus(*gone));
            let (for_left, for_right) = if left.len() < right.len() { (small, histogram) } else { (histogram, small) };
            leaves.push(self.leaf(next, (left, others_left), for_left));
            leaves.push(self.leaf(next + 1, (right, others_right), for_right));
        }
        for leaf in &leaves {
            nodes[leaf.node].value = (-self.growth.rate * leaf.sum.slope / (leaf.sum.bend + self.growth.l2)) as f32;
        }
        (nodes, leaves)
    }

    fn histogram(&self, rows: &[u32]) -> Vec<Sum> {
        let gradients: Vec<Sum> = rows.iter().map(|row| self.gradients[*row as usize]).collect();
        let mut histogram = vec![Sum::default(); self.columns.len() * (BINS + 1)];
        for (column, cells) in self.columns.iter().zip(histogram.chunks_exact_mut(BINS + 1)) {
            let bins = &self.binned.bins[*column];
            for (row, gradient) in rows.iter().zip(&gradients) {
                cells[usize::from(bins[*row as usize])].add(*gradient);
            }
        }
        histogram
    }

    fn leaf(&self, node: usize, (bag, others): (Vec<u32>, Vec<u32>), histogram: Vec<Sum>) -> Leaf {
        let mut sum = Sum::default();
        histogram[..=BINS].iter().for_each(|cell| sum.add(*cell));
        let mut best: Option<Split> = None;
        if bag.len() as f64 >= 2.0 * self.growth.rows {
            for (column, cells) in histogram.chunks_exact(BINS + 1).enumerate() {
                self.better(&mut best, column, cells, sum);
            }
        }
        Leaf { node, bag, others, sum, histogram, best }
    }

    /// Replaces `best` by a better split of this column.
    fn better(&self, best: &mut Option<Split>, column: usize, cells: &[Sum], sum: Sum) {
        let whole = sum.worth(self.growth.l2);
        let mut left = Sum::default();
        for (bin, cell) in cells.iter().enumerate() {
            left.add(*cell);
            let right = sum.minus(left);
            if right.rows < self.growth.rows {
                break;
            }
            if cell.rows < 0.5 || left.rows < self.growth.rows {
                continue;
            }
            let gain = left.worth(self.growth.l2) + right.worth(self.growth.l2) - whole;
            if best.as_ref().is_none_or(|best| gain > best.gain) {
                *best = Some(Split { gain, column, bin });
            }
        }
    }
}

fn parted(rows: Vec<u32>, is_left: impl Fn(&u32) -> bool) -> (Vec<u32>, Vec<u32>) {
    rows.into_iter().partition(is_left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_of_two_columns_is_learned_and_missing_values_have_a_side() {
        let mut random = Random::of(1);
        let vectors: Vec<Vec<f32>> = (0..400)
            .map(|_| {
                let mut cell = || if random.below(10) == 0 { f32::NAN } else { random.below(100) as f32 };
                vec![cell(), cell(), cell()]
            })
            .collect();
        let labels: Vec<bool> = vectors.iter().map(|v| v[0] > 50.0 && v[1] <= 30.0 || v[2].is_nan()).collect();
        let (train, valid) = (
            Lesson { vectors: &vectors[..300], labels: &labels[..300] },
            Lesson { vectors: &vectors[300..], labels: &labels[300..] },
        );
        let growth = Growth { columns: 1.0, rate: 0.2, trees: 60, ..Growth::default() };
        let forest = grow(&growth, 7, train, valid);
        let right =
            valid.vectors.iter().zip(valid.labels).filter(|(v, label)| (forest.logit(v) > 0.0) == **label).count();
        assert!(right >= 94, "{right} of 100");
        let again = grow(&growth, 7, train, valid);
        assert_eq!(
            serde_json::to_string(&forest).unwrap(),
            serde_json::to_string(&again).unwrap(),
            "the same seed grows the same trees"
        );
    }
}
