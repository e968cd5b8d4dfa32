//! Tells how a request came to be proved: the decisions about its documents, and everything that happened, in order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use service_kit::store::Work;
use shared_events::ProofRequestId;
use shared_events::evidence::PromptOption;
use sqlx::types::Json;
use uuid::Uuid;

use crate::packet::contents::{Asked, Happening, Matched, Payout};
use crate::packet_facts::DocumentRow;

/// Decisions that are told of at most.
const MOST: i64 = 2_000;

/// The decisions about the documents that are in the packet, and the timeline.
///
/// # Errors
/// When the database is away.
pub(crate) async fn tell(
    work: &mut Work,
    request: ProofRequestId,
    (requested_at, requested_by): (DateTime<Utc>, String),
    documents: &[DocumentRow],
    payouts: &[Payout],
) -> Result<(Vec<Matched>, Vec<Happening>), sqlx::Error> {
    let names: BTreeMap<Uuid, String> = documents
        .iter()
        .enumerate()
        .map(|(at, row)| (row.document.document_id, format!("Document {}", at + 1)))
        .collect();
    let mut timeline =
        vec![Happening { at: requested_at, what: "Proof was requested.".to_owned(), by: Some(requested_by) }];
    for (row, name) in documents.iter().filter_map(|row| Some((row, names.get(&row.document.document_id)?))) {
        let (at, by) = (row.document.received_at, row.submitted_by.clone());
        timeline.push(Happening { at, what: format!("{name} came in."), by });
        if let (Some(at), Some(parser)) = (row.read_at, &row.parser) {
            timeline.push(Happening { at, what: format!("{name} was read ({}).", parser.replace('_', " ")), by: None });
        }
    }
    let matching = matching(work, request, &names, &mut timeline).await?;
    timeline.extend(payouts.iter().map(paid));
    timeline.sort_by(|a, b| (a.at, &a.what).cmp(&(b.at, &b.what)));
    Ok((matching, timeline))
}

fn paid(payout: &Payout) -> Happening {
    let text = payout.text();
    let what = match text.strip_prefix('-') {
        Some(amount) => format!("{amount} were taken back (reference {}).", payout.reference),
        None if payout.units.is_some() => {
            format!("{text} were given, the units back to stock (reference {}).", payout.reference)
        }
        None => format!("{text} were paid (reference {}).", payout.reference),
    };
    Happening { at: payout.paid_at, what, by: None }
}

/// What counts about each document now; earlier opinions about the same document are history and stay out.
async fn matching(
    work: &mut Work,
    request: ProofRequestId,
    names: &BTreeMap<Uuid, String>,
    timeline: &mut Vec<Happening>,
) -> Result<Vec<Matched>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT m.document_id, m.line, m.rule, m.vector, m.weights, m.raw_score, m.probability, m.model_version, m.gate_open, m.gate_reason,
                  m.decision::text AS "decision!", m.explanation, m.decided_by, m.decided_at, m.ended::text, m.ended_at, m.reasoning,
                  p.question AS "question?", p.options AS "options?: Json<Vec<PromptOption>>", p.selected_option AS "selected_option?",
                  p.asked_at AS "asked_at?", p.asked AS "asked?"
           FROM matches m LEFT JOIN prompts p ON p.tenant = $1 AND p.id = m.prompt_id
           WHERE m.tenant = $1 AND m.request_id = $2 AND m.latest AND NOT m.shadow AND (m.ended IS NOT NULL OR m.decision <> 'none')
           ORDER BY m.seq LIMIT $3"#,
        tenant.as_str(),
        request.0,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    let mut matching = Vec::new();
    for row in rows {
        let name = names.get(&row.document_id).cloned();
        let shown =
            name.clone().unwrap_or_else(|| format!("A document that is not part of this ({})", row.document_id));
        let by_person = row.decided_by != "model";
        let at = row.ended_at.unwrap_or(row.decided_at);
        let what = match row.ended.as_deref() {
            Some("proved") if by_person => format!("{shown} was confirmed."),
            Some("proved") => format!("{shown} was matched automatically."),
            Some(_) => format!("{shown} was refused."),
            None => format!("{shown} may prove it; it was not decided."),
        };
        timeline.push(Happening { at, what, by: by_person.then(|| row.decided_by.clone()) });
        if let (Some(at), Some(asked), Some(question)) = (row.asked_at, &row.asked, &row.question) {
            timeline.push(Happening { at, what: format!("{asked} was asked: \u{201c}{question}\u{201d}"), by: None });
        }
        if name.is_none() || row.ended.is_none() {
            continue;
        }
        matching.push(Matched {
            document_id: row.document_id,
            line: row.line.and_then(|line| u32::try_from(line).ok()),
            rule: row.rule,
            vector: row.vector,
            weights: row.weights,
            raw_score: row.raw_score,
            probability: row.probability,
            model_version: row.model_version,
            gate_open: row.gate_open,
            gate_reason: row.gate_reason,
            decision: row.decision,
            decided_by: row.decided_by,
            decided_at: at,
            explanation: row.explanation,
            prompt: asked(row.question, row.options, row.selected_option, row.reasoning),
        });
    }
    Ok(matching)
}

/// The question and its answer, in the words that were shown.
fn asked(
    question: Option<String>,
    options: Option<Json<Vec<PromptOption>>>,
    selected: Option<String>,
    reasoning: Option<String>,
) -> Option<Asked> {
    let (question, selected) = (question?, selected?);
    let shown = options.iter().flat_map(|options| options.iter()).find(|option| option.id == selected);
    let answer = shown.map_or_else(|| selected.clone(), |option| option.label.clone());
    Some(Asked { question, answer, reasoning })
}
