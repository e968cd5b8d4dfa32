//! Which subjects an article or a row belongs to. There may be millions of rows, so subjects are numbered.

use std::collections::{BTreeSet, HashMap};

use super::books::Subject;
use crate::reports::RowKey;

/// How many subjects a row belongs to at most, and what stands for none.
const MOST: usize = 3;
const NONE: u32 = u32::MAX;

/// Subjects by number, article and row.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: Vec<Subject>,
    numbers: HashMap<Subject, u32>,
    /// By both of an article's numbers, for facts that concern all of its subjects.
    by_article: HashMap<String, BTreeSet<u32>>,
    /// For claims that name rows.
    by_row: HashMap<RowKey, [u32; MOST]>,
}

impl Index {
    /// Notes what a row is about.
    pub(crate) fn note(&mut self, row: RowKey, articles: [String; 2], subjects: &BTreeSet<Subject>) {
        // Previews and costs touch many subjects and are no rows that a claim could name.
        if subjects.len() > MOST {
            return;
        }
        let mut numbers = [NONE; MOST];
        for (slot, subject) in numbers.iter_mut().zip(subjects) {
            *slot = self.number_of(subject);
        }
        for article in articles.into_iter().filter(|article| !article.is_empty()) {
            self.by_article.entry(article).or_default().extend(numbers.iter().filter(|number| **number != NONE));
        }
        self.by_row.insert(row, numbers);
    }

    /// Everything about an article.
    pub(crate) fn subjects_of_article(&self, article: &str) -> BTreeSet<Subject> {
        let numbers = self.by_article.get(article).into_iter().flatten();
        numbers.map(|number| self.names[*number as usize].clone()).collect()
    }

    /// What a row is about.
    pub(crate) fn subjects_of_row(&self, row: RowKey) -> Vec<Subject> {
        let numbers = self.by_row.get(&row).into_iter().flatten().filter(|number| **number != NONE);
        numbers.map(|number| self.names[*number as usize].clone()).collect()
    }

    fn number_of(&mut self, subject: &Subject) -> u32 {
        if let Some(number) = self.numbers.get(subject) {
            return *number;
        }
        let number =
            u32::try_from(self.names.len()).expect("there are fewer subjects than rows, and rows fit in memory");
        self.names.push(subject.clone());
        self.numbers.insert(subject.clone(), number);
        number
    }
}
