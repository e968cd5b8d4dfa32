//! Amounts as people write them: either decimal mark, groups of thousands or lakhs, a currency on either side.

use super::decimal::Decimal;

/// The character between whole and fraction that a document uses, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// 1,234.56
    Point,
    /// 1.234,56
    Comma,
    /// Nothing tells.
    Unknown,
}

/// A number in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its value.
    pub value: Decimal,
    /// How many decimals it was written with.
    pub decimals: u32,
    /// A currency stands next to it.
    pub has_currency: bool,
    /// A per cent sign follows.
    pub percent: bool,
    /// First byte, without the currency.
    pub from: usize,
    /// Behind its last byte.
    pub to: usize,
}

impl Written {
    /// Looks like money: two decimals or a currency beside it.
    pub fn is_money(&self) -> bool {
        !self.percent && (self.decimals == 2 || (self.has_currency && self.decimals < 4))
    }
}

const CURRENCY_SIGNS: &[char] = &['€', '$', '£', '¥', '￥', '₹', '円', '₩', '₽', '₺'];
const CURRENCY_WORDS: &[&str] = &[
    "eur", "usd", "gbp", "jpy", "inr", "chf", "pln", "sek", "nok", "dkk", "czk", "huf", "cad", "aud", "brl", "cny",
    "sgd", "hkd", "nzd", "mxn", "rs", "zł", "zl", "kr", "kč", "kc", "ft", "r", "us", "ca", "lei", "ron", "try", "aed",
    "zar", "euro", "euros",
];

/// The mark that most amounts with two decimals of this text use.
pub fn mark_of<'a>(texts: impl Iterator<Item = &'a str>) -> Mark {
    let (mut points, mut commas) = (0_u32, 0_u32);
    for text in texts {
        let letters: Vec<char> = text.chars().collect();
        for at in 1..letters.len() {
            let digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
            let two_decimals = digit(at - 1) && digit(at + 1) && digit(at + 2) && !digit(at + 3);
            // 01.05.14 is a date.
            let goes_on =
                letters.get(at + 3).is_some_and(|next| matches!(next, '.' | ',' | '/' | '-')) && digit(at + 4);
            let came_from = at >= 3 && matches!(letters[at - 3], '.' | '/' | '-');
            if two_decimals && !goes_on && !came_from {
                points += u32::from(letters[at] == '.');
                commas += u32::from(letters[at] == ',');
            }
        }
    }
    match points.cmp(&commas) {
        std::cmp::Ordering::Greater => Mark::Point,
        std::cmp::Ordering::Less => Mark::Comma,
        std::cmp::Ordering::Equal => Mark::Unknown,
    }
}

/// All numbers of a text that are no part of a word, a date or a longer code.
pub fn numbers(text: &str, mark: Mark) -> Vec<Written> {
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    let mut found = vec![];
    let mut at = 0;
    while at < letters.len() {
        if !letters[at].1.is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = end_of_number(&letters, at);
        if let Some(written) = number(text, &letters, at, end, mark) {
            found.push(written);
        }
        at = end;
    }
    found
}

/// Behind the last digit of the number that begins here.
fn end_of_number(letters: &[(usize, char)], start: usize) -> usize {
    let digit = |at: usize| letters.get(at).is_some_and(|(_, letter)| letter.is_ascii_digit());
    let mut end = start;
    while digit(end) || (letters.get(end).is_some_and(|(_, letter)| is_separator(*letter)) && digit(end + 1)) {
        let separator = letters[end].1;
        if is_space(separator) {
            // Groups behind a space have three digits, the first has at most three, and decimals must follow at the end.
            let group = digit(end + 1) && digit(end + 2) && digit(end + 3) && !digit(end + 4);
            let short_before =
                (1..=3).any(|back| end >= start + back && (end - back == start || is_space(letters[end - back - 1].1)));
            if !group || !short_before || !decimals_follow(letters, end) {
                break;
            }
        }
        end += 1;
    }
    end
}

