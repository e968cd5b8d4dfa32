//! Files that are named by an address are fetched, or the submission ends as rejected with the reason.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use chrono::TimeDelta;
use service_kit::sealed::sha256;
use shared_events::DocumentId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::TcpListener;

use super::bed::{Bed, pdf};

async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new()
        .route("/photo.pdf", get(|| async { pdf("fetched") }))
        .route(
            "/inside",
            get(move || async move { Redirect::temporary(&format!("http://inside.example:{port}/photo.pdf")) }),
        )
        .route("/words", get(|| async { "just some words" }))
        .route("/empty", get(|| async { "" }))
        .route("/dtd", get(|| async { "<?xml version='1.0'?><!DOCTYPE a><a/>" }))
        .route("/huge", get(|| async { pdf(&"x".repeat(26 * 1024 * 1024)) }))
        .route("/busy", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/gone", get(|| async { StatusCode::GONE }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://files.example:{port}")
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_file_is_fetched_and_becomes_a_document(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, server) = (Bed::new(pool, options).await, server().await);
    let evidence = bed.link(&format!("{server}/photo.pdf")).await;
    assert_eq!(bed.outcome(evidence).await, ("fetching".into(), None));
    bed.run_jobs().await;
    assert_eq!(bed.outcome(evidence).await, ("received".into(), None));
    let id = DocumentId::of(&bed.tenant, &sha256(&pdf("fetched")));
    assert_eq!(bed.content(id).await, pdf("fetched"));
    let said = bed.said().await;
    let last = said.last().unwrap();
    assert_eq!((last.0.as_str(), &last.1["document_id"]), ("evidence.evidence_registered.v1", &id.to_string().into()));
    // The same file by the same way again: the same document, and no second object.
    let again = bed.link(&format!("{server}/photo.pdf")).await;
    bed.run_jobs().await;
    assert_eq!((bed.outcome(again).await.0.as_str(), bed.objects()), ("received", 1));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_may_not_be_fetched_ends_as_rejected_with_the_reason(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, server) = (Bed::new(pool, options).await, server().await);
    let cases = [
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "private_address"),
        ("http://inside.example/x".to_owned(), "private_address"),
        (format!("{server}/inside"), "private_address"),
        ("ftp://files.example/x".to_owned(), "scheme_not_allowed"),
        (format!("{server}/words"), "unsupported_media_type"),
        (format!("{server}/empty"), "empty_file"),
        (format!("{server}/dtd"), "document_type_declared"),
        (format!("{server}/huge"), "too_large"),
        (format!("{server}/gone"), "not_served"),
    ];
    for (url, reason) in cases {
        let evidence = bed.link(&url).await;
        bed.run_jobs().await;
        assert_eq!(bed.outcome(evidence).await, ("rejected".into(), Some(reason.into())), "{url}");
        let (kind, data) = bed.said().await.pop().unwrap();
        assert_eq!((kind.as_str(), &data["code"]), ("evidence.evidence_rejected.v1", &reason.into()), "{url}");
        assert_eq!(bed.objects(), 0, "{url}");
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_address_that_does_not_answer_is_tried_again_and_then_given_up(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (bed, server) = (Bed::new(pool, options).await, server().await);
    let evidence = bed.link(&format!("{server}/busy")).await;
    for _ in 0..5 {
        bed.run_jobs().await;
        assert_eq!(bed.outcome(evidence).await.0, "fetching");
        bed.clock.advance(TimeDelta::minutes(5));
    }
    bed.run_jobs().await;
    assert_eq!(bed.outcome(evidence).await, ("rejected".into(), Some("fetch_failed".into())));
}
