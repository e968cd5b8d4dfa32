//! UN/CEFACT Cross Industry Invoices: XRechnung, Factur-X and ZUGFeRD in their CII syntax.

use chrono::NaiveDate;
use roxmltree::{Document, Node};
use shared_events::money::Currency;

use super::decimal::Decimal;
use super::invoice::{Day, Found, Invoice, Kind, Line, LineKind, Party, Source, TaxSubtotal, Total};
use super::line_kind;
use super::refusal::Refusal;
use super::structure::Grammar;
use super::sums::{self, Sums};
use super::ubl::ids;
use super::xml::{all, at, children, decimal_at, text, text_at};

const NAMESPACE: &str = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100";

/// Type codes of UNTDID 1001 that give money back.
const CREDIT_NOTES: &[&str] = &["81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"];

/// Whether the root element is that of a Cross Industry Invoice.
pub fn is_cii(document: &Document) -> bool {
    let root = document.root_element().tag_name();
    root.name() == "CrossIndustryInvoice" || root.name() == "CrossIndustryDocument"
}

/// Reads an invoice or a credit note.
///
/// # Errors
/// The first rule of the schema or of arithmetic that it breaks.
pub fn read(document: &Document) -> Result<Invoice, Refusal> {
    let root = document.root_element();
    let space = root.tag_name().namespace().unwrap_or_default();
    if root.tag_name().name() == "CrossIndustryDocument" {
        return Err(Refusal::invalid("document-type", "ZUGFeRD 1.0 is not read; 2.0 and later are"));
    }
    if space != NAMESPACE {
        return Err(Refusal::invalid(
            "schema-namespace",
            format!("CrossIndustryInvoice is in the wrong namespace ({space})"),
        ));
    }
    Grammar::cii(root).check(root, "CrossIndustryInvoice")?;
    let missing = |what: &str| Refusal::invalid("schema-missing", format!("the document has no {what}"));
    let document = at(root, &["ExchangedDocument"]).ok_or_else(|| missing("ExchangedDocument"))?;
    let deal = at(root, &["SupplyChainTradeTransaction"]).ok_or_else(|| missing("SupplyChainTradeTransaction"))?;
    let settlement = at(deal, &["ApplicableHeaderTradeSettlement"]).ok_or_else(|| missing("settlement"))?;
    let totals =
        at(settlement, &["SpecifiedTradeSettlementHeaderMonetarySummation"]).ok_or_else(|| missing("totals"))?;
    let currency = sums::currency(&text_at(settlement, &["InvoiceCurrencyCode"]).unwrap_or_default())?;
    for code in root.descendants().filter_map(|node| node.attribute("currencyID")) {
        sums::currency(code)?;
    }
    let sums = sums_of(deal, settlement, totals, currency)?;
    let mut invoice = Invoice::empty(Source::Cii);
    invoice.flags = sums.check()?;
    invoice.kind = match text_at(document, &["TypeCode"]) {
        Some(code) if CREDIT_NOTES.contains(&code.as_str()) => Kind::CreditNote,
        _ => Kind::Invoice,
    };
    let number = text_at(document, &["ID"]).ok_or_else(|| missing("ExchangedDocument/ID"))?;
    invoice.number = Some(Found::certain(number));
    invoice.date = day(at(document, &["IssueDateTime"])).map(Found::certain);
    invoice.currency = Some(Found::certain(currency));
    invoice.parties = parties(deal);
    let seller = invoice.parties.iter().find(|party| party.role == "SellerTradeParty");
    invoice.issuer = seller
        .and_then(|party| party.name.clone().or_else(|| party.ids.first().map(|id| id.value.clone())))
        .map(Found::certain);
    amounts(&mut invoice, settlement, totals, &sums, currency)?;
    for line in all(deal, "IncludedSupplyChainTradeLineItem") {
        invoice.lines.push(document_line(line, currency)?);
    }
    for node in all(settlement, "SpecifiedTradeAllowanceCharge") {
        invoice.lines.push(adjustment_line(node, currency)?);
    }
    for node in all(settlement, "SpecifiedLogisticsServiceCharge") {
        invoice.lines.push(logistics_line(node, currency)?);
    }
    invoice.ids = ids(root);
    Ok(invoice)
}

fn is_charge(node: Node) -> bool {
    matches!(text_at(node, &["ChargeIndicator", "Indicator"]).as_deref(), Some("true" | "1"))
}