fn decimals_follow(letters: &[(usize, char)], mut at: usize) -> bool {
    while letters.get(at).is_some_and(|(_, letter)| letter.is_ascii_digit() || is_space(*letter)) {
        at += 1;
    }
    let digit = |at: usize| letters.get(at).is_some_and(|(_, letter)| letter.is_ascii_digit());
    matches!(letters.get(at), Some((_, ',' | '.'))) && digit(at + 1) && digit(at + 2) && !digit(at + 3)
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

fn is_separator(letter: char) -> bool {
    matches!(letter, '.' | ',' | '\'' | '’') || is_space(letter)
}

fn number(text: &str, letters: &[(usize, char)], start: usize, end: usize, mark: Mark) -> Option<Written> {
    let from = letters[start].0;
    let to = letters.get(end).map_or(text.len(), |(at, _)| *at);
    let (before, after) = (&text[..from], &text[to..]);
    let (value, decimals) = interpret(&text[from..to], mark)?;
    let currency_before = ends_with_currency(before.trim_end_matches(['-', '−', '–', '(', ' ', '\u{a0}']));
    let currency_after = starts_with_currency(after.trim_start_matches(['-', ' ', '\u{a0}', ')', ',']));
    // 12,- and 12,-- mean a whole amount.
    let whole = after.starts_with(",-") || after.starts_with(",–") || after.starts_with(".-");
    let previous = before.chars().next_back();
    let next = after.chars().next();
    let glued = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '/' | '_' | '@' | '°' | '&'))
    };
    let stuck_before =
        previous.is_some_and(|letter| glued(Some(letter)) || matches!(letter, '.' | ',')) && !currency_before;
    let stuck_after = glued(next) && !currency_after;
    let dash_before = previous.is_some_and(|letter| matches!(letter, '-' | '−' | '–'));
    let code_before = dash_before && before.chars().rev().nth(1).is_some_and(char::is_alphanumeric) && !currency_before;
    let code_after = after.starts_with('-') && after.chars().nth(1).is_some_and(char::is_alphanumeric);
    if stuck_before || stuck_after || code_before || code_after {
        return None;
    }
    let in_brackets = before.trim_end().ends_with('(') && after.trim_start().starts_with(')') && decimals == 2;
    let minus_after = after.starts_with('-') && !whole;
    // A dash right before it, or before its currency: -€9.
    let without_sign = before.trim_end().trim_end_matches(CURRENCY_SIGNS);
    let dash_before_sign = without_sign.len() < before.trim_end().len() && without_sign.ends_with(['-', '−']);
    let minus_before = dash_before || dash_before_sign;
    let negative = minus_before || minus_after || in_brackets;
    let percent = after.trim_start().starts_with(['%', '％']);
    let value = if negative { value.negated() } else { value };
    Some(Written { value, decimals, has_currency: currency_before || currency_after || whole, percent, from, to })
}

/// Value and written decimals of digits with separators; none when they are grouped like a date or a version.
fn interpret(digits: &str, mark: Mark) -> Option<(Decimal, u32)> {
    let separators: Vec<(usize, char)> = digits.char_indices().filter(|(_, letter)| !letter.is_ascii_digit()).collect();
    let Some((last_at, last)) = separators.last().copied() else { return Some((parse(digits, "")?, 0)) };
    let behind = &digits[last_at + last.len_utf8()..];
    let same = separators.iter().filter(|(_, letter)| *letter == last).count();
    let decimal = match last {
        '\'' | '’' => false,
        letter if is_space(letter) => false,
        _ if separators.len() > 1 && same == separators.len() => false,
        _ if same > 1 => return None,
        _ if separators.len() > 1 => true,
        letter => {
            let is_mark = (letter == '.' && mark == Mark::Point) || (letter == ',' && mark == Mark::Comma);
            behind.len() != 3 || is_mark || digits.starts_with('0')
        }
    };
    let whole = if decimal { &digits[..last_at] } else { digits };
    let groups: Vec<&str> = whole.split(|letter: char| !letter.is_ascii_digit()).collect();
    // The last group has three digits, those before it two (lakhs) or three, the first at most three.
    let grouped = groups.len() == 1
        || (groups[groups.len() - 1].len() == 3
            && groups[0].len() <= 3
            && groups[1..groups.len() - 1].iter().all(|group| matches!(group.len(), 2 | 3)));
    if !grouped {
        return None;
    }
    let fraction = if decimal { behind } else { "" };
    Some((parse(&groups.concat(), fraction)?, u32::try_from(fraction.len()).ok()?))
}

