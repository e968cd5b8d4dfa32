//! Which open requests a document may prove: found by the keys that both have, by amount and by date. Every lookup goes through an index
//! and is bounded, however many requests are open.

use service_kit::store::Work;
use uuid::Uuid;

/// Requests by one code, on either side of the document's date and as many without a date; by the supplier's whole name, on either side of
/// the document's total and as many without one; the same by one word of the name; by the amount, on either side; and by the date alone.
const MOST: [i64; 5] = [60, 25, 8, 8, 5];

/// Requests for one order that the document names. Nobody has that many; the bound makes the database look each order up by its index.
const MOST_OF_ORDER: i64 = 500;

/// Requests by codes that do not name the order: the nearest in time of all codes together. Far more requests than those that may be meant
/// have the article of an invoice.
const MOST_BY_CODES: i64 = 60;

/// Days around the document within which a date alone makes a candidate.
const DAYS: i32 = 60;

/// What a document is looked up by beside its keys.
struct Own {
    issued_on: Option<chrono::NaiveDate>,
    gross_minor: Option<i64>,
    currency: Option<String>,
}

/// The open requests that a document may prove: all whose order it names, bounded by the codes that are kept of a document; of the others
/// the nearest; and those that it was sent for.
///
/// # Errors
/// When the database is away.
pub async fn requests(work: &mut Work, document: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut found = sent_for(work, document).await?;
    if let Some(own) = own(work, document).await? {
        found.extend(by_keys(work, document, &own).await?);
        found.extend(by_figures(work, &own).await?);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// None when it was not read, or is a credit note.
async fn own(work: &mut Work, document: Uuid) -> Result<Option<Own>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Own,
        "SELECT r.issued_on, r.gross_minor, r.currency FROM readings r JOIN documents d ON d.tenant = $1 AND d.id = r.document_id
         WHERE r.tenant = $1 AND r.document_id = $2 AND d.state = 'parsed' AND r.invoice->>'kind' <> 'credit_note'",
        tenant.as_str(),
        document,
    )
    .fetch_optional(work.conn())
    .await
}

async fn sent_for(work: &mut Work, document: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        "SELECT p.id FROM submissions s JOIN proof_requests p ON p.tenant = $1 AND p.id = s.request_id
         WHERE s.tenant = $1 AND s.document_id = $2 AND p.state = 'open' ORDER BY s.seq DESC LIMIT 50",
        tenant.as_str(),
        document,
    )
    .fetch_all(work.conn())
    .await
}

async fn by_keys(work: &mut Work, document: Uuid, own: &Own) -> Result<Vec<Uuid>, sqlx::Error> {
    let (tenant, today) = (work.tenant().clone(), work.now().date_naive());
    let near = own.issued_on.unwrap_or(today);
    let [codes, suppliers, words, ..] = MOST;
    sqlx::query_scalar!(
        r#"WITH wanted AS MATERIALIZED (
               SELECT key FROM reading_keys WHERE tenant = $1 AND document_id = $2
           ), amounts AS (
               SELECT key, $5::bigint AS most FROM wanted WHERE key LIKE 'supplier %' UNION ALL SELECT key, $6::bigint FROM wanted WHERE key LIKE 'word %'
           )
           SELECT hit.request_id AS "id!" FROM wanted CROSS JOIN LATERAL (
               SELECT k.request_id FROM request_keys k
               WHERE k.tenant = $1 AND k.open AND k.key = 'order ' || substr(wanted.key, 6) ORDER BY k.ordered_on LIMIT $9) hit
           WHERE wanted.key LIKE 'code %'
           UNION
           (SELECT hit.request_id FROM wanted CROSS JOIN LATERAL (
                (SELECT k.request_id, k.ordered_on - $3 AS days FROM request_keys k
                 WHERE k.tenant = $1 AND k.open AND k.key = wanted.key AND k.ordered_on >= $3 ORDER BY k.ordered_on LIMIT $4)
                UNION ALL
                (SELECT k.request_id, $3 - k.ordered_on FROM request_keys k
                 WHERE k.tenant = $1 AND k.open AND k.key = wanted.key AND k.ordered_on < $3 ORDER BY k.ordered_on DESC LIMIT $4)
                UNION ALL
                (SELECT k.request_id, NULL FROM request_keys k
                 WHERE k.tenant = $1 AND k.open AND k.key = wanted.key AND k.ordered_on IS NULL LIMIT $4)) hit
            WHERE wanted.key LIKE 'code %' ORDER BY hit.days NULLS LAST, hit.request_id LIMIT $8)
           UNION
           SELECT hit.request_id FROM amounts CROSS JOIN LATERAL (
               (SELECT k.request_id FROM request_keys k
                WHERE k.tenant = $1 AND k.open AND k.key = amounts.key AND k.amount_minor >= coalesce($7::bigint, 0) ORDER BY k.amount_minor LIMIT amounts.most)
               UNION ALL
               (SELECT k.request_id FROM request_keys k
                WHERE k.tenant = $1 AND k.open AND k.key = amounts.key AND k.amount_minor < coalesce($7::bigint, 0) ORDER BY k.amount_minor DESC LIMIT amounts.most)
               UNION ALL
               (SELECT k.request_id FROM request_keys k
                WHERE k.tenant = $1 AND k.open AND k.key = amounts.key AND k.amount_minor IS NULL LIMIT amounts.most)) hit"#,
        tenant.as_str(),
        document,
        near,
        codes,
        suppliers,
        words,
        own.gross_minor,
        MOST_BY_CODES,
        MOST_OF_ORDER,
    )
    .fetch_all(work.conn())
    .await
}

/// By the total within a tenth of what is claimed, and by the date alone.
async fn by_figures(work: &mut Work, own: &Own) -> Result<Vec<Uuid>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let [.., amounts, dates] = MOST;
    // A request is meant up to a tenth of its own amount away: that is up to a ninth above the document's, and an eleventh below.
    let below = own.gross_minor.map(|minor| minor.saturating_sub(minor.saturating_abs() / 11));
    let above = own.gross_minor.map(|minor| minor.saturating_add(minor.saturating_abs() / 9));
    sqlx::query_scalar!(
        r#"(SELECT p.id AS "id!" FROM proof_requests p WHERE p.tenant = $1 AND p.state = 'open' AND p.currency = $2 AND p.amount_minor BETWEEN $3 AND $4
            ORDER BY p.amount_minor LIMIT $6)
           UNION
           (SELECT p.id FROM proof_requests p WHERE p.tenant = $1 AND p.state = 'open' AND p.currency = $2 AND p.amount_minor BETWEEN $5 AND $3
            ORDER BY p.amount_minor DESC LIMIT $6)
           UNION
           (SELECT p.id FROM proof_requests p WHERE p.tenant = $1 AND p.state = 'open' AND p.dated BETWEEN $7 AND $7 + $8::int
            ORDER BY p.dated LIMIT $9)
           UNION
           (SELECT p.id FROM proof_requests p WHERE p.tenant = $1 AND p.state = 'open' AND p.dated BETWEEN $7 - $8::int AND $7
            ORDER BY p.dated DESC LIMIT $9)"#,
        tenant.as_str(),
        own.currency,
        own.gross_minor,
        above,
        below,
        amounts,
        own.issued_on,
        DAYS,
        dates,
    )
    .fetch_all(work.conn())
    .await
}
