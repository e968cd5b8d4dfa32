//! Gradient-boosted trees: what they are and how they score. How they grow is in [`super::growing`].

use serde::{Deserialize, Serialize};

/// A place in a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// Which part of the vector is asked.
    pub part: u16,
    /// Up to this, or missing: on to `next`, else to the one after that. In a leaf: the logit it adds.
    pub value: f32,
    /// Counted from the beginning of the tree; 0 in a leaf.
    pub next: u32,
}

/// Trees whose logits add up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Forest {
    /// The logit before any tree.
    base: f32,
    trees: Vec<Tree>,
    places: Vec<Place>,
}

/// Where a tree begins, and how many questions lead to its deepest leaf.
#[derive(Debug, Clone, Copy)]
struct Tree {
    root: u32,
    depth: u32,
}

/// A node as it is scored: a leaf leads to itself, so that every vector can be led down the same number of steps without asking whether it
/// has arrived. That question is what costs time: no processor can guess its answer.
#[derive(Debug, Clone, Copy)]
struct Place {
    part: u16,
    /// 0 in a leaf, whose answer must not send anybody right.
    asks: u16,
    value: f32,
    next: u32,
}

/// As JSON: the nodes of each tree as (part, value, next).
#[derive(Serialize, Deserialize)]
struct Stored {
    base: f32,
    trees: Vec<Vec<(u16, f32, u32)>>,
}

impl From<Stored> for Forest {
    fn from(stored: Stored) -> Self {
        let mut forest = Self::of(stored.base);
        for tree in stored.trees {
            forest.push(&tree.into_iter().map(|(part, value, next)| Node { part, value, next }).collect::<Vec<_>>());
        }
        forest
    }
}

impl From<Forest> for Stored {
    fn from(forest: Forest) -> Self {
        let ends = forest.trees.iter().skip(1).map(|tree| tree.root as usize).chain([forest.places.len()]);
        let nodes = |(tree, end): (&Tree, usize)| {
            let own = &forest.places[tree.root as usize..end];
            own.iter()
                .map(|place| {
                    (place.part, place.value, u32::from(place.asks) * (place.next - tree.root.min(place.next)))
                })
                .collect()
        };
        Self { base: forest.base, trees: forest.trees.iter().zip(ends).map(nodes).collect() }
    }
}

impl Forest {
    /// No trees yet.
    #[must_use]
    pub fn of(base: f32) -> Self {
        Self { base, ..Self::default() }
    }

    /// How many trees there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.trees.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// The logit of a vector.
    #[must_use]
    pub fn logit(&self, vector: &[f32]) -> f32 {
        let mut logit = self.base;
        for tree in &self.trees {
            let mut place = self.places[tree.root as usize];
            for _ in 0..tree.depth {
                let right = place.asks & u16::from(vector[usize::from(place.part)] > place.value);
                place = self.places[place.next as usize + usize::from(right)];
            }
            logit += place.value;
        }
        logit
    }

    /// Adds a tree.
    pub fn push(&mut self, tree: &[Node]) {
        let root = self.places.len() as u32;
        // Children stand behind their parents.
        let mut depths = vec![0; tree.len()];
        for (at, node) in tree.iter().enumerate().filter(|(_, node)| node.next != 0) {
            depths[node.next as usize] = depths[at] + 1;
            depths[node.next as usize + 1] = depths[at] + 1;
        }
        for (at, node) in tree.iter().enumerate() {
            let next = root + if node.next == 0 { at as u32 } else { node.next };
            self.places.push(Place { part: node.part, asks: u16::from(node.next != 0), value: node.value, next });
        }
        self.trees.push(Tree { root, depth: depths.into_iter().max().unwrap_or(0) });
    }

    /// Forgets all trees but the first `kept`.
    pub fn truncate(&mut self, kept: usize) {
        if let Some(end) = self.trees.get(kept) {
            self.places.truncate(end.root as usize);
            self.trees.truncate(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_led_to_its_leaf_also_after_storing() {
        let leaf = |value| Node { part: 0, value, next: 0 };
        let deep = [
            Node { part: 1, value: 0.5, next: 1 },
            leaf(1.0),
            Node { part: 0, value: f32::MIN, next: 3 },
            leaf(10.0),
            leaf(100.0),
        ];
        let mut forest = Forest::of(0.25);
        forest.push(&deep);
        forest.push(&[leaf(-5.0)]);
        forest.push(&deep);
        let json = serde_json::to_string(&forest).unwrap();
        let restored: Forest = serde_json::from_str(&json).unwrap();
        for forest in [&forest, &restored] {
            assert_eq!(forest.logit(&[7.0, 0.5]), 0.25 + 2.0 * 1.0 - 5.0);
            assert_eq!(forest.logit(&[f32::NAN, f32::NAN]), 0.25 + 2.0 * 1.0 - 5.0, "missing goes left");
            assert_eq!(forest.logit(&[f32::NAN, 0.6]), 0.25 + 2.0 * 10.0 - 5.0);
            assert_eq!(forest.logit(&[7.0, 0.6]), 0.25 + 2.0 * 100.0 - 5.0);
        }
        forest.truncate(1);
        assert_eq!((forest.len(), forest.logit(&[7.0, 0.5])), (1, 1.25));
    }
}
