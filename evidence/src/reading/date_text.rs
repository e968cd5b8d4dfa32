//! Dates as people write them in the large markets. What may be two days stays two days.

use chrono::{Datelike, NaiveDate};

use super::invoice::Day;
use super::layout::fold;
use super::months;

/// A date in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenDay {
    /// The day, perhaps with the other one that it may be.
    pub day: Day,
    /// First byte.
    pub from: usize,
    /// Behind its last byte.
    pub to: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Number(&'a str),
    Word(&'a str),
    Sign(char),
}

/// All dates of a text; `month_first` says how the document's country orders numbers when nothing else tells.
pub fn dates(text: &str, month_first: bool) -> Vec<WrittenDay> {
    let tokens = tokens(text);
    let mut found = vec![];
    let mut at = 0;
    while at < tokens.len() {
        // Not the middle of a longer code, unless that is a period: 01.05.14-31.05.14.
        let after_date = at > 0 && found.last().is_some_and(|day: &WrittenDay| day.to == tokens[at - 1].1);
        let joins = |token: Token| !matches!(token, Token::Sign(sign) if !matches!(sign, '.' | '/' | '-'));
        let stuck = at > 0 && !after_date && tokens[at - 1].2 == tokens[at].1 && joins(tokens[at - 1].0);
        let day = if stuck { None } else { date_at(&tokens[at..], month_first) };
        match day {
            Some((day, count)) => {
                found.push(WrittenDay { day, from: tokens[at].1, to: tokens[at + count - 1].2 });
                at += count;
            }
            None => at += 1,
        }
    }
    found
}

fn tokens(text: &str) -> Vec<(Token<'_>, usize, usize)> {
    let mut tokens = vec![];
    let mut letters = text.char_indices().peekable();
    while let Some((from, letter)) = letters.next() {
        if letter.is_whitespace() {
            continue;
        }
        let japanese = |letter: char| matches!(letter, '年' | '月' | '日' | '令' | '和' | '平' | '成');
        let same = |other: char| {
            if letter.is_ascii_digit() {
                other.is_ascii_digit()
            } else {
                letter.is_alphabetic() && other.is_alphabetic() && !japanese(letter) && !japanese(other)
            }
        };
        let mut to = from + letter.len_utf8();
        while let Some((next, _)) = letters.next_if(|(_, other)| same(*other)) {
            to = next + text[next..].chars().next().map_or(1, char::len_utf8);
        }
        let token = match letter {
            letter if letter.is_ascii_digit() => Token::Number(&text[from..to]),
            letter if letter.is_alphabetic() && !japanese(letter) => Token::Word(&text[from..to]),
            letter => Token::Sign(letter),
        };
        tokens.push((token, from, to));
    }
    tokens
}

/// The date that begins here, and how many tokens it takes.
fn date_at(tokens: &[(Token, usize, usize)], month_first: bool) -> Option<(Day, usize)> {
    japanese(tokens)
        .or_else(|| numeric(tokens, month_first))
        .or_else(|| day_month(tokens))
        .or_else(|| month_day(tokens))
}

fn token<'a>(tokens: &[(Token<'a>, usize, usize)], at: usize) -> Option<Token<'a>> {
    tokens.get(at).map(|(token, ..)| *token)
}

fn number(token: Option<Token>, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    match token {
        Some(Token::Number(text)) if digits.contains(&text.len()) => text.parse().ok(),
        _ => None,
    }
}

/// Two or four digits.
fn year(token: Option<Token>) -> Option<i32> {
    let number = i32::try_from(number(token, 2..=4)?).ok()?;
    match token {
        Some(Token::Number(text)) if text.len() == 2 => Some(if number < 80 { 2000 + number } else { 1900 + number }),
        Some(Token::Number(text)) if text.len() == 4 && (1980..2100).contains(&number) => Some(number),
        _ => None,
    }
}

fn sure(year: i32, month: u32, day: u32) -> Option<Day> {
    Some(Day { date: NaiveDate::from_ymd_opt(year, month, day)?, or: None })
}

/// 2025年1月31日, 令和7年1月31日, 平成30年1月31日.
fn japanese(tokens: &[(Token, usize, usize)]) -> Option<(Day, usize)> {
    let (first, offset) = match (token(tokens, 0), token(tokens, 1)) {
        (Some(Token::Sign('令')), Some(Token::Sign('和'))) => (2, 2018),
        (Some(Token::Sign('平')), Some(Token::Sign('成'))) => (2, 1988),
        _ => (0, 0),
    };
    let sign = |at: usize, wanted: char| token(tokens, first + at) == Some(Token::Sign(wanted));
    if !(sign(1, '年') && sign(3, '月') && sign(5, '日')) {
        return None;
    }
    let part = |at: usize, digits| number(token(tokens, first + at), digits);
    let year = offset + i32::try_from(part(0, 1..=4)?).ok()?;
    Some((sure(year, part(2, 1..=2)?, part(4, 1..=2)?)?, first + 6))
}

