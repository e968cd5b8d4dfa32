//! Cost documentation on paper.

use shared_events::{Currency, Money, ids};
use uuid::Uuid;

use super::costing::{Costing, Evidence, GoodsCost, Source, of_units, take_apart};
use crate::packet::sha256::Sha256;
use crate::paper::{Column, Frame, Paper, PaperError, Row, Table};
use crate::reading::invoice::LineKind;

/// The form of the paper. It counts up with every change of words, arithmetic, layout or font, so that a document can be made again as it was
/// or is known to differ.
pub const TEMPLATE: i32 = 1;

/// Lines of an invoice that are shown at most.
const MOST_LINES: usize = 300;

/// A cost documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Follows from the request, the evidence and the template.
    pub id: Uuid,
    /// Hash of the evidence.
    pub inputs: Sha256,
    /// The PDF.
    pub pdf: Vec<u8>,
}

/// Hash of the evidence.
#[must_use]
pub fn inputs(evidence: &Evidence) -> Sha256 {
    Sha256::of(&[&serde_json::to_vec(evidence).expect("texts, numbers and lists are JSON")])
}

/// The id that a documentation from this evidence has.
#[must_use]
pub fn id(evidence: &Evidence) -> Uuid {
    let request = evidence.request_id.to_string();
    ids::derive(&["cost document", &evidence.tenant, &request, &inputs(evidence).to_string(), &TEMPLATE.to_string()])
}

/// Documents the costs.
///
/// # Errors
/// The PDF could not be written.
pub fn make(evidence: &Evidence) -> Result<Sheet, PaperError> {
    let (id, inputs) = (id(evidence), inputs(evidence));
    // The newest evidence, not the clock: the same evidence gives the same bytes.
    let made_at = evidence.invoices.iter().map(|source| source.received_at).max().unwrap_or_default();
    let mut paper = Paper::new(Frame {
        title: format!("Cost documentation - {}", evidence.claim),
        header: format!("Cost documentation \u{b7} {}", evidence.claim),
        footer: format!("{id} \u{b7} template {TEMPLATE}"),
        watermark: None,
        id: format!("cost document {id}"),
        made_at,
    });
    paper.title("Cost documentation", &format!("Claim {}", evidence.claim));
    paper.facts(&head(evidence, id, inputs));
    for (at, source) in evidence.invoices.iter().enumerate() {
        invoice(&mut paper, at + 1, source, evidence.quantity);
    }
    method(&mut paper);
    Ok(Sheet { id, inputs, pdf: paper.finish()? })
}

fn head(evidence: &Evidence, id: Uuid, inputs: Sha256) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Claim", evidence.claim.clone()), ("Account", evidence.tenant.clone())];
    facts.extend(evidence.sku.clone().map(|sku| ("SKU", sku)));
    facts.extend(evidence.title.clone().map(|title| ("Article", title)));
    facts.extend(evidence.quantity.map(|quantity| ("Units claimed", quantity.to_string())));
    facts.push(("Document", format!("{id}, template {TEMPLATE}")));
    facts.push(("Evidence SHA-256", inputs.to_string()));
    facts
}

fn invoice(paper: &mut Paper, number: usize, source: &Source, units: Option<i64>) {
    let invoice = &source.invoice;
    let name = invoice.number.as_ref().map_or("without a number", |found| found.value.as_str());
    paper.heading(&format!("Invoice {name}"));
    let mut facts = vec![];
    facts.extend(invoice.issuer.as_ref().map(|found| ("Supplier", found.value.clone())));
    facts.extend(invoice.date.as_ref().map(|found| ("Date", found.value.date.to_string())));
    facts.push(("Document", source.document_id.to_string()));
    facts.push(("SHA-256", source.sha256.to_string()));
    paper.facts(&facts);
    let costing = match take_apart(source) {
        Ok(costing) => costing,
        Err(why) => return paper.warning(&format!("The costs of invoice no. {number} are not taken apart: {why}.")),
    };
    for flag in &invoice.flags {
        paper.warning(&format!("The invoice does not add up: {}", flag.message));
    }
    goods(paper, &costing);
    shared(paper, &costing);
    claimed(paper, &costing, units);
}

fn goods(paper: &mut Paper, costing: &Costing) {
    let text = |minor: i64| Money::new(minor, costing.currency).decimal();
    let row = |line: &GoodsCost| {
        let mark = if line.matched { " (matched)" } else { "" };
        vec![
            format!("{}. {}{mark}", line.number, line.description),
            line.quantity.map_or_else(|| "-".to_owned(), |quantity| quantity.to_string()),
            text(line.amount),
            text(line.discount),
            text(line.sourcing()),
            text(line.freight),
            text(line.duty),
            text(line.landed()),
        ]
    };
    let mut rows: Vec<Row> =
        costing.goods.iter().take(MOST_LINES).map(|line| Row { cells: row(line), sum: false }).collect();
    let sum = |part: fn(&GoodsCost) -> i64| {
        let total = costing.goods.iter().map(part).try_fold(0_i64, i64::checked_add);
        total.map_or_else(|| "-".to_owned(), text)
    };
    rows.push(Row::sum([
        "All goods".to_owned(),
        String::new(),
        sum(|line| line.amount),
        sum(|line| line.discount),
        sum(GoodsCost::sourcing),
        sum(|line| line.freight),
        sum(|line| line.duty),
        sum(GoodsCost::landed),
    ]));
    let columns = [
        Column::small("Line of goods", 27.0),
        Column::figures("Quantity", 10.0),
        Column::figures("Invoiced", 11.0),
        Column::figures("Discount", 10.0),
        Column::figures("Sourcing cost", 11.0),
        Column::figures("Freight", 10.0),
        Column::figures("Duty", 9.0),
        Column::figures("Landed cost", 12.0),
    ];
    paper.table(&Table { columns: &columns, rows: &rows });
    if costing.goods.len() > MOST_LINES {
        paper.note(&format!("{} more lines of goods are in the sums and not shown.", costing.goods.len() - MOST_LINES));
    }
    paper.note(&format!("Amounts in {}.", costing.currency.code()));
}

