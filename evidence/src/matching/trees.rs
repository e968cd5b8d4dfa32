//! Gradient-boosted trees: what they are and how they score. How they grow is in [`super::growing`].

use serde::{Deserialize, Serialize};

/// A place in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u32, f32, u32)", into = "(u32, f32, u32)")]
pub struct Node {
    /// Which part of the vector is asked.
    pub part: u32,
    /// Up to this, or missing: on to `next`, else to the one after that. In a leaf: the logit it adds.
    pub value: f32,
    /// 0 in a leaf.
    pub next: u32,
}

impl From<(u32, f32, u32)> for Node {
    fn from((part, value, next): (u32, f32, u32)) -> Self {
        Self { part, value, next }
    }
}

impl From<Node> for (u32, f32, u32) {
    fn from(node: Node) -> Self {
        (node.part, node.value, node.next)
    }
}

/// Trees whose logits add up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Forest {
    /// The logit before any tree.
    pub base: f32,
    /// Where each tree begins in `nodes`.
    pub roots: Vec<u32>,
    /// The nodes of all trees.
    pub nodes: Vec<Node>,
}

impl Forest {
    /// The logit of a vector.
    #[must_use]
    pub fn logit(&self, vector: &[f32]) -> f32 {
        self.base + self.roots.iter().map(|root| self.leaf(*root, vector)).sum::<f32>()
    }

    fn leaf(&self, root: u32, vector: &[f32]) -> f32 {
        let mut node = &self.nodes[root as usize];
        while node.next != 0 {
            let right = u32::from(vector[node.part as usize] > node.value);
            node = &self.nodes[(root + node.next + right) as usize];
        }
        node.value
    }

    /// Adds a tree; its nodes point to each other from its own beginning.
    pub fn push(&mut self, tree: &[Node]) {
        self.roots.push(self.nodes.len() as u32);
        self.nodes.extend_from_slice(tree);
    }

    /// Forgets all trees but the first `kept`.
    pub fn truncate(&mut self, kept: usize) {
        if let Some(end) = self.roots.get(kept) {
            self.nodes.truncate(*end as usize);
            self.roots.truncate(kept);
        }
    }
}