fn parse(whole: &str, fraction: &str) -> Option<Decimal> {
    if whole.len() > 15 || fraction.len() > 8 {
        return None;
    }
    Decimal::new(format!("{whole}{fraction}").parse().ok()?, u32::try_from(fraction.len()).ok()?)
}

fn ends_with_currency(text: &str) -> bool {
    let word = text.trim_end_matches('.').chars().rev().take_while(|letter| letter.is_alphabetic()).collect::<Vec<_>>();
    let word: String = word.into_iter().rev().collect();
    text.ends_with(CURRENCY_SIGNS) || is_currency_word(&word)
}

fn starts_with_currency(text: &str) -> bool {
    let word: String = text.chars().take_while(|letter| letter.is_alphabetic()).collect();
    text.starts_with(CURRENCY_SIGNS) || is_currency_word(&word)
}

fn is_currency_word(word: &str) -> bool {
    // One letter only as the Brazilian "R$" leaves it, never alone.
    word.chars().count() > 1 && CURRENCY_WORDS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, mark: Mark) -> Vec<String> {
        numbers(text, mark)
            .iter()
            .map(|written| format!("{}{}", written.value, if written.percent { "%" } else { "" }))
            .collect()
    }

    #[test]
    fn either_mark_and_any_grouping() {
        for (text, mark, expected) in [
            ("€ 1.234,56", Mark::Unknown, vec!["1234.56"]),
            ("$1,234.56", Mark::Unknown, vec!["1234.56"]),
            ("1 234,56 €", Mark::Comma, vec!["1234.56"]),
            ("1'234.50 CHF", Mark::Unknown, vec!["1234.50"]),
            ("₹ 1,23,456.00", Mark::Unknown, vec!["123456.00"]),
            ("¥12,800", Mark::Unknown, vec!["12800"]),
            ("Rs 1939 x 1", Mark::Unknown, vec!["1939", "1"]),
            ("29.99€", Mark::Unknown, vec!["29.99"]),
            ("€ -9,32", Mark::Comma, vec!["-9.32"]),
            ("-€9.32", Mark::Point, vec!["-9.32"]),
            ("9,32-", Mark::Comma, vec!["-9.32"]),
            ("(9.32)", Mark::Point, vec!["-9.32"]),
            ("21%", Mark::Comma, vec!["21%"]),
            ("1.234", Mark::Comma, vec!["1234"]),
            ("0.125", Mark::Unknown, vec!["0.125"]),
            ("12,-", Mark::Comma, vec!["12"]),
        ] {
            assert_eq!(read(text, mark), expected, "{text}");
        }
    }

    #[test]
    fn codes_and_dates_are_no_amounts() {
        for text in
            ["31/12/2017", "01.05.14", "NL810433941B01", "INV-2020", "2020-01-31", "v1.2.3.4", "D-63571", "a@1.de"]
        {
            assert_eq!(read(text, Mark::Unknown), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn the_mark_of_a_document_is_voted_on() {
        assert_eq!(mark_of(["3,89", "1.234,56", "01.05.14"].into_iter()), Mark::Comma);
        assert_eq!(mark_of(["3.89", "1,234.56"].into_iter()), Mark::Point);
        assert_eq!(mark_of(["389"].into_iter()), Mark::Unknown);
    }
}
