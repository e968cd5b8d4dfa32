//! Uploads: what is refused leaves nothing behind, what is accepted lies in the store before the command is sent, and files pass through.

use axum::http::Method;
use futures::StreamExt;
use reqwest::RequestBuilder;
use serde_json::json;
use service_kit::auth::Role as Caller;
use service_kit::config::Role;
use service_kit::testing::Namespace;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::edge::{Edge, answer, token};

const UPLOAD: &str = "/api/v1/evidence/upload";
const BOUNDARY: &str = "part-of-a-test";

/// One field of a form: name, file name, content.
type Field<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn form(fields: &[Field<'_>]) -> Vec<u8> {
    let mut body = vec![];
    for (name, file_name, content) in fields {
        let file = file_name.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn post(edge: &Edge, token: &str, body: Vec<u8>) -> RequestBuilder {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    edge.request(Method::POST, UPLOAD).bearer_auth(token).header("content-type", kind).body(body)
}

/// How many files are in the store, finished or not.
fn objects(edge: &Edge) -> usize {
    let count = |folder: &str| std::fs::read_dir(edge.objects.join(folder)).map_or(0, Iterator::count);
    count("documents") + count(".unfinished")
}

fn pdf(size: usize) -> Vec<u8> {
    let mut content = b"%PDF-1.7\n".to_vec();
    content.resize(size.max(9), b'x');
    content
}

#[tokio::test]
async fn bad_uploads_are_refused_and_nothing_is_stored() {
    let edge = Edge::without_broker().await;
    let partner = token("user123", Caller::Partner);
    let (good, huge, decimal) = (pdf(100_000), pdf(26 * 1024 * 1024), pdf(26_000_000));
    let file = |content| ("file", Some("a.pdf"), content);
    let named = |name| form(&[("file", Some(name), good.as_slice())]);
    let cases: [(&str, Vec<u8>, u16, &str); 19] = [
        ("0 bytes", form(&[file(&b""[..])]), 422, "empty_file"),
        ("a PDF that is a ZIP", form(&[file(&b"PK\x03\x04 and so on"[..])]), 415, "unsupported_media_type"),
        ("words", form(&[file(&b"just some words"[..])]), 415, "unsupported_media_type"),
        (
            "XML with a DTD",
            form(&[file(&b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"[..])]),
            422,
            "document_type_declared",
        ),
        ("26 MB", form(&[file(&huge)]), 413, "too_large"),
        ("26 decimal MB", form(&[file(&decimal)]), 413, "too_large"),
        ("a name with folders", named("../../secret/invoice.pdf"), 422, "bad_file_name"),
        ("a name with a drive", named(r"C:\\secret\\invoice.pdf"), 422, "bad_file_name"),
        ("a name that is a folder", named(".."), 422, "bad_file_name"),
        ("a name from the root", named("/etc/passwd"), 422, "bad_file_name"),
        ("no file", form(&[("evidence_type", None, b"photo")]), 422, ""),
        ("two files", form(&[file(&good), file(&good)]), 422, ""),
        ("a field of no meaning", form(&[file(&good), ("surprise", None, b"x")]), 422, ""),
        ("metadata that are none", form(&[file(&good), ("metadata", None, b"[1]")]), 422, ""),
        ("metadata without end", form(&[file(&good), ("metadata", None, &[b'x'; 20_000])]), 413, ""),
        ("a request that is no id", form(&[file(&good), ("request_id", None, b"x")]), 422, ""),
        ("a type with a path", form(&[file(&good), ("evidence_type", None, b"../x")]), 422, ""),
        ("no form at all", b"nonsense".to_vec(), 400, ""),
        ("a form that breaks off", form(&[file(&good)])[..50_000].to_vec(), 400, ""),
    ];
    for (what, body, status, code) in cases {
        let (got, headers, problem) = answer(post(&edge, &partner, body)).await;
        assert_eq!(got, status, "{what}: {problem}");
        assert_eq!(headers["content-type"], "application/problem+json", "{what}");
        if !code.is_empty() {
            assert_eq!(problem["code"], code, "{what}: {problem}");
        }
        assert_eq!(objects(&edge), 0, "{what}");
    }
    let unbounded =
        edge.request(Method::POST, UPLOAD).bearer_auth(&partner).header("content-type", "multipart/form-data");
    assert_eq!(answer(unbounded.body("x")).await.0, 400);
    assert_eq!(answer(post(&edge, &token("eve", Caller::Customer), form(&[file(&good)]))).await.0, 403);
    assert_eq!(answer(edge.request(Method::POST, UPLOAD).body("x")).await.0, 401);
    let plain = edge.request(Method::POST, UPLOAD).bearer_auth(&partner).header("content-type", "text/plain");
    assert_eq!(answer(plain.body("x")).await.0, 415);
    assert_eq!(objects(&edge), 0);
}

#[tokio::test]
async fn an_upload_that_is_shorter_than_announced_or_cut_off_leaves_nothing() {
    let edge = Edge::without_broker().await;
    let partner = token("user123", Caller::Partner);
    let body = form(&[("file", Some("a.pdf"), &pdf(300_000))]);
    for (announced, sent) in [(body.len() + 1_000, body.len()), (body.len(), body.len() / 2)] {
        let address = edge.base.strip_prefix("http://").expect("an address").to_owned();
        let mut connection = tokio::net::TcpStream::connect(address).await.expect("connected");
        let head = format!(
            "POST {UPLOAD} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {partner}\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {announced}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.expect("sent");
        connection.write_all(&body[..sent]).await.expect("sent");
        connection.shutdown().await.expect("no more to come");
        let mut reply = String::new();
        // The server may close without an answer, as nobody listens to it any more.
        let _ = connection.read_to_string(&mut reply).await;
        assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 400"), "{reply}");
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while objects(&edge) > 0 {
            assert!(tokio::time::Instant::now() < deadline, "an unfinished object is left");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn bad_addresses_are_refused() {
    let edge = Edge::without_broker().await;
    let seller = token("shop", Caller::Seller);
    let linked = |url: &str| json!({"file_url": url}).to_string();
    for (body, field) in [
        (linked("ftp://example.com/a"), "file_url"),
        (linked("nonsense"), "file_url"),
        (linked("https://user:secret@example.com/a"), "file_url"),
        (linked(&format!("https://example.com/{}", "x".repeat(2_100))), "file_url"),
        (json!({"evidence_type": "photo"}).to_string(), "file_url"),
        (json!({"file_url": "https://example.com/a", "metadata": 7}).to_string(), "metadata"),
        (json!({"file_url": "https://example.com/a", "file": "x"}).to_string(), "file"),
    ] {
        let (status, _, problem) = answer(edge.post(&seller, UPLOAD, &body)).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{body}: {problem}");
    }
}

#[tokio::test]
async fn an_upload_lies_in_the_store_encrypted_and_a_repeat_is_the_same_command() {
    let namespace = Namespace::provisioned().await;
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let partner = token("user123", Caller::Partner);
    let content = pdf(6_000_000);
    let body = |content: &[u8]| {
        let fields: [Field<'_>; 4] = [
            ("campaign_id", None, b"camp123"),
            ("file", Some("invoice.pdf"), content),
            ("evidence_type", None, b"photo"),
            ("metadata", None, br#"{"description": "Product photo"}"#),
        ];
        form(&fields)
    };
    let keyed = |content: &[u8]| post(&edge, &partner, body(content)).header("idempotency-key", "k1");
    let (status, headers, first) = answer(keyed(&content)).await;
    assert_eq!(status, 202, "{first}");
    assert_eq!(headers["location"], format!("/api/v1/commands/{}", first["command_id"].as_str().expect("an id")));
    assert!(first["evidence_id"].is_string() && first["document_id"].is_string(), "{first}");
    assert_eq!(objects(&edge), 1);
    for entry in std::fs::read_dir(edge.objects.join("documents")).expect("a folder").flatten() {
        let raw = std::fs::read(entry.path()).expect("readable");
        assert!(raw.len() > content.len() && !raw.windows(20).any(|window| window == [b'x'; 20]), "plain text at rest");
    }
    // The same again, as a client does that heard no answer: the same command, so that at most one of both files is registered.
    let (status, _, again) = answer(keyed(&content)).await;
    assert_eq!(
        (status, &again["command_id"], &again["evidence_id"]),
        (202, &first["command_id"], &first["evidence_id"])
    );
    // Once the first is handled, the file of a repeat is not kept.
    let before = objects(&edge);
    let path = format!("/api/v1/commands/{}", first["command_id"].as_str().expect("an id"));
    let outcome = json!({"command_id": first["command_id"], "status": "done", "type": "x", "result": {}});
    edge.services.answer(&path, [(200, outcome)]);
    assert_eq!(answer(keyed(&content)).await.0, 202);
    assert_eq!(objects(&edge), before);
    // Other bytes under the same key are refused, and what was stored for the first stays.
    let (status, _, problem) = answer(keyed(&pdf(5_000))).await;
    assert_eq!((status, &problem["code"]), (422, &json!("idempotency_key_reused")));
    assert_eq!(objects(&edge), before);
    // The same bytes under another key are another submission of the same document.
    let (_, _, other) = answer(post(&edge, &partner, body(&content)).header("idempotency-key", "k2")).await;
    assert_eq!(other["document_id"], first["document_id"]);
    assert_ne!(other["evidence_id"], first["evidence_id"]);
}

#[tokio::test]
async fn an_address_is_passed_on_to_be_fetched() {
    let namespace = Namespace::provisioned().await;
    let edge = Edge::on(namespace.role(Role::Bff)).await;
    let body = r#"{"campaign_id": "camp123", "evidence_type": "photo", "file_url": "https://example.com/photo.jpg",
                   "metadata": {"description": "Product photo"}}"#;
    let (status, _, accepted) = answer(edge.post(&token("user123", Caller::Partner), UPLOAD, body)).await;
    assert_eq!(status, 202, "{accepted}");
    assert!(accepted["evidence_id"].is_string() && accepted["document_id"].is_null(), "{accepted}");
    let delete = edge
        .request(Method::DELETE, "/api/documents/0190163d-8694-739b-aea5-966c26f8ad91")
        .bearer_auth(token("boss", Caller::Manager));
    assert_eq!(answer(delete).await.0, 202);
    let delete = edge
        .request(Method::DELETE, "/api/v1/documents/0190163d-8694-739b-aea5-966c26f8ad91")
        .bearer_auth(token("user123", Caller::Partner));
    assert_eq!(answer(delete).await.0, 403);
}

#[tokio::test]
async fn without_a_broker_the_file_is_kept_for_the_repeat_and_swept_otherwise() {
    let edge = Edge::without_broker().await;
    let body = form(&[("file", Some("a.pdf"), &pdf(1_000))]);
    let (status, headers, _) = answer(post(&edge, &token("user123", Caller::Partner), body)).await;
    assert_eq!(status, 503);
    assert!(headers.contains_key("retry-after"));
    // The broker may have the command all the same, so its file must not go.
    assert_eq!(objects(&edge), 1);
}

#[tokio::test]
async fn files_pass_through_with_what_describes_them() {
    let edge = Edge::without_broker().await;
    let path = "/api/documents/0190163d-8694-739b-aea5-966c26f8ad91/view";
    edge.services.file(path, b"0123456789");
    let link = format!("{path}?tenant=demo&expires=1&signature=00");
    let response = edge.request(Method::GET, &link).header("range", "bytes=2-4").send().await.expect("answered");
    assert_eq!(response.status(), 206);
    for (name, value) in [
        ("content-range", "bytes 2-4/10"),
        ("etag", "\"abc\""),
        ("content-disposition", "inline; filename=\"a.pdf\""),
        ("x-content-type-options", "nosniff"),
        ("content-length", "3"),
    ] {
        assert_eq!(response.headers()[name], value, "{name}");
    }
    let mut content = vec![];
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        content.extend_from_slice(&piece.expect("whole"));
    }
    assert_eq!(content, b"234");
    let asked = edge.services.asked().pop().expect("asked");
    assert_eq!(asked.line, format!("GET {link}"));
    assert_eq!(asked.headers["range"], "bytes=2-4");
    assert!(!asked.headers.contains_key("authorization"));
}
