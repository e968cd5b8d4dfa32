//! The keys that documents are looked up by when a request wants proof: codes, the supplier's name, and each of its words.

use chrono::NaiveDate;
use service_kit::store::Work;
use shared_events::DocumentId;
use shared_events::evidence::ProofSubject;

use crate::lookup;
use crate::reading::invoice::Invoice;

/// Keys by how much they say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// Of codes and of the supplier's whole name.
    pub names: Vec<String>,
    /// Of single words of that name.
    pub words: Vec<String>,
}

impl Keys {
    fn of(codes: Vec<String>, supplier: Vec<String>) -> Self {
        let mut names: Vec<String> = codes.iter().map(|code| format!("code {code}")).collect();
        if !supplier.is_empty() {
            names.push(format!("supplier {}", supplier.join(" ")));
        }
        Self { names, words: supplier.iter().map(|word| format!("word {word}")).collect() }
    }

    /// Of a request.
    pub fn of_subject(subject: &ProofSubject) -> Self {
        Self::of(lookup::codes_of_subject(subject), lookup::supplier_words(subject.supplier.as_deref()))
    }

    /// Of a document.
    pub fn of_invoice(invoice: &Invoice) -> Self {
        let issuer = invoice.issuer.as_ref().map(|found| found.value.as_str());
        Self::of(lookup::codes_of_invoice(invoice), lookup::supplier_words(issuer))
    }
}

/// Writes the keys of a document that was read, in the transaction of its reading.
///
/// # Errors
/// When the database is away.
pub async fn write(
    work: &mut Work,
    document: DocumentId,
    invoice: &Invoice,
    issued_on: Option<NaiveDate>,
) -> Result<(), sqlx::Error> {
    let (tenant, Keys { mut names, words }) = (work.tenant().clone(), Keys::of_invoice(invoice));
    names.extend(words);
    sqlx::query!(
        "INSERT INTO reading_keys (tenant, key, document_id, issued_on) SELECT $1, key, $2, $3 FROM unnest($4::text[]) AS k (key)
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        document.0,
        issued_on,
        &names,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