fn shared(paper: &mut Paper, costing: &Costing) {
    let text = |minor: i64| Money::new(minor, costing.currency).decimal();
    let kind = |kind: LineKind| match kind {
        LineKind::Freight => "Freight",
        LineKind::Duty => "Duty",
        _ => "Discount",
    };
    let mut rows: Vec<Row> = costing
        .shared
        .iter()
        .take(MOST_LINES)
        .map(|(what, description, minor)| Row::new([kind(*what).to_owned(), description.clone(), text(*minor)]))
        .collect();
    if costing.taxes != 0 {
        rows.push(Row::new(["Tax".to_owned(), "left out: no cost of goods".to_owned(), text(costing.taxes)]));
    }
    if rows.is_empty() {
        return;
    }
    paper.paragraph("What the invoice charges for all goods together:");
    let columns = [Column::words("Kind", 15.0), Column::words("Line", 65.0), Column::figures("Amount", 20.0)];
    paper.table(&Table { columns: &columns, rows: &rows });
    if costing.unshared {
        paper.warning("No line of goods has a value above zero, so there is nothing to share this by; it is left out.");
    }
}

/// The arithmetic for the units that are claimed.
fn claimed(paper: &mut Paper, costing: &Costing, units: Option<i64>) {
    let Some(line) = costing.goods.iter().find(|line| line.matched) else {
        paper.paragraph("The invoice was matched as a whole; no single line of it is the claimed article.");
        return;
    };
    let (Some(units), Some(quantity)) = (units, line.quantity) else {
        paper.paragraph("The claim or the line names no quantity, so there is no cost per unit.");
        return;
    };
    let part = |cost: i64| of_units(cost, units, quantity, costing.currency);
    let (Some(sourcing), Some(landed)) = (part(line.sourcing()), part(line.landed())) else {
        paper.paragraph("The quantity of the line is not above zero, so there is no cost per unit.");
        return;
    };
    let rows = [
        ("Sourcing cost", line.sourcing(), sourcing, "what the claim can rest on: without freight and duty"),
        ("Landed cost", line.landed(), landed, "what the goods cost the seller on arrival"),
    ];
    let table = rows.map(|(name, cost, result, meaning)| {
        let from = Money::new(cost, costing.currency).decimal();
        Row::new([name.to_owned(), meaning.to_owned(), format!("{from} \u{d7} {units} / {quantity}"), money(result)])
    });
    paper.paragraph(&format!("Line {}, {units} of {quantity} units:", line.number));
    let columns = [
        Column::words("Cost", 18.0),
        Column::words("Meaning", 36.0),
        Column::figures("Arithmetic", 26.0),
        Column::figures("Amount", 20.0),
    ];
    paper.table(&Table { columns: &columns, rows: &table });
}

fn money(money: Money) -> String {
    let currency: Currency = money.currency;
    format!("{} {}", money.decimal(), currency.code())
}

fn method(paper: &mut Paper) {
    paper.heading("How it is computed");
    paper.paragraph(
        "Sourcing cost is what the supplier charges for the goods: the line of the invoice, less its part of discounts on the whole invoice. \
         Landed cost adds the line's part of freight and of duty. Taxes are left out.",
    );
    paper.paragraph(
        "Discounts, freight and duty of an invoice are shared over its lines of goods by their value: charge \u{d7} line / all lines. Each part is \
         rounded down to the smallest unit of the currency; the units that are left over go, one each, to the lines that lost most by the \
         rounding, the first of equals. So the parts add up to the charge exactly.",
    );
    paper.paragraph(
        "The cost of some units of a line is the line's cost \u{d7} units / quantity, rounded once, half up.",
    );
    paper.note("The same invoices and the same template give this document again, byte for byte, under the same id.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::costing::tests::source;

    fn evidence() -> Evidence {
        Evidence {
            tenant: "acme-outdoor".to_owned(),
            request_id: Uuid::from_u128(2),
            claim: "CLM-2025-0042".to_owned(),
            sku: Some("WTR-BTL-32OZ".to_owned()),
            title: Some("Water bottle 32 oz".to_owned()),
            quantity: Some(5),
            invoices: vec![source()],
        }
    }

    #[test]
    fn the_same_evidence_gives_the_same_bytes_and_the_same_id() {
        let once = make(&evidence()).expect("written");
        assert_eq!(make(&evidence()), Ok(once.clone()));
        let mut other = evidence();
        other.invoices[0].line = Some(2);
        let changed = make(&other).expect("written");
        assert!(changed.id != once.id && changed.inputs != once.inputs && changed.pdf != once.pdf);
        let of_another = make(&Evidence { tenant: "other".to_owned(), ..evidence() }).expect("written");
        assert_ne!(of_another.id, once.id);
    }

    /// Whoever changes what is on the paper counts the template up and writes the new hash here.
    #[test]
    fn the_template_is_the_one_that_its_number_says() {
        let hash = Sha256::of(&[&make(&evidence()).expect("written").pdf]).to_string();
        assert_eq!((TEMPLATE, hash.as_str()), (1, "9dbd982b7c73596c6481d64da537e216c6a9f2c411c4e04e6099dddfd50d31f6"));
    }
}
