//! Evidence comes in: as a file, streamed to the object store while it is counted, recognised, hashed and encrypted, or as an address that
//! the evidence service fetches it from.

mod form;

use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use providers::files::Refused;
use providers::objects::ObjectKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::auth::{Caller, Role};
use service_kit::faults;
use service_kit::problem::Problem;
use shared_events::evidence::{EvidenceSource, RegisterEvidence, StoredFile};
use shared_events::{CampaignId, DocumentId, EvidenceId, PartnerId, ProofRequestId, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::{App, Shared};
use crate::ask::{self, Ask, Body, Ticket};
use crate::checks;
use crate::send::{Answers, Ids};

/// Path of the route; it may take longer than others.
pub const PATH: &str = "/api/v1/evidence/upload";
/// Who may send evidence.
const SENDERS: [Role; 5] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller, Role::Partner];
/// Longest address of a file.
const LONGEST_URL: usize = 2_048;
/// Most bytes of metadata.
const MOST_METADATA: usize = 16 * 1024;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(upload))
}

/// What is said of a file.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Said {
    campaign_id: Option<String>,
    request_id: Option<Uuid>,
    evidence_type: Option<String>,
    metadata: Option<Value>,
}

/// Evidence that lies at an address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"campaign_id": "camp123", "evidence_type": "photo", "file_url": "https://example.com/photo.jpg", "metadata": {"description": "Product photo"}}))]
struct Linked {
    /// The campaign that it is evidence for: its id or its code.
    #[serde(default)]
    campaign_id: Option<String>,
    /// The request for proof that it is meant for.
    #[serde(default)]
    request_id: Option<Uuid>,
    /// What it is, in your words: `photo`, `supplier_invoice`, ...; `document` unless said.
    #[serde(default)]
    evidence_type: Option<String>,
    /// Where the file is; https://.
    file_url: String,
    /// What else there is to say, an object.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

impl Body for Linked {}

/// Evidence that is sent as a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never made: the form is read in pieces")]
struct Form {
    /// PDF, PNG, JPEG, TIFF, XML, CSV or e-mail; at most 25 MB.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The campaign that it is evidence for: its id or its code.
    campaign_id: Option<String>,
    /// The request for proof that it is meant for.
    request_id: Option<Uuid>,
    /// What it is, in your words; `document` unless said.
    evidence_type: Option<String>,
    /// What else there is to say, an object in JSON.
    metadata: Option<String>,
}

/// Sends evidence: a file, or the address of one.
#[utoipa::path(post, path = PATH, operation_id = "upload_evidence", tag = "evidence",
    request_body(content((Form = "multipart/form-data"), (Linked = "application/json"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and content are the same command"),
        ("Prefer" = Option<String>, Header, description = "wait=N answers with the outcome, after at most N (10) seconds", example = "wait=5")),
    security(("bearer" = [])), responses(Answers))]
async fn upload(State(app): State<Shared>, request: Request) -> Result<Response, Problem> {
    if !form::is_form(request.headers()) {
        let Ask { caller, body, ticket } = Ask::<Linked>::from_request(request, &app).await?;
        return from_address(&app, &caller, body, ticket).await;
    }
    let (mut parts, body) = request.into_parts();
    let caller = <Caller as axum::extract::FromRequestParts<Shared>>::from_request_parts(&mut parts, &app).await?;
    let route = format!("{} {}", parts.method, parts.uri.path());
    from_form(&app, &caller, &route, &parts.headers, body).await
}

async fn from_address(app: &App, caller: &Caller, body: Linked, ticket: Ticket) -> Result<Response, Problem> {
    caller.require(&SENDERS)?;
    let Linked { campaign_id, request_id, evidence_type, file_url, metadata } = body;
    let address = reqwest::Url::parse(&file_url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let fits = address.is_some_and(|url| url.host().is_some() && url.username().is_empty() && url.password().is_none());
    if !fits || file_url.len() > LONGEST_URL {
        return Err(Problem::invalid_field("file_url", "must be an https:// address without user name and password"));
    }
    let said = Said { campaign_id, request_id, evidence_type, metadata };
    let command = said.command(caller, &ticket, EvidenceSource::Url(file_url))?;
    let answer_ids = Ids::from([("evidence_id", command.evidence_id.to_string())]);
    app.send(caller, ticket, &command, answer_ids).await
}

async fn from_form(
    app: &App,
    caller: &Caller,
    route: &str,
    headers: &HeaderMap,
    body: HttpBody,
) -> Result<Response, Problem> {
    caller.require(&SENDERS)?;
    // Whatever can be refused is refused before a byte is read.
    let ticket = ask::ticket(caller, route, headers, String::new())?;
    let form::Sent { said, intake, file_name } = form::read(app, caller, headers, body).await?;
    said.check()?;
    // From here on the file is in the store: what is refused after this has to take it out again.
    let file = intake.finish(file_name).await.map_err(refused)?;
    faults::point("upload.stored");
    let ticket = Ticket { digest: digest(app, &said, &file), ..ticket };
    if let Err(problem) = app.check_reuse(caller, &ticket, shared_events::Service::Evidence).await {
        discard(app, &file).await;
        return Err(problem);
    }
    if app.is_handled(caller, &ticket, shared_events::Service::Evidence).await {
        // A repeat of what is done: the file of the first time is kept.
        discard(app, &file).await;
    }
    let document_id = DocumentId::of(&caller.tenant, &file.sha256);
    let command = said.command(caller, &ticket, EvidenceSource::File(file))?;
    let answer_ids =
        Ids::from([("evidence_id", command.evidence_id.to_string()), ("document_id", document_id.to_string())]);
    app.send(caller, ticket, &command, answer_ids).await
}

impl Said {
    fn check(&self) -> Result<(), Problem> {
        if let Some(campaign) = &self.campaign_id {
            checks::text("campaign_id", campaign, 128)?;
        }
        if let Some(kind) = &self.evidence_type {
            checks::code("evidence_type", kind)?;
        }
        let Some(metadata) = &self.metadata else { return Ok(()) };
        if !metadata.is_object() {
            return Err(Problem::invalid_field("metadata", "must be an object"));
        }
        if metadata.to_string().len() > MOST_METADATA {
            return Err(Problem::invalid_field("metadata", "must not have more than 16 kB"));
        }
        Ok(())
    }

    fn command(self, caller: &Caller, ticket: &Ticket, source: EvidenceSource) -> Result<RegisterEvidence, Problem> {
        self.check()?;
        Ok(RegisterEvidence {
            evidence_id: EvidenceId(ids::derive(&["evidence", &ticket.id.to_string()])),
            source,
            campaign_id: self.campaign_id.map(|campaign| CampaignId::resolve(&caller.tenant, &campaign)),
            request_id: self.request_id.map(ProofRequestId),
            evidence_type: self.evidence_type.unwrap_or_else(|| "document".to_owned()),
            metadata: self.metadata.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            partner: sender(caller)?,
            submitted_by: caller.subject.clone(),
        })
    }
}

/// Whose evidence it is: nobody's in particular when staff or a seller sends it.
fn sender(caller: &Caller) -> Result<Option<PartnerId>, Problem> {
    if caller.is_staff() || caller.has_any(&[Role::Seller]) { Ok(None) } else { caller.partner_filter(None) }
}

/// Tells equal uploads: the bytes, and what is said of them.
fn digest(app: &App, said: &Said, file: &StoredFile) -> String {
    let told = serde_json::to_string(said).unwrap_or_default();
    let name = file.file_name.as_deref().unwrap_or_default();
    app.account_key.digest(format!("upload\n{}\n{name}\n{told}", file.sha256).as_bytes())
}

/// Takes a file out of the store again. When that fails the sweep does it an hour later.
async fn discard(app: &App, file: &StoredFile) {
    let deleted = match ObjectKey::try_new(&file.object) {
        Ok(key) => app.files.objects.delete(&key).await,
        Err(error) => Err(error),
    };
    if let Err(error) = deleted {
        tracing::warn!(%error, object = file.object, "an object that nobody needs is left to the sweep");
    }
}

/// The problem of a file that is not taken.
fn refused(refused: Refused) -> Problem {
    let text = refused.to_string();
    let code = refused.code();
    let problem = match refused {
        Refused::Empty => Problem::invalid_field("file", "is empty"),
        Refused::TooLarge => Problem::too_large(text),
        Refused::Unsupported(_) => Problem::unsupported_media_type(text),
        Refused::Hostile(_) => Problem::unprocessable(text.clone()).field("file", text),
        Refused::Store(_) => Problem::unavailable("the document store is away for the moment").caused_by(refused),
        Refused::Vault(_) => Problem::internal(refused),
    };
    match code {
        Some(code) => problem.code(code),
        None => problem,
    }
}

/// 413 when the announced length is beyond any file, before it is read.
fn check_length(headers: &HeaderMap, most: u64) -> Result<(), Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > most) { Err(refused(Refused::TooLarge)) } else { Ok(()) }
}
