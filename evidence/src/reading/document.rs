//! Reads a document of any kind that is taken. This runs in a process of its own: see [`super::apart`].

use super::invoice::{Invoice, Source};
use super::media_type::{self, MediaType};
use super::refusal::{Fate, Refusal};
use super::{ocr, pdf, printed, read_xml};

/// Reads an invoice.
///
/// # Errors
/// Why it was not read.
pub fn read(bytes: &[u8]) -> Result<Invoice, Refusal> {
    let kind = media_type::recognise(bytes).map_err(|unsupported| Refusal {
        fate: Fate::Unsupported,
        rule: "media-type".into(),
        reason: unsupported.to_string(),
    })?;
    match kind {
        MediaType::Xml => read_xml(bytes),
        MediaType::Pdf => pdf::read(bytes),
        MediaType::Png | MediaType::Jpeg | MediaType::Tiff => Ok(printed::read(ocr::picture(bytes)?, Source::Ocr)),
        MediaType::Csv | MediaType::Eml => {
            Err(Refusal::kept("no-invoice", format!("{} is kept as it is; no invoice is read from it", kind.name())))
        }
    }
}
