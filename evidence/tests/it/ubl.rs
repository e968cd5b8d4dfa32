//! Valid UBL is read completely, each invalid file is refused with the rule that it breaks.

use evidence::reading::decimal::Decimal;
use evidence::reading::invoice::{Invoice, Kind, LineKind};
use evidence::reading::read_xml;
use evidence::reading::refusal::Fate;

use crate::samples::{assert_totals, below, name, texts};

/// The rule that each file of the collection was made to break.
const BROKEN: &[(&str, &str)] = &[
    ("ERR-2 ", "BIIRULE-T10-R002"),
    ("ERR-3 ", "BIIRULE-T10-R003"),
    ("ERR-4 ", "BIIRULE-T10-R004"),
    ("ERR-5 ", "BIIRULE-T10-R005"),
    ("ERR-9 ", "BIIRULE-T10-R009"),
    ("ERR-10 ", "sum-of-taxes"),
    ("ERR-11 ", "sum-of-lines"),
    ("ERR-13 ", "tax-inclusive"),
    ("ERR-18 ", "BIIRULE-T10-R018"),
    ("ERR-19 ", "BIIRULE-T10-R019"),
];

fn invoices() -> Vec<std::path::PathBuf> {
    let mut files = below("ubl/external/test-ubl/invoice");
    files.extend(below("ubl/external/test-ubl/creditnote"));
    files.retain(|file| !file.to_string_lossy().contains("/ignore/"));
    files
}

#[test]
fn each_invalid_file_is_refused_with_its_rule() {
    let files: Vec<_> = invoices().into_iter().filter(|file| name(file).starts_with("ERR-")).collect();
    assert_eq!(files.len(), BROKEN.len());
    for file in files {
        let name = name(&file);
        let expected = BROKEN.iter().find(|(start, _)| name.starts_with(start)).expect("listed above").1;
        let refusal = read_xml(&std::fs::read(&file).expect("readable")).expect_err(&name);
        assert_eq!((refusal.fate, refusal.rule.as_str()), (Fate::ParseFailed, expected), "{name}: {refusal}");
    }
}

#[test]
fn valid_files_are_read_to_the_last_identifier() {
    let files: Vec<_> = invoices().into_iter().filter(|file| !name(file).starts_with("ERR-")).collect();
    assert_eq!(files.len(), 18);
    for file in files {
        let bytes = std::fs::read(&file).expect("readable");
        let invoice = read_xml(&bytes).unwrap_or_else(|refusal| panic!("{}: {refusal}", name(&file)));
        compare(&invoice, &String::from_utf8(bytes).expect("UTF-8"), &name(&file));
    }
}

fn compare(invoice: &Invoice, xml: &str, name: &str) {
    let mut ids: Vec<_> = invoice
        .ids
        .iter()
        .map(|id| (id.path.rsplit('/').next().unwrap_or_default().to_owned(), unescaped(&id.value)))
        .collect();
    let mut expected: Vec<_> =
        texts(xml, |tag| tag.ends_with("ID")).into_iter().map(|(tag, text)| (tag, unescaped(&text))).collect();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected, "{name}: identifiers");
    let (_, totals) = xml.split_once("LegalMonetaryTotal").expect("all have totals");
    let (totals, _) = totals.split_once("LegalMonetaryTotal>").expect("closed");
    assert_totals(invoice, totals, name);
    let lines = texts(xml, |tag| tag == "InvoiceLine" || tag == "CreditNoteLine").len()
        + xml.matches("InvoiceLine>").count() / 2
        + xml.matches("CreditNoteLine>").count() / 2;
    let charges =
        xml.split("InvoiceLine>").next().unwrap_or_default().split("CreditNoteLine>").next().unwrap_or_default();
    let charges = charges.matches("AllowanceCharge>").count() / 2;
    assert_eq!(invoice.lines.len(), lines + charges, "{name}: lines");
    assert!(
        invoice.issuer.is_some() && invoice.number.is_some() && invoice.date.is_some() && invoice.gross.is_some(),
        "{name}"
    );
    let net = invoice.lines.iter().map(|line| line.amount.minor).sum::<i64>();
    if let (Some(stated), true) = (&invoice.net, invoice.flags.is_empty()) {
        assert_eq!(net, stated.value.minor, "{name}: lines, charges and allowances make the net sum");
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
}

