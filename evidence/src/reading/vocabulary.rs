//! The words that stand beside the fields of an invoice; the words themselves are in `vocabulary.txt`.

use std::sync::OnceLock;

use super::layout::{bare, end_of};

/// Phrases of one meaning, each with how surely it means that.
#[derive(Debug, Default)]
pub struct Phrases(Vec<(String, i32)>);

/// All phrases by meaning.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Before or above the number of the invoice.
    pub number: Phrases,
    /// Before or above its date.
    pub date: Phrases,
    /// Dates beside these are about something else.
    pub other_date: Phrases,
    /// Beside the amount with tax.
    pub gross: Phrases,
    /// Beside the amount without tax.
    pub net: Phrases,
    /// Beside the tax.
    pub tax: Phrases,
    /// Amounts beside these are none of the totals.
    pub no_total: Phrases,
    /// What introduces the buyer.
    pub buyer: Phrases,
    /// What introduces the seller.
    pub seller: Phrases,
    /// Ends of company names.
    pub legal_forms: Phrases,
}

/// The vocabulary of the file.
pub fn words() -> &'static Vocabulary {
    static WORDS: OnceLock<Vocabulary> = OnceLock::new();
    WORDS.get_or_init(|| {
        let mut all = Vocabulary::default();
        let mut section = "";
        for line in include_str!("vocabulary.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some((name, _)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
                section = name;
                continue;
            }
            let (weight, phrases) = line.split_once(' ').expect("each line of the file has a weight and phrases");
            let weight = weight.parse().expect("a weight is a number");
            let list = match section {
                "number" => &mut all.number,
                "date" => &mut all.date,
                "other_date" => &mut all.other_date,
                "gross" => &mut all.gross,
                "net" => &mut all.net,
                "tax" => &mut all.tax,
                "no_total" => &mut all.no_total,
                "buyer" => &mut all.buyer,
                "seller" => &mut all.seller,
                "legal_forms" => &mut all.legal_forms,
                other => unreachable!("the file has no section {other}"),
            };
            // Compared with words that went through the same.
            let folded = |phrase: &str| phrase.split(' ').map(bare).collect::<Vec<_>>().join(" ");
            list.0.extend(phrases.split(", ").map(|phrase| (folded(phrase), weight)));
        }
        all
    })
}

impl Phrases {
    /// Phrases and weights.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32)> {
        self.0.iter().map(|(phrase, weight)| (phrase.as_str(), *weight))
    }

    /// Whether this very phrase is one of them.
    pub fn has(&self, phrase: &str) -> bool {
        self.0.iter().any(|(known, _)| known == phrase)
    }

    /// The weightiest phrase within folded words, with where it stands; of equal ones the longest.
    pub fn best_in(&self, folded: &[String]) -> Option<Match> {
        let mut best: Option<Match> = None;
        for (phrase, weight) in self.iter() {
            let found = (0..folded.len()).find_map(|from| Some((from, end_of(phrase, folded, from)?)));
            let Some((from, to)) = found else { continue };
            let better = best.is_none_or(|best| (weight, to - from) > (best.weight, best.to - best.from));
            if better {
                best = Some(Match { from, to, weight });
            }
        }
        best
    }
}

/// Where a phrase stands among words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// First word.
    pub from: usize,
    /// Behind its last word.
    pub to: usize,
    /// How surely it means its field.
    pub weight: i32,
}
