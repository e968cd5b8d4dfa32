//! Cross Industry Invoices are read completely, in each version of the format.

use evidence::reading::invoice::{Invoice, Kind};
use evidence::reading::read_xml;

use crate::samples::{assert_totals, below, name, texts};

#[test]
fn all_versions_are_read_to_the_last_identifier() {
    let files = below("cii/external/test-cii");
    assert_eq!(files.len(), 27);
    for file in files {
        let bytes = std::fs::read(&file).expect("readable");
        let invoice = read_xml(&bytes).unwrap_or_else(|refusal| panic!("{}: {refusal}", file.display()));
        compare(&invoice, &String::from_utf8(bytes).expect("UTF-8"), &name(&file));
    }
}

fn compare(invoice: &Invoice, xml: &str, name: &str) {
    assert_eq!(invoice.kind, if xml.contains("TypeCode>381<") { Kind::CreditNote } else { Kind::Invoice }, "{name}");
    let mut ids: Vec<String> = invoice.ids.iter().map(|id| id.value.replace('&', "&amp;")).collect();
    let mut expected: Vec<String> = texts(xml, |tag| tag.ends_with("ID")).into_iter().map(|(_, text)| text).collect();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected, "{name}: identifiers");
    let totals = xml.split("SpecifiedTradeSettlementHeaderMonetarySummation>").nth(1).expect("all have totals");
    assert_totals(invoice, totals, name);
    let net = invoice.lines.iter().map(|line| line.amount.minor).sum::<i64>();
    assert_eq!(
        net,
        invoice.net.as_ref().expect("stated").value.minor,
        "{name}: lines, charges and allowances make the net sum"
    );
    assert!(
        invoice.issuer.is_some() && invoice.date.is_some() && invoice.tax.is_some() && invoice.gross.is_some(),
        "{name}"
    );
}

#[test]
fn other_messages_of_the_family_are_refused() {
    for file in below("cii/external/test-cdar") {
        let refusal = read_xml(&std::fs::read(&file).expect("readable")).expect_err("an acknowledgement is no invoice");
        assert_eq!(refusal.rule, "document-type");
    }
}
