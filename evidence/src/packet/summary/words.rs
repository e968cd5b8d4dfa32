//! The summary's facts in words, short enough for the cells of its tables.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::packet::contents::{Document, Matched};
use crate::paper::Paper;

/// Most rows of a table; the files beside the summary have them all.
const MOST_ROWS: usize = 250;
/// Longest text of a cell, in characters.
const LONGEST: usize = 600;

/// A document in words: what was read of it, else what its sender called it.
pub(super) fn describe(document: &Document) -> String {
    let name = document.file_name.as_deref().unwrap_or(&document.media_type);
    let Some(invoice) = &document.invoice else { return cell(name) };
    let mut parts = vec![format!("Invoice {}", invoice.number.as_deref().unwrap_or("without a number"))];
    parts.extend(invoice.issuer.as_ref().map(|issuer| format!("of {issuer}")));
    parts.extend(invoice.dated.map(|dated| format!("dated {dated}")));
    parts.extend(invoice.gross.as_ref().map(|gross| format!("over {}", gross.text())));
    cell(&format!("{} ({name})", parts.join(" ")))
}

/// How a match was decided, by whom and when.
pub(super) fn decided(matched: &Matched) -> String {
    let when = time(matched.decided_at);
    match &matched.prompt {
        Some(asked) => {
            let why = asked.reasoning.as_ref().map_or_else(String::new, |why| format!(": \u{201c}{why}\u{201d}"));
            cell(&format!(
                "by {}, asked \u{201c}{}\u{201d}, answered {}{why}, {when}",
                matched.decided_by, asked.question, asked.answer
            ))
        }
        None if matched.decided_by == "model" => format!("automatically, {when}"),
        None => cell(&format!("by {}, {when}", matched.decided_by)),
    }
}

/// The rows that a table has room for.
pub(super) fn shown<T>(items: &[T]) -> &[T] {
    &items[..items.len().min(MOST_ROWS)]
}

/// Says how many rows are only in a file.
pub(super) fn more(paper: &mut Paper, count: usize, file: &str) {
    if count > MOST_ROWS {
        paper.note(&format!("{} more are in {file}.", count - MOST_ROWS));
    }
}

/// A time of day in UTC.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `fc_lost` as `fc lost`.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// `order_id` as `Order id`; abbreviations stay.
pub(super) fn label(name: &str) -> String {
    if matches!(name, "asin" | "sku" | "fnsku") {
        return name.to_uppercase();
    }
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    words(&format!("{first}{}", characters.as_str()))
}

/// A probability in per cent.
#[expect(clippy::float_arithmetic, reason = "a probability in per cent")]
pub(super) fn percent(probability: f64) -> String {
    let text = format!("{:.1}", probability * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

/// A text that is short enough for a cell, and says when it was cut.
pub(super) fn cell(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}\u{2026} (cut here; the file beside this summary has it whole)", &text[..at]),
        None => text.to_owned(),
    }
}

/// A value of JSON for people: names and values of an object, one after the other.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            parts.iter().map(|(name, value)| format!("{}: {}", words(name), text(value))).collect::<Vec<_>>().join("; ")
        }
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
