//! The table of the rules once more, from the pages of printed invoices as they are read.

use evidence::lookup;
use evidence::match_facts::{Said, for_rules};
use evidence::matching::decision::{Decision, decide};
use evidence::matching::rules::{self, Rule};
use evidence::reading::invoice::{Invoice, LineKind};
use evidence::reading::pdf;

use crate::match_bed::subject;

const ORDER: &str = "112-1234567-1234567";

/// A page with texts at places, and files embedded in it.
pub fn page(texts: &[(u32, u32, &str)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let shown: Vec<String> = texts
        .iter()
        .map(|(left, line, text)| {
            let text = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
            format!("BT /F1 10 Tf 1 0 0 1 {left} {} Tm ({text}) Tj ET", 800 - 20 * line)
        })
        .collect();
    let content = shown.join("\n");
    let names: Vec<String> =
        files.iter().enumerate().map(|(at, (name, _))| format!("({name}) {} 0 R", 6 + 2 * at)).collect();
    let mut objects: Vec<Vec<u8>> = vec![
        format!("<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [{}] >> >> >>", names.join(" ")).into_bytes(),
        b"<< /Type /Pages /Count 1 /Kids [4 0 R] >>".to_vec(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R >>".to_vec(),
        stream(content.as_bytes(), ""),
    ];
    for (at, (name, bytes)) in files.iter().enumerate() {
        let held = 7 + 2 * at;
        objects.push(format!("<< /Type /Filespec /F ({name}) /UF ({name}) /EF << /F {held} 0 R >> >>").into_bytes());
        objects.push(stream(bytes, "/Type /EmbeddedFile /Subtype /text#2Fxml"));
    }
    let mut file = b"%PDF-1.6\n".to_vec();
    let mut offsets = vec![];
    for (at, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend([format!("{} 0 obj\n", at + 1).as_bytes(), object, b"\nendobj\n"].concat());
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).into_bytes());
    for offset in &offsets {
        file.extend(format!("{offset:010} 00000 n \n").into_bytes());
    }
    file.extend(
        format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF", offsets.len() + 1).into_bytes(),
    );
    file
}

fn stream(content: &[u8], entries: &str) -> Vec<u8> {
    let head = format!("<< /Length {} {entries} >>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// How the line of an article is laid out.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// A column for the number of the article.
    Column,
    /// The number begins the description.
    Leading,
    /// The number is within the description, in the row below.
    Within,
    /// A table whose rows are running text.
    Running,
    /// No table at all.
    Bare,
}

const LAYOUTS: [Layout; 5] = [Layout::Column, Layout::Leading, Layout::Within, Layout::Running, Layout::Bare];

fn read(number: &str, date: &str, supplier: &str, total: &str, line: Option<(Layout, &str, u32)>) -> Invoice {
    let head = [
        (40, 0, supplier.to_owned()),
        (40, 2, format!("Invoice number: {number}")),
        (40, 3, format!("Invoice date: {date}")),
        (40, 20, "Thank you for your order. Please pay within thirty days.".to_owned()),
        (300, 14, "Total due:".to_owned()),
        (450, 14, format!("{total} USD")),
    ];
    let mut texts = head.to_vec();
    let mut row = |line: u32, cells: &[(u32, &str)]| {
        texts.extend(cells.iter().map(|(left, text)| (*left, line, (*text).to_owned())))
    };
    if let Some((layout, code, quantity)) = line {
        let (units, amount) = (quantity.to_string(), format!("{}.{:02}", quantity * 4916 / 100, quantity * 4916 % 100));
        match layout {
            Layout::Column => {
                row(7, &[(40, "Item no."), (150, "Description"), (300, "Qty"), (370, "Unit price"), (450, "Amount")]);
                row(8, &[(40, code), (150, "Water bottle, steel"), (300, &units), (370, "49.16"), (450, &amount)]);
            }
            Layout::Leading => {
                row(7, &[(40, "Description"), (300, "Qty"), (370, "Unit price"), (450, "Amount")]);
                row(8, &[(40, &format!("{code} Water bottle")), (300, &units), (370, "49.16"), (450, &amount)]);
            }
            Layout::Within => {
                row(7, &[(40, "Description"), (300, "Qty"), (370, "Unit price"), (450, "Amount")]);
                row(8, &[(40, "Water bottle, steel"), (300, &units), (370, "49.16"), (450, &amount)]);
                row(9, &[(40, &format!("SKU: {code}"))]);
            }
            Layout::Running => {
                row(7, &[(40, "SKU Qty Unit price Amount")]);
                row(8, &[(40, &format!("{code} {units} 49.16 {amount}"))]);
            }
            Layout::Bare => row(8, &[(40, &format!("{code} {units} x 49.16"))]),
        }
    }
    let texts: Vec<(u32, u32, &str)> = texts.iter().map(|(left, line, text)| (*left, *line, text.as_str())).collect();
    pdf::read(&page(&texts, &[])).unwrap()
}

fn judged(invoice: &Invoice) -> (Rule, Decision) {
    let rule = rules::judge(&for_rules(&subject()), &Said::from(invoice).facts());
    (rule, decide(rule.score(), None, true))
}

#[test]
fn a_line_is_found_however_it_is_printed() {
    for layout in LAYOUTS {
        let line = |code, quantity| Some((layout, code, quantity));
        let of = |number: &str, date: &str, line| read(number, date, "Other Trading GmbH", "9,000.00", line);
        let right = of("INV-77", "2025-01-20", line("WTR-BTL-32OZ", 5));
        assert_eq!(judged(&right), (Rule::SkuMatch, Decision::Automatic), "{layout:?} {:?}", right.lines);
        let amounts: Vec<String> = right.lines.iter().map(|line| line.amount.to_string()).collect();
        assert_eq!((amounts, right.lines[0].kind), (vec!["245.80 USD".to_owned()], LineKind::Product), "{layout:?}");
        assert!(
            lookup::codes_of_invoice(&right).contains(&"wtrbtl32oz".to_owned()),
            "{layout:?}: it is looked up by it"
        );
        let late = of("INV-77", "2025-02-10", line("WTR-BTL-32OZ", 5));
        assert_eq!(judged(&late), (Rule::DateMatch, Decision::None), "{layout:?}");
        let asin = of("INV-77", "2025-01-20", line("B08XYZ1234", 5));
        assert_eq!(judged(&asin), (Rule::AsinMatch, Decision::Prompt), "{layout:?} {:?}", asin.lines);
        for number in ["INV-77", ORDER] {
            let wrong = of(number, "2025-01-20", line("WTR-BTL-32OZ", 999));
            assert_ne!(judged(&wrong).1, Decision::Automatic, "{layout:?} {number} {:?}", wrong.lines);
            assert!(rules::wrong_quantity(&for_rules(&subject()), &Said::from(&wrong).facts()), "{layout:?}");
        }
    }
}

#[test]
fn the_rows_without_a_line_hold_for_pages_too() {
    let other =
        |number: &str, date: &str, supplier: &str, total: &str| judged(&read(number, date, supplier, total, None));
    let (strange, old) = ("Other Trading GmbH", "2019-01-01");
    assert_eq!(other(ORDER, old, strange, "9.00"), (Rule::ExactInvoice, Decision::Automatic));
    assert_eq!(other("INV-77", old, "Acme Supplies Ltd.", "250.00"), (Rule::SupplierMatch, Decision::Prompt));
    assert_eq!(other("INV-77", old, "Acme Supplies Ltd.", "260.55"), (Rule::AmountMatch, Decision::None));
    assert_eq!(other("INV-77", "2025-01-05", strange, "9.00"), (Rule::DateMatch, Decision::None));
    assert_eq!(other("INV-77", old, strange, "246.00"), (Rule::AmountMatch, Decision::None));
    assert_eq!(other("INV-77", old, strange, "9.00"), (Rule::PartialMatch, Decision::None));
}

#[test]
fn an_order_that_a_page_refers_to_is_found() {
    for label in ["Order no.", "Amazon order"] {
        let texts = [
            (40, 0, "Other Trading GmbH"),
            (40, 2, "Invoice number: INV-77"),
            (40, 3, "Invoice date: 2019-01-01"),
            (40, 4, &format!("{label}: {ORDER}")),
            (300, 14, "Total due:"),
            (450, 14, "9.00 USD"),
        ];
        let invoice = pdf::read(&page(&texts, &[])).unwrap();
        assert_eq!(invoice.number.as_ref().map(|found| found.value.as_str()), Some("INV-77"));
        assert_eq!(judged(&invoice), (Rule::ExactInvoice, Decision::Automatic), "{label}");
    }
}
