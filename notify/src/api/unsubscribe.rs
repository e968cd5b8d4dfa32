//! Where the link in a mail leads. Looking at it changes nothing: scanners of mail look at every link.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use service_kit::http::Path;
use service_kit::problem::Problem;

use super::Api;
use crate::unsubscribe::{Link, apply};

fn page(words: &str, form: bool) -> Response {
    let form = if form { "<form method=\"post\"><button>Unsubscribe</button></form>" } else { "" };
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Unsubscribe</title><p>{words}</p>{form}</html>"
    );
    let head = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; form-action 'self'"),
    ];
    (head, html).into_response()
}

fn read(api: &Api, token: &str) -> Result<Link, Problem> {
    Link::open(&api.config.key, token).ok_or_else(Problem::not_found)
}

/// Asks whether no more mails of a kind are wanted. The link in the mail is the proof.
#[utoipa::path(get, path = "/unsubscribe/{token}", operation_id = "ask_to_unsubscribe", tag = "notifications",
    params(("token" = String, Path, description = "From the mail")), security(()),
    responses((status = 200, description = "A page with a button", body = String, content_type = "text/html")))]
pub async fn ask(State(api): State<Api>, Path(token): Path<String>) -> Result<Response, Problem> {
    let link = read(&api, &token)?;
    // The category is one of ours, so that it is safe in a page.
    Ok(page(&format!("Do you want no more mails about {}?", link.category), true))
}

/// Sends no more mails of a kind. The link in the mail is the proof; mail programs do it with one click (RFC 8058).
#[utoipa::path(post, path = "/unsubscribe/{token}", operation_id = "unsubscribe", tag = "notifications",
    params(("token" = String, Path, description = "From the mail")), security(()),
    responses((status = 200, description = "A page that says so", body = String, content_type = "text/html")))]
pub async fn unsubscribe(State(api): State<Api>, Path(token): Path<String>) -> Result<Response, Problem> {
    let link = read(&api, &token)?;
    apply(&api.store, &link).await.map_err(|_| Problem::unavailable("it cannot be written down now"))?;
    Ok(page(&format!("You get no more mails about {}.", link.category), false))
}
