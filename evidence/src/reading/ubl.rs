//! UBL 2.0 to 2.4 invoices and credit notes.

use roxmltree::{Document, Node};
use shared_events::money::{Currency, Money};

use super::decimal::Decimal;
use super::invoice::{Day, Found, Id, Invoice, Kind, Line, LineKind, Party, Source, TaxSubtotal, Total};
use super::refusal::Refusal;
use super::structure::Grammar;
use super::sums::{self, Sums};
use super::xml::{all, at, children, decimal_at, path_of, text, text_at};
use super::{line_kind, ubl_profile};

const NAMESPACE: &str = "urn:oasis:names:specification:ubl:schema:xsd:";

/// Whether the root element is one of UBL's.
pub fn is_ubl(document: &Document) -> bool {
    document.root_element().tag_name().namespace().is_some_and(|space| space.starts_with(NAMESPACE))
}

/// Reads an invoice or a credit note.
///
/// # Errors
/// The first rule of the schema, of arithmetic, or of the profile that the document claims, that it breaks.
pub fn read(document: &Document) -> Result<Invoice, Refusal> {
    let root = document.root_element();
    let (name, space) = (root.tag_name().name(), root.tag_name().namespace().unwrap_or_default());
    let kind = match name {
        "Invoice" | "SelfBilledInvoice" => Kind::Invoice,
        "CreditNote" | "SelfBilledCreditNote" => Kind::CreditNote,
        _ => return Err(Refusal::invalid("document-type", format!("a UBL {name} is no invoice and no credit note"))),
    };
    if space != format!("{NAMESPACE}{name}-2") {
        return Err(Refusal::invalid("schema-namespace", format!("{name} is in the wrong namespace ({space})")));
    }
    // What the buyer writes in the seller's name has the same elements in the same order.
    Grammar::ubl().check(root, name.trim_start_matches("SelfBilled"))?;
    let currency = document_currency(root)?;
    let sums = sums_of(root, currency)?;
    let mut flags = sums.check()?;
    flags.extend(ubl_profile::check(root)?);
    Ok(Invoice { flags, ..fields(root, kind, currency, &sums)? })
}

/// The declared currency, or that of the amount to pay; every other one in the document must exist too.
fn document_currency(root: Node) -> Result<Currency, Refusal> {
    for node in root.descendants() {
        if let Some(code) = node.attribute("currencyID") {
            sums::currency(code)
                .map_err(|refusal| Refusal { reason: format!("{}: {}", path_of(node), refusal.reason), ..refusal })?;
        }
    }
    let payable = at(root, &["LegalMonetaryTotal", "PayableAmount"]).and_then(|node| node.attribute("currencyID"));
    let declared = text_at(root, &["DocumentCurrencyCode"]);
    sums::currency(declared.as_deref().or(payable).unwrap_or_default())
}

fn lines<'a, 'input>(root: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    children(root).filter(|child| matches!(child.tag_name().name(), "InvoiceLine" | "CreditNoteLine"))
}

/// Allowances (false) or charges (true) of a document, line or price.
pub(super) fn adjustments<'a, 'input>(node: Node<'a, 'input>, charges: bool) -> impl Iterator<Item = Node<'a, 'input>> {
    all(node, "AllowanceCharge").filter(move |adjustment| {
        let is_charge = matches!(text_at(*adjustment, &["ChargeIndicator"]).as_deref(), Some("true" | "1"));
        is_charge == charges
    })
}

