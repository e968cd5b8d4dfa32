//! Documents what goods cost, from the invoices that prove a request.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::evidence::{CostsDocumented, DocumentCosts};
use shared_events::{DocumentId, ProofRequestId};
use sqlx::types::Json;

use crate::cost::costing::{Evidence, Source};
use crate::cost::sheet::{self, Sheet, TEMPLATE};
use crate::packet::sha256::Sha256;
use crate::reading::invoice::Invoice;
use crate::request_row::{self, Request};
use crate::store_costs;

/// Invoices in one documentation at most.
const MOST_INVOICES: i64 = 100;

/// Handles [`DocumentCosts`].
pub struct Document;

impl Handles<DocumentCosts> for Document {
    async fn handle(&self, work: &mut Work, message: &Delivered<DocumentCosts>) -> Result<Outcome, Failure> {
        let request_id = message.data.request_id;
        let request = request_row::lock(work, request_id)
            .await?
            .ok_or_else(|| Failure::reject("request_not_found", "there is no such request"))?;
        let evidence = gather(work, &request).await?;
        if evidence.invoices.is_empty() {
            return Err(Failure::reject("no_invoice", "no invoice that was read proves this request"));
        }
        let told =
            |id: uuid::Uuid| Outcome::ids(&serde_json::json!({ "request_id": request_id, "cost_document_id": id }));
        let id = sheet::id(&evidence);
        let tenant = work.tenant().clone();
        let there = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM cost_documents WHERE tenant = $1 AND id = $2) AS "there!""#,
            tenant.as_str(),
            id,
        );
        if there.fetch_one(work.conn()).await? {
            return Ok(told(id));
        }
        // It takes milliseconds and needs nothing from outside, so it is done here and now.
        let sheet = sheet::make(&evidence).map_err(anyhow::Error::from)?;
        let (sha256, cause) = (insert(work, request_id, &sheet).await?, Cause::from(&message.envelope));
        store_costs::enqueue(work, &cause, id).await?;
        let version = request_row::advance(work, request_id, &request.state).await?;
        let documented = CostsDocumented { request_id, cost_document_id: DocumentId(id), sha256: sha256.to_string() };
        work.emit(&cause, version, &documented);
        Ok(told(id))
    }
}

/// The invoices that prove the request, and what is claimed.
async fn gather(work: &mut Work, request: &Request) -> Result<Evidence, Failure> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT d.id, d.sha256, d.received_at, m.line, r.invoice AS "invoice: Json<Invoice>"
           FROM matches m JOIN documents d ON d.tenant = $1 AND d.id = m.document_id JOIN readings r ON r.tenant = $1 AND r.document_id = d.id
           WHERE m.tenant = $1 AND m.request_id = $2 AND m.latest AND NOT m.shadow AND m.ended = 'proved' AND d.state <> 'deleted'
           ORDER BY d.seq LIMIT $3"#,
        tenant.as_str(),
        request.id,
        MOST_INVOICES,
    )
    .fetch_all(work.conn())
    .await?;
    let mut invoices = Vec::with_capacity(rows.len());
    for row in rows {
        invoices.push(Source {
            document_id: row.id,
            sha256: row.sha256.parse().map_err(|_| anyhow::anyhow!("document {} has no SHA-256", row.id))?,
            received_at: row.received_at,
            invoice: row.invoice.0,
            line: row.line.and_then(|line| usize::try_from(line).ok()),
        });
    }
    Ok(Evidence {
        tenant: tenant.to_string(),
        request_id: request.id,
        claim: request.reference.clone().unwrap_or_else(|| request.id.to_string()),
        sku: request.subject.sku.clone(),
        title: request.subject.title.clone(),
        quantity: request.subject.quantity,
        invoices,
    })
}

async fn insert(work: &mut Work, request: ProofRequestId, sheet: &Sheet) -> Result<Sha256, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let sha256 = Sha256::of(&[&sheet.pdf]);
    sqlx::query!(
        "INSERT INTO cost_documents (tenant, id, request_id, inputs, template, sha256, content, bytes, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, octet_length($7::bytea), $8)",
        tenant.as_str(),
        sheet.id,
        request.0,
        sheet.inputs.to_string(),
        TEMPLATE,
        sha256.to_string(),
        sheet.pdf,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(sha256)
}
