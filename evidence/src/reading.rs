//! Reading documents: what an invoice says, and where it says it.

pub mod amount_text;
pub mod apart;
mod buyer;
pub mod cii;
mod company;
pub mod date_text;
pub mod decimal;
pub mod document;
mod find_article;
mod find_currency;
mod find_date;
mod find_issuer;
mod find_lines;
mod find_number;
mod find_orders;
mod find_totals;
pub mod invoice;
mod kind_words;
mod layout;
pub mod line_kind;
mod loose_line;
pub mod mail;
mod months;
pub mod names;
mod near;
mod ocr;
pub mod pdf;
pub mod printed;
pub mod refusal;
mod structure;
mod sums;
mod tools;
pub mod ubl;
mod ubl_profile;
mod vocabulary;
mod web_names;
pub mod words;
pub mod xml;

pub use providers::media_type;

use invoice::Invoice;
use refusal::Refusal;

/// Reads an invoice in XML, UBL or CII.
///
/// # Errors
/// When it is neither, or breaks a rule.
pub fn read_xml(bytes: &[u8]) -> Result<Invoice, Refusal> {
    let text = xml::decode(bytes)?;
    let document = xml::parse(&text)?;
    if ubl::is_ubl(&document) {
        return ubl::read(&document);
    }
    if cii::is_cii(&document) {
        return cii::read(&document);
    }
    let root = document.root_element().tag_name().name();
    Err(Refusal::invalid("document-type", format!("{root} is no UBL document and no Cross Industry Invoice")))
}
