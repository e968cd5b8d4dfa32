//! The seller's name in its own web and mail addresses.

use super::buyer::BuyerParts;
use super::company::is_title;
use super::invoice::Place;
use super::layout::{Cell, Row, fold};

/// Providers of mailboxes, which say nothing of who writes.
const MAILBOXES: &[&str] = &[
    "gmail",
    "googlemail",
    "hotmail",
    "outlook",
    "yahoo",
    "gmx",
    "web",
    "icloud",
    "live",
    "aol",
    "orange",
    "wanadoo",
    "t-online",
    "libero",
    "example",
    "facebook",
    "twitter",
    "instagram",
    "linkedin",
    "youtube",
    "paypal",
    "google",
    "bit",
    "europa",
];

/// Names out of addresses, the most frequent first.
#[derive(Debug)]
pub struct WebNames(Vec<(String, usize, Place)>);

/// Collects them, but for the buyer's.
pub fn find(rows: &[Row], buyers: &BuyerParts) -> WebNames {
    let mut names: Vec<(String, usize, Place)> = vec![];
    for (at, row) in rows.iter().enumerate() {
        for (index, cell) in row.cells.iter().enumerate() {
            for (word_at, word) in cell.words.iter().enumerate() {
                if buyers.has(at, index, word_at) {
                    continue;
                }
                let Some(name) = name_in(&word.text) else { continue };
                match names.iter_mut().find(|(known, ..)| *known == name) {
                    Some((_, times, _)) => *times += 1,
                    None => names.push((name, 1, word.place)),
                }
            }
        }
    }
    names.sort_by_key(|(_, times, _)| std::cmp::Reverse(*times));
    WebNames(names)
}

/// `shop` of `mail@shop.example.co.uk` is `example`.
fn name_in(word: &str) -> Option<String> {
    let lower = fold(word).trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned();
    let (is_address, host) = match lower.rsplit_once('@') {
        Some((_, host)) => (true, host),
        None => {
            let host = lower.trim_start_matches("https").trim_start_matches("http").trim_start_matches("://");
            (lower.contains("www.") || lower.contains("://"), host)
        }
    };
    let host = host.split(['/', '?', ':']).next()?.trim_start_matches("www.");
    let labels: Vec<&str> = host.split('.').collect();
    let fits =
        |label: &&str| !label.is_empty() && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let known_end = labels.last().is_some_and(|end| {
        matches!(
            *end,
            "com"
                | "de"
                | "fr"
                | "nl"
                | "es"
                | "it"
                | "eu"
                | "net"
                | "org"
                | "co"
                | "uk"
                | "pl"
                | "pt"
                | "be"
                | "at"
                | "ch"
                | "io"
                | "in"
                | "jp"
                | "shop"
        )
    });
    if labels.len() < 2 || !labels.iter().all(fits) || !(is_address || known_end) {
        return None;
    }
    let second =
        matches!(labels[labels.len() - 2], "co" | "com" | "org" | "gov" | "ac" | "ne" | "or") && labels.len() > 2;
    let name = labels[labels.len() - if second { 3 } else { 2 }];
    (name.len() >= 3 && !MAILBOXES.contains(&name) && name.chars().any(char::is_alphabetic)).then(|| name.to_owned())
}

impl WebNames {
    /// What an address says of a name: much when it is the name, less when one begins the other.
    pub fn agreement(&self, key: &str) -> i32 {
        let agrees = |(name, times, _): &(String, usize, Place)| {
            let name: String = name.chars().filter(|letter| letter.is_alphanumeric()).collect();
            let often = i32::try_from((*times).min(4)).unwrap_or(0);
            match () {
                () if key.len() < 3 => 0,
                () if name == key => 26 + often,
                () if name.starts_with(key) || (key.starts_with(&name) && name.len() >= 4) => 20 + often,
                () if key.len() >= 5 && name.contains(key) => 14 + often,
                () => 0,
            }
        };
        self.0.iter().map(agrees).max().unwrap_or(0)
    }

    /// Words of the document that spell an address's name, as the seller writes it.
    pub fn spelled(&self, rows: &[Row], buyers: &BuyerParts) -> Vec<(String, Place)> {
        let mut found = vec![];
        for (at, row) in rows.iter().enumerate() {
            for (index, cell) in row.cells.iter().enumerate() {
                for (name, ..) in &self.0 {
                    if let Some((from, to)) = spelling(cell, name).filter(|(from, _)| !buyers.has(at, index, *from)) {
                        found.push((
                            cell.part(from, to).trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned(),
                            cell.place_of(from, to),
                        ));
                    }
                }
            }
        }
        found
    }

    /// Whether the most frequent name stands there more than once.
    pub fn is_repeated(&self) -> bool {
        self.0.first().is_some_and(|(_, times, _)| *times > 1)
    }

    /// The most frequent name itself, with a capital, for want of better.
    pub fn first(&self) -> Option<(String, Place)> {
        let (name, _, place) = self.0.first()?;
        let mut letters = name.chars();
        let first = letters.next()?;
        Some((first.to_uppercase().chain(letters).collect(), *place))
    }
}

/// One to four words in capitals that together are the name.
fn spelling(cell: &Cell, name: &str) -> Option<(usize, usize)> {
    let name: String = name.chars().filter(|letter| letter.is_alphanumeric()).collect();
    for from in 0..cell.words.len() {
        let written = &cell.words[from].text;
        if !written.chars().next().is_some_and(char::is_uppercase)
            || written.contains(['@', '/'])
            || written.to_lowercase().contains("www")
        {
            continue;
        }
        for to in from + 1..=(from + 4).min(cell.words.len()) {
            let joined: String =
                cell.folded[from..to].concat().chars().filter(|letter| letter.is_alphanumeric()).collect();
            if joined == name {
                // The address leaves out what comes before: "Coopérative Les Tilleuls".
                let begins = |word: &str| {
                    word.chars().next().is_some_and(char::is_uppercase) && word.chars().all(char::is_alphabetic)
                };
                let before = (0..from)
                    .rev()
                    .take(3)
                    .take_while(|at| begins(&cell.words[*at].text) && !is_title(&cell.folded[*at]))
                    .last();
                return Some((before.unwrap_or(from), to));
            }
        }
    }
    None
}
