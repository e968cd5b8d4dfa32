//! The one sentence that a person is asked, and what they can choose. Short enough for a phone, whatever stands in the document.

use chrono::NaiveDate;
use shared_events::evidence::{PromptOption, ProofSubject};
use shared_events::{DocumentId, Money};

/// The document proves it.
pub const YES: &str = "yes";
/// The document does not prove it.
pub const NO: &str = "no";
/// The person cannot say.
pub const NOT_SURE: &str = "not_sure";
/// None of the rivals proves it.
pub const NEITHER: &str = "neither";
/// The better one of two rivals.
const FIRST: &str = "first";
/// The other one.
const SECOND: &str = "second";

/// Characters shown of a text that comes from a document or a request.
const SHOWN: usize = 48;

/// A document that may be the proof: what identifies it to a person at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The document.
    pub document_id: DocumentId,
    /// Calibrated probability that it is the proof, 0 to 1.
    pub probability: f64,
    /// The invoice's number.
    pub number: Option<String>,
    /// Who issued it.
    pub supplier: Option<String>,
    /// What it comes to.
    pub total: Option<Money>,
    /// Its date.
    pub dated: Option<NaiveDate>,
    /// What its sender called the file; shown when it has neither number nor supplier.
    pub file_name: Option<String>,
}

/// A question with its choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// One sentence.
    pub text: String,
    /// Two or three.
    pub options: Vec<PromptOption>,
}

/// Asks whether the only candidate proves the subject, or which of the first two does. Returns the question, and the option that means
/// each candidate; further candidates are not asked about.
pub fn compose<'c>(
    subject: &ProofSubject,
    reference: Option<&str>,
    candidates: &'c [Candidate],
) -> (Question, Vec<(&'c Candidate, &'static str)>) {
    let claim = claim(subject, reference);
    if let [first, second, ..] = candidates {
        let text = format!("Which document proves {claim}?");
        let options = vec![
            option(FIRST, capitalised(&described(first))),
            option(SECOND, capitalised(&described(second))),
            option(NEITHER, "Neither of them".into()),
        ];
        return (Question { text, options }, vec![(first, FIRST), (second, SECOND)]);
    }
    let described = candidates.first().map_or_else(|| "the document".to_owned(), described);
    let text = format!("Does {described} prove {claim}?");
    let options = vec![option(YES, "Yes".into()), option(NO, "No".into()), option(NOT_SURE, "I am not sure".into())];
    (Question { text, options }, candidates.iter().map(|candidate| (candidate, YES)).collect())
}

/// What an answer says about each document of a prompt: whether it proves the request. Those that it does not come first, the one that
/// does comes last. Nothing for an answer that settles nothing.
pub fn verdicts(selected: &str, documents: &[(DocumentId, String)]) -> Vec<(DocumentId, bool)> {
    let chosen = documents.iter().find(|(_, option)| option == selected);
    if chosen.is_none() && ![NO, NEITHER].contains(&selected) {
        return Vec::new();
    }
    let others = documents.iter().filter(|(_, option)| option != selected).map(|(id, _)| (*id, false));
    others.chain(chosen.map(|(id, _)| (*id, true))).collect()
}

fn option(id: &str, label: String) -> PromptOption {
    PromptOption { id: id.to_owned(), label }
}

/// What has to be proved, in words.
fn claim(subject: &ProofSubject, reference: Option<&str>) -> String {
    let article = subject.sku.as_deref().or(subject.asin.as_deref()).or(subject.title.as_deref()).and_then(shown);
    let order = subject.order_id.as_deref().and_then(shown);
    let reference = reference.and_then(shown);
    match (order, reference, article, subject.quantity) {
        (Some(order), ..) => format!("order {order}"),
        (None, Some(reference), ..) => format!("claim {reference}"),
        (None, None, Some(article), Some(quantity)) => format!("{quantity} x {article}"),
        (None, None, Some(article), None) => format!("the purchase of {article}"),
        (None, None, None, _) => "the claim".to_owned(),
    }
}

/// A document in words: `invoice INV-1001 of Acme Supplies Ltd (245.80 USD, 2025-01-03)`.
fn described(candidate: &Candidate) -> String {
    let number = candidate.number.as_deref().and_then(shown);
    let supplier = candidate.supplier.as_deref().and_then(shown);
    let file = candidate.file_name.as_deref().and_then(shown);
    let name = match (number, supplier, file) {
        (Some(number), Some(supplier), _) => format!("invoice {number} of {supplier}"),
        (Some(number), None, _) => format!("invoice {number}"),
        (None, Some(supplier), _) => format!("the invoice of {supplier}"),
        (None, None, Some(file)) => format!("document {file}"),
        (None, None, None) => "the document".to_owned(),
    };
    let total = candidate.total.map(|total| format!("{} {}", total.decimal(), total.currency));
    let dated = candidate.dated.map(|date| date.to_string());
    let facts: Vec<String> = total.into_iter().chain(dated).collect();
    if facts.is_empty() { name } else { format!("{name} ({})", facts.join(", ")) }
}

