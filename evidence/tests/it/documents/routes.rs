//! Documents over HTTP: who sees them, signed links, ranges.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::TimeDelta;
use serde_json::Value;
use service_kit::auth::{Claims, Role, Verifier, mint};
use service_kit::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use service_kit::health::Health;
use service_kit::http::Server;
use service_kit::sealed::sha256;
use shared_events::DocumentId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

use super::bed::{Bed, OLD_KEY, pdf, tenant};

fn env() -> Env {
    Env::of([
        ("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("DOCUMENT_MASTER_KEYS", OLD_KEY),
        ("PACKET_SIGNING_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("DOCUMENT_LINK_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ])
}

fn app(bed: &Bed) -> Router {
    let env = env();
    let edge = EdgeConfig::read_for(&mut Reader::new(&env), "evidence").unwrap();
    let verifier = Arc::new(Verifier::new(&load(&env).unwrap()).unwrap());
    let state =
        evidence::State { store: bed.store.clone(), config: Arc::new(load(&env).unwrap()), files: bed.files.clone() };
    Server::new(Health::new("evidence"), edge, verifier).app(evidence::http(state), Router::new())
}

fn token(tenant: &str, role: Role, partner: Option<&str>) -> String {
    let claims =
        Claims { sub: "someone".into(), tenant: tenant.into(), roles: vec![role], partner: partner.map(str::to_owned) };
    mint(&load::<AuthConfig>(&env()).unwrap(), &claims, 60).unwrap()
}

struct Asked {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Asked {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(app: &Router, path: &str, token: Option<&str>, range: Option<&str>) -> Asked {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(range) = range {
        request = request.header(header::RANGE, range);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
    Asked { status, headers, body }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn staff_sees_all_a_partner_its_own_and_another_tenant_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (ours, theirs) = (bed.upload(&pdf("a"), Some("p1")).await, bed.upload(&pdf("b"), Some("p2")).await);
    let app = app(&bed);
    let listed = async |token: &str| {
        let page = ask(&app, "/api/documents", Some(token), None).await;
        let mut ids: Vec<String> = page.json()["documents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|document| document["document_id"].as_str().unwrap().to_owned())
            .collect();
        ids.reverse();
        ids
    };
    for role in [Role::Operator, Role::Seller] {
        assert_eq!(listed(&token("demo", role, None)).await, [ours.to_string(), theirs.to_string()]);
    }
    let partner = token("demo", Role::Partner, Some("p1"));
    assert_eq!(listed(&partner).await, [ours.to_string()]);
    let stranger = token("other", Role::Admin, None);
    assert!(listed(&stranger).await.is_empty());
    for path in ["", "/view", "/download"] {
        let own = format!("/api/documents/{ours}{path}");
        assert_eq!(ask(&app, &own, Some(&partner), None).await.status, 200, "{own}");
        assert_eq!(ask(&app, &own, Some(&stranger), None).await.status, 404, "{own}");
        let other = format!("/api/v1/documents/{theirs}{path}");
        assert_eq!(ask(&app, &other, Some(&partner), None).await.status, 404, "{other}");
        assert_eq!(ask(&app, &own, None, None).await.status, 401, "{own}");
        let customer = token("demo", Role::Customer, None);
        assert_eq!(ask(&app, &own, Some(&customer), None).await.status, 403, "{own}");
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn who_takes_json_gets_a_link_instead_of_the_bytes(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let content = pdf("a");
    let id = bed.upload(&content, Some("p1")).await;
    let app = app(&bed);
    let taking = async |path: &str, accept: &str, token: &str| {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header(header::ACCEPT, accept).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    };
    let seller = token("demo", Role::Seller, None);
    for showing in ["view", "download"] {
        let path = format!("/api/documents/{id}/{showing}");
        let (status, body) = taking(&path, "application/json", &seller).await;
        let link: Value = serde_json::from_slice(&body).unwrap();
        let url = link["url"].as_str().unwrap();
        assert_eq!(status, 200);
        assert!(url.starts_with(&path) && link["expires_at"].is_string(), "{link}");
        assert_eq!(ask(&app, url, None, None).await.body, content, "it opens without a token");
        // Whoever takes anything gets the bytes.
        for accept in ["*/*", "application/json, text/plain, */*", "application/pdf"] {
            assert_eq!(taking(&path, accept, &seller).await.1, content, "{accept}");
        }
        let stranger = token("other", Role::Admin, None);
        assert_eq!(taking(&path, "application/json", &stranger).await.0, 404);
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_list_goes_on_where_it_ended(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    for text in ["a", "b", "c"] {
        bed.upload(&pdf(text), None).await;
    }
    let (app, token) = (app(&bed), token("demo", Role::Admin, None));
    let mut path = "/api/documents?limit=2".to_owned();
    let mut sizes = vec![];
    loop {
        let page = ask(&app, &path, Some(&token), None).await.json();
        sizes.push(page["documents"].as_array().unwrap().len());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/documents?limit=2&cursor={cursor}");
    }
    assert_eq!(sizes, [2, 1]);
    assert_eq!(ask(&app, "/api/documents?limit=0", Some(&token), None).await.status, 422);
    assert_eq!(ask(&app, "/api/documents?state=lost", Some(&token), None).await.status, 422);
    assert_eq!(
        ask(&app, "/api/documents?state=parsed", Some(&token), None).await.json()["documents"],
        serde_json::json!([])
    );
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn any_part_of_a_document_can_be_had(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let content = pdf(&"0123456789".repeat(20_000));
    let id = bed.upload(&content, None).await;
    let (app, token) = (app(&bed), token("demo", Role::Admin, None));
    let path = format!("/api/documents/{id}/download");
    let whole = ask(&app, &path, Some(&token), None).await;
    assert_eq!((whole.status.as_u16(), &whole.body), (200, &content));
    assert_eq!(whole.header(header::CONTENT_TYPE), "application/pdf");
    assert_eq!(whole.header(header::CONTENT_LENGTH), content.len().to_string());
    assert_eq!(whole.header(header::ETAG), format!("\"{}\"", sha256(&content)));
    assert_eq!(whole.header(header::ACCEPT_RANGES), "bytes");
    assert_eq!(whole.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(whole.header(header::CONTENT_DISPOSITION).starts_with("attachment; filename=\"invoice.pdf\""));
    let size = content.len();
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=65530-65540", 65_530..65_541),
        ("bytes=131072-", 131_072..size),
        ("bytes=-5", size - 5..size),
    ] {
        let asked = ask(&app, &path, Some(&token), Some(range)).await;
        assert_eq!((asked.status.as_u16(), asked.body.as_slice()), (206, &content[part.clone()]), "{range}");
        let said = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        assert_eq!(asked.header(header::CONTENT_RANGE), said, "{range}");
    }
    let beyond = ask(&app, &path, Some(&token), Some(&format!("bytes={size}-"))).await;
    assert_eq!(
        (beyond.status.as_u16(), beyond.header(header::CONTENT_RANGE)),
        (416, format!("bytes */{size}").as_str())
    );
    let view = ask(&app, &path.replace("download", "view"), Some(&token), None).await;
    assert!(view.header(header::CONTENT_DISPOSITION).starts_with("inline;"));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_signed_link_opens_its_document_for_a_while(pool: PgPoolOptions, options: PgConnectOptions) {
    let mut bed = Bed::new(pool, options).await;
    let (id, second) = (bed.upload(&pdf("a"), None).await, bed.upload(&pdf("b"), None).await);
    let (app, token) = (app(&bed), token("demo", Role::Admin, None));
    let links = ask(&app, &format!("/api/documents/{id}"), Some(&token), None).await.json()["links"].clone();
    let (view, download) = (links["view"].as_str().unwrap(), links["download"].as_str().unwrap());
    for link in [view.to_owned(), download.to_owned(), view.replace("/api/", "/api/v1/")] {
        let opened = ask(&app, &link, None, Some("bytes=0-3")).await;
        assert_eq!((opened.status.as_u16(), opened.body.as_slice()), (206, &b"%PDF"[..]), "{link}");
    }
    for forged in [
        view.replace("/view", "/download"),
        view.replace(&id.to_string(), &second.to_string()),
        view.replace("tenant=demo", "tenant=other"),
        view.replace("expires=1", "expires=2"),
        view.split("&signature").next().unwrap().to_owned() + "&signature=00",
    ] {
        assert_eq!(ask(&app, &forged, None, None).await.status, 403, "{forged}");
    }
    // The same id under another tenant that knows the bytes too: its link does not open ours.
    bed.tenant = tenant("other");
    bed.upload(&pdf("a"), None).await;
    let foreign = view.replace("tenant=demo", "tenant=other");
    assert_eq!(ask(&app, &foreign, None, None).await.status, 403);
    bed.clock.advance(TimeDelta::minutes(16));
    assert_eq!(ask(&app, view, None, None).await.status, 403);
    assert_eq!(ask(&app, &format!("/api/documents/{id}/view"), None, None).await.status, 401);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_looks_hostile_or_is_gone_is_not_shown(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (hostile, gone) = (bed.upload(&pdf("a"), None).await, bed.upload(&pdf("b"), None).await);
    let (app, manager, operator) = (app(&bed), token("demo", Role::Manager, None), token("demo", Role::Operator, None));
    let link =
        ask(&app, &format!("/api/documents/{hostile}"), Some(&manager), None).await.json()["links"]["download"].clone();
    let mut work = bed.work().await;
    sqlx::query("UPDATE documents SET state = 'quarantined' WHERE id = $1")
        .bind(hostile.0)
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
    bed.delete(gone).await.unwrap();
    let status = async |id: DocumentId, way: &str, token: &str| {
        ask(&app, &format!("/api/documents/{id}{way}"), Some(token), None).await.status.as_u16()
    };
    assert_eq!(status(hostile, "/view", &manager).await, 409);
    assert_eq!(status(hostile, "/download", &manager).await, 200);
    assert_eq!(status(hostile, "/download", &operator).await, 409);
    assert_eq!(ask(&app, link.as_str().unwrap(), None, None).await.status, 409);
    assert_eq!(status(gone, "/view", &manager).await, 404);
    let shown = ask(&app, &format!("/api/documents/{gone}"), Some(&manager), None).await.json();
    assert_eq!((shown["state"].as_str(), shown["links"].is_null()), (Some("deleted"), true));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn text_is_shown_as_text_and_runs_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let xml = b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>";
    let id = bed.upload(xml, None).await;
    let (app, token) = (app(&bed), token("demo", Role::Admin, None));
    let view = ask(&app, &format!("/api/documents/{id}/view"), Some(&token), None).await;
    assert_eq!(view.header(header::CONTENT_TYPE), "text/plain; charset=utf-8");
    assert!(view.header(header::CONTENT_SECURITY_POLICY).contains("sandbox"));
    let file = ask(&app, &format!("/api/documents/{id}/download"), Some(&token), None).await;
    assert_eq!(file.header(header::CONTENT_TYPE), "application/xml");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_submission_tells_what_became_of_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = bed.link("http://inside.example/x").await;
    bed.run_jobs().await;
    let app = app(&bed);
    let path = format!("/api/v1/evidence/{id}");
    let shown = ask(&app, &path, Some(&token("demo", Role::Seller, None)), None).await.json();
    assert_eq!((shown["state"].as_str(), shown["code"].as_str()), (Some("rejected"), Some("private_address")));
    assert_eq!(ask(&app, &path, Some(&token("other", Role::Admin, None)), None).await.status, 404);
    assert_eq!(ask(&app, &path, Some(&token("demo", Role::Partner, Some("p1"))), None).await.status, 404);
}