fn sums_of(root: Node, currency: Currency) -> Result<Sums, Refusal> {
    let total = at(root, &["LegalMonetaryTotal"])
        .ok_or_else(|| Refusal::invalid("schema-missing", "the document has no LegalMonetaryTotal"))?;
    for amount in children(total) {
        if amount.attribute("currencyID") != Some(currency.code()) {
            let reason = format!("{} is not in {currency}, the currency of the document", path_of(amount));
            return Err(Refusal::invalid("currency-of-totals", reason));
        }
    }
    let amounts = |charges| adjustments(root, charges).filter_map(|node| decimal_at(node, &["Amount"])).collect();
    // A second tax total may repeat the first in the currency of the tax office.
    let taxes = all(root, "TaxTotal").filter_map(|node| {
        let stated =
            at(node, &["TaxAmount"]).filter(|amount| amount.attribute("currencyID") == Some(currency.code()))?;
        let parts = all(node, "TaxSubtotal").filter_map(|part| decimal_at(part, &["TaxAmount"])).collect();
        Some((text(stated)?.parse().ok()?, parts))
    });
    Ok(Sums {
        lines: lines(root).filter_map(|line| decimal_at(line, &["LineExtensionAmount"])).collect(),
        line_total: decimal_at(total, &["LineExtensionAmount"]),
        allowances: amounts(false),
        allowance_total: decimal_at(total, &["AllowanceTotalAmount"]),
        charges: amounts(true),
        charge_total: decimal_at(total, &["ChargeTotalAmount"]),
        tax_exclusive: decimal_at(total, &["TaxExclusiveAmount"]),
        taxes: taxes.collect(),
        tax_inclusive: decimal_at(total, &["TaxInclusiveAmount"]),
        prepaid: decimal_at(total, &["PrepaidAmount"]),
        rounding: decimal_at(total, &["PayableRoundingAmount"]),
        payable: decimal_at(total, &["PayableAmount"]),
        no_place_for_allowances: root.tag_name().name().ends_with("CreditNote")
            && text_at(root, &["UBLVersionID"]).is_some_and(|version| version == "2.0"),
    })
}

fn fields(root: Node, kind: Kind, currency: Currency, sums: &Sums) -> Result<Invoice, Refusal> {
    let mut invoice = Invoice::empty(Source::Ubl);
    let money = |amount: Decimal, what: &str| sums::money(amount, currency, what);
    invoice.kind = kind;
    invoice.number = text_at(root, &["ID"]).map(Found::certain);
    invoice.date = day_at(root, &["IssueDate"]).map(Found::certain);
    invoice.currency = Some(Found::certain(currency));
    invoice.parties = parties(root);
    invoice.issuer = ["AccountingSupplierParty", "SellerSupplierParty"]
        .iter()
        .find_map(|role| invoice.parties.iter().find(|party| party.role == *role))
        .and_then(|party| party.name.clone().or_else(|| party.ids.first().map(|id| id.value.clone())))
        .map(Found::certain);
    let net = sums.tax_exclusive.or(sums.line_total);
    let taxes: Vec<Decimal> = sums.taxes.iter().map(|(stated, _)| *stated).collect();
    let tax = if taxes.is_empty() { None } else { Some(sums::add(&taxes)?) };
    let found =
        |amount: Option<Decimal>, what: &str| amount.map(|amount| money(amount, what).map(Found::certain)).transpose();
    invoice.net = found(net, "net")?;
    invoice.tax = found(tax, "tax")?;
    invoice.gross = found(sums.tax_inclusive.or(sums.payable), "gross")?;
    if let Some(total) = at(root, &["LegalMonetaryTotal"]) {
        for node in children(total) {
            let name = node.tag_name().name().to_owned();
            if let Some(amount) = text(node).and_then(|text| text.parse().ok()) {
                invoice.totals.push(Total { amount: money(amount, &name)?, name });
            }
        }
    }
    for subtotal in all(root, "TaxTotal").flat_map(|total| all(total, "TaxSubtotal")) {
        invoice.taxes.push(tax_subtotal(subtotal)?);
    }
    for line in lines(root) {
        invoice.lines.push(document_line(line, currency)?);
    }
    for (charges, sign) in [(false, -1), (true, 1)] {
        for node in adjustments(root, charges) {
            invoice.lines.push(adjustment_line(node, sign, currency)?);
        }
    }
    invoice.ids = ids(root);
    Ok(invoice)
}

fn day_at(node: Node, path: &[&str]) -> Option<Day> {
    let date = text_at(node, path)?.get(..10)?.parse().ok()?;
    Some(Day { date, or: None })
}

/// Every identifier below a node: elements whose name ends in ID, with their text.
pub(super) fn ids(node: Node) -> Vec<Id> {
    let identifies = |child: &Node| child.is_element() && child.tag_name().name().ends_with("ID");
    let read = |child: Node| {
        let scheme = child.attribute("schemeID").filter(|scheme| !scheme.is_empty()).map(str::to_owned);
        text(child).map(|value| Id { path: path_of(child), scheme, value })
    };
    node.descendants().filter(identifies).filter_map(read).collect()
}

fn parties(root: Node) -> Vec<Party> {
    let roles = children(root).filter(|child| child.tag_name().name().ends_with("Party"));
    roles.map(|role| party(role, at(role, &["Party"]).unwrap_or(role))).collect()
}

