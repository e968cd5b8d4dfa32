use serde_json::json;
use shared_events::{Currency, Money};

use super::*;
use crate::packet::manifest::Chain;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn usd(minor: i64) -> Amount {
    Money::new(minor, Currency::USD).into()
}

pub fn header() -> Header {
    Header {
        packet_id: Uuid::from_u128(0x0190_d7a2_0000_7000_8000_0000_0000_0001),
        tenant: "acme-outdoor".to_owned(),
        request_id: Uuid::from_u128(0x0190_d7a2_0000_7000_8000_0000_0000_0002),
        claim: "CLM-2025-0042".to_owned(),
        created_at: at("2025-02-03T09:15:00Z"),
        draft: false,
        addendum_to: None,
        chain: Some(Chain { position: 12, previous: Some(Sha256::of(&[b"before"])) }),
    }
}

pub fn contents() -> Contents {
    let document = |n: u128, name: &str, invoice: Option<Invoice>| Document {
        document_id: Uuid::from_u128(n),
        path: document_path(n as usize, Uuid::from_u128(n), "application/pdf"),
        in_packet: None,
        file_name: Some(name.to_owned()),
        media_type: "application/pdf".to_owned(),
        bytes: 8,
        sha256: Sha256::of(&[b"%PDF-1.7"]),
        received_at: at("2025-01-12T08:00:00Z"),
        invoice,
    };
    let invoice = Invoice {
        issuer: Some("Acme Supplies Ltd".to_owned()),
        number: Some("INV-2025-118".to_owned()),
        dated: Some("2025-01-02".parse().expect("a day")),
        gross: Some(usd(29_250)),
    };
    Contents {
        claim: Claim {
            request_id: header().request_id,
            claim_type: "inbound_shortage".to_owned(),
            reference: Some("CLM-2025-0042".to_owned()),
            tenant: "acme-outdoor".to_owned(),
            requested_by: "jane@acme.example".to_owned(),
            requested_at: at("2025-01-10T10:00:00Z"),
            state: "proved".to_owned(),
            subject: json!({"order_id": "112-1234567-1234567", "asin": "B08XYZ1234", "sku": "WTR-BTL-32OZ", "title": "Water bottle 32 oz, 東京 edition",
                "quantity": 5, "amount": "245.80 USD", "order_date": "2025-01-01", "supplier": "Acme Supplies Ltd"}),
            claimed: Some(usd(24_580)),
            payouts: vec![
                Payout { amount: usd(20_000), units: None, reference: "RMB-771204".to_owned(), paid_at: at("2025-02-01T00:00:00Z") },
                Payout { amount: usd(4_580), units: None, reference: "RMB-771399".to_owned(), paid_at: at("2025-02-03T00:00:00Z") },
            ],
            documents: vec![document(1, "invoice-118.pdf", Some(invoice)), document(2, "proof-of-delivery with a very long name that goes on and on.pdf", None)],
        },
        timeline: vec![
            Happening { at: at("2025-01-10T10:00:00Z"), what: "Proof was requested.".to_owned(), by: Some("jane@acme.example".to_owned()) },
            Happening { at: at("2025-01-12T08:00:00Z"), what: "Document 1 came in.".to_owned(), by: None },
            Happening { at: at("2025-02-01T00:00:00Z"), what: "200.00 USD were paid (RMB-771204).".to_owned(), by: None },
        ],
        rows: vec![json!({"fnsku": "X001ABC", "event_type": "Shipments", "quantity": -5, "fulfillment_center": "PHX7"})],
        matching: vec![
            Matched {
                document_id: Uuid::from_u128(1),
                line: Some(2),
                rule: "exact_invoice".to_owned(),
                vector: json!({"order": 1.0}),
                weights: json!([{"part": "order", "weight": 6.2}]),
                raw_score: 0.95,
                probability: 0.962,
                model_version: "learned-7".to_owned(),
                gate_open: true,
                gate_reason: "automatic".to_owned(),
                decision: "automatic".to_owned(),
                decided_by: "model".to_owned(),
                decided_at: at("2025-01-12T08:00:03Z"),
                explanation: "96 % sure: the order number is the same, the quantity is the same, the supplier is nearly the same.".to_owned(),
                prompt: None,
            },
            Matched {
                document_id: Uuid::from_u128(2),
                line: None,
                rule: "supplier_match".to_owned(),
                vector: json!({}),
                weights: json!([]),
                raw_score: 0.7,
                probability: 0.7,
                model_version: "rules".to_owned(),
                gate_open: false,
                gate_reason: "closed".to_owned(),
                decision: "prompt".to_owned(),
                decided_by: "jane@acme.example".to_owned(),
                decided_at: at("2025-01-12T08:10:00Z"),
                explanation: "The supplier is the same and the total is within 5 %.".to_owned(),
                prompt: Some(Asked {
                    question: "Does proof-of-delivery.pdf belong to order 112-1234567-1234567?".to_owned(),
                    answer: "Yes".to_owned(),
                    reasoning: Some("The pallet number is on it".to_owned()),
                }),
            },
        ],
        policy: Policy {
            cited: json!({"version": "US-2024-10-23", "window": "9 months from delivery", "rule": "Inbound shipment shortage: units confirmed as shipped and not received."}),
            automatic_from: 0.85,
            asked_from: 0.5,
            too_close: 0.05,
        },
    }
}

fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type/Page").count() - text.matches("/Type/Pages").count()
}

#[test]
fn the_same_contents_give_the_same_bytes() {
    let once = files(&header(), &contents()).expect("written");
    assert_eq!(once, files(&header(), &contents()).expect("written"));
    let mut other = contents();
    other.claim.payouts.pop();
    let changed = files(&header(), &other).expect("written");
    let differing: Vec<&str> =
        once.0.iter().zip(&changed.0).filter(|(a, b)| a != b).map(|(a, _)| a.path.as_str()).collect();
    assert_eq!(differing, ["claim.json", "summary.pdf"]);
}

#[test]
fn a_draft_and_an_addendum_look_different() {
    let of = |header: Header| summary::pdf(&header, &contents()).expect("written");
    let earlier = crate::packet::manifest::Earlier { packet_id: Uuid::nil(), manifest_sha256: Sha256::of(&[]) };
    let all = [
        of(header()),
        of(Header { draft: true, chain: None, ..header() }),
        of(Header { addendum_to: Some(earlier), ..header() }),
    ];
    assert!(all[0] != all[1] && all[0] != all[2]);
    assert!(all.iter().all(|pdf| pdf.starts_with(b"%PDF-1.7") && pages(pdf) == 2));
}

#[test]
fn long_tables_go_on_over_pages_and_end() {
    let mut long = contents();
    let happening = |n: usize| Happening {
        at: at("2025-02-04T00:00:00Z"),
        what: format!("{n} {}", "word ".repeat(n % 400)),
        by: Some("x".repeat(n % 300)),
    };
    long.timeline.extend((0..5_000).map(happening));
    let count = pages(&summary::pdf(&header(), &long).expect("written"));
    assert!((20..120).contains(&count), "{count}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_people_write_it_becomes_a_page(text in "\\PC{0,300}|[\\x00-\\x{2ff}\u{202e}\u{1f600}東]{0,300}") {
        let mut odd = contents();
        odd.claim.requested_by.clone_from(&text);
        odd.timeline[0].what.clone_from(&text);
        odd.claim.documents[0].file_name = Some(text.clone());
        odd.rows.push(serde_json::Value::String(text.clone()));
        let written = summary::pdf(&Header { claim: text, ..header() }, &odd);
        proptest::prop_assert!(written.is_ok());
    }
}