/// A text of others as it may be shown: on one line, without characters that are not seen or that turn the line around, and not long.
/// `None` when nothing is left.
fn shown(text: &str) -> Option<String> {
    let seen = |c: &char| !is_unseen(*c);
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(seen).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    let line = words.join(" ");
    if line.chars().count() <= SHOWN {
        return (!line.is_empty()).then_some(line);
    }
    let cut: String = line.chars().take(SHOWN - 1).collect();
    Some(format!("{}…", cut.trim_end()))
}

/// Control characters, and the format characters of Unicode that hide in or reorder a line.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use shared_events::Currency;
    use uuid::Uuid;

    use super::*;

    fn document(n: u128) -> DocumentId {
        DocumentId(Uuid::from_u128(n))
    }

    fn invoice() -> Candidate {
        Candidate {
            document_id: document(1),
            probability: 0.7,
            number: Some("INV-1001".into()),
            supplier: Some("Acme Supplies Ltd".into()),
            total: Some(Money::new(24_580, Currency::USD)),
            dated: NaiveDate::from_ymd_opt(2025, 1, 3),
            file_name: Some("scan.pdf".into()),
        }
    }

    fn order() -> ProofSubject {
        ProofSubject { order_id: Some("112-1234567-1234567".into()), ..ProofSubject::default() }
    }

    #[test]
    fn one_candidate_is_a_yes_or_no() {
        let candidates = [invoice()];
        let (question, meant) = compose(&order(), None, &candidates);
        let expected =
            "Does invoice INV-1001 of Acme Supplies Ltd (245.80 USD, 2025-01-03) prove order 112-1234567-1234567?";
        assert_eq!(question.text, expected);
        let ids: Vec<&str> = question.options.iter().map(|option| option.id.as_str()).collect();
        assert_eq!(ids, ["yes", "no", "not_sure"]);
        assert_eq!(meant, [(&candidates[0], "yes")]);
    }

    #[test]
    fn rivals_are_a_choice() {
        let other = Candidate { document_id: document(2), number: None, ..invoice() };
        let candidates = [invoice(), other];
        let (question, meant) = compose(&order(), None, &candidates);
        assert_eq!(question.text, "Which document proves order 112-1234567-1234567?");
        let labels: Vec<&str> = question.options.iter().map(|option| option.label.as_str()).collect();
        let expected = [
            "Invoice INV-1001 of Acme Supplies Ltd (245.80 USD, 2025-01-03)",
            "The invoice of Acme Supplies Ltd (245.80 USD, 2025-01-03)",
            "Neither of them",
        ];
        assert_eq!(labels, expected);
        assert_eq!(meant, [(&candidates[0], "first"), (&candidates[1], "second")]);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let bare = Candidate { number: None, supplier: None, total: None, dated: None, ..invoice() };
        let nameless = Candidate { file_name: None, ..bare.clone() };
        let article = ProofSubject { sku: Some("WTR-BTL-32OZ".into()), quantity: Some(5), ..ProofSubject::default() };
        let asked = |subject: &ProofSubject, reference, candidate: &Candidate| {
            compose(subject, reference, std::slice::from_ref(candidate)).0.text
        };
        assert_eq!(asked(&article, None, &bare), "Does document scan.pdf prove 5 x WTR-BTL-32OZ?");
        assert_eq!(asked(&article, Some("C-7"), &nameless), "Does the document prove claim C-7?");
        assert_eq!(asked(&ProofSubject::default(), None, &nameless), "Does the document prove the claim?");
    }

    #[test]
    fn texts_of_others_neither_break_nor_turn_nor_stretch_the_line() {
        assert_eq!(shown("Acme\u{202e}\n  Ltd\u{0}").as_deref(), Some("Acme Ltd"));
        assert_eq!(shown("\u{200b} \t"), None);
        let long = shown(&"ä".repeat(500)).expect("something is left");
        assert_eq!(long.chars().count(), SHOWN);
        assert!(long.ends_with('…'));
        let wordy = Candidate { supplier: Some("x".repeat(10_000)), number: Some("y".repeat(10_000)), ..invoice() };
        assert!(compose(&order(), None, &[wordy]).0.text.chars().count() < 220);
    }

    #[test]
    fn an_answer_says_something_about_each_document_or_nothing() {
        let one = [(document(1), "yes".to_owned())];
        assert_eq!(verdicts("yes", &one), [(document(1), true)]);
        assert_eq!(verdicts("no", &one), [(document(1), false)]);
        assert_eq!(verdicts("not_sure", &one), []);
        let two = [(document(1), "first".to_owned()), (document(2), "second".to_owned())];
        assert_eq!(verdicts("first", &two), [(document(2), false), (document(1), true)]);
        assert_eq!(verdicts("second", &two), [(document(1), false), (document(2), true)]);
        assert_eq!(verdicts("neither", &two), [(document(1), false), (document(2), false)]);
        assert_eq!(verdicts("anything", &[]), []);
    }
}
