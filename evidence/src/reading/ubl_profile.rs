//! Rules beyond the schema: those of UBL's own definitions, and those of CEN BII for documents that say they follow it.
//!
//! The names are those of the published rules (transaction T10, the invoice), so that a partner can look them up. BII marks
//! some of them as warnings; a document that is to be proof is held to all of them.

use roxmltree::Node;

use super::decimal::Decimal;
use super::invoice::Flag;
use super::refusal::Refusal;
use super::sums::add;
use super::ubl::adjustments;
use super::xml::{all, at, children, decimal_at, path_of, text_at};

/// Checks the rules that apply to this document; answers what is odd but may be right.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(root: Node) -> Result<Vec<Flag>, Refusal> {
    let mut flags = vec![];
    for total in all(root, "TaxTotal") {
        single_tax_scheme(total)?;
    }
    let customization = text_at(root, &["CustomizationID"]).unwrap_or_default().to_lowercase();
    if !["cenbii", "en16931", "peppol"].iter().any(|family| customization.contains(family)) {
        return Ok(flags);
    }
    vat_numbers(root)?;
    for line in children(root).filter(|child| matches!(child.tag_name().name(), "InvoiceLine" | "CreditNoteLine")) {
        flags.extend(line_amount(line)?);
        if customization.contains("cenbii") {
            item_name(line)?;
        }
    }
    if customization.contains("cenbii") {
        address(root, "AccountingSupplierParty", "BIIRULE-T10-R002")?;
        address(root, "AccountingCustomerParty", "BIIRULE-T10-R004")?;
    }
    Ok(flags)
}

/// UBL defines a tax total as that of one scheme, such as VAT.
fn single_tax_scheme(total: Node) -> Result<(), Refusal> {
    let mut schemes: Vec<String> = all(total, "TaxSubtotal")
        .filter_map(|subtotal| text_at(subtotal, &["TaxCategory", "TaxScheme", "ID"]))
        .collect();
    schemes.sort();
    schemes.dedup();
    if schemes.len() > 1 {
        let reason = format!("one tax total mixes the tax schemes {}", schemes.join(" and "));
        return Err(Refusal::invalid("BIIRULE-T10-R009", reason));
    }
    Ok(())
}

/// An address names city and post code, or is an identifier, or is lines.
fn address(root: Node, role: &str, rule: &str) -> Result<(), Refusal> {
    let found = at(root, &[role, "Party", "PostalAddress"]);
    let complete = found.is_some_and(|address| {
        let has = |name: &str| text_at(address, &[name]).is_some();
        (has("CityName") && has("PostalZone")) || has("ID") || at(address, &["AddressLine"]).is_some()
    });
    if complete {
        return Ok(());
    }
    Err(Refusal::invalid(rule, format!("the address of {role} has neither city and post code nor an identifier")))
}

/// Across a border, VAT numbers begin with the country of their owner.
fn vat_numbers(root: Node) -> Result<(), Refusal> {
    let party = |role: &str| at(root, &[role, "Party"]);
    let country = |party: Option<Node>| text_at(party?, &["PostalAddress", "Country", "IdentificationCode"]);
    let (supplier, customer) = (party("AccountingSupplierParty"), party("AccountingCustomerParty"));
    let (Some(from), Some(to)) = (country(supplier), country(customer)) else { return Ok(()) };
    if from == to {
        return Ok(());
    }
    let owners = [(supplier, from, "supplier", "BIIRULE-T10-R003"), (customer, to, "customer", "BIIRULE-T10-R005")];
    for (party, country, who, rule) in owners {
        for scheme in party.into_iter().flat_map(|party| all(party, "PartyTaxScheme")) {
            let is_vat = text_at(scheme, &["TaxScheme", "ID"]).is_some_and(|id| id == "VAT");
            let Some(number) = text_at(scheme, &["CompanyID"]).filter(|_| is_vat) else { continue };
            // Greece and Northern Ireland have prefixes of their own.
            let prefixes = match country.as_str() {
                "GR" => vec!["EL", "GR"],
                "GB" => vec!["GB", "XI"],
                other => vec![other],
            };
            if !prefixes.iter().any(|prefix| number.starts_with(prefix)) {
                let reason = format!("the VAT number {number} of the {who} does not begin with its country, {country}");
                return Err(Refusal::invalid(rule, reason));
            }
        }
    }
    Ok(())
}

/// Price by quantity, less allowances, plus charges; rounding may move it by one minor unit. Prices that are those of the
/// whole line, or already net of the line's allowances, are common enough to be flagged only.
fn line_amount(line: Node) -> Result<Option<Flag>, Refusal> {
    let quantity = decimal_at(line, &["InvoicedQuantity"]).or_else(|| decimal_at(line, &["CreditedQuantity"]));
    let price = decimal_at(line, &["Price", "PriceAmount"]);
    let (Some(quantity), Some(price), Some(stated)) = (quantity, price, decimal_at(line, &["LineExtensionAmount"]))
    else {
        return Ok(None);
    };
    let base = decimal_at(line, &["Price", "BaseQuantity"]).filter(|base| *base != Decimal::ZERO);
    let out_of_range = || Refusal::invalid("amount-range", format!("{}: out of range", path_of(line)));
    let product = price.times(quantity).and_then(|whole| match base {
        Some(base) if base != Decimal::ONE => whole.over(base),
        _ => Some(whole),
    });
    let product = product.ok_or_else(out_of_range)?;
    let of = |charges| adjustments(line, charges).filter_map(|node| decimal_at(node, &["Amount"])).collect::<Vec<_>>();
    let reckoned = add(&[product, add(&of(false))?.negated(), add(&of(true))?])?;
    let tolerance = Decimal::new(1, 2).unwrap_or(Decimal::ZERO);
    let close = |other: Decimal| other.minus(stated).is_some_and(|off| off <= tolerance && off >= tolerance.negated());
    if close(reckoned) {
        return Ok(None);
    }
    let id = text_at(line, &["ID"]).unwrap_or_default();
    let reason = format!("line {id} states {stated}, its price by its quantity is {reckoned}");
    if close(product) || close(price) || close(price.negated()) {
        return Ok(Some(Flag { rule: "line-amount".into(), message: reason }));
    }
    Err(Refusal::invalid("BIIRULE-T10-R018", reason))
}

/// A name, not a description.
fn item_name(line: Node) -> Result<(), Refusal> {
    const MOST_CHARACTERS: usize = 50;
    let name = text_at(line, &["Item", "Name"]).unwrap_or_default();
    let characters = name.chars().count();
    if characters > MOST_CHARACTERS {
        let id = text_at(line, &["ID"]).unwrap_or_default();
        let reason =
            format!("the product name of line {id} has {characters} characters, {MOST_CHARACTERS} are allowed");
        return Err(Refusal::invalid("BIIRULE-T10-R019", reason));
    }
    Ok(())
}
