//! Evidence: documents in, proof out, with a confidence that means what it says.
//!
//! This page is the table of contents: which message goes to which slice ([`messages`]), which job to which ([`worker`], [`timers`]), and
//! which path to which ([`http`]). The cores stand by themselves: [`matching`] compares records, [`reading`] reads documents.

pub mod answer_prompt;
pub mod ask_person;
pub mod byte_range;
pub mod config;
mod content_headers;
pub mod cost;
pub mod delete_document;
pub mod discard_object;
pub mod document_content;
pub mod document_costs;
pub mod document_row;
pub mod document_view;
pub mod draft_packet;
pub mod fetch_evidence;
mod forget_matches;
pub mod import_labels;
pub mod judge_again;
pub mod labels;
mod learn_from_outcome;
pub mod links;
pub mod list_documents;
pub mod list_fulfilments;
pub mod list_matches;
pub mod list_models;
pub mod list_packets;
pub mod list_prompts;
pub mod list_requests;
pub mod lookup;
pub mod match_assumed;
pub mod match_facts;
pub mod match_jobs;
pub mod match_judge;
pub mod match_keys;
pub mod match_lookup;
pub mod match_metrics;
pub mod match_records;
pub mod match_request;
mod match_rivals;
pub mod match_row;
pub mod match_training;
pub mod match_verdict;
pub mod match_wanted;
pub mod matched;
pub mod matching;
pub mod models;
pub mod packet;
mod packet_asks;
pub mod packet_config;
pub mod packet_facts;
pub mod packet_failure;
pub mod packet_keys;
pub mod packet_row;
pub mod packet_store;
mod packet_story;
pub mod paper;
pub mod prompts;
pub mod prove_claims;
pub mod prove_fulfilment;
mod read_again;
pub mod read_costs;
pub mod read_document;
pub mod read_evidence;
pub mod read_gate;
pub mod read_model;
pub mod read_packet;
pub mod read_prompt;
pub mod read_request;
pub mod reading;
pub mod record_outcome;
pub mod record_payout;
pub mod register_evidence;
pub mod request_proof;
pub mod request_row;
pub mod reread_document;
pub mod retry_packet;
pub mod revert_model;
pub mod rotate_keys;
pub mod seal_packet;
pub mod show_document;
pub mod store_costs;
pub mod sweep_objects;
pub mod take_attachments;
pub mod train_model;
pub mod train_model_job;
mod unit_costs;
pub mod weigh_labels;
pub mod withdraw_request;

use std::sync::Arc;

use axum::routing::get;
use providers::fetch::{Fetcher, SystemNames};
use providers::files::Files;
use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::claims::{
    ClaimAnswered, ClaimSubmissionAttempted, DocumentReceived, PayoutConfirmed, PayoutReversed, ProofUnwanted,
    ProofWanted,
};
use shared_events::evidence::{
    AnswerPrompt, AskPerson, DeleteDocument, DocumentCosts, DraftPacket, ImportLabels, RecordOutcome, RecordPayout,
    RegisterEvidence, RequestProof, RereadDocument, RetryPacket, RevertModel, TrainModel, WithdrawProofRequest,
};
use shared_events::orders::{
    LabelBought, OrderDelivered, ShipmentDelivered, ShipmentDispatched, ShipmentException, ShipmentReturned,
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use config::Config;
use discard_object::DiscardObject;
use fetch_evidence::FetchEvidence;
use prompts::Timing;
use read_document::ReadDocument;
use seal_packet::SealPacket;
use store_costs::StoreCosts;

/// Path of the health page beside `/health/ready`.
pub const HEALTH_PATH: &str = "/api/v1/evidence/health";

/// Slow jobs that one process runs at the same time: a document that takes a minute to read delays no seal and no match.
const JOBS_AT_ONCE: usize = 4;

/// What routes work with; clones share it.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub store: Store,
    /// What the environment says.
    pub config: Arc<Config>,
    /// Documents and packets.
    pub files: Files,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Recoup evidence", description = "Documents, what they prove, and proof packets", license(name = "Apache-2.0")),
    tags((name = "requests"), (name = "documents"), (name = "prompts"), (name = "matching"), (name = "packets"))
)]
struct Document;

