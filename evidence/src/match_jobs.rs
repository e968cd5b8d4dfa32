//! The jobs of matching: one for a new document, one for a new request. Each request is judged in a transaction of its own, so that a
//! job that is killed goes on where it was.

use serde::Deserialize;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::Store;
use shared_events::{DocumentId, ProofRequestId};

use crate::match_request;
use crate::prompts::Timing;
use crate::read_document::MATCH_DOCUMENT;
use crate::request_proof::MATCH_REQUEST;

/// Runs [`MATCH_DOCUMENT`]: compares one document with the requests that are open.
pub struct MatchDocument {
    /// How long prompts stay open.
    pub timing: Timing,
}

/// Runs [`MATCH_REQUEST`]: compares one request with the documents that are here.
pub struct MatchRequest {
    /// How long prompts stay open.
    pub timing: Timing,
}

#[derive(Deserialize)]
struct Document {
    document_id: DocumentId,
}

#[derive(Deserialize)]
struct Request {
    request_id: ProofRequestId,
}

fn read<T: serde::de::DeserializeOwned>(job: &Job) -> Result<T, Failure> {
    serde_json::from_value(job.payload.clone()).map_err(|error| Failure::reject("malformed", error.to_string()))
}

impl RunsJob for MatchDocument {
    const KIND: &'static str = MATCH_DOCUMENT;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let Document { document_id } = read(job)?;
        for request in match_request::of_document(store, &job.tenant, document_id).await? {
            let request = ProofRequestId(request);
            match_request::judge(store, &job.tenant, &job.cause, &self.timing, request, Some(document_id)).await?;
        }
        Ok(())
    }
}

impl RunsJob for MatchRequest {
    const KIND: &'static str = MATCH_REQUEST;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let Request { request_id } = read(job)?;
        match_request::judge(store, &job.tenant, &job.cause, &self.timing, request_id, None).await
    }
}
