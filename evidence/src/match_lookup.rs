//! Which documents may prove a request, and which requests a document may prove: found by codes, words of the supplier's name, amount and
//! date; bounded, the best first. What names the order, or the article near its date, comes before everything else and is never lost.

use chrono::{Days, NaiveDate};
use service_kit::store::Work;
use shared_events::Money;
use shared_events::evidence::ProofSubject;
use sqlx::types::Json;
use uuid::Uuid;

use crate::lookup;
use crate::match_facts::Said;
use crate::reading::invoice::Invoice;

/// Candidates by codes, by the supplier's name, by the amount, and by the date alone.
const MOST: [i64; 4] = [60, 25, 15, 10];

/// Days around order and dispute within which a date alone makes a candidate.
const DAYS: Days = Days::new(60);

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

/// What a request is looked up by.
struct Keys {
    codes: Vec<String>,
    order: Option<String>,
    supplier: Vec<String>,
    amount: Option<Money>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    dated: Option<NaiveDate>,
}

impl Keys {
    fn of(subject: &ProofSubject) -> Self {
        let days: Vec<NaiveDate> = [subject.order_date, subject.dispute_date].into_iter().flatten().collect();
        Self {
            codes: lookup::codes_of_subject(subject),
            order: subject.order_id.as_deref().and_then(lookup::code),
            supplier: lookup::supplier_words(subject.supplier.as_deref()),
            amount: subject.amount,
            from: days.iter().min().and_then(|day| day.checked_sub_days(DAYS)),
            to: days.iter().max().and_then(|day| day.checked_add_days(DAYS)),
            dated: days.first().copied(),
        }
    }
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
    let (tenant, keys) = (work.tenant().clone(), Keys::of(subject));
    let (low, high) = near(keys.amount);
    let rows = sqlx::query!(
        r#"WITH here AS (
               SELECT r.* FROM readings r JOIN documents d ON d.tenant = r.tenant AND d.id = r.document_id
               WHERE r.tenant = $1 AND d.state = 'parsed'
           ), found AS (
               (SELECT document_id FROM here WHERE codes && $2
                ORDER BY $3::text = ANY (codes) DESC NULLS LAST, abs(issued_on - $4::date) NULLS LAST, document_id LIMIT $5)
               UNION
               (SELECT document_id FROM here WHERE supplier_words && $6
                ORDER BY supplier_words = $6 DESC, abs(gross_minor::numeric - $7::bigint) NULLS LAST, abs(issued_on - $4::date) NULLS LAST, document_id LIMIT $8)
               UNION
               (SELECT document_id FROM here WHERE currency = $9 AND gross_minor BETWEEN $10 AND $11
                ORDER BY abs(gross_minor::numeric - $7::bigint), abs(issued_on - $4::date) NULLS LAST, document_id LIMIT $12)
               UNION
               (SELECT document_id FROM here WHERE issued_on BETWEEN $13 AND $14
                ORDER BY abs(issued_on - $4::date), document_id LIMIT $15)
               UNION
               (SELECT s.document_id FROM submissions s WHERE s.tenant = $1 AND s.request_id = $16 ORDER BY s.seq DESC LIMIT 50)
               UNION
               SELECT $17::uuid
           )
           SELECT here.document_id AS "id!", here.parser AS "parser!", here.parser_version AS "parser_version!",
                  here.invoice AS "invoice!: Json<Invoice>"
           FROM here JOIN found ON found.document_id = here.document_id ORDER BY here.document_id"#,
        tenant.as_str(),
        &keys.codes,
        keys.order,
        keys.dated,
        MOST[0],
        &keys.supplier,
        keys.amount.map(|amount| amount.minor),
        MOST[1],
        keys.amount.map(|amount| amount.currency.code().to_owned()),
        low,
        high,
        MOST[2],
        keys.from,
        keys.to,
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

/// The requests that a document may prove and that are not withdrawn.
///
/// # Errors
/// When the database is away.
pub async fn requests(work: &mut Work, document: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"WITH own AS (
               SELECT r.* FROM readings r JOIN documents d ON d.tenant = r.tenant AND d.id = r.document_id
               WHERE r.tenant = $1 AND r.document_id = $2 AND d.state = 'parsed'
           ), open AS (
               SELECT p.id, p.codes, p.supplier_words, (p.subject->'amount'->>'minor')::numeric AS minor, p.subject->'amount'->>'currency' AS currency,
                      (p.subject->>'order_date')::date AS ordered, (p.subject->>'dispute_date')::date AS disputed,
                      lower(regexp_replace(p.subject->>'order_id', '[^[:alnum:]]', '', 'g')) AS order_code
               FROM proof_requests p WHERE p.tenant = $1 AND p.state = 'open'
           )
           (SELECT p.id AS "id!" FROM open p, own WHERE p.codes && own.codes
            ORDER BY p.order_code = ANY (own.codes) DESC NULLS LAST, abs(own.issued_on - p.ordered) NULLS LAST, p.id LIMIT $3)
           UNION
           (SELECT p.id FROM open p, own WHERE p.supplier_words && own.supplier_words
            ORDER BY p.supplier_words = own.supplier_words DESC, abs(own.gross_minor - p.minor) NULLS LAST, p.id LIMIT $4)
           UNION
           (SELECT p.id FROM open p, own WHERE p.currency = own.currency AND own.gross_minor BETWEEN p.minor - abs(p.minor) / 10 AND p.minor + abs(p.minor) / 10
            ORDER BY p.id LIMIT $5)
           UNION
           (SELECT p.id FROM open p, own WHERE own.issued_on BETWEEN least(p.ordered, p.disputed) - 60 AND greatest(p.ordered, p.disputed) + 60
            ORDER BY abs(own.issued_on - p.ordered) NULLS LAST, p.id LIMIT $6)
           UNION
           (SELECT s.request_id FROM submissions s JOIN open p ON p.id = s.request_id
            WHERE s.tenant = $1 AND s.document_id = $2 ORDER BY s.seq DESC LIMIT 50)"#,
        tenant.as_str(),
        document,
        MOST[0],
        MOST[1],
        MOST[2],
        MOST[3],
    )
    .fetch_all(work.conn())
    .await
}

/// A tenth less and a tenth more: further off, an amount says nothing.
fn near(amount: Option<Money>) -> (Option<i64>, Option<i64>) {
    let tenth = |minor: i64| minor.saturating_abs() / 10;
    let end = |sign: i64| amount.map(|amount| amount.minor.saturating_add(sign.saturating_mul(tenth(amount.minor))));
    (end(-1), end(1))
}
