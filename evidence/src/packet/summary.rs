//! `summary.pdf`: the packet on paper, for whoever has to be convinced.
//!
//! It is an entry itself, so it cannot show the root over the entries; it shows the hash of each document and the packet before it.

mod words;

use serde_json::Value;
use shared_events::Money;

use super::contents::{Amount, Claim, Contents, Matched};
use super::manifest::Header;
use crate::paper::{Column, Frame, Paper, PaperError, Row, Table};
use words::{cell, decided, describe, label, more, percent, shown, text, time, words};

/// The summary as PDF.
///
/// # Errors
/// The PDF could not be written.
pub fn pdf(header: &Header, contents: &Contents) -> Result<Vec<u8>, PaperError> {
    let mut paper = Paper::new(frame(header));
    head(&mut paper, header, &contents.claim);
    money(&mut paper, &contents.claim);
    subject(&mut paper, &contents.claim);
    documents(&mut paper, &contents.claim);
    matching(&mut paper, contents);
    timeline(&mut paper, contents);
    rows(&mut paper, &contents.rows);
    policy(&mut paper, contents);
    checking(&mut paper, header);
    paper.finish()
}

fn kind(header: &Header) -> &'static str {
    match (header.draft, header.addendum_to) {
        (true, _) => "Draft of a proof packet",
        (false, Some(_)) => "Addendum to a proof packet",
        (false, None) => "Proof packet",
    }
}

fn frame(header: &Header) -> Frame {
    Frame {
        title: format!("{} - {}", kind(header), header.claim),
        header: format!("{} · {}", kind(header), header.claim),
        footer: format!("Packet {} · {}", header.packet_id, time(header.created_at)),
        watermark: header.draft.then(|| "DRAFT".to_owned()),
        id: format!("packet {} summary", header.packet_id),
        made_at: header.created_at,
    }
}

fn head(paper: &mut Paper, header: &Header, claim: &Claim) {
    paper.title(kind(header), &format!("Claim {} ({})", header.claim, words(&claim.claim_type)));
    if header.draft {
        paper.warning(
            "This is a draft. The payout is not confirmed, the packet is not sealed and has no place in the chain. It may change and proves no payment.",
        );
    }
    let mut facts = vec![
        ("Claim", header.claim.clone()),
        ("Kind of claim", label(&claim.claim_type)),
        ("Account", claim.tenant.clone()),
        ("Proof requested", format!("{} by {}", time(claim.requested_at), claim.requested_by)),
        ("State of the request", claim.state.clone()),
        ("Packet", header.packet_id.to_string()),
        ("Contents fixed", time(header.created_at)),
    ];
    if let Some(chain) = &header.chain {
        facts.push(("Place in the chain", format!("No. {} of this account", chain.position)));
        let first = || "none: this is the account's first packet".to_owned();
        facts.push(("Manifest before it", chain.previous.map_or_else(first, |hash| hash.to_string())));
    }
    if let Some(earlier) = &header.addendum_to {
        facts.push(("Adds to packet", earlier.packet_id.to_string()));
        facts.push(("Its manifest", earlier.manifest_sha256.to_string()));
    }
    paper.facts(&facts);
}

