//! Reading the form piece by piece.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures::TryStreamExt;
use multer::{Constraints, Field, Multipart, SizeLimit};
use providers::files::{Intake, LARGEST, Refused, plain_name};
use service_kit::auth::Caller;
use service_kit::http::parse_json;
use service_kit::problem::Problem;

use super::{MOST_METADATA, Said, check_length, refused};
use crate::app::App;

/// What a form may hold beside the file: the other fields, and what parts them.
const BESIDE: u64 = 64 * 1024;

/// A form, with a file that is taken in but not yet in the store.
pub(super) struct Sent {
    pub said: Said,
    pub intake: Intake,
    pub file_name: Option<String>,
}

/// Whether the body is a form, as far as its header says.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|text| text.to_ascii_lowercase().starts_with("multipart/"))
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// Reads a form. Whatever is wrong with it, nothing is left in the store.
pub(super) async fn read(app: &App, caller: &Caller, headers: &HeaderMap, body: Body) -> Result<Sent, Problem> {
    let boundary = content_type(headers).and_then(|text| multer::parse_boundary(text).ok());
    let boundary =
        boundary.ok_or_else(|| Problem::bad_request("send the form as multipart/form-data, with its boundary"))?;
    check_length(headers, LARGEST + BESIDE)?;
    let limits =
        SizeLimit::new().whole_stream(LARGEST + BESIDE).per_field(MOST_METADATA as u64).for_field("file", u64::MAX);
    let mut stream = body.into_data_stream().map_err(std::io::Error::other);
    let mut form = Multipart::with_constraints(&mut stream, boundary, Constraints::new().size_limit(limits));
    let (mut said, mut file) = (Said::default(), None);
    let mut seen: Vec<String> = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|error| unreadable(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        if seen.contains(&name) {
            return Err(Problem::invalid_field(&name, "is there twice"));
        }
        match name.as_str() {
            "file" => file = Some(take_in(app, caller, field).await?),
            "campaign_id" => said.campaign_id = text(field).await?,
            "evidence_type" => said.evidence_type = text(field).await?,
            "request_id" => {
                let parsed = text(field).await?.map(|text| text.parse()).transpose();
                said.request_id = parsed.map_err(|_| Problem::invalid_field("request_id", "must be a UUID"))?;
            }
            "metadata" => {
                let parsed = text(field).await?.map(|text| parse_json(text.as_bytes())).transpose();
                said.metadata = parsed.map_err(|_| Problem::invalid_field("metadata", "must be an object in JSON"))?;
            }
            _ => return Err(Problem::invalid_field(&printable(&name), "is no field of this form")),
        }
        seen.push(name);
    }
    drop(form);
    // The form has ended, which does not mean that the body has: one that is shorter than announced is not believed.
    while stream.try_next().await.map_err(|_| broken())?.is_some() {}
    let (intake, file_name) = file.ok_or_else(|| Problem::invalid_field("file", "is missing"))?;
    Ok(Sent { said, intake, file_name })
}

async fn take_in(app: &App, caller: &Caller, mut field: Field<'_>) -> Result<(Intake, Option<String>), Problem> {
    // Before the first byte is taken. Nobody who means well sends a path, and a part of it may not be what the sender takes it for.
    if field.file_name().is_some_and(is_path) {
        return Err(Problem::invalid_field("file", "must have a name without a path").code("bad_file_name"));
    }
    let name = field.file_name().and_then(plain_name);
    let mut intake = app.files.intake(&caller.tenant);
    while let Some(piece) = field.chunk().await.map_err(|error| unreadable(&error))? {
        intake.push(&piece).await.map_err(refused)?;
    }
    Ok((intake, name))
}

/// Whether a name says where a file is, or is to be.
fn is_path(name: &str) -> bool {
    name.contains(['/', '\\', '\0']) || matches!(name.trim(), "." | "..")
}

/// The text of a field; none when it was left empty, as browsers send it.
async fn text(field: Field<'_>) -> Result<Option<String>, Problem> {
    let name = field.name().unwrap_or_default().to_owned();
    let bytes = field.bytes().await.map_err(|error| unreadable(&error))?;
    let text = std::str::from_utf8(&bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| Problem::invalid_field(&name, "must be text in UTF-8"))?.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn unreadable(error: &multer::Error) -> Problem {
    match error {
        multer::Error::StreamSizeExceeded { .. } => refused(Refused::TooLarge),
        multer::Error::FieldSizeExceeded { field_name, .. } => {
            let name = printable(field_name.as_deref().unwrap_or_default());
            Problem::too_large(format!("the field {name} is longer than 16 kB"))
        }
        error => {
            tracing::debug!(%error, "a form cannot be read");
            broken()
        }
    }
}

fn broken() -> Problem {
    Problem::bad_request("the form is not valid multipart/form-data, or it broke off")
}

/// A name as it may stand in an answer.
fn printable(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(64).collect()
}
