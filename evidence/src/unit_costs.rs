//! What one unit of each article cost by an invoice: told around, because claims are valued by it.

use chrono::NaiveDate;
use service_kit::store::Work;
use shared_events::DocumentId;
use shared_events::evidence::UnitCost;

use crate::cost::costing::{self, GoodsCost};
use crate::reading::decimal::Decimal;
use crate::reading::invoice::{Invoice, Line, Source};

/// Articles that are told of one invoice at most.
const MOST: usize = 500;

/// Units of measure that mean a piece: codes of UN/ECE Recommendation 20, and what people write. A case or a kilogram is no unit of stock.
const PIECES: [&str; 16] = [
    "c62", "ea", "h87", "nar", "xpp", "pc", "pce", "pcs", "piece", "pieces", "each", "unit", "units", "stk", "st",
    "stück",
];

/// The costs that an invoice documents, and from when on; none when it does not add up, when its day is not certain, or when it says nothing of
/// an article that has a number.
pub(crate) fn of_invoice(invoice: &Invoice) -> Option<(NaiveDate, Vec<UnitCost>)> {
    let issued_on = invoice.date.as_ref().filter(|date| date.value.or.is_none())?.value.date;
    // What was read off pages is only believed with a total that its lines were checked against.
    let is_checked = matches!(invoice.source, Source::Ubl | Source::Cii) || invoice.net.is_some();
    if !invoice.flags.is_empty() || !is_checked {
        return None;
    }
    let costing = costing::of_lines(invoice, None).ok().filter(|costing| !costing.unshared)?;
    let mut articles: Vec<(Vec<String>, i64, i64)> = Vec::new();
    for goods in &costing.goods {
        let Some((codes, cost, micro_units)) = article(invoice, goods) else { continue };
        match articles.iter_mut().find(|(known, ..)| *known == codes) {
            Some((_, whole, units)) => {
                (*whole, *units) = (whole.checked_add(cost)?, units.checked_add(micro_units)?);
            }
            None => articles.push((codes, cost, micro_units)),
        }
    }
    let costs = articles.into_iter().take(MOST).filter_map(|(codes, cost, micro_units)| {
        let unit = costing::of_units(cost, 1, Decimal::new(i128::from(micro_units), 6)?, costing.currency)?;
        (unit.minor > 0).then_some(UnitCost { codes, unit })
    });
    let costs: Vec<UnitCost> = costs.collect();
    (!costs.is_empty()).then_some((issued_on, costs))
}

/// The numbers of the article of a line, what the line cost, and millionths of units in it.
fn article(invoice: &Invoice, goods: &GoodsCost) -> Option<(Vec<String>, i64, i64)> {
    let line = invoice.lines.get(goods.number.checked_sub(1)?)?;
    let codes = codes(line);
    let micro_units = goods.quantity.filter(|_| is_by_piece(line))?.minor(6)?;
    (!codes.is_empty() && micro_units > 0).then(|| (codes, goods.sourcing(), micro_units))
}

fn codes(line: &Line) -> Vec<String> {
    let named = [&line.seller_sku, &line.sku].into_iter().flatten().chain(&line.other_skus);
    let mut codes: Vec<String> = named.map(|code| code.trim().to_owned()).collect();
    codes.retain(|code| !code.is_empty());
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn is_by_piece(line: &Line) -> bool {
    let unit = line.unit.as_deref().map(|unit| unit.trim().trim_end_matches('.').to_lowercase());
    unit.is_none_or(|unit| unit.is_empty() || PIECES.contains(&unit.as_str()))
}

/// Whether somebody of the account itself sent the document: a partner's invoice says nothing about what the seller paid.
///
/// # Errors
/// When the database is away.
pub(crate) async fn is_own(work: &mut Work, document: DocumentId) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    let own = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM submissions WHERE tenant = $1 AND document_id = $2 AND partner IS NULL) AS "own!""#,
        tenant.as_str(),
        document.0,
    );
    own.fetch_one(work.conn()).await
}

#[cfg(test)]
mod tests {
    use shared_events::{Currency, Money};

    use super::*;
    use crate::cost::costing::tests::source;
    use crate::reading::invoice::Found;

    fn told(invoice: &Invoice) -> Vec<(String, i64)> {
        let costs = of_invoice(invoice).map(|(_, costs)| costs).unwrap_or_default();
        costs.into_iter().map(|cost| (cost.codes.join("+"), cost.unit.minor)).collect()
    }

    #[test]
    fn a_unit_costs_its_part_of_discounts_and_neither_freight_nor_duty_nor_tax() {
        let mut invoice = source().invoice;
        assert_eq!(told(&invoice), [], "no line has a number");
        invoice.lines[0].seller_sku = Some("ACME-9".into());
        invoice.lines[0].sku = Some("WTR-BTL-32OZ".into());
        invoice.lines[1].sku = Some("LID".into());
        invoice.lines[2].sku = Some("FREIGHT".into());
        // 491.60 less 9.84 of the discount, by ten; 89.70 less 1.79, by thirty.
        assert_eq!(told(&invoice), [("ACME-9+WTR-BTL-32OZ".to_owned(), 4_818), ("LID".to_owned(), 293)]);
        // The same article on two lines is one.
        invoice.lines[1].seller_sku = Some("ACME-9".into());
        invoice.lines[1].sku = Some("WTR-BTL-32OZ".into());
        assert_eq!(told(&invoice), [("ACME-9+WTR-BTL-32OZ".to_owned(), 1_424)]);
    }

    #[test]
    fn what_is_doubtful_is_not_told() {
        let mut good = source().invoice;
        good.lines[0].sku = Some("WTR-BTL-32OZ".into());
        assert_eq!(told(&good).len(), 1);
        let told = |change: &dyn Fn(&mut Invoice)| {
            let mut invoice = good.clone();
            change(&mut invoice);
            told(&invoice).len()
        };
        assert_eq!(told(&|invoice| invoice.date = None), 0);
        assert_eq!(
            told(
                &|invoice| invoice.date.as_mut().expect("a date").value.or = Some("2025-02-01".parse().expect("a day"))
            ),
            0
        );
        assert_eq!(told(&|invoice| invoice.lines[0].unit = Some("CS".into())), 0, "a case is no unit");
        assert_eq!(told(&|invoice| invoice.lines[0].unit = Some("EA".into())), 1);
        assert_eq!(told(&|invoice| invoice.lines[0].quantity = None), 0);
        assert_eq!(told(&|invoice| invoice.source = Source::PdfText), 0, "nothing to check the lines against");
        let net = Found::certain(Money::new(65_644, Currency::USD));
        assert_eq!(told(&|invoice| (invoice.source, invoice.net) = (Source::PdfText, Some(net.clone()))), 1);
    }
}
