//! The short form of the fuzz targets: damaged documents are read or refused, never more than that.

use evidence::reading::amount_text::{Mark, numbers};
use evidence::reading::date_text::dates;
use evidence::reading::invoice::Source;
use evidence::reading::media_type;
use evidence::reading::words::{Unit, read_table};
use evidence::reading::{printed, read_xml};

use crate::samples::below;

/// A generator that gives the same numbers on every machine (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).expect("below a usize")
    }
}

/// Flips, removes, repeats and inserts, a few times.
fn damaged(original: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"<",
        b">",
        b"&",
        b"\"",
        b"</",
        b"<!--",
        b"]]>",
        b"\0",
        b"\xff",
        b"-",
        b"99999999999999999999",
        b"\t",
        b"\n5\t1\t",
        b".",
    ];
    let mut bytes = original.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let end = (at + numbers.below(40)).min(bytes.len());
        match numbers.below(4) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                let piece = PIECES[numbers.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn damaged_xml_is_read_or_refused() {
    let mut numbers = Numbers(1);
    let files = [below("ubl/external/test-ubl/invoice"), below("cii/external/test-cii/d22b")].concat();
    let (mut read, mut refused) = (0, 0);
    for file in files {
        let original = std::fs::read(file).expect("readable");
        for _ in 0..10 {
            let bytes = damaged(&original, &mut numbers);
            let _ = media_type::recognise(&bytes);
            match read_xml(&bytes) {
                Ok(_) => read += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(
        refused > read && read > 0,
        "damage is noticed ({refused} of {}), but not everything is fatal",
        read + refused
    );
}

const TABLE: &str = "5\t1\t0\t0\t0\t0\t40.0\t50.0\t60.0\t10.0\t100\tAcme\n5\t1\t0\t0\t0\t0\t105.0\t50.0\t20.0\t10.0\t100\tLtd\n\
    5\t1\t0\t0\t0\t0\t40.0\t80.0\t60.0\t10.0\t100\tInvoice\n5\t1\t0\t0\t0\t0\t105.0\t80.0\t20.0\t10.0\t100\tNo:\n\
    5\t1\t0\t0\t0\t0\t130.0\t80.0\t40.0\t10.0\t100\tA-123\n5\t1\t0\t0\t0\t0\t40.0\t95.0\t60.0\t10.0\t100\t31/01/2025\n\
    5\t1\t0\t0\t0\t0\t40.0\t120.0\t60.0\t10.0\t100\tDescription\n5\t1\t0\t0\t0\t0\t300.0\t120.0\t60.0\t10.0\t100\tAmount\n\
    5\t1\t0\t0\t0\t0\t40.0\t140.0\t60.0\t10.0\t100\tBottle\n5\t1\t0\t0\t0\t0\t300.0\t140.0\t60.0\t10.0\t100\t$1,200.50\n\
    5\t1\t0\t0\t0\t0\t200.0\t160.0\t60.0\t10.0\t100\tTotal\n5\t1\t0\t0\t0\t0\t300.0\t160.0\t60.0\t10.0\t100\t$1,200.50\n";

#[test]
fn damaged_tables_of_words_are_read() {
    let mut numbers = Numbers(2);
    let whole = printed::read(read_table(TABLE, Unit::POINT).expect("small"), Source::PdfText);
    assert_eq!(whole.gross.expect("there").value.to_string(), "1200.50 USD");
    assert_eq!(whole.lines.len(), 1);
    for _ in 0..2_000 {
        let bytes = damaged(TABLE.as_bytes(), &mut numbers);
        if let Ok(words) = read_table(&String::from_utf8_lossy(&bytes), Unit::POINT) {
            printed::read(words, Source::Ocr);
        }
    }
}

#[test]
fn places_of_numbers_and_dates_are_within_the_text() {
    let mut random = Numbers(3);
    let seed = "Total € 1.234,56 du 1er août 2020 令和7年1月31日 -9,32 1'234.50 31/12/2017 (9.32) 12,- Rs 1939 ４５ ٣ 1 234,56 zł";
    for _ in 0..5_000 {
        let bytes = damaged(seed.as_bytes(), &mut random);
        let text = String::from_utf8_lossy(&bytes);
        for mark in [Mark::Point, Mark::Comma, Mark::Unknown] {
            assert!(numbers(&text, mark).iter().all(|number| text.get(number.from..number.to).is_some()), "{text}");
        }
        assert!(dates(&text, true).iter().all(|day| text.get(day.from..day.to).is_some()), "{text}");
    }
}