fn money(paper: &mut Paper, claim: &Claim) {
    paper.heading("What was claimed and paid");
    let mut table: Vec<Row> = Vec::new();
    if let Some(claimed) = &claim.claimed {
        table.push(Row::new([
            "Claimed".to_owned(),
            time(claim.requested_at),
            claim.reference.clone().unwrap_or_default(),
            claimed.text(),
        ]));
    }
    for payout in shown(&claim.payouts) {
        let what = match payout.amount.money().minor {
            ..0 => "Taken back",
            0 => "Given in units",
            1.. => "Paid",
        };
        table.push(Row::new([what.to_owned(), time(payout.paid_at), cell(&payout.reference), payout.text()]));
    }
    let sums = sums(claim);
    for sum in &sums {
        table.push(Row::sum(["Paid in all".to_owned(), String::new(), String::new(), sum.text()]));
    }
    if table.is_empty() {
        paper.paragraph("No amount was named, and nothing was paid yet.");
        return;
    }
    let columns = [
        Column::words("What", 18.0),
        Column::words("When (UTC)", 24.0),
        Column::words("Reference", 36.0),
        Column::figures("Amount", 22.0),
    ];
    paper.table(&Table { columns: &columns, rows: &table });
    more(paper, claim.payouts.len(), "claim.json");
    let units: u64 = claim.payouts.iter().filter_map(|payout| payout.units).map(u64::from).sum();
    if units > 0 {
        // What they are worth nobody says, so there is no arithmetic with the amount that is claimed.
        paper.paragraph(&format!("Given back to stock instead of money, and in no sum above: {units} in units."));
    } else if let Some(sentence) = difference(claim, &sums) {
        paper.paragraph(&sentence);
    }
}

/// What was paid, by currency in the order of their first payout. A sum that does not fit is left out rather than wrong.
fn sums(claim: &Claim) -> Vec<Amount> {
    let mut sums: Vec<Money> = Vec::new();
    // What was given in units alone is no sum of money.
    for payout in claim.payouts.iter().filter(|payout| payout.amount.money().minor != 0) {
        let money = payout.amount.money();
        match sums.iter_mut().find(|sum| sum.currency == money.currency) {
            Some(sum) => sum.minor = sum.minor.saturating_add(money.minor),
            None => sums.push(money),
        }
    }
    sums.into_iter().filter(|sum| !matches!(sum.minor, i64::MAX | i64::MIN)).map(Amount::from).collect()
}

/// The arithmetic between claimed and paid, if both are in one currency.
fn difference(claim: &Claim, sums: &[Amount]) -> Option<String> {
    let (claimed, [paid]) = (claim.claimed.as_ref()?, sums) else { return None };
    if claimed.currency != paid.currency {
        return None;
    }
    let open = claimed.money().minor.checked_sub(paid.money().minor)?;
    let rest = Amount::from(Money::new(open, claimed.money().currency));
    let meaning = match open {
        0 => "the claim is paid in full",
        1.. => "still open",
        _ => "paid beyond the claim",
    };
    // A sum that is below zero is subtracted in brackets.
    let paid = if paid.money().minor < 0 { format!("({})", paid.amount) } else { paid.amount.clone() };
    Some(format!("{} \u{2212} {paid} = {}: {meaning}.", claimed.amount, rest.text()))
}

fn subject(paper: &mut Paper, claim: &Claim) {
    let Value::Object(subject) = &claim.subject else { return };
    if subject.is_empty() {
        return;
    }
    paper.heading("What had to be proved");
    let facts: Vec<(String, String)> = subject.iter().map(|(name, value)| (label(name), text(value))).collect();
    let borrowed: Vec<(&str, String)> = facts.iter().map(|(name, value)| (name.as_str(), cell(value))).collect();
    paper.facts(&borrowed);
}

fn documents(paper: &mut Paper, claim: &Claim) {
    paper.heading("Documents");
    if claim.documents.is_empty() {
        paper.paragraph("No document proves the claim yet.");
        return;
    }
    let table: Vec<Row> = shown(&claim.documents)
        .iter()
        .enumerate()
        .map(|(at, document)| {
            let place = document
                .in_packet
                .map_or_else(|| document.path.clone(), |packet| format!("in packet {packet}: {}", document.path));
            Row::new([
                (at + 1).to_string(),
                format!("{}\n{}", describe(document), cell(&place)),
                time(document.received_at),
                document.bytes.to_string(),
                document.sha256.to_string(),
            ])
        })
        .collect();
    let columns = [
        Column::words("No.", 6.0),
        Column::words("Document and place", 41.0),
        Column::words("Received (UTC)", 16.0),
        Column::figures("Bytes", 11.0),
        Column::small("SHA-256", 26.0),
    ];
    paper.table(&Table { columns: &columns, rows: &table });
    more(paper, claim.documents.len(), "claim.json");
}

