//! The short form of the fuzz targets: damaged documents are read or refused, never more than that.

use std::path::Path;
use std::time::{Duration, Instant};

use evidence::packet::keys::SigningKey;
use evidence::packet::manifest::{Header, Role};
use evidence::packet::seal::{assemble, entry, seal};
use evidence::reading::invoice::Source;
use evidence::reading::media_type;
use evidence::reading::words::{Unit, read_table};
use evidence::reading::{printed, read_xml};

use crate::samples::below;

#[path = "../../fuzz/bodies.rs"]
mod bodies;

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

/// No input may take longer, also not in a slow build on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

/// A small packet as it is sealed.
fn sealed_packet() -> Vec<u8> {
    let header = Header {
        packet_id: uuid::Uuid::nil(),
        tenant: "demo".to_owned(),
        request_id: uuid::Uuid::nil(),
        claim: "CLM-1".to_owned(),
        created_at: "2026-11-22T10:00:00Z".parse().expect("a time"),
        draft: true,
        addendum_to: None,
        chain: None,
    };
    let files = [("claim.json".to_owned(), b"{}".to_vec())].into_iter().collect();
    let sealed =
        seal(header, vec![entry("claim.json", Role::Claim, b"{}")], &SigningKey::from_seed(&[9; 32]).expect("a seed"));
    assemble(&sealed, files).expect("good names")
}

/// What the corpus of a target holds, and what is too large to be kept in it.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| file.expect("a file").path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("readable")))
        .collect();
    assert!(files.len() >= 3, "{target} has a corpus");
    files.sort();
    let deep = |open: &str, close: &str| [open.repeat(20_000), close.repeat(20_000)].concat().into_bytes();
    match target {
        "xml" => files.push(("20,000 elements within one another".to_owned(), deep("<a>", "</a>"))),
        "packet" => files.push(("a sealed packet".to_owned(), sealed_packet())),
        "amounts_and_dates" => files.push(("20,000 parentheses".to_owned(), deep("(1", ")"))),
        "printed" => files.push((
            "2,000 words in one place".to_owned(),
            "5\t1\t0\t0\t0\t0\t1\t1\t1\t1\t9\t1,5\n".repeat(2_000).into_bytes(),
        )),
        "mail" => {
            let part = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(5_000);
            files.push(("5,000 parts within one another".to_owned(), format!("Subject: x\r\n{part}").into_bytes()));
            let mail = "Content-Type: message/rfc822\r\n\r\n".repeat(5_000);
            files.push(("5,000 mails within one another".to_owned(), format!("Subject: x\r\n{mail}").into_bytes()));
        }
        _ => {}
    }
    files
}

/// The fuzz targets over their corpus and damaged copies of it. `RECOUP_SOAK=1` takes other copies each time, and many more of them.
#[test]
fn every_fuzz_target_holds_over_its_corpus() {
    let soak = std::env::var_os("RECOUP_SOAK").is_some();
    let seed = if soak { u64::from(std::process::id()) << 20 } else { 7 };
    let rounds = if soak { 5_000 } else { 150 };
    for (target, body) in bodies::TARGETS {
        let mut numbers = Numbers(seed);
        let files = corpus(target);
        for (name, original) in &files {
            // Large ones take long, and have the same mistakes many times over.
            let rounds = if soak { rounds } else { rounds.min(500_000 / (original.len() + 1)) };
            for round in 0..=rounds {
                let mut bytes = if round == 0 { original.clone() } else { damaged(original, &mut numbers) };
                if round % 5 == 4 {
                    // The beginning of one and the end of another.
                    let other = &files[numbers.below(files.len())].1;
                    bytes.truncate(numbers.below(bytes.len()));
                    bytes.extend_from_slice(&other[numbers.below(other.len())..]);
                }
                let began = Instant::now();
                let held = std::panic::catch_unwind(|| body(&bytes));
                let told = || {
                    format!(
                        "{target}, {name}, seed {seed}, round {round}: {}",
                        String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)])
                    )
                };
                assert!(held.is_ok(), "{}", told());
                assert!(began.elapsed() < LONGEST, "{:?}: {}", began.elapsed(), told());
            }
        }
    }
}