fn sums_of(deal: Node, settlement: Node, totals: Node, currency: Currency) -> Result<Sums, Refusal> {
    let line_total = |line| {
        decimal_at(
            line,
            &["SpecifiedLineTradeSettlement", "SpecifiedTradeSettlementLineMonetarySummation", "LineTotalAmount"],
        )
    };
    let amounts = |charges: bool| {
        let chosen = all(settlement, "SpecifiedTradeAllowanceCharge").filter(move |node| is_charge(*node) == charges);
        chosen.filter_map(|node| decimal_at(node, &["ActualAmount"]))
    };
    let logistics =
        all(settlement, "SpecifiedLogisticsServiceCharge").filter_map(|node| decimal_at(node, &["AppliedAmount"]));
    let in_currency = |node: &Node| node.attribute("currencyID").is_none_or(|code| code == currency.code());
    let stated_tax = all(totals, "TaxTotalAmount").find(in_currency).and_then(text).and_then(|text| text.parse().ok());
    let parts: Vec<Decimal> =
        all(settlement, "ApplicableTradeTax").filter_map(|tax| decimal_at(tax, &["CalculatedAmount"])).collect();
    // Without a stated total, the taxes by rate are what there is.
    let tax = match stated_tax {
        Some(stated) => Some((stated, parts)),
        None if parts.is_empty() => None,
        None => Some((sums::add(&parts)?, vec![])),
    };
    Ok(Sums {
        lines: all(deal, "IncludedSupplyChainTradeLineItem").filter_map(line_total).collect(),
        line_total: decimal_at(totals, &["LineTotalAmount"]),
        allowances: amounts(false).collect(),
        allowance_total: decimal_at(totals, &["AllowanceTotalAmount"]),
        charges: amounts(true).chain(logistics).collect(),
        charge_total: decimal_at(totals, &["ChargeTotalAmount"]),
        tax_exclusive: decimal_at(totals, &["TaxBasisTotalAmount"]),
        taxes: tax.into_iter().collect(),
        tax_inclusive: decimal_at(totals, &["GrandTotalAmount"]),
        prepaid: decimal_at(totals, &["TotalPrepaidAmount"]),
        rounding: decimal_at(totals, &["RoundingAmount"]),
        payable: decimal_at(totals, &["DuePayableAmount"]),
        no_place_for_allowances: false,
    })
}

fn amounts(
    invoice: &mut Invoice,
    settlement: Node,
    totals: Node,
    sums: &Sums,
    currency: Currency,
) -> Result<(), Refusal> {
    let found = |amount: Option<Decimal>, what: &str| {
        amount.map(|amount| sums::money(amount, currency, what).map(Found::certain)).transpose()
    };
    invoice.net = found(sums.tax_exclusive.or(sums.line_total), "net")?;
    invoice.tax = found(sums.taxes.first().map(|(stated, _)| *stated), "tax")?;
    invoice.gross = found(sums.tax_inclusive.or(sums.payable), "gross")?;
    for node in children(totals) {
        let name = node.tag_name().name().to_owned();
        let currency = node.attribute("currencyID").map_or(Ok(currency), sums::currency)?;
        if let Some(amount) = text(node).and_then(|text| text.parse().ok()) {
            invoice.totals.push(Total { amount: sums::money(amount, currency, &name)?, name });
        }
    }
    for tax in all(settlement, "ApplicableTradeTax") {
        let Some(amount) = decimal_at(tax, &["CalculatedAmount"]) else { continue };
        let taxable = decimal_at(tax, &["BasisAmount"]).map(|basis| sums::money(basis, currency, "BasisAmount"));
        invoice.taxes.push(TaxSubtotal {
            scheme: text_at(tax, &["TypeCode"]),
            category: text_at(tax, &["CategoryCode"]),
            rate: decimal_at(tax, &["RateApplicablePercent"]),
            taxable: taxable.transpose()?,
            amount: sums::money(amount, currency, "CalculatedAmount")?,
        });
    }
    Ok(())
}

/// Format 102 is a day without separators; a date and time has them.
fn day(node: Option<Node>) -> Option<Day> {
    let written = text(children(node?).next()?)?;
    let date = written
        .get(..8)
        .and_then(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok())
        .or_else(|| written.get(..10)?.parse().ok())?;
    Some(Day { date, or: None })
}