fn matching(paper: &mut Paper, contents: &Contents) {
    paper.heading("Why the documents prove it");
    if contents.matching.is_empty() {
        paper.paragraph("No document was matched yet.");
        return;
    }
    let number = |matched: &Matched| {
        let at = contents.claim.documents.iter().position(|document| document.document_id == matched.document_id);
        at.map_or_else(|| "-".to_owned(), |at| (at + 1).to_string())
    };
    let table: Vec<Row> = shown(&contents.matching)
        .iter()
        .map(|matched| {
            let line = matched.line.map_or_else(String::new, |line| format!(", line {line}"));
            Row::new([
                format!("{}{line}", number(matched)),
                decided(matched),
                percent(matched.probability),
                format!(
                    "{} Rule {}, model {}.",
                    cell(&matched.explanation),
                    words(&matched.rule),
                    matched.model_version
                ),
            ])
        })
        .collect();
    let columns = [
        Column::words("Document", 13.0),
        Column::words("Decided", 25.0),
        Column::figures("Probability", 14.0),
        Column::words("Why", 48.0),
    ];
    paper.table(&Table { columns: &columns, rows: &table });
    more(paper, contents.matching.len(), "matching.json");
}

fn timeline(paper: &mut Paper, contents: &Contents) {
    paper.heading("What happened");
    let table: Vec<Row> = shown(&contents.timeline)
        .iter()
        .map(|happening| {
            Row::new([time(happening.at), cell(&happening.what), cell(happening.by.as_deref().unwrap_or("Recoup"))])
        })
        .collect();
    let columns = [Column::words("When (UTC)", 22.0), Column::words("What", 58.0), Column::words("By", 20.0)];
    paper.table(&Table { columns: &columns, rows: &table });
    more(paper, contents.timeline.len(), "timeline.json");
}

fn rows(paper: &mut Paper, rows: &[Value]) {
    if rows.is_empty() {
        return;
    }
    paper.heading("Rows of reports that the claim rests on");
    let table: Vec<Row> =
        shown(rows).iter().enumerate().map(|(at, row)| Row::new([(at + 1).to_string(), cell(&text(row))])).collect();
    paper.table(&Table { columns: &[Column::words("No.", 7.0), Column::small("Row", 93.0)], rows: &table });
    more(paper, rows.len(), "rows/source_rows.json");
}

fn policy(paper: &mut Paper, contents: &Contents) {
    paper.heading("Rules that held");
    let policy = &contents.policy;
    paper.paragraph(&format!(
        "A match is automatic from a calibrated probability of {} on, and only while the measured precision of the model allows it; from {} on a \
         person is asked; two documents within {} points of each other are never told apart without a person.",
        percent(policy.automatic_from),
        percent(policy.asked_from),
        percent(policy.too_close).trim_end_matches(" %"),
    ));
    let Value::Object(cited) = &policy.cited else { return };
    let facts: Vec<(String, String)> = cited.iter().map(|(name, value)| (label(name), cell(&text(value)))).collect();
    let borrowed: Vec<(&str, String)> = facts.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    if !borrowed.is_empty() {
        paper.paragraph("The claim cites:");
        paper.facts(&borrowed);
    }
}

fn checking(paper: &mut Paper, header: &Header) {
    paper.heading("How to check this packet");
    paper.paragraph(
        "manifest.json lists every file of this packet with its SHA-256; manifest.sig is an Ed25519 signature over it. The public key is the one \
         that Recoup publishes, not one that comes with a packet. Without Recoup: sha256sum for the files, openssl for the signature; with it:",
    );
    paper.paragraph(&format!("recoup verify {}.zip --key KEY.pem", header.packet_id));
    paper.note(
        "Characters that these pages cannot show stand as \u{fffd}; the files beside this summary have them as they are. Times are UTC.",
    );
}
