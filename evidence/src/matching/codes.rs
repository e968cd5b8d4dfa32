//! Agreement of model and article codes.

use super::prepare::{Code, Passage};
use super::similarity as like;
use super::vector::Sheet;

/// What the codes of one side say about the other side.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    share: f32,
    longest_found: usize,
    longest_missing: usize,
    rarest_found: f32,
    rarest_missing: f32,
}

fn seen(codes: &[Code], other: &Passage) -> Seen {
    let mut seen = Seen { share: f32::NAN, ..Seen::default() };
    let mut found = 0;
    for code in codes {
        if other.squashed.contains(&code.text) {
            found += 1;
            seen.longest_found = seen.longest_found.max(code.text.len());
            seen.rarest_found = seen.rarest_found.max(code.weight);
        } else {
            seen.longest_missing = seen.longest_missing.max(code.text.len());
            seen.rarest_missing = seen.rarest_missing.max(code.weight);
        }
    }
    if !codes.is_empty() {
        seen.share = found as f32 / codes.len() as f32;
    }
    seen
}

/// Compares the codes of two texts.
pub fn compare(what: &str, left: &Passage, right: &Passage, sheet: &mut impl Sheet) {
    let (l, r) = (seen(&left.codes, right), seen(&right.codes, left));
    for (side, names) in [
        (
            l,
            [
                "left codes found",
                "longest left code found",
                "longest left code missing",
                "rarest left code found",
                "rarest left code missing",
            ],
        ),
        (
            r,
            [
                "right codes found",
                "longest right code found",
                "longest right code missing",
                "rarest right code found",
                "rarest right code missing",
            ],
        ),
    ] {
        sheet.put(what, names[0], side.share);
        sheet.put(what, names[1], side.longest_found as f32);
        sheet.put(what, names[2], side.longest_missing as f32);
        sheet.put(what, names[3], side.rarest_found);
        sheet.put(what, names[4], side.rarest_missing);
    }
    let (mut best, mut equal, mut prefix) = (f32::NAN, 0, 0);
    for a in &left.codes {
        for b in &right.codes {
            if a.id == b.id {
                equal = equal.max(a.text.len());
            }
            best = best.max(if a.id == b.id { 1.0 } else { like::indel(&a.text, &b.text) });
            prefix = prefix.max(like::common_prefix(&a.text, &b.text));
        }
    }
    sheet.put(what, "most similar codes", best);
    sheet.put(what, "longest equal code", equal as f32);
    sheet.put(what, "longest common beginning of codes", prefix as f32);
    let agree = l.longest_found.max(r.longest_found) > 0;
    let state = match (left.codes.is_empty(), right.codes.is_empty()) {
        _ if agree => 3.0,
        (false, false) => 0.0,
        (true, true) => 1.0,
        (true, false) | (false, true) => 2.0,
    };
    sheet.put(what, "state of the codes", state);
}
