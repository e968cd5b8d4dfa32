//! The lines of a printed invoice: rows below the headers of a table, up to its totals; without any, rows whose figures say by themselves
//! what they are.

use shared_events::money::{Currency, Money};

use super::amount_text::{Mark, Written, numbers};
use super::decimal::Decimal;
use super::find_article;
use super::invoice::{Line, LineKind, Place};
use super::layout::{Cell, Row, overlap};
use super::loose_line::{self, Figures};
use super::vocabulary::words;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Article,
    Description,
    Quantity,
    Price,
    Amount,
    Rate,
}

/// Header words, folded.
const HEADERS: &[(Column, &str)] = &[
    (
        Column::Description,
        "description item items article artikel beschreibung bezeichnung designation descripcion descrizione opis nazwa omschrijving product \
         produkt produit leistung service services libelle concepto prestation details particulars artikelbeschreibung descricao 品名 品目 内容",
    ),
    (
        Column::Quantity,
        "qty quantity menge anzahl qte quantite aantal cantidad quantita qtd qtde ilosc hours stunden units stuck stk cant cant. pcs q.ty 数量",
    ),
    (
        Column::Price,
        "price rate einzelpreis ep e-preis vk-preis preis prix pu p.u prijs stukprijs precio prezzo cena preco unit 単価",
    ),
    (
        Column::Amount,
        "amount total betrag gesamtpreis gesamt summe zeilenbetrag montant bedrag totaal importe importo totale wartosc kwota valor subtotal \
         gesamtbetrag netto total. 金額",
    ),
    (Column::Rate, "vat mwst ust tva btw iva tax gst steuer %"),
];

type Headers = Vec<(Column, Place)>;

/// Finds them.
pub fn find(rows: &[Row], mark: Mark, currency: Currency) -> Vec<Line> {
    let mut lines: Vec<Line> = vec![];
    let mut headers: Option<Headers> = None;
    for row in rows {
        if let Some(found) = headers_of(row) {
            headers = Some(found);
            continue;
        }
        let Some(table) = &headers else { continue };
        if ends_table(row, mark) {
            headers = None;
            continue;
        }
        match line_of(row, table, mark, currency, lines.len() + 1) {
            Some(line) => lines.push(line),
            None => continue_description(row, table, &mut lines),
        }
        if lines.len() > 2_000 {
            break;
        }
    }
    if lines.is_empty() {
        lines
            .extend(rows.iter().take(2_000).enumerate().filter_map(|(at, row)| bare_line(row, mark, currency, at + 1)));
    }
    lines
}

/// A line without a table around it.
fn bare_line(row: &Row, mark: Mark, currency: Currency, count: usize) -> Option<Line> {
    let all = Cell::of(row.cells.iter().flat_map(|cell| cell.words.clone()).collect());
    let figures = loose_line::figures(&all.words, &all.folded, mark)?;
    let (quantity, price, amount) = figures.product?;
    let description = all.part(0, figures.words);
    let line = Line {
        id: count.to_string(),
        kind: LineKind::Product,
        seller_sku: find_article::leading(&description),
        description,
        sku: None,
        other_skus: vec![],
        quantity: Some(quantity),
        unit: None,
        unit_price: Some(price),
        amount: Money::new(amount.minor(currency.decimals())?, currency),
        tax_rate: None,
        place: Some(row.place),
    };
    Some(line.told())
}

fn headers_of(row: &Row) -> Option<Headers> {
    let mut headers: Headers = vec![];
    for cell in &row.cells {
        let mut behind = 0;
        for (at, (word, folded)) in cell.words.iter().zip(&cell.folded).enumerate() {
            if at < behind {
                continue;
            }
            if let Some(length) = find_article::header(&cell.folded, at) {
                behind = at + length;
                headers.push((Column::Article, cell.place_of(at, behind)));
                continue;
            }
            let column = HEADERS.iter().find(|(_, known)| known.split_whitespace().any(|known| known == folded));
            if let Some((column, _)) = column {
                // "Unit price" is one header.
                let again =
                    headers.last().is_some_and(|(last, place)| last == column && word.place.left - place.right < 1500);
                if !again {
                    headers.push((*column, word.place));
                }
            }
        }
    }
    let has = |wanted: Column| headers.iter().any(|(column, _)| *column == wanted);
    let digits = row
        .cells
        .iter()
        .flat_map(|cell| &cell.words)
        .filter(|word| word.text.chars().any(|letter| letter.is_ascii_digit()))
        .count();
    let enough = has(Column::Amount) || has(Column::Price);
    let others = headers.iter().filter(|(column, _)| *column != Column::Article).count();
    let named = has(Column::Description) || has(Column::Quantity);
    let fits = enough && (named || has(Column::Article)) && others >= 2 && digits == 0;
    fits.then_some(headers)
}

/// A total, or a new part of the document.
fn ends_table(row: &Row, mark: Mark) -> bool {
    let first = &row.cells[0];
    let lists = [&words().gross, &words().net];
    let total = lists
        .iter()
        .filter_map(|phrases| phrases.best_in(&first.folded))
        .any(|label| label.from == 0 && label.weight >= 66);
    total
        && row.cells.len() <= 4
        && first.words.len() <= 5
        && row.cells.iter().any(|cell| !numbers(&cell.text(), mark).is_empty())
}

