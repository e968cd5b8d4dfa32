//! A record made ready to be compared many times.

use super::corpus::Corpus;
use super::quantity::{Quantity, quantities};
use super::record::Record;
use super::schema::{Kind, Schema};
use super::text::{self, Id};

/// More tokens of a text are not looked at.
const TOKENS: usize = 128;

/// More bytes of a text are not looked at by what compares letters.
pub(super) const LETTERS: usize = 256;

/// A token in its text.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// Its hash.
    pub id: Id,
    /// How much it says.
    pub weight: f32,
    /// Where it begins in [`Passage::text`].
    pub from: u32,
    /// Where it ends.
    pub to: u32,
    /// Whether it has a digit.
    pub digits: bool,
}

/// A code and how much it says.
#[derive(Debug, Clone)]
pub struct Code {
    /// Letters and digits only.
    pub text: String,
    /// Its hash.
    pub id: Id,
    /// How much it says.
    pub weight: f32,
}

/// One text, cut in every way that a comparison asks for.
#[derive(Debug, Clone, Default)]
pub struct Passage {
    /// The tokens with single spaces between them.
    pub text: String,
    /// The same in the order of the alphabet.
    pub sorted: String,
    /// The same without the spaces and points.
    pub squashed: String,
    /// The tokens in their order.
    pub tokens: Vec<Token>,
    /// The different ids of the tokens, sorted, with their weights.
    pub ids: Vec<(Id, f32)>,
    /// Term frequency x rarity, sorted by id, of length 1.
    pub terms: Vec<(Id, f32)>,
    /// Triples of letters x rarity, sorted by id, of length 1.
    pub triples: Vec<(Id, f32)>,
    /// What names a model or a record.
    pub codes: Vec<Code>,
    /// Numbers and amounts with their units.
    pub quantities: Vec<Quantity>,
    /// Sum of the weights of the different ids.
    pub weight: f32,
}

/// A value of one column.
#[derive(Debug, Clone, Default)]
pub struct Value {
    /// The folded text; empty when missing.
    pub text: String,
    /// The different ids of its tokens, sorted, with their weights.
    pub ids: Vec<(Id, f32)>,
    /// As a number, where the column holds numbers or dates.
    pub number: Option<f64>,
}

/// A record made ready.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// One value per column of the schema.
    pub values: Vec<Value>,
    /// The column that names the thing.
    pub main: Passage,
    /// All text columns joined.
    pub whole: Passage,
}

/// Makes a record ready.
#[must_use]
pub fn prepare(schema: &Schema, corpus: &Corpus, record: &Record) -> Prepared {
    let mut prepared = Prepared::default();
    let mut whole = String::new();
    for (number, column) in schema.columns.iter().enumerate() {
        let folded = text::fold(record.get(&column.name));
        let value = match column.kind {
            Kind::Text => {
                if schema.main == Some(number) {
                    prepared.main = passage(corpus, &folded);
                }
                whole.push_str(&folded);
                whole.push(' ');
                None
            }
            Kind::Number => text::number(&folded),
            Kind::Date => text::date(&folded).map(f64::from),
        };
        let ids = text::tokens(&folded).iter().take(TOKENS).map(|token| text::id_of(token.as_bytes())).collect();
        prepared.values.push(Value { ids: weighed(corpus, ids), text: folded, number: value });
    }
    prepared.whole = passage(corpus, whole.trim_end());
    prepared
}

/// All ids of a record's text that a corpus counts: of its tokens and of its triples.
#[must_use]
pub fn counted(schema: &Schema, record: &Record) -> Vec<Id> {
    let texts = schema.columns.iter().filter(|column| column.kind == Kind::Text);
    let tokens: Vec<String> =
        texts.flat_map(|column| text::tokens(&text::fold(record.get(&column.name)))).take(TOKENS).collect();
    let mut ids: Vec<Id> = tokens.iter().map(|token| text::id_of(token.as_bytes())).collect();
    ids.extend(triples(&tokens.join(" ")));
    ids
}

fn passage(corpus: &Corpus, folded: &str) -> Passage {
    let mut words = text::tokens(folded);
    words.truncate(TOKENS);
    let mut passage = Passage { quantities: quantities(&words), ..Passage::default() };
    for word in &words {
        let id = text::id_of(word.as_bytes());
        if !passage.text.is_empty() {
            passage.text.push(' ');
        }
        let from = passage.text.len() as u32;
        passage.text.push_str(word);
        let to = passage.text.len() as u32;
        let digits = word.bytes().any(|byte| byte.is_ascii_digit());
        passage.tokens.push(Token { id, weight: corpus.weight(id), from, to, digits });
        passage.squashed.extend(word.chars().filter(|character| *character != '.'));
    }
    passage.codes = codes(corpus, folded, &words);
    passage.ids = weighed(corpus, passage.tokens.iter().map(|token| token.id).collect());
    passage.weight = passage.ids.iter().map(|(_, weight)| weight).sum();
    passage.terms = unit(corpus, passage.tokens.iter().map(|token| token.id).collect());
    passage.triples = unit(corpus, triples(&passage.text));
    words.sort_unstable();
    passage.sorted = words.join(" ");
    passage
}

/// Chunks between spaces and single tokens that are codes, each once.
fn codes(corpus: &Corpus, folded: &str, words: &[String]) -> Vec<Code> {
    let chunks = folded.split(' ').take(TOKENS).map(text::squash).filter(|chunk| chunk.len() <= 24);
    let words = words.iter().map(|word| word.replace('.', ""));
    let mut codes: Vec<Code> = Vec::new();
    for text in chunks.chain(words).filter(|text| text::is_code(text)) {
        let id = text::id_of(text.as_bytes());
        if codes.len() < 16 && codes.iter().all(|code| code.id != id) {
            codes.push(Code { weight: corpus.weight(id), text, id });
        }
    }
    codes
}

fn triples(text: &str) -> Vec<Id> {
    let padded: Vec<u8> = std::iter::once(b' ').chain(text.bytes()).chain(std::iter::once(b' ')).collect();
    // Marked, so that a triple is not taken for a token of three letters.
    padded.windows(3).map(|three| text::joined(3, text::id_of(three))).collect()
}

fn weighed(corpus: &Corpus, mut ids: Vec<Id>) -> Vec<(Id, f32)> {
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| (id, corpus.weight(id))).collect()
}

/// (1 + ln tf) x rarity, scaled to length 1.
fn unit(corpus: &Corpus, mut ids: Vec<Id>) -> Vec<(Id, f32)> {
    ids.sort_unstable();
    let mut terms: Vec<(Id, f32)> = ids
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], (1.0 + (same.len() as f32).ln()) * corpus.weight(same[0])))
        .collect();
    let length = terms.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    terms.iter_mut().for_each(|(_, weight)| *weight /= length);
    terms
}