fn party(role: Node, node: Node) -> Party {
    let name = text_at(node, &["PartyName", "Name"])
        .or_else(|| text_at(node, &["PartyLegalEntity", "RegistrationName"]))
        .or_else(|| text_at(node, &["PartyTaxScheme", "RegistrationName"]))
        .or_else(|| {
            let person = at(node, &["Person"])?;
            let parts = ["FirstName", "MiddleName", "FamilyName"].iter().filter_map(|part| text_at(person, &[part]));
            Some(parts.collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty())
        });
    let address = at(node, &["PostalAddress"]).map_or(vec![], |address| {
        let parts = address.descendants().filter(|part| part.is_element() && children(*part).next().is_none());
        parts.filter(|part| !part.tag_name().name().ends_with("ID")).filter_map(text).collect()
    });
    Party {
        role: role.tag_name().name().to_owned(),
        name,
        tax_id: text_at(node, &["PartyTaxScheme", "CompanyID"]),
        ids: ids(role),
        address,
    }
}

fn tax_subtotal(node: Node) -> Result<TaxSubtotal, Refusal> {
    let amount = |name: &str| -> Result<Option<Money>, Refusal> {
        let Some(held) = at(node, &[name]) else { return Ok(None) };
        let currency = sums::currency(held.attribute("currencyID").unwrap_or_default())?;
        text(held).and_then(|text| text.parse().ok()).map(|value| sums::money(value, currency, name)).transpose()
    };
    let missing = || Refusal::invalid("schema-missing", "TaxSubtotal has no TaxAmount");
    Ok(TaxSubtotal {
        scheme: text_at(node, &["TaxCategory", "TaxScheme", "ID"])
            .or_else(|| text_at(node, &["TaxCategory", "TaxScheme", "Name"])),
        category: text_at(node, &["TaxCategory", "ID"]),
        rate: decimal_at(node, &["TaxCategory", "Percent"]).or_else(|| decimal_at(node, &["Percent"])),
        taxable: amount("TaxableAmount")?,
        amount: amount("TaxAmount")?.ok_or_else(missing)?,
    })
}

fn document_line(node: Node, currency: Currency) -> Result<Line, Refusal> {
    let id = text_at(node, &["ID"]).unwrap_or_default();
    let quantity = at(node, &["InvoicedQuantity"]).or_else(|| at(node, &["CreditedQuantity"]));
    let item = at(node, &["Item"]);
    let of_item = |path: &[&str]| item.and_then(|item| text_at(item, path));
    let description = of_item(&["Name"]).or_else(|| of_item(&["Description"])).unwrap_or_default();
    let stated = decimal_at(node, &["LineExtensionAmount"]).unwrap_or(Decimal::ZERO);
    let others = ["StandardItemIdentification", "BuyersItemIdentification", "ManufacturersItemIdentification"];
    let mut skus = others.into_iter().filter_map(|number| of_item(&[number, "ID"]));
    let line = Line {
        amount: sums::money(stated, currency, &format!("line {id}"))?,
        kind: LineKind::Product,
        seller_sku: of_item(&["SellersItemIdentification", "ID"]),
        sku: skus.next(),
        other_skus: skus.collect(),
        quantity: quantity.and_then(text).and_then(|text| text.parse().ok()),
        unit: quantity.and_then(|quantity| quantity.attribute("unitCode")).map(str::to_owned),
        unit_price: decimal_at(node, &["Price", "PriceAmount"]),
        tax_rate: item.and_then(|item| decimal_at(item, &["ClassifiedTaxCategory", "Percent"])),
        place: None,
        description,
        id,
    };
    Ok(line.told())
}

fn adjustment_line(node: Node, sign: i8, currency: Currency) -> Result<Line, Refusal> {
    let charged = sign > 0;
    let stated = decimal_at(node, &["Amount"]).unwrap_or(Decimal::ZERO);
    let reason = text_at(node, &["AllowanceChargeReason"]).or_else(|| text_at(node, &["AllowanceChargeReasonCode"]));
    let description = reason.unwrap_or_else(|| if charged { "charge" } else { "allowance" }.to_owned());
    let kind = if charged { line_kind::of(&description, false) } else { LineKind::Discount };
    Ok(Line {
        id: text_at(node, &["ID"]).unwrap_or_default(),
        amount: sums::money(if charged { stated } else { stated.negated() }, currency, &description)?,
        kind,
        seller_sku: None,
        sku: None,
        other_skus: vec![],
        quantity: None,
        unit: None,
        unit_price: None,
        tax_rate: decimal_at(node, &["TaxCategory", "Percent"]),
        place: None,
        description,
    })
}