/// Which message goes where; prompts stay open for as long as `timing` says.
pub fn messages(timing: Timing) -> Routes {
    Routes::new()
        .on::<RegisterEvidence>(register_evidence::Register)
        .on::<DeleteDocument>(delete_document::Delete)
        .on::<RereadDocument>(reread_document::Reread)
        .on::<RequestProof>(request_proof::Request)
        .on::<WithdrawProofRequest>(withdraw_request::Withdraw)
        .on::<AskPerson>(ask_person::AskIt { timing })
        .on::<AnswerPrompt>(answer_prompt::AnswerIt)
        .on::<RecordOutcome>(record_outcome::Record)
        .on::<ImportLabels>(import_labels::Import)
        .on::<TrainModel>(train_model::Train)
        .on::<RevertModel>(revert_model::Revert)
        .on::<RecordPayout>(record_payout::Record)
        .on::<DraftPacket>(draft_packet::Draft)
        .on::<RetryPacket>(retry_packet::Retry)
        .on::<DocumentCosts>(document_costs::Document)
        .on::<DocumentReceived>(register_evidence::Received)
        .on::<ProofWanted>(prove_claims::Wanted)
        .on::<ProofUnwanted>(prove_claims::Unwanted)
        .on::<ClaimSubmissionAttempted>(prove_claims::HandedOver)
        .on::<ClaimAnswered>(prove_claims::Answered)
        .on::<PayoutConfirmed>(prove_claims::Confirmed)
        .on::<PayoutReversed>(prove_claims::Reversed)
        .on::<LabelBought>(prove_fulfilment::Prove)
        .on::<ShipmentDispatched>(prove_fulfilment::Prove)
        .on::<ShipmentDelivered>(prove_fulfilment::Prove)
        .on::<ShipmentException>(prove_fulfilment::Prove)
        .on::<ShipmentReturned>(prove_fulfilment::Prove)
        .on::<OrderDelivered>(prove_fulfilment::Prove)
}

/// Which job runs where: those that take their time.
pub fn worker(store: Store, config: &Arc<Config>, files: &Files) -> Worker {
    let fetcher = Fetcher::new(SystemNames, config.fetch_allow_http);
    Worker::new(store)
        .at_once(JOBS_AT_ONCE)
        .on(FetchEvidence { fetcher, files: files.clone() })
        .on(DiscardObject { objects: files.objects.clone() })
        .on(ReadDocument { program: config.reader.clone(), files: files.clone() })
        .on(match_jobs::MatchDocument { timing: config.prompts })
        .on(match_jobs::MatchRequest { timing: config.prompts })
        .on(weigh_labels::WeighLabels { retrain_after: config.retrain_after_labels })
        .on(train_model_job::TrainIt::default())
        .on(judge_again::JudgeAgain)
        .on(StoreCosts { files: files.clone() })
        .on(SealPacket::new(files, &config.packets))
}

/// Which timer runs where. They have a worker of their own, so that no slow job makes a deadline late.
pub fn timers(store: Store) -> Worker {
    Worker::new(store).on(prompts::timers::Expire).on(prompts::timers::Remind)
}

/// The documented routes.
pub fn http(state: State) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(list_documents::list_documents))
        .routes(routes!(show_document::show_document))
        .routes(routes!(document_content::view_document))
        .routes(routes!(document_content::download_document))
        .routes(routes!(read_evidence::read_evidence))
        .routes(routes!(list_fulfilments::list_fulfilments))
        .routes(routes!(list_requests::list_requests))
        .routes(routes!(read_request::read_request))
        .routes(routes!(list_matches::list_matches))
        .routes(routes!(list_models::list_models))
        .routes(routes!(read_model::read_model))
        .routes(routes!(read_gate::read_gate))
        .routes(routes!(list_packets::list_packets))
        .routes(routes!(read_packet::read_packet))
        .routes(routes!(read_packet::download_packet))
        .routes(routes!(packet_keys::packet_keys))
        .routes(routes!(read_costs::list_costs))
        .routes(routes!(read_costs::download_costs))
        .routes(routes!(list_prompts::list_prompts))
        .routes(routes!(read_prompt::read_prompt))
        .route("/api/v1/documents", get(list_documents::list_documents))
        .route("/api/v1/documents/{id}", get(show_document::show_document))
        .route("/api/v1/documents/{id}/view", get(document_content::view_document))
        .route("/api/v1/documents/{id}/download", get(document_content::download_document))
        .with_state(state)
}
