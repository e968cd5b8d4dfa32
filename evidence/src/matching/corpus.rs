//! How rare tokens and letter triples are.

use serde::{Deserialize, Serialize};

use super::text::{ById, Id};

/// In how many records each token or triple occurs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Corpus {
    records: u32,
    frequency: ById<u32>,
}

/// As JSON: sorted, so that the same corpus is the same text.
#[derive(Serialize, Deserialize)]
struct Stored {
    records: u32,
    frequency: Vec<(Id, u32)>,
}

impl From<Stored> for Corpus {
    fn from(stored: Stored) -> Self {
        Self { records: stored.records, frequency: stored.frequency.into_iter().collect() }
    }
}

impl From<Corpus> for Stored {
    fn from(corpus: Corpus) -> Self {
        let mut frequency: Vec<_> = corpus.frequency.into_iter().collect();
        frequency.sort_unstable();
        Self { records: corpus.records, frequency }
    }
}

impl Corpus {
    /// Counts one record; `ids` may repeat themselves.
    pub fn add(&mut self, mut ids: Vec<Id>) {
        ids.sort_unstable();
        ids.dedup();
        self.records += 1;
        for id in ids {
            *self.frequency.entry(id).or_default() += 1;
        }
    }

    /// How much it says that two records share this: ln((N + 1) / (df + 1/2)), most for what was never seen.
    #[must_use]
    pub fn weight(&self, id: Id) -> f32 {
        let frequency = self.frequency.get(&id).copied().unwrap_or(0);
        ((f64::from(self.records) + 1.0) / (f64::from(frequency) + 0.5)).ln().max(0.05) as f32
    }

    /// In how many records it occurs.
    #[must_use]
    pub fn frequency(&self, id: Id) -> u32 {
        self.frequency.get(&id).copied().unwrap_or(0)
    }
}
