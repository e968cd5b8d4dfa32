//! Reading documents: what an invoice says, and where it says it.

pub mod cii;
pub mod decimal;
pub mod invoice;
pub mod line_kind;
pub mod media_type;
pub mod refusal;
mod structure;
mod sums;
pub mod ubl;
mod ubl_profile;
pub mod xml;

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
