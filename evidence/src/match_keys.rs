//! The keys that documents and requests find one another by: codes, the supplier's name, and each of its words; of a request also the order.

use chrono::NaiveDate;
use service_kit::store::Work;
use shared_events::evidence::ProofSubject;
use shared_events::{DocumentId, ProofRequestId};

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

/// The day of a request where no article or name is compared: that of the order; where it is not known, of the dispute.
pub fn dated(subject: &ProofSubject) -> Option<NaiveDate> {
    subject.order_date.or(subject.dispute_date)
}

/// Writes the keys of a request that was made, in the transaction of its making. [`crate::request_row::advance`] keeps them in step with it.
///
/// # Errors
/// When the database is away.
pub async fn write_request(
    work: &mut Work,
    request: ProofRequestId,
    subject: &ProofSubject,
) -> Result<(), sqlx::Error> {
    let (tenant, Keys { mut names, words }) = (work.tenant().clone(), Keys::of_subject(subject));
    names.extend(words);
    // Whoever names the order comes before everybody else, which is why it has a key of its own beside those of codes.
    names.extend(subject.order_id.as_deref().and_then(lookup::code).map(|code| format!("order {code}")));
    sqlx::query!(
        "INSERT INTO request_keys (tenant, key, request_id, ordered_on, amount_minor, open) SELECT $1, key, $2, $3, $4, true
         FROM unnest($5::text[]) AS k (key) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        request.0,
        subject.order_date,
        subject.amount.map(|amount| amount.minor),
        &names,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
