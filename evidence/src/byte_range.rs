//! Parts of files over HTTP: one range of bytes, as RFC 9110 has it.

use std::ops::Range;

/// What of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All of it: nothing was asked, or something that may be ignored.
    Whole,
    /// This part.
    Part(Range<u64>),
    /// Nothing that the file has: 416.
    Nothing,
}

/// Reads a `Range` header for a file of `length` bytes. Several ranges at once are answered with the whole, which the standard allows.
pub fn asked(header: Option<&str>, length: u64) -> Asked {
    let Some(range) = header.and_then(|text| text.strip_prefix("bytes=")) else { return Asked::Whole };
    let Some((first, last)) = range.split_once('-') else { return Asked::Whole };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let part = match (first.trim(), last.trim()) {
        // The last so many bytes.
        ("", _) => match number(last) {
            Some(count) => length.saturating_sub(count)..length,
            None => return Asked::Whole,
        },
        (_, "") => match number(first) {
            Some(first) => first..length,
            None => return Asked::Whole,
        },
        _ => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
            _ => return Asked::Whole,
        },
    };
    if part.is_empty() { Asked::Nothing } else { Asked::Part(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        let cases = [
            (None, Asked::Whole),
            (Some("bytes=0-0"), Asked::Part(0..1)),
            (Some("bytes=2-"), Asked::Part(2..10)),
            (Some("bytes=-3"), Asked::Part(7..10)),
            (Some("bytes=-30"), Asked::Part(0..10)),
            (Some("bytes=8-100"), Asked::Part(8..10)),
            (Some("bytes=10-"), Asked::Nothing),
            (Some("bytes=10-12"), Asked::Nothing),
            (Some("bytes=-0"), Asked::Nothing),
            (Some("bytes=5-2"), Asked::Whole),
            (Some("bytes=0-1,4-5"), Asked::Whole),
            (Some("bytes=a-b"), Asked::Whole),
            (Some("pages=1-2"), Asked::Whole),
            (Some("bytes=18446744073709551615-18446744073709551615"), Asked::Nothing),
        ];
        for (header, expected) in cases {
            assert_eq!(asked(header, 10), expected, "{header:?}");
        }
    }
}
