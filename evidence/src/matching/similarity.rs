//! Likeness of two texts, two sorted vectors, two numbers: from 0 (nothing in common) to 1.

use std::cmp::Ordering;

use rapidfuzz::distance::{indel, jaro_winkler, levenshtein};

use super::prepare::LETTERS;
use super::text::Id;

fn head(text: &str) -> std::iter::Take<std::str::Bytes<'_>> {
    text.bytes().take(LETTERS)
}

/// Jaro-Winkler.
#[must_use]
pub fn jaro_winkler(left: &str, right: &str) -> f32 {
    jaro_winkler::normalized_similarity(head(left), head(right)) as f32
}

/// 1 - Levenshtein distance / length of the longer one.
#[must_use]
pub fn levenshtein(left: &str, right: &str) -> f32 {
    levenshtein::normalized_similarity(head(left), head(right)) as f32
}

/// Whether at most one letter was changed, added or left out.
#[must_use]
pub fn one_letter_off(left: &str, right: &str) -> bool {
    left.len().abs_diff(right.len()) <= 1 && levenshtein::distance(left.bytes(), right.bytes()) <= 1
}

/// Twice the letters in common (in order) / letters of both.
#[must_use]
pub fn indel(left: &str, right: &str) -> f32 {
    indel::normalized_similarity(head(left), head(right)) as f32
}

/// How well the shorter text is found somewhere in the longer one: 1 - its least edit distance to any part of that / its length.
#[must_use]
pub fn partial(left: &str, right: &str) -> f32 {
    let (needle, hay) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    // The search keeps one bit per letter in a word, as Myers described it; a longer needle is judged by its beginning.
    let needle = &needle.as_bytes()[..needle.len().min(64)];
    if needle.is_empty() {
        return 0.0;
    }
    let mut places = [0_u64; 256];
    for (at, byte) in needle.iter().enumerate() {
        places[usize::from(*byte)] |= 1 << at;
    }
    let last = 1_u64 << (needle.len() - 1);
    let (mut up, mut down, mut distance) = (u64::MAX, 0_u64, needle.len());
    let mut least = distance;
    for byte in hay.bytes().take(2 * LETTERS) {
        let equal = places[usize::from(byte)];
        let across = (((equal & up).wrapping_add(up)) ^ up) | equal | down;
        let (plus, minus) = (down | !(across | up), up & across);
        distance += usize::from(plus & last != 0);
        distance -= usize::from(minus & last != 0);
        least = least.min(distance);
        // No bit enters from below: a match may begin anywhere.
        let plus = plus << 1;
        up = (minus << 1) | !(equal | down | plus);
        down = plus & (equal | down);
    }
    1.0 - least as f32 / needle.len() as f32
}

/// Sum of the products over the ids that both have.
#[must_use]
pub fn dot(left: &[(Id, f32)], right: &[(Id, f32)]) -> f32 {
    let mut sum = 0.0;
    shared(left, right, |a, b| sum += a * b);
    sum
}

/// Calls `each` with both weights of every id that both sorted lists have.
pub fn shared(left: &[(Id, f32)], right: &[(Id, f32)], mut each: impl FnMut(f32, f32)) {
    let (mut l, mut r) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(l), right.get(r)) {
        match a.0.cmp(&b.0) {
            Ordering::Less => l += 1,
            Ordering::Greater => r += 1,
            Ordering::Equal => {
                each(a.1, b.1);
                l += 1;
                r += 1;
            }
        }
    }
}

/// Share of the weight of `part` whose ids `whole` has too; missing when `part` is empty.
#[must_use]
pub fn cover(part: &[(Id, f32)], whole: &[(Id, f32)]) -> f32 {
    let all: f32 = part.iter().map(|(_, weight)| weight).sum();
    let mut found = 0.0;
    shared(part, whole, |weight, _| found += weight);
    if part.is_empty() { f32::NAN } else { found / all }
}

/// Length of the common beginning.
#[must_use]
pub fn common_prefix(left: &str, right: &str) -> usize {
    left.bytes().zip(right.bytes()).take_while(|(a, b)| a == b).count()
}

/// Difference / the larger of the two.
#[must_use]
pub fn relative_difference(left: f64, right: f64) -> f64 {
    let larger = left.abs().max(right.abs());
    if larger == 0.0 { 0.0 } else { (left - right).abs() / larger }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert!((jaro_winkler("martha", "marhta") - 0.9611).abs() < 1e-3);
        assert!((levenshtein("kitten", "sitting") - 4.0 / 7.0).abs() < 1e-6);
        assert!((indel("lewenstein", "levenshtein") - 0.857_142).abs() < 1e-5);
        assert!(one_letter_off("dav50", "dav5") && !one_letter_off("dav50", "dv5"));
        assert_eq!(common_prefix("davis50", "davis60"), 5);
        assert!((relative_difference(90.0, 100.0) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_part_is_found() {
        assert!((partial("bottle", "a blue bottle of water") - 1.0).abs() < 1e-6);
        assert!((partial("a blue botle of water", "botttle") - 5.0 / 7.0).abs() < 1e-6);
        assert_eq!(partial("", "x"), 0.0);
        assert!(partial("zzz", "abc") < 1e-6);
    }

    #[test]
    fn cover_is_weighted() {
        let part = [(1, 1.0), (5, 3.0)];
        assert!((cover(&part, &[(5, 9.0), (7, 1.0)]) - 0.75).abs() < 1e-6);
        assert!(cover(&[], &part).is_nan());
    }
}
