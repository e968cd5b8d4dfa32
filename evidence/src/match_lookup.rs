//! Which documents may prove a request: found by codes, words of the supplier's name, amount and date; bounded, the best first. What names
//! the order, or the article near its date, comes before everything else and is never lost. A credit note proves no purchase and is no
//! candidate. The other way round, [`crate::match_wanted`] says which requests a document may prove.

use service_kit::store::Work;
use shared_events::Money;
use shared_events::evidence::ProofSubject;
use sqlx::types::Json;
use uuid::Uuid;

use crate::match_facts::Said;
use crate::match_keys::{self, Keys};
use crate::reading::invoice::Invoice;

/// Candidates by one code or a whole name, on either side of the order's date and as many without one; by one word of a name; by the
/// amount, on either side; and by the date alone, on either side.
const MOST: [i64; 4] = [60, 5, 8, 5];

/// Days around the order within which a date alone makes a candidate.
const DAYS: i32 = 60;

/// A document that may prove a request.
#[derive(Debug, Clone)]
pub struct Document {
    /// The document.
    pub id: Uuid,
    /// What it was read by.
    pub parser: String,
    /// Which version of that.
    pub parser_version: i32,
    /// What it says.
    pub said: Said,
}

/// The documents that may prove a request; `also` is one of them if it can be read at all.
///
/// # Errors
/// When the database is away.
pub async fn documents(
    work: &mut Work,
    request: Uuid,
    subject: &ProofSubject,
    also: Option<Uuid>,
) -> Result<Vec<Document>, sqlx::Error> {
    let (tenant, keys, today) = (work.tenant().clone(), Keys::of_subject(subject), work.now().date_naive());
    let near = match_keys::dated(subject).unwrap_or(today);
    let amount = subject.amount;
    let (low, high) = around(amount);
    let rows = sqlx::query!(
        r#"WITH wanted AS (
               SELECT key, $4::bigint AS most FROM unnest($2::text[]) AS k (key)
               UNION ALL SELECT key, $5::bigint FROM unnest($3::text[]) AS k (key)
           ), found AS (
               SELECT hit.document_id FROM wanted CROSS JOIN LATERAL (
                   (SELECT k.document_id FROM reading_keys k WHERE k.tenant = $1 AND k.key = wanted.key AND k.issued_on >= $6
                    ORDER BY k.issued_on LIMIT wanted.most)
                   UNION ALL
                   (SELECT k.document_id FROM reading_keys k WHERE k.tenant = $1 AND k.key = wanted.key AND k.issued_on < $6
                    ORDER BY k.issued_on DESC LIMIT wanted.most)
                   UNION ALL
                   (SELECT k.document_id FROM reading_keys k WHERE k.tenant = $1 AND k.key = wanted.key AND k.issued_on IS NULL
                    LIMIT wanted.most)) hit
               UNION
               (SELECT r.document_id FROM readings r WHERE r.tenant = $1 AND r.currency = $7 AND r.gross_minor BETWEEN $8 AND $9
                ORDER BY r.gross_minor LIMIT $11)
               UNION
               (SELECT r.document_id FROM readings r WHERE r.tenant = $1 AND r.currency = $7 AND r.gross_minor BETWEEN $10 AND $8
                ORDER BY r.gross_minor DESC LIMIT $11)
               UNION
               (SELECT r.document_id FROM readings r WHERE r.tenant = $1 AND r.issued_on BETWEEN $6 AND $6 + $12::int
                ORDER BY r.issued_on LIMIT $13)
               UNION
               (SELECT r.document_id FROM readings r WHERE r.tenant = $1 AND r.issued_on BETWEEN $6 - $12::int AND $6
                ORDER BY r.issued_on DESC LIMIT $13)
               UNION
               (SELECT s.document_id FROM submissions s WHERE s.tenant = $1 AND s.request_id = $14 ORDER BY s.seq DESC LIMIT 50)
               UNION
               SELECT $15::uuid
           )
           SELECT r.document_id AS "id!", r.parser AS "parser!", r.parser_version AS "parser_version!", r.invoice AS "invoice!: Json<Invoice>"
           FROM found JOIN readings r ON r.tenant = $1 AND r.document_id = found.document_id
                      JOIN documents d ON d.tenant = $1 AND d.id = found.document_id
           WHERE d.state = 'parsed' AND r.invoice->>'kind' <> 'credit_note' ORDER BY r.document_id"#,
        tenant.as_str(),
        &keys.names,
        &keys.words,
        MOST[0],
        MOST[1],
        near,
        amount.map(|amount| amount.currency.code().to_owned()),
        amount.map(|amount| amount.minor),
        high,
        low,
        MOST[2],
        DAYS,
        MOST[3],
        request,
        also,
    )
    .fetch_all(work.conn())
    .await?;
    let document = |(id, parser, parser_version, invoice): (_, _, _, Json<Invoice>)| Document {
        id,
        parser,
        parser_version,
        said: Said::from(&invoice.0),
    };
    Ok(rows.into_iter().map(|row| document((row.id, row.parser, row.parser_version, row.invoice))).collect())
}

/// A tenth less and a tenth more: further off, an amount says nothing.
fn around(amount: Option<Money>) -> (Option<i64>, Option<i64>) {
    let tenth = |minor: i64| minor.saturating_abs() / 10;
    let end = |sign: i64| amount.map(|amount| amount.minor.saturating_add(sign.saturating_mul(tenth(amount.minor))));
    (end(-1), end(1))
}
