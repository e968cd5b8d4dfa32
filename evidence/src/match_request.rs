//! Compares one request with every document that may prove it, decides on all of them together, and acts on that. All in one
//! transaction: killed before its end, nothing happened; run again, nothing changes.
#![expect(clippy::float_arithmetic, reason = "distances of probabilities")]

use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::store::{Cause, Store, Work};
use shared_events::evidence::{EvidenceAmbiguous, EvidenceMatched, MatchedBy};
use shared_events::{DocumentId, ProofRequestId, TenantId};
use uuid::Uuid;

use crate::match_judge::Opinion;
use crate::match_lookup::{self, Document};
use crate::match_rivals;
use crate::match_row::{self, Latest, NewMatch};
use crate::match_verdict::{Standing, Why, rank, verdicts};
use crate::match_wanted;
use crate::matching::decision::{Decision, TOO_CLOSE};
use crate::models::{self, Decider};
use crate::prompts::{self, Asked, Candidate, Timing};
use crate::request_row::{self, Request};

/// A document with what is thought and done about it.
struct Judged {
    document: Document,
    opinion: Opinion,
    elsewhere: Option<f64>,
}

impl Judged {
    fn standing(&self) -> Standing {
        let Opinion { probability, bits, wrong_quantity, .. } = self.opinion;
        Standing { probability, bits, wrong_quantity, elsewhere: self.elsewhere }
    }
}

/// Judges a request; `also` is a document to look at in any case.
///
/// # Errors
/// When the database is away.
pub async fn judge(
    store: &Store,
    tenant: &TenantId,
    cause: &Cause,
    timing: &Timing,
    id: ProofRequestId,
    also: Option<DocumentId>,
) -> Result<(), Failure> {
    let mut work = store.read(tenant).await?;
    one_at_a_time(&mut work).await?;
    let Some(request) = request_row::lock(&mut work, id).await? else { return Ok(()) };
    if request.state == "withdrawn" {
        return Ok(());
    }
    let (active, shadow) = models::deciders(&mut work, &request.claim_type).await?;
    let documents = match_lookup::documents(&mut work, request.id, &request.subject, also.map(|id| id.0)).await?;
    if let Some(shadow) = shadow {
        watch(&mut work, cause, &request, &shadow, &documents).await?;
    }
    decide(&mut work, cause, timing, &request, &active, documents).await?;
    faults::point("evidence.matched");
    work.commit().await?;
    Ok(())
}

/// Two requests may want the same document: a tenant's decisions come one after the other.
///
/// # Errors
/// When the database is away.
pub(crate) async fn one_at_a_time(work: &mut Work) -> Result<(), sqlx::Error> {
    let name = format!("matching/{}", work.tenant());
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name).execute(work.conn()).await?;
    Ok(())
}

fn opinions(decider: &Decider, request: &Request, documents: Vec<Document>) -> Vec<Judged> {
    let judge = |document: Document| {
        let opinion = decider.judge.opinion(&request.subject, &document.said);
        Judged { document, opinion, elsewhere: None }
    };
    documents.into_iter().map(judge).collect()
}

/// Writes down what a model in shadow would do.
async fn watch(
    work: &mut Work,
    cause: &Cause,
    request: &Request,
    shadow: &Decider,
    documents: &[Document],
) -> Result<(), sqlx::Error> {
    let known = match_row::latest(work, ProofRequestId(request.id), Some(&shadow.version)).await?;
    let judged = opinions(shadow, request, documents.to_vec());
    let standings: Vec<Standing> = judged.iter().map(Judged::standing).collect();
    for (judged, verdict) in judged.iter().zip(verdicts(&standings, &shadow.gate)) {
        write(work, cause, request, (shadow, true), judged, verdict, &known).await?;
    }
    Ok(())
}

async fn decide(
    work: &mut Work,
    cause: &Cause,
    timing: &Timing,
    request: &Request,
    active: &Decider,
    documents: Vec<Document>,
) -> Result<(), sqlx::Error> {
    let known = match_row::latest(work, ProofRequestId(request.id), None).await?;
    let of = |document: &Document| known.iter().find(|latest| latest.document_id == document.id);
    // What a person has settled, or a match has, is not judged again.
    let undecided = |document: &Document| of(document).is_none_or(|latest| latest.ended.is_none());
    let documents: Vec<Document> = documents.into_iter().filter(undecided).collect();
    if request.state == "proved" {
        let new = documents.into_iter().filter(|document| of(document).is_none()).collect();
        for judged in opinions(active, request, new) {
            let why =
                if judged.standing().probability < crate::matching::decision::PROMPT { Why::Low } else { Why::Proved };
            write(work, cause, request, (active, false), &judged, (Decision::None, why), &known).await?;
        }
        return Ok(());
    }
    let mut judged = opinions(active, request, documents);
    judged.sort_by(|a, b| rank(&b.standing(), &a.standing()).then(a.document.id.cmp(&b.document.id)));
    let decided = decide_on(work, request, active, &mut judged).await?;
    let mut news = Vec::with_capacity(judged.len());
    for (judged, verdict) in judged.iter().zip(&decided) {
        let written = write(work, cause, request, (active, false), judged, *verdict, &known).await?;
        // What was behind a better one was not asked about.
        let before = known.iter().find(|latest| latest.document_id == judged.document.id);
        let never_asked = before.is_none_or(|latest| latest.prompt_id.is_none());
        news.push(match before {
            _ if written || never_asked => News::New,
            Some(latest) if latest.was_asked() => News::Asked,
            _ => News::Pending,
        });
    }
    match judged.first().map(|best| (best, decided[0].0)) {
        Some((best, Decision::Automatic)) => prove(work, cause, request, active, best).await,
        Some((_, Decision::Prompt)) => {
            ask(work, cause, timing, request, active, &to_ask(&judged, &decided, &news)).await
        }
        Some((_, Decision::None)) | None => Ok(()),
    }
}

