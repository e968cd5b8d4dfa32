//! Files made to do harm, read as the service reads them: in a process within limits. Each ends with a reason.

use std::path::Path;
use std::time::{Duration, Instant};

use evidence::reading::apart::{Limits, read};
use evidence::reading::invoice::Invoice;
use evidence::reading::refusal::{Fate, Refusal};

use crate::pdf::{Pdf, deflated_zeros};

/// Small limits, so that running into them takes no time; that of the clock is wide, as running into it says nothing about a document.
const TIGHT: Limits = Limits { wall: Duration::from_secs(120), memory: 512 * 1024 * 1024, cpu_seconds: 3 };

fn run(document: &[u8]) -> Result<Invoice, Refusal> {
    let started = Instant::now();
    let read = read(Path::new(env!("CARGO_BIN_EXE_recoup")), document, TIGHT);
    assert!(started.elapsed() < TIGHT.wall + Duration::from_secs(10), "it ends within its limits");
    read
}

fn refused(document: &[u8]) -> (Fate, String) {
    let refusal = run(document).expect_err("made to be refused");
    assert!(refusal.reason.len() > 10, "a reason for people: {refusal}");
    (refusal.fate, refusal.rule)
}

fn page(text: &str) -> Vec<u8> {
    Pdf::default().page(&format!("BT /F1 10 Tf 14 TL 40 800 Td {text} ET")).finish()
}

#[test]
fn a_plain_invoice_is_read_with_places() {
    let lines = [
        "Acme Supplies Ltd",
        "Invoice number: INV-2025-17",
        "Invoice date: 20 January 2025",
        "Net total: 204.83 GBP",
        "VAT 20%: 40.97 GBP",
        "Total due: 245.80 GBP",
    ];
    let shown: Vec<String> = lines.iter().map(|line| format!("({line}) Tj T*")).collect();
    let invoice = run(&page(&shown.join(" "))).expect("an ordinary document");
    assert_eq!(invoice.number.as_ref().map(|found| found.value.as_str()), Some("INV-2025-17"));
    assert_eq!(invoice.issuer.as_ref().map(|found| found.value.as_str()), Some("Acme Supplies Ltd"));
    assert_eq!(invoice.date.as_ref().map(|found| found.value.date.to_string()).as_deref(), Some("2025-01-20"));
    let gross = invoice.gross.expect("beside its label");
    assert_eq!(gross.value.to_string(), "245.80 GBP");
    let place = gross.place.expect("on a page");
    assert!(place.page == 1 && place.left > 4_000 && place.top > 10_000 && place.bottom < 15_000, "{place:?}");
    assert!(invoice.flags.is_empty(), "{:?}", invoice.flags);
}

#[test]
fn what_is_no_document_is_named() {
    assert_eq!(refused(b""), (Fate::Unsupported, "media-type".into()));
    assert_eq!(refused(b"PK\x03\x04 pretending to be %PDF-1.7"), (Fate::Unsupported, "media-type".into()));
    assert_eq!(refused(b"\0\x01\x02\x03"), (Fate::Unsupported, "media-type".into()));
}

#[test]
fn what_holds_no_invoice_is_kept_as_it_is() {
    assert_eq!(refused(b"sku,quantity\nA,1\nB,2\n"), (Fate::Kept, "no-invoice".into()));
    let mail = b"From: ann@example.com\r\nTo: bob@example.com\r\nSubject: The goods\r\nDate: Mon, 20 Jan 2025 10:00:00 +0000\r\n\r\nHello\r\n";
    assert_eq!(refused(mail), (Fate::Kept, "no-invoice".into()));
}

#[test]
fn entities_are_quarantined() {
    let laughs = "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;&b;&b;\">]><Invoice>&c;</Invoice>";
    assert_eq!(refused(laughs.as_bytes()), (Fate::Quarantined, "xml-dtd".into()));
    assert_eq!(refused("<a>".repeat(1_000_000).as_bytes()), (Fate::Quarantined, "xml-depth".into()));
}

#[test]
fn broken_pdfs_fail() {
    let whole = page("(Invoice number: 1) Tj");
    assert_eq!(refused(&whole[..60]), (Fate::ParseFailed, "pdf-broken".into()));
    assert_eq!(refused(b"%PDF-1.7\nnothing else"), (Fate::ParseFailed, "pdf-broken".into()));
}

#[test]
fn encrypted_pdfs_fail_with_that_reason() {
    let key = "00".repeat(32);
    let locked = Pdf::default()
        .page("BT (secret) Tj ET")
        .trailer(&format!("/Encrypt << /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >> /ID [<00> <00>]"))
        .finish();
    assert_eq!(refused(&locked), (Fate::ParseFailed, "pdf-encrypted".into()));
}

#[test]
fn ten_thousand_pages_are_quarantined() {
    let mut many = Pdf::default();
    for _ in 0..10_000 {
        many = many.page("");
    }
    assert_eq!(refused(&many.finish()), (Fate::Quarantined, "too-many-pages".into()));
}

#[test]
fn a_page_tree_that_contains_itself_ends() {
    let cyclic = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 3/Kids[2 0 R 2 0 R]>>endobj\n\
        trailer<</Root 1 0 R/Size 3>>\n%%EOF";
    let (fate, _) = refused(cyclic);
    assert!(matches!(fate, Fate::ParseFailed | Fate::Quarantined));
}

#[test]
fn a_bomb_in_a_stream_runs_into_a_limit() {
    // Two gigabytes of zeros in thirteen megabytes.
    let bomb = Pdf::default().stream_page(&deflated_zeros(2_000_000_000), "/Filter /FlateDecode").finish();
    let (fate, rule) = refused(&bomb);
    assert!(matches!(fate, Fate::ParseFailed | Fate::Quarantined), "{rule}");
}

#[test]
fn forms_that_multiply_run_into_a_limit() {
    let mut pdf = Pdf::default().page("/X0 Do");
    for level in 0..12 {
        let next = format!("/X{} Do ", level + 1).repeat(12);
        pdf = pdf.form(&format!("X{level}"), &next);
    }
    let bomb = pdf.form("X12", "BT /F1 10 Tf (word) Tj ET").finish();
    let (fate, rule) = refused(&bomb);
    assert!(matches!(fate, Fate::ParseFailed | Fate::Quarantined), "{rule}");
}

#[test]
fn a_reader_that_says_nothing_makes_a_suspect() {
    let answer = read(Path::new("/bin/false"), b"x", TIGHT);
    assert_eq!(answer.expect_err("no answer").fate, Fate::Quarantined);
    let missing = read(Path::new("/nonexistent/recoup"), b"x", TIGHT).expect_err("no program");
    assert_eq!((missing.fate, missing.rule.as_str()), (Fate::Later, "reader"));
}

#[test]
fn a_document_that_had_to_wait_is_no_suspect() {
    let hurried = Limits { wall: Duration::from_millis(1), ..TIGHT };
    let refusal = read(Path::new(env!("CARGO_BIN_EXE_recoup")), &page("(Invoice number: 1) Tj"), hurried);
    let refusal = refusal.expect_err("there was no time");
    assert_eq!((refusal.fate, refusal.rule.as_str()), (Fate::Later, "busy"));
}
