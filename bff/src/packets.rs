//! Proof packets and cost documentation: asking for them, looking at them, and fetching their files.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::evidence::{DocumentCosts, DraftPacket, RetryPacket};
use shared_events::{PacketId, ProofRequestId, Service, ids};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::{Ask, Nothing};
use crate::proof::PROVERS;
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(packet))
        .routes(routes!(retry))
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(download))
        .routes(routes!(keys))
        .routes(routes!(document_costs))
        .routes(routes!(list_costs))
        .routes(routes!(download_costs))
}

/// Makes a packet: a draft as long as no money has arrived; then what has happened since the last sealed one, as an addendum. When nothing
/// has happened since the last one, draft or sealed, it is that one: the command's outcome names it, and the id of this answer leads to it.
#[utoipa::path(post, path = "/api/v1/evidence/requests/{id}/packet", operation_id = "draft_packet", tag = "evidence",
    params(("id" = Uuid, Path, description = "The request")), request_body = Option<Nothing>, security(("bearer" = [])), responses(Answers))]
async fn packet(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    let packet_id = PacketId(ids::derive(&["packet on demand", &ask.ticket.id.to_string()]));
    let answer_ids = Ids::from([("packet_id", packet_id.to_string()), ("request_id", id.to_string())]);
    let command = DraftPacket { packet_id, request_id: ProofRequestId(id) };
    app.send(&ask.caller, ask.ticket, &command, answer_ids).await
}

/// Tries once more to seal a packet that failed, after whatever was in its way is gone.
#[utoipa::path(post, path = "/api/v1/evidence/packets/{id}/retry", operation_id = "retry_packet", tag = "evidence",
    params(("id" = Uuid, Path, description = "The packet")), request_body = Option<Nothing>, security(("bearer" = [])), responses(Answers))]
async fn retry(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    let command = RetryPacket { packet_id: PacketId(id) };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("packet_id", id.to_string())])).await
}

/// Proof packets, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/packets", operation_id = "list_packets", tag = "evidence",
    params(Page,
        ("request_id" = Option<Uuid>, Query, description = "Only those of this request"),
        ("draft" = Option<bool>, Query, description = "Only drafts, or only sealed ones"),
        ("state" = Option<String>, Query, description = "Only `sealing`, `ready` or `failed` ones")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// One proof packet.
#[utoipa::path(get, path = "/api/v1/evidence/packets/{id}", operation_id = "read_packet", tag = "evidence",
    params(("id" = Uuid, Path, description = "The packet")),
    security(("bearer" = [])), responses((status = 200, description = "The packet", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// The file of a packet: a ZIP that `recoup verify` checks. Parts of it can be asked for.
#[utoipa::path(get, path = "/api/v1/evidence/packets/{id}/download", operation_id = "download_packet", tag = "evidence",
    params(("id" = Uuid, Path, description = "The packet"), ("range" = Option<String>, Header, description = "A part: `bytes=0-1023`")),
    security(("bearer" = [])), responses(
        (status = 200, description = "The file", content_type = "application/zip"),
        (status = 206, description = "The part that was asked for", content_type = "application/zip"),
        (status = 409, description = "It is still being sealed, or could not be", body = service_kit::problem::Body, content_type = "application/problem+json"),
        (status = 416, description = "The file has no such part")))]
async fn download(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer_part(&caller, &uri, &headers).await
}

/// The public keys that packets are checked with: `recoup verify --key` takes this answer as a file.
#[utoipa::path(get, path = "/api/v1/evidence/packet-keys", operation_id = "list_packet_keys", tag = "evidence",
    security(("bearer" = [])), responses((status = 200, description = "The keys", body = serde_json::Value)))]
async fn keys(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// Makes the cost documentation of a request from its matched invoices. The same invoices give the same document.
#[utoipa::path(post, path = "/api/v1/evidence/requests/{id}/cost-document", operation_id = "document_costs", tag = "evidence",
    params(("id" = Uuid, Path, description = "The request")), request_body = Option<Nothing>, security(("bearer" = [])), responses(Answers))]
async fn document_costs(
    State(app): State<Shared>,
    Path(id): Path<Uuid>,
    ask: Ask<Nothing>,
) -> Result<Response, Problem> {
    ask.caller.require(&PROVERS)?;
    let command = DocumentCosts { request_id: ProofRequestId(id) };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("request_id", id.to_string())])).await
}

/// Cost documentation of a request, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/requests/{id}/cost-documents", operation_id = "list_cost_documents", tag = "evidence",
    params(("id" = Uuid, Path, description = "The request")),
    security(("bearer" = [])), responses((status = 200, description = "What there is", body = serde_json::Value)))]
async fn list_costs(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// A cost documentation as PDF.
#[utoipa::path(get, path = "/api/v1/evidence/cost-documents/{id}/download", operation_id = "download_cost_document", tag = "evidence",
    params(("id" = Uuid, Path, description = "The cost documentation")),
    security(("bearer" = [])), responses((status = 200, description = "The PDF", content_type = "application/pdf")))]
async fn download_costs(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}