#[test]
fn the_well_known_example_is_read_exactly() {
    let file =
        invoices().into_iter().find(|file| name(file) == "UBL-Invoice-2.1-Example.xml").expect("in the collection");
    let invoice = read_xml(&std::fs::read(file).expect("readable")).expect("valid");
    assert_eq!(invoice.kind, Kind::Invoice);
    assert_eq!(invoice.issuer.as_ref().expect("named").value, "Salescompany ltd.");
    assert_eq!(invoice.number.as_ref().expect("numbered").value, "TOSL108");
    assert_eq!(invoice.date.as_ref().expect("dated").value.date.to_string(), "2009-12-15");
    let amounts =
        [&invoice.net, &invoice.tax, &invoice.gross].map(|found| found.as_ref().expect("stated").value.to_string());
    assert_eq!(amounts, ["1436.50 EUR", "292.20 EUR", "1729.00 EUR"]);
    let first = &invoice.lines[0];
    assert_eq!((first.seller_sku.as_deref(), first.sku.as_deref()), (Some("JB007"), Some("1234567890124")));
    assert_eq!((first.quantity, first.unit.as_deref()), (Some(Decimal::ONE), Some("C62")));
    let kinds: Vec<LineKind> = invoice.lines[5..].iter().map(|line| line.kind).collect();
    assert_eq!(
        kinds,
        [LineKind::Discount, LineKind::Product],
        "a promotion discount, and a charge that is not called freight"
    );
    assert_eq!(invoice.taxes.len(), 3);
    let supplier = &invoice.parties[0];
    assert_eq!((supplier.role.as_str(), supplier.tax_id.as_deref()), ("AccountingSupplierParty", Some("DK12345")));
}

const SMALL: &str = r#"<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
  xmlns:a="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
  xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
><b:ID>123</b:ID><b:IssueDate>2011-09-22</b:IssueDate><b:DocumentCurrencyCode>CAD</b:DocumentCurrencyCode>
<a:AccountingSupplierParty><a:Party><a:PartyName><b:Name>Pins</b:Name></a:PartyName></a:Party></a:AccountingSupplierParty>
<a:AccountingCustomerParty/><a:LegalMonetaryTotal><b:PayableAmount currencyID="CAD">100.00</b:PayableAmount></a:LegalMonetaryTotal>
<a:InvoiceLine><b:ID>1</b:ID><b:LineExtensionAmount currencyID="CAD">100.00</b:LineExtensionAmount><a:Item/></a:InvoiceLine>
</Invoice>"#;

#[test]
fn each_kind_of_damage_has_its_rule() {
    assert!(read_xml(SMALL.as_bytes()).is_ok());
    let damages = [
        ("<b:ID>123</b:ID>", "", "schema-missing"),
        ("<b:ID>123</b:ID>", "<b:ID>123</b:ID><b:ID>124</b:ID>", "schema-duplicate"),
        ("<b:ID>123</b:ID>", "<a:ID>123</a:ID>", "schema-namespace"),
        ("<b:ID>123</b:ID>", "<b:ID>123</b:ID><b:Colour>red</b:Colour>", "schema-element"),
        ("<b:ID>123</b:ID>", "stray<b:ID>123</b:ID>", "schema-text"),
        ("</a:InvoiceLine>\n", "</a:InvoiceLine><b:IssueDate>2011-09-22</b:IssueDate>", "schema-order"),
        ("2011-09-22", "2011-02-30", "schema-value"),
        ("\"CAD\">100.00</b:Pay", "\"CAD\">1oo</b:Pay", "schema-value"),
        (" currencyID=\"CAD\">100.00</b:Pay", ">100.00</b:Pay", "schema-attribute"),
        ("<b:DocumentCurrencyCode>CAD", "<b:DocumentCurrencyCode>QQQ", "currency"),
        ("<b:DocumentCurrencyCode>CAD", "<b:DocumentCurrencyCode>USD", "currency-of-totals"),
        ("100.00</b:Pay", "99.00</b:Pay", "payable"),
        ("xsd:Invoice-2", "xsd:Order-2", "schema-namespace"),
        ("<a:InvoiceLine>", "<a:InvoiceLine", "xml-syntax"),
        ("<Invoice ", "<!DOCTYPE Invoice><Invoice ", "xml-dtd"),
    ];
    for (from, to, rule) in damages {
        let damaged = SMALL.replacen(from, to, 1);
        assert_ne!(damaged, SMALL, "{from} is in the document");
        let refusal = read_xml(damaged.as_bytes()).expect_err(rule);
        assert_eq!(refusal.rule, rule, "{from} -> {to}: {refusal}");
    }
}
