//! Text as the matcher sees it: folded, cut into tokens, hashed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What stands for a token or an n-gram: 64 bits of its hash. Equal texts are equal on every machine.
pub type Id = u64;

/// A map by [`Id`], which is a hash already.
pub type ById<T> = HashMap<Id, T, BuildHasherDefault<Unhashed>>;

/// Passes a hash through.
#[derive(Debug, Default, Clone)]
pub struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = id_of(bytes);
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

/// FNV-1a with a last stirring, so that the high bits are as good as the low ones.
#[must_use]
pub fn id_of(bytes: &[u8]) -> Id {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    stir(hash)
}

/// One id for two, in this order.
#[must_use]
pub fn joined(first: Id, second: Id) -> Id {
    stir(first.rotate_left(17) ^ second.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

pub(super) fn stir(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Lower case, without the accents of the Latin letters, quotes gone, white space single.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        match character {
            '\'' | '`' | '"' | '\\' | '’' | '‘' | '“' | '”' | '®' | '™' | '\u{300}'..='\u{36f}' => {}
            'à'..='å' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'ç' | 'ć' | 'č' => folded.push('c'),
            'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => folded.push('e'),
            'ì'..='ï' | 'ī' | 'į' => folded.push('i'),
            'ñ' | 'ń' | 'ň' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ő' => folded.push('o'),
            'ù'..='ü' | 'ū' | 'ů' | 'ű' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'š' | 'ś' => folded.push('s'),
            'ž' | 'ź' | 'ż' => folded.push('z'),
            'ł' => folded.push('l'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            space if space.is_whitespace() => {
                if !folded.is_empty() && !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            other => folded.push(other),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Runs of letters and digits; a point between digits belongs to the number, a comma before three digits does not count.
#[must_use]
pub fn tokens(folded: &str) -> Vec<String> {
    let characters: Vec<char> = folded.chars().collect();
    let digit = |at: usize| characters.get(at).is_some_and(char::is_ascii_digit);
    let mut found = Vec::new();
    let mut token = String::new();
    for (at, character) in characters.iter().enumerate() {
        let inside_number = at > 0 && digit(at - 1) && digit(at + 1);
        if character.is_alphanumeric() || (*character == '.' && inside_number) {
            token.push(*character);
        } else if *character == ',' && inside_number && digit(at + 2) && digit(at + 3) && !digit(at + 4) {
            // A mark of thousands.
        } else if !token.is_empty() {
            found.push(plain_number(std::mem::take(&mut token)));
        }
    }
    if !token.is_empty() {
        found.push(plain_number(token));
    }
    found
}

/// `7.0` is `7`, `2.50` is `2.5`.
fn plain_number(mut token: String) -> String {
    if token.matches('.').count() == 1 && token.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        token.truncate(token.trim_end_matches('0').trim_end_matches('.').len());
    }
    token
}

/// Only the letters and digits.
#[must_use]
pub fn squash(folded: &str) -> String {
    folded.chars().filter(|character| character.is_alphanumeric()).collect()
}

/// Whether a token names one model or one record: letters and digits in at least four characters, or five digits and more.
#[must_use]
pub fn is_code(squashed: &str) -> bool {
    let digits = squashed.bytes().filter(u8::is_ascii_digit).count();
    let letters = squashed.chars().filter(|character| character.is_alphabetic()).count();
    (squashed.len() >= 4 && digits > 0 && letters > 0) || (letters == 0 && digits >= 5)
}

/// The number a column's value is, if it is one: currency signs and marks of thousands are allowed.
#[must_use]
pub fn number(folded: &str) -> Option<f64> {
    let bare: String = folded.chars().filter(|c| !matches!(c, '$' | '€' | '£' | '%' | ' ' | ',')).collect();
    let bare = bare.strip_suffix("usd").or_else(|| bare.strip_suffix("eur")).unwrap_or(&bare);
    let plain =
        !bare.is_empty() && bare.len() <= 24 && bare.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    if plain { bare.parse().ok().filter(|value: &f64| value.is_finite()) } else { None }
}

/// Days since 1970-01-01 of a date written as `2025-01-31`, `2025/01/31` or `20250131`.
#[must_use]
pub fn date(folded: &str) -> Option<i32> {
    let digits: Vec<u8> = folded.bytes().filter(u8::is_ascii_digit).collect();
    let separated =
        folded.len() == 10 && folded.bytes().enumerate().all(|(at, b)| (at == 4 || at == 7) != b.is_ascii_digit());
    if digits.len() != 8 || !(separated || folded.len() == 8) {
        return None;
    }
    let part = |from: usize, to: usize| digits[from..to].iter().fold(0, |sum, b| sum * 10 + i32::from(b - b'0'));
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    if !(1800..2200).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March make the leap day the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_tokens() {
        assert_eq!(fold("  Café “Zoë”\tN° 7 "), "cafe zoe n° 7");
        assert_eq!(tokens("visio-standard 7.0 (mac) 1,299.50"), ["visio", "standard", "7", "mac", "1299.5"]);
        assert_eq!(tokens("1,2,3 ver. 2.0.1"), ["1", "2", "3", "ver", "2.0.1"]);
        assert_eq!(squash("dav-is50 / b"), "davis50b");
    }

    #[test]
    fn codes_have_digits_and_length() {
        for code in ["davis50b", "b08xyz1234", "12345"] {
            assert!(is_code(code), "{code}");
        }
        for word in ["cs3", "theater", "2007", "32"] {
            assert!(!is_code(word), "{word}");
        }
    }

    #[test]
    fn values_are_read() {
        assert_eq!(number("$ 1,299.50"), Some(1299.5));
        assert_eq!(number("b12"), None);
        assert_eq!(number(""), None);
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("20250131").zip(date("2025-02-01")).map(|(a, b)| b - a), Some(1));
        assert_eq!(date("2025-13-01"), None);
        assert_eq!(date("12345"), None);
    }
}
