//! Evidence: documents in, proof out, with a confidence that means what it says.
//!
//! This page is the table of contents: which message goes to which slice ([`messages`]), which job to which ([`worker`], [`timers`]), and
//! which path to which ([`http`]). The cores stand by themselves: [`matching`] compares records, [`reading`] reads documents.

pub mod answer_prompt;
pub mod ask_person;
pub mod byte_range;
pub mod config;
pub mod cost;
pub mod document_costs;
pub mod draft_packet;
pub mod import_labels;
pub mod labels;
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
pub mod matched;
pub mod matching;
pub mod models;
pub mod packet;
pub mod packet_config;
pub mod packet_facts;
pub mod packet_keys;
pub mod packet_row;
pub mod packet_store;
mod packet_story;
pub mod paper;
pub mod prompts;
pub mod read_costs;
pub mod read_document;
pub mod read_gate;
pub mod read_model;
pub mod read_packet;
pub mod read_prompt;
pub mod read_request;
pub mod reading;
pub mod record_outcome;
pub mod record_payout;
pub mod request_proof;
pub mod request_row;
pub mod revert_model;
pub mod seal_packet;
pub mod train_model;
pub mod train_model_job;
pub mod weigh_labels;
pub mod withdraw_request;

use std::sync::Arc;

use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::evidence::{
    AnswerPrompt, AskPerson, DocumentCosts, DraftPacket, ImportLabels, RecordOutcome, RecordPayout, RequestProof,
    RevertModel, TrainModel, WithdrawProofRequest,
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use config::Config;
use prompts::Timing;
use providers::files::Files;
use read_document::ReadDocument;
use seal_packet::SealPacket;

/// Path of the health page beside `/health/ready`.
pub const HEALTH_PATH: &str = "/api/v1/evidence/health";

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
        .on::<DocumentCosts>(document_costs::Document)
}

/// Which job runs where: those that take their time.
pub fn worker(store: Store, config: &Arc<Config>, files: &Files) -> Worker {
    Worker::new(store)
        .on(ReadDocument { program: config.reader.clone(), files: files.clone() })
        .on(match_jobs::MatchDocument { timing: config.prompts })
        .on(match_jobs::MatchRequest { timing: config.prompts })
        .on(weigh_labels::WeighLabels { retrain_after: config.retrain_after_labels })
        .on(train_model_job::TrainIt::default())
        .on(SealPacket::new(files, &config.packets))
}

/// Which timer runs where. They have a worker of their own, so that no slow job makes a deadline late.
pub fn timers(store: Store) -> Worker {
    Worker::new(store).on(prompts::timers::Expire).on(prompts::timers::Remind)
}

/// The documented routes.
pub fn http(state: State) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
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
        .with_state(state)
}