/// 2025-01-31, 31.01.2025, 31/01/25, 1-31-2025.
fn numeric(tokens: &[(Token, usize, usize)], month_first: bool) -> Option<(Day, usize)> {
    let Some(Token::Sign(separator @ ('.' | '/' | '-'))) = token(tokens, 1) else { return None };
    if token(tokens, 3) != Some(Token::Sign(separator)) {
        return None;
    }
    // Written in one piece, or with spaces everywhere; "1.5 - 3" is something else.
    let spaced = |at: usize| tokens[at + 1].1 > tokens[at].2;
    if spaced(0) != spaced(2) || (spaced(0) && separator != '/' && separator != '.') {
        return None;
    }
    // 1.2.3.4 is a version.
    let glued = |at: usize| tokens.get(at).is_some_and(|(_, from, _)| *from == tokens[at - 1].2);
    let goes_on =
        token(tokens, 5) == Some(Token::Sign(separator)) && matches!(token(tokens, 6), Some(Token::Number(_)));
    if goes_on && glued(5) && glued(6) {
        return None;
    }
    if matches!(token(tokens, 0), Some(Token::Number(text)) if text.len() == 4) {
        let (month, day) = (number(token(tokens, 2), 1..=2)?, number(token(tokens, 4), 1..=2)?);
        return Some((sure(year(token(tokens, 0))?, month, day)?, 5));
    }
    let (first, second) = (number(token(tokens, 0), 1..=2)?, number(token(tokens, 2), 1..=2)?);
    let year = year(token(tokens, 4))?;
    let (day_first, american) =
        (NaiveDate::from_ymd_opt(year, second, first), NaiveDate::from_ymd_opt(year, first, second));
    let day = match (day_first, american) {
        (Some(date), None) => Day { date, or: None },
        (None, Some(date)) if separator != '.' => Day { date, or: None },
        (Some(date), _) if separator == '.' || first == second => Day { date, or: None },
        (Some(european), Some(american)) if month_first => Day { date: american, or: Some(european) },
        (Some(european), Some(american)) => Day { date: european, or: Some(american) },
        _ => return None,
    };
    Some((day, 5))
}

fn month(token: Option<Token>) -> Option<u32> {
    let Some(Token::Word(word)) = token else { return None };
    months::named(&fold(word))
}

/// What may stand between the parts: points, commas, dashes, "de", "of", "th".
fn filler(token: Option<Token>) -> bool {
    match token {
        Some(Token::Sign(sign)) => matches!(sign, '.' | ',' | '-' | '/' | '°' | 'º' | '\''),
        Some(Token::Word(word)) => {
            matches!(word.to_lowercase().as_str(), "de" | "del" | "of" | "st" | "nd" | "rd" | "th" | "er" | "do" | "di")
        }
        _ => false,
    }
}

fn skip(tokens: &[(Token, usize, usize)], mut at: usize, most: usize) -> usize {
    let last = at + most;
    while at < last && filler(token(tokens, at)) {
        at += 1;
    }
    at
}

/// 31 January 2025, 31. Januar 2025, 1er juillet 2015, 31 de enero de 2025, 31-Jan-25.
fn day_month(tokens: &[(Token, usize, usize)]) -> Option<(Day, usize)> {
    let day = number(token(tokens, 0), 1..=2)?;
    let at = skip(tokens, 1, 2);
    let month = month(token(tokens, at))?;
    let at = skip(tokens, at + 1, 2);
    Some((sure(year(token(tokens, at))?, month, day)?, at + 1))
}

/// January 31, 2025; Aug 3rd 2014.
fn month_day(tokens: &[(Token, usize, usize)]) -> Option<(Day, usize)> {
    let month = month(token(tokens, 0))?;
    let at = skip(tokens, 1, 1);
    let day = number(token(tokens, at), 1..=2)?;
    let at = skip(tokens, at + 1, 2);
    let day = sure(year(token(tokens, at)).filter(|year| *year > 1000)?, month, day)?;
    Some((day, at + 1))
}

/// Whether a day can be that of an invoice.
pub fn plausible(day: NaiveDate) -> bool {
    (1990..2100).contains(&day.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, month_first: bool) -> String {
        let found = dates(text, month_first);
        let show = |day: &WrittenDay| match day.day.or {
            Some(other) => format!("{} or {other}", day.day.date),
            None => day.day.date.to_string(),
        };
        found.iter().map(show).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn the_formats_of_the_large_markets_are_read() {
        for (text, expected) in [
            ("2025-01-31", "2025-01-31"),
            ("31.01.2025", "2025-01-31"),
            ("1.2.25", "2025-02-01"),
            ("31/01/2025", "2025-01-31"),
            ("01/31/2025", "2025-01-31"),
            ("January 31, 2025", "2025-01-31"),
            ("August 3 , 2014", "2014-08-03"),
            ("Aug 3rd 2014", "2014-08-03"),
            ("31-Jan-2025", "2025-01-31"),
            ("7. Mai 2014", "2014-05-07"),
            ("12. März 2024", "2024-03-12"),
            ("du 02 Juillet 2015", "2015-07-02"),
            ("le 1er août 2020", "2020-08-01"),
            ("31 de diciembre de 2023", "2023-12-31"),
            ("5 gennaio 2022", "2022-01-05"),
            ("19 april 2014", "2014-04-19"),
            ("17 października 2021", "2021-10-17"),
            ("2025年1月31日", "2025-01-31"),
            ("令和7年1月31日", "2025-01-31"),
            ("2025/01/31", "2025-01-31"),
            ("01.05.14-31.05.14", "2014-05-01; 2014-05-31"),
            ("Datum 2024.12.24 Uhr", "2024-12-24"),
        ] {
            assert_eq!(one(text, false), expected, "{text}");
        }
    }

    #[test]
    fn what_may_be_two_days_stays_two_days() {
        assert_eq!(one("03/04/2025", false), "2025-04-03 or 2025-03-04");
        assert_eq!(one("03/04/2025", true), "2025-03-04 or 2025-04-03");
        assert_eq!(one("04/04/2025", true), "2025-04-04");
        assert_eq!(one("03.04.2025", true), "2025-04-03");
    }

    #[test]
    fn other_numbers_are_no_dates() {
        for text in ["1.2.3.4", "31/02/2025", "192.168.10.20", "market 5 2020", "12-345-6789", "2025", "NL81.04.33"] {
            assert_eq!(one(text, false), "", "{text}");
        }
    }
}
