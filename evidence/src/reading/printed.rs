//! Reads an invoice from the words of its pages, without a template for any supplier.

use shared_events::money::{Currency, Money};

use super::amount_text::{Mark, mark_of};
use super::find_totals::Chosen;
use super::invoice::{Flag, Found, Invoice, Kind, Source};
use super::layout::{Cell, Row, rows};
use super::words::Word;
use super::{find_currency, find_date, find_issuer, find_lines, find_number, find_orders, find_totals};

/// Reads what can be read; a field that is not found is missing, and what does not add up is flagged.
pub fn read(words: Vec<Word>, source: Source) -> Invoice {
    let recognised = (source == Source::Ocr).then(|| {
        let sum: usize = words.iter().map(|word| usize::from(word.confidence)).sum();
        u8::try_from(sum / words.len().max(1)).unwrap_or(100)
    });
    let rows = rows(words);
    let texts: Vec<String> = rows.iter().flat_map(|row| &row.cells).map(Cell::text).collect();
    let mark = mark_of(texts.iter().map(String::as_str));
    let mut invoice = Invoice::empty(source);
    invoice.kind = kind(&rows);
    invoice.currency = find_currency::find(&rows);
    invoice.issuer = find_issuer::find(&rows);
    invoice.number = find_number::find(&rows);
    let currency = invoice.currency.as_ref().map(|found| found.value);
    invoice.date = find_date::find(&rows, currency == Some(Currency::USD) && mark != Mark::Comma);
    if let Some(currency) = currency {
        let totals = find_totals::find(&rows, mark, currency.decimals());
        let money = |chosen: Option<Chosen>| {
            let (value, confidence, place) = chosen?;
            let minor = value.minor(currency.decimals())?;
            Some(Found { value: Money::new(minor, currency), confidence, place: Some(place) })
        };
        (invoice.net, invoice.tax, invoice.gross) = (money(totals.net), money(totals.tax), money(totals.gross));
        invoice.lines = find_lines::find(&rows, mark, currency);
    }
    invoice.ids = find_orders::find(&rows);
    invoice.flags = flags(&invoice);
    if let Some(recognised) = recognised {
        lower_confidence(&mut invoice, recognised);
    }
    invoice
}

/// A title near the top says that money goes back.
fn kind(rows: &[Row]) -> Kind {
    const TITLES: &[&str] = &[
        "credit note",
        "credit memo",
        "gutschrift",
        "rechnungskorrektur",
        "stornorechnung",
        "avoir",
        "creditnota",
        "creditfactuur",
        "nota de credito",
        "factura rectificativa",
        "nota di credito",
        "faktura korygujaca",
        "kreditnota",
    ];
    let top = rows.iter().take(30).filter(|row| row.place.page == 1);
    let titled = top.flat_map(|row| &row.cells).any(|cell| {
        cell.words.len() <= 5 && TITLES.iter().any(|title| cell.find(title, 0).is_some_and(|(from, _)| from == 0))
    });
    if titled { Kind::CreditNote } else { Kind::Invoice }
}

fn flags(invoice: &Invoice) -> Vec<Flag> {
    let mut flags = vec![];
    let minor = |found: &Option<Found<Money>>| found.as_ref().map(|found| found.value);
    let (net, tax, gross) = (minor(&invoice.net), minor(&invoice.tax), minor(&invoice.gross));
    if let (Some(net), Some(tax), Some(gross)) = (net, tax, gross)
        && net.minor.checked_add(tax.minor) != Some(gross.minor)
    {
        flags.push(Flag { rule: "net-plus-tax".into(), message: format!("{net} and {tax} tax are not {gross}") });
    }
    let sum = invoice.lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.amount.minor));
    if let (Some(sum), Some(total), false) = (sum, net.or(gross), invoice.lines.is_empty()) {
        // Shops print lines with tax.
        if sum != total.minor && Some(sum) != gross.map(|gross| gross.minor) {
            let sum = Money::new(sum, total.currency);
            flags.push(Flag {
                rule: "sum-of-lines".into(),
                message: format!("the lines make {sum}, the total is {total}"),
            });
        }
    }
    if invoice.date.as_ref().is_some_and(|date| date.value.or.is_some()) {
        flags.push(Flag {
            rule: "ambiguous-date".into(),
            message: "day and month of the date may be the other way round".into(),
        });
    }
    flags
}

/// No field is surer than the recognition of its letters.
fn lower_confidence(invoice: &mut Invoice, most: u8) {
    let lower = |confidence: &mut u8| *confidence = (*confidence).min(most);
    invoice.issuer.iter_mut().for_each(|found| lower(&mut found.confidence));
    invoice.number.iter_mut().for_each(|found| lower(&mut found.confidence));
    invoice.date.iter_mut().for_each(|found| lower(&mut found.confidence));
    invoice.currency.iter_mut().for_each(|found| lower(&mut found.confidence));
    for found in [&mut invoice.net, &mut invoice.tax, &mut invoice.gross] {
        found.iter_mut().for_each(|found| lower(&mut found.confidence));
    }
}
