//! How gradient-boosted trees grow: leaf by leaf on histograms of binned values, as LightGBM does it.

use super::logistic::{sigmoid, softplus};
use super::random::Random;
use super::trees::{Forest, Node, score};

/// Settings of the growth; the same for every set.
#[derive(Debug, Clone)]
pub struct Growth {
    /// Share of each tree's answer that is taken.
    pub rate: f64,
    /// Leaves of a tree.
    pub leaves: usize,
    /// Fewest rows of a leaf.
    pub rows: u32,
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
        Self { rate: 0.04, leaves: 15, rows: 10, columns: 0.25, bag: 0.7, l2: 5.0, trees: 500, patience: 60 }
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

/// Columns as bins, column by column.
struct Binned {
    cuts: Vec<Vec<f32>>,
    bins: Vec<Vec<u8>>,
}

impl Binned {
    fn of(vectors: &[Vec<f32>]) -> Self {
        let width = vectors.first().map_or(0, Vec::len);
        let (mut cuts, mut bins) = (Vec::new(), Vec::new());
        for column in 0..width {
            let own = cuts_of(vectors.iter().map(|vector| vector[column]).filter(|value| !value.is_nan()).collect());
            let bin = |value: f32| if value.is_nan() { 0 } else { 1 + own.partition_point(|cut| *cut < value) as u8 };
            bins.push(vectors.iter().map(|vector| bin(vector[column])).collect());
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
    rows: u32,
}

impl Sum {
    fn plus(self, other: Self) -> Self {
        Self { slope: self.slope + other.slope, bend: self.bend + other.bend, rows: self.rows + other.rows }
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
    rows: Vec<u32>,
    sum: Sum,
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
    let binned = Binned::of(train.vectors);
    let mut random = Random::of(seed);
    let matches = train.labels.iter().filter(|label| **label).count() as f64;
    let base = ((matches + 0.5) / (train.labels.len() as f64 - matches + 0.5)).ln();
    let mut forest = Forest { base: base as f32, ..Forest::default() };
    let mut logits = vec![base; train.labels.len()];
    let mut valid_logits = vec![base; valid.labels.len()];
    let (mut least, mut kept) = (f64::INFINITY, 0);
    let width = binned.bins.len();
    for number in 1..=growth.trees {
        let gradients: Vec<(f64, f64)> = logits
            .iter()
            .zip(train.labels)
            .map(|(logit, label)| {
                let p = sigmoid(*logit);
                (p - f64::from(u8::from(*label)), (p * (1.0 - p)).max(1e-9))
            })
            .collect();
        let bag = random.choose((growth.bag * logits.len() as f64).ceil() as usize, logits.len());
        let columns = random.choose(((growth.columns * width as f64).ceil() as usize).max(1), width);
        let rows = bag.into_iter().map(|row| row as u32).collect();
        let tree = Tree { growth, binned: &binned, gradients: &gradients, columns: &columns }.grow(rows);
        for (logit, vector) in logits.iter_mut().zip(train.vectors) {
            *logit += f64::from(score(&tree, vector));
        }
        let mut loss = 0.0;
        for ((logit, vector), label) in valid_logits.iter_mut().zip(valid.vectors).zip(valid.labels) {
            *logit += f64::from(score(&tree, vector));
            loss += softplus(*logit) - if *label { *logit } else { 0.0 };
        }
        forest.push(&tree);
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
    gradients: &'t [(f64, f64)],
    columns: &'t [usize],
}

impl Tree<'_> {
    fn grow(&self, rows: Vec<u32>) -> Vec<Node> {
        let mut nodes = vec![Node { part: 0, value: 0.0, next: 0 }];
        let mut leaves = vec![self.leaf(0, rows)];
        while leaves.len() < self.growth.leaves {
            let gain = |leaf: &Leaf| leaf.best.as_ref().map_or(0.0, |split| split.gain);
            let Some(at) = (0..leaves.len()).max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b]))) else {
                break;
            };
            if gain(&leaves[at]) <= 1e-9 {
                break;
            }
            let Leaf { node, rows, best: Some(split), .. } = leaves.swap_remove(at) else { break };
            let bins = &self.binned.bins[split.column];
            let (left, right) = rows.into_iter().partition(|row| usize::from(bins[*row as usize]) <= split.bin);
            let value = split.bin.checked_sub(1).map_or(f32::NEG_INFINITY, |cut| self.binned.cuts[split.column][cut]);
            let next = nodes.len();
            nodes[node] = Node { part: split.column as u32, value, next: next as u32 };
            nodes.extend([Node { part: 0, value: 0.0, next: 0 }; 2]);
            leaves.push(self.leaf(next, left));
            leaves.push(self.leaf(next + 1, right));
        }
        for leaf in leaves {
            nodes[leaf.node].value = (-self.growth.rate * leaf.sum.slope / (leaf.sum.bend + self.growth.l2)) as f32;
        }
        nodes
    }

    fn leaf(&self, node: usize, rows: Vec<u32>) -> Leaf {
        let mut sum = Sum::default();
        for row in &rows {
            let (slope, bend) = self.gradients[*row as usize];
            sum = sum.plus(Sum { slope, bend, rows: 1 });
        }
        let mut best: Option<Split> = None;
        if sum.rows >= 2 * self.growth.rows {
            for column in self.columns {
                let split = self.best_in(*column, &rows, sum);
                best = match (best, split) {
                    (Some(old), Some(new)) if new.gain > old.gain => Some(new),
                    (None, new) => new,
                    (old, _) => old,
                };
            }
        }
        Leaf { node, rows, sum, best }
    }

    fn best_in(&self, column: usize, rows: &[u32], sum: Sum) -> Option<Split> {
        let bins = &self.binned.bins[column];
        let mut histogram = [Sum::default(); BINS + 1];
        for row in rows {
            let (slope, bend) = self.gradients[*row as usize];
            let cell = &mut histogram[usize::from(bins[*row as usize])];
            cell.slope += slope;
            cell.bend += bend;
            cell.rows += 1;
        }
        let whole = sum.worth(self.growth.l2);
        let (mut left, mut best) = (Sum::default(), None::<Split>);
        for (bin, cell) in histogram.iter().enumerate().take(self.binned.cuts[column].len() + 1) {
            left = left.plus(*cell);
            let right = sum.minus(left);
            if left.rows < self.growth.rows || right.rows < self.growth.rows {
                continue;
            }
            let gain = left.worth(self.growth.l2) + right.worth(self.growth.l2) - whole;
            if best.as_ref().is_none_or(|best| gain > best.gain) {
                best = Some(Split { gain, column, bin });
            }
        }
        best
    }
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
        assert_eq!(forest.nodes, again.nodes, "the same seed grows the same trees");
    }
}
