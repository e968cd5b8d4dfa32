//! Invoices that are embedded in PDFs, as Factur-X and ZUGFeRD have them: what is read is the XML, whatever wrapped it.

use evidence::reading::invoice::Source;
use evidence::reading::{pdf, read_xml};
use krilla::Document;
use krilla::embed::{AssociationKind, EmbeddedFile};

use crate::printed::page;
use crate::samples::{below, name};

/// Names that programs give to the XML: those of the standards, and what people call it.
const NAMES: [&str; 4] = ["factur-x.xml", "ZUGFeRD-invoice.xml", "xrechnung.xml", "Rechnung 4711.XML"];

/// A PDF as a library writes it: the file compressed and named as an associated file.
fn hybrid(name: &str, xml: &[u8]) -> Vec<u8> {
    let mut document = Document::new();
    document.start_page().finish();
    let file = EmbeddedFile {
        path: name.to_owned(),
        mime_type: None,
        description: None,
        association_kind: AssociationKind::Alternative,
        data: xml.to_vec().into(),
        modification_date: None,
        compress: Some(true),
        location: None,
    };
    document.embed_file(file).expect("the only one");
    document.finish().expect("a PDF")
}

#[test]
fn every_sample_is_read_from_inside_a_pdf_as_it_is_by_itself() {
    let samples = below("cii/external/test-cii");
    assert_eq!(samples.len(), 27);
    for (at, sample) in samples.iter().enumerate() {
        let (xml, called) = (std::fs::read(sample).expect("readable"), NAMES[at % NAMES.len()]);
        let alone = read_xml(&xml).unwrap_or_else(|refusal| panic!("{}: {refusal}", name(sample)));
        assert_eq!(alone.source, Source::Cii, "{}", name(sample));
        // By hand with the bytes as they are, and by a library.
        for wrapped in [page(&[], &[("aaa.xml.sig", b"no invoice"), (called, &xml)]), hybrid(called, &xml)] {
            let read = pdf::read(&wrapped).unwrap_or_else(|refusal| panic!("{} as {called}: {refusal}", name(sample)));
            assert_eq!(read, alone, "{} as {called}", name(sample));
        }
    }
}

#[test]
fn a_sample_that_breaks_a_rule_is_refused_inside_a_pdf_by_the_same_rule() {
    for (at, sample) in below("cii/external/test-cii").iter().enumerate() {
        let xml = String::from_utf8(std::fs::read(sample).expect("readable")).expect("UTF-8");
        let broken = xml.replace("DuePayableAmount", "DuePayabelAmount");
        assert_ne!(broken, xml, "{}", name(sample));
        let alone = read_xml(broken.as_bytes()).expect_err("an unknown element");
        let wrapped = hybrid(NAMES[at % NAMES.len()], broken.as_bytes());
        assert_eq!(pdf::read(&wrapped).expect_err("the same"), alone, "{}", name(sample));
    }
}

#[test]
fn an_invoice_inside_a_pdf_is_read_before_its_pages() {
    let sample = below("cii/external/test-cii").into_iter().next().unwrap();
    let xml = std::fs::read(sample).unwrap();
    let texts = [
        (40, 0, "Other Trading GmbH, the seller of many things"),
        (40, 2, "Invoice number: INV-77"),
        (40, 3, "Invoice date: 2025-01-20"),
        (40, 14, "Total due: 9.00 USD to be paid within thirty days"),
    ];
    let notes: &[u8] = b"<notes/>";
    let hybrid = pdf::read(&page(&texts, &[("aaa.xml", notes), ("factur-x.xml", &xml)])).unwrap();
    assert_eq!(hybrid, evidence::reading::read_xml(&xml).unwrap());
    // One that breaks a rule is no invoice, whatever its pages say.
    let broken = String::from_utf8_lossy(&xml).replacen("DuePayableAmount", "DuePayabelAmount", 2);
    let refusal = pdf::read(&page(&texts, &[("factur-x.xml", broken.as_bytes())])).unwrap_err();
    assert!(refusal.rule.starts_with("schema"), "{refusal}");
    // Another message beside the pages is noted, and the pages are read.
    let order: &[u8] = b"<Order xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Order-2\"/>";
    let old: &[u8] = b"<rsm:CrossIndustryDocument xmlns:rsm=\"urn:ferd:CrossIndustryDocument:invoice:1p0\"/>";
    for other in [order, old] {
        let invoice = pdf::read(&page(&texts, &[("order.xml", other)])).unwrap();
        assert_eq!((invoice.source, invoice.number.unwrap().value.as_str()), (Source::PdfText, "INV-77"));
        assert!(invoice.flags.iter().any(|flag| flag.rule == "embedded-xml"), "{:?}", invoice.flags);
    }
}