fn line_of(row: &Row, table: &Headers, mark: Mark, currency: Currency, count: usize) -> Option<Line> {
    let has_article = table.iter().any(|(column, _)| *column == Column::Article);
    let under = |place: Place| has_article && column_of(place, table) == Some(Column::Article);
    let (article, row) = find_article::take(row, under);
    let mut found: Vec<(Written, Place)> = vec![];
    let mut text: Vec<String> = vec![];
    let mut running: Option<Figures> = None;
    for cell in &row.cells {
        let content = cell.text();
        let inside = numbers(&content, mark);
        let letters = content.chars().filter(|letter| letter.is_alphabetic()).count();
        let numeric = !inside.is_empty() && letters <= 4;
        if let Some(figures) = loose_line::figures(&cell.words, &cell.folded, mark).filter(|_| !numeric) {
            found.extend(figures.numbers.iter().map(|(written, at)| (written.clone(), cell.words[*at].place)));
            text.push(cell.part(0, figures.words));
            running = Some(figures);
            continue;
        }
        for written in inside {
            let (from, to) = cell.words_at(written.from, written.to);
            let place = cell.place_of(from, to);
            // Numbers within a description are none of the columns'.
            if numeric
                || (written.is_money()
                    && column_of(place, table).is_some_and(|column| matches!(column, Column::Price | Column::Amount)))
            {
                found.push((written, place));
            }
        }
        if !numeric {
            text.push(cell.text());
        }
    }
    let money: Vec<&(Written, Place)> = found
        .iter()
        .filter(|(written, _)| written.is_money() || (currency.decimals() == 0 && !written.percent))
        .collect();
    let (last, _) = money.last()?;
    let product = running.as_ref().and_then(|figures| figures.product);
    let minor = product.map_or(last.value, |(_, _, amount)| amount).minor(currency.decimals())?;
    let in_column = |wanted: Column| {
        let header = table.iter().find(|(column, _)| *column == wanted)?.1;
        let inside =
            found.iter().filter(|(written, place)| !written.percent && column_of(*place, table) == Some(wanted));
        let off = |place: &Place| (place.right - header.right).abs().min((place.left - header.left).abs());
        inside.min_by_key(|(_, place)| off(place)).map(|(written, _)| written.value)
    };
    // Figures as running text stand below no header.
    let of_column = |wanted: Column| if running.is_none() { in_column(wanted) } else { None };
    let quantity = product.map(|(quantity, ..)| quantity).or_else(|| of_column(Column::Quantity)).or_else(|| {
        found
            .iter()
            .map(|(written, _)| written)
            .find(|written| written.decimals == 0 && !written.has_currency && !written.percent)
            .map(|written| written.value)
            .filter(|_| found.len() >= 3)
    });
    let unit_price = of_column(Column::Price)
        .filter(|price| money.len() > 1 || Some(*price) != Some(last.value))
        .or_else(|| (money.len() >= 2).then(|| money[money.len() - 2].0.value));
    let unit_price = product.map(|(_, price, _)| price).or(unit_price);
    let mut description = text.join(" ");
    if description.is_empty() {
        description = article.clone().unwrap_or_default();
    }
    if !description.chars().any(char::is_alphabetic) {
        return None;
    }
    let position = found.first().filter(|(written, place)| {
        written.decimals == 0 && !written.has_currency && place.left <= row.place.left && found.len() >= 2
    });
    let line = Line {
        id: position.map_or_else(|| count.to_string(), |(written, _)| written.value.to_string()),
        kind: LineKind::Product,
        seller_sku: article.or_else(|| find_article::leading(&description)),
        description,
        sku: None,
        other_skus: vec![],
        quantity,
        unit: None,
        unit_price,
        amount: Money::new(minor, currency),
        tax_rate: found
            .iter()
            .find(|(written, _)| written.percent)
            .map(|(written, _)| written.value)
            .filter(|rate| *rate < Decimal::new(100, 0).unwrap_or(Decimal::ONE)),
        place: Some(row.place),
    };
    Some(line.told())
}

/// The column whose header a place is under, or nearest to.
fn column_of(place: Place, table: &Headers) -> Option<Column> {
    let middle = place.left / 2 + place.right / 2;
    let distance = |header: &Place| {
        if overlap(*header, place) > 0 { 0 } else { (header.left / 2 + header.right / 2 - middle).abs() }
    };
    table.iter().min_by_key(|(_, header)| distance(header)).map(|(column, _)| *column)
}

/// A row without amounts goes on with the description above it, while it stands close and within its column.
fn continue_description(row: &Row, table: &Headers, lines: &mut [Line]) {
    let Some(line) = lines.last_mut() else { return };
    let Some(place) = line.place else { return };
    let height = (row.place.bottom - row.place.top).max(600);
    let close = row.place.page == place.page && row.place.top - place.bottom < height * 2;
    let left_of_numbers = table
        .iter()
        .filter(|(column, _)| matches!(column, Column::Price | Column::Amount))
        .all(|(_, header)| row.place.left < header.left);
    if close && left_of_numbers && row.cells.len() <= 2 && line.description.len() < 500 {
        line.description.push(' ');
        line.description.push_str(&row.cells.iter().map(Cell::text).collect::<Vec<_>>().join(" "));
        line.place = Some(Place { bottom: row.place.bottom, ..place });
    }
}