/// Decides on all; who else wants the best one is only looked up when it would be taken.
async fn decide_on(
    work: &mut Work,
    request: &Request,
    active: &Decider,
    judged: &mut [Judged],
) -> Result<Vec<(Decision, Why)>, sqlx::Error> {
    let all = |judged: &[Judged]| verdicts(&judged.iter().map(Judged::standing).collect::<Vec<_>>(), &active.gate);
    let decided = all(judged);
    let Some(best) = judged.first_mut().filter(|_| matches!(decided[0].1, Why::Sure | Why::Gate)) else {
        return Ok(decided);
    };
    best.elsewhere = match_rivals::elsewhere(work, request, active, &best.document, &best.opinion).await?;
    Ok(all(judged))
}

/// Writes a decision, unless it is known; says whether it did.
async fn write(
    work: &mut Work,
    cause: &Cause,
    request: &Request,
    (decider, shadow): (&Decider, bool),
    judged: &Judged,
    (decision, why): (Decision, Why),
    known: &[Latest],
) -> Result<bool, sqlx::Error> {
    let new = NewMatch {
        request_id: ProofRequestId(request.id),
        claim_type: &request.claim_type,
        document: &judged.document,
        opinion: &judged.opinion,
        model_version: &decider.version,
        gate: &decider.gate,
        shadow,
        decision,
        why,
    };
    let before = known.iter().find(|latest| latest.document_id == judged.document.id);
    if before.is_some_and(|before| new.is_told_by(before)) {
        return Ok(false);
    }
    match_row::insert(work, cause, &new, before).await?;
    Ok(true)
}

async fn prove(
    work: &mut Work,
    cause: &Cause,
    request: &Request,
    active: &Decider,
    best: &Judged,
) -> Result<(), sqlx::Error> {
    let request_id = ProofRequestId(request.id);
    let version = request_row::advance(work, request_id, "proved").await?;
    let matched = EvidenceMatched {
        request_id,
        requested_by: match_row::subject(&request.requested_by),
        document_id: DocumentId(best.document.id),
        line: best.opinion.line,
        probability: best.opinion.probability,
        by: MatchedBy::Model,
        model: active.version.clone(),
        explanation: format!("{}; {}.", best.opinion.sentence, Why::Sure.sentence(&active.gate.reason())),
    };
    work.emit(cause, version, &matched);
    prompts::cancel_for_request(work, cause, request_id, "a document proves the request").await
}

/// What is to be asked about a document, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// Nobody was asked what is thought of it now.
    New,
    /// Somebody is being asked.
    Pending,
    /// Somebody was asked, and could not say or did not in time.
    Asked,
}

/// What to ask about: the best document, or the two best ones when they are too close to tell apart. Those about which nobody could say
/// anything make room for the next best. Nothing, when all of it was asked before, or somebody is still being asked.
fn to_ask<'j>(judged: &'j [Judged], decided: &[(Decision, Why)], news: &[News]) -> Vec<(&'j Judged, Why)> {
    let all = judged.iter().zip(decided).zip(news);
    let all: Vec<_> = all.filter(|((_, (decision, _)), _)| *decision == Decision::Prompt).collect();
    let mut left = all.as_slice();
    while let Some(((best, _), _)) = left.first() {
        let is_close = |judged: &Judged| judged.opinion.probability + TOO_CLOSE + 1e-9 >= best.opinion.probability;
        let count = left.iter().take(2).take_while(|((judged, _), _)| is_close(judged)).count();
        let (close, behind) = left.split_at(count);
        if close.iter().any(|(_, news)| **news == News::New) {
            return close.iter().map(|((judged, (_, why)), _)| (*judged, *why)).collect();
        }
        if close.iter().any(|(_, news)| **news == News::Pending) {
            break;
        }
        left = behind;
    }
    Vec::new()
}

async fn ask(
    work: &mut Work,
    cause: &Cause,
    timing: &Timing,
    request: &Request,
    active: &Decider,
    close: &[(&Judged, Why)],
) -> Result<(), sqlx::Error> {
    if close.is_empty() {
        return Ok(());
    }
    let candidates: Vec<Candidate> = close.iter().map(|(judged, _)| candidate(judged)).collect();
    let Asked::Now(prompt_id) = prompts::ask(work, cause, timing, request, &candidates).await? else { return Ok(()) };
    let request_id = ProofRequestId(request.id);
    for (judged, why) in close {
        let document_id = DocumentId(judged.document.id);
        match_row::asked(work, request_id, document_id, prompt_id).await?;
        let version = request_row::advance(work, request_id, "open").await?;
        let ambiguous = EvidenceAmbiguous {
            request_id,
            document_id,
            prompt_id,
            probability: judged.opinion.probability,
            explanation: format!("{}; {}.", judged.opinion.sentence, why.sentence(&active.gate.reason())),
        };
        work.emit(cause, version, &ambiguous);
    }
    Ok(())
}

/// A document as a person is shown it.
fn candidate(judged: &Judged) -> Candidate {
    let said = &judged.document.said;
    Candidate {
        document_id: DocumentId(judged.document.id),
        probability: judged.opinion.probability,
        number: said.number.clone(),
        supplier: said.supplier.clone(),
        total: said.total,
        dated: said.dated,
        file_name: None,
    }
}

/// The requests that a document may prove, to be judged one by one.
///
/// # Errors
/// When the database is away.
pub async fn of_document(store: &Store, tenant: &TenantId, document: DocumentId) -> Result<Vec<Uuid>, Failure> {
    let mut work = store.read(tenant).await?;
    Ok(match_wanted::requests(&mut work, document.0).await?)
}