fn parties(deal: Node) -> Vec<Party> {
    let named = deal.descendants().filter(|node| node.is_element() && node.tag_name().name().ends_with("TradeParty"));
    let read = |node: Node| {
        let registrations: Vec<Node> = all(node, "SpecifiedTaxRegistration").collect();
        let number = |scheme: Option<&str>| {
            let chosen = |node: &&Node| {
                scheme.is_none_or(|scheme| at(**node, &["ID"]).and_then(|id| id.attribute("schemeID")) == Some(scheme))
            };
            registrations.iter().find(chosen).and_then(|node| text_at(*node, &["ID"]))
        };
        let address = at(node, &["PostalTradeAddress"]);
        Party {
            role: node.tag_name().name().to_owned(),
            name: text_at(node, &["Name"])
                .or_else(|| text_at(node, &["SpecifiedLegalOrganization", "TradingBusinessName"]))
                .or_else(|| text_at(node, &["DefinedTradeContact", "PersonName"])),
            tax_id: number(Some("VA")).or_else(|| number(None)),
            ids: ids(node),
            address: address.map_or(vec![], |address| children(address).filter_map(text).collect()),
        }
    };
    named.map(read).collect()
}

fn document_line(node: Node, currency: Currency) -> Result<Line, Refusal> {
    let id = text_at(node, &["AssociatedDocumentLineDocument", "LineID"]).unwrap_or_default();
    let product = at(node, &["SpecifiedTradeProduct"]);
    let of_product = |name: &str| product.and_then(|product| text_at(product, &[name]));
    let settlement =
        ["SpecifiedLineTradeSettlement", "SpecifiedTradeSettlementLineMonetarySummation", "LineTotalAmount"];
    let description = of_product("Name").or_else(|| of_product("Description")).unwrap_or_default();
    let quantity = at(node, &["SpecifiedLineTradeDelivery", "BilledQuantity"]);
    let price = |kind: &str| decimal_at(node, &["SpecifiedLineTradeAgreement", kind, "ChargeAmount"]);
    let amount = decimal_at(node, &settlement).unwrap_or(Decimal::ZERO);
    let mut skus = ["GlobalID", "BuyerAssignedID", "ManufacturerAssignedID"].into_iter().filter_map(of_product);
    let line = Line {
        amount: sums::money(amount, currency, &format!("line {id}"))?,
        kind: LineKind::Product,
        seller_sku: of_product("SellerAssignedID"),
        sku: skus.next(),
        other_skus: skus.collect(),
        quantity: quantity.and_then(text).and_then(|text| text.parse().ok()),
        unit: quantity.and_then(|quantity| quantity.attribute("unitCode")).map(str::to_owned),
        unit_price: price("NetPriceProductTradePrice").or_else(|| price("GrossPriceProductTradePrice")),
        tax_rate: decimal_at(node, &["SpecifiedLineTradeSettlement", "ApplicableTradeTax", "RateApplicablePercent"]),
        place: None,
        description,
        id,
    };
    Ok(line.told())
}

fn adjustment_line(node: Node, currency: Currency) -> Result<Line, Refusal> {
    let charged = is_charge(node);
    let stated = decimal_at(node, &["ActualAmount"]).unwrap_or(Decimal::ZERO);
    let reason = text_at(node, &["Reason"]).or_else(|| text_at(node, &["ReasonCode"]));
    let description = reason.unwrap_or_else(|| if charged { "charge" } else { "allowance" }.to_owned());
    let kind = if charged { line_kind::of(&description, false) } else { LineKind::Discount };
    let amount = if charged { stated } else { stated.negated() };
    of_document(node, amount, description, kind, currency)
}

fn logistics_line(node: Node, currency: Currency) -> Result<Line, Refusal> {
    let amount = decimal_at(node, &["AppliedAmount"]).unwrap_or(Decimal::ZERO);
    let description = text_at(node, &["Description"]).unwrap_or_else(|| "logistics".to_owned());
    of_document(node, amount, description, LineKind::Freight, currency)
}

fn of_document(
    node: Node,
    amount: Decimal,
    description: String,
    kind: LineKind,
    currency: Currency,
) -> Result<Line, Refusal> {
    let tax_rate = ["CategoryTradeTax", "AppliedTradeTax"]
        .iter()
        .find_map(|tax| decimal_at(node, &[tax, "RateApplicablePercent"]));
    Ok(Line {
        id: text_at(node, &["ID"]).unwrap_or_default(),
        amount: sums::money(amount, currency, &description)?,
        seller_sku: None,
        sku: None,
        other_skus: vec![],
        quantity: None,
        unit: None,
        unit_price: None,
        tax_rate,
        place: None,
        description,
        kind,
    })
}
