//! Packets over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::Value;
use service_kit::auth::{Claims, Role, Verifier, mint};
use service_kit::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use service_kit::health::Health;
use service_kit::http::Server;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;
use uuid::Uuid;

use crate::packet_bed::Bed;

fn env() -> Env {
    Env::of([("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef")])
}

pub fn app(bed: &Bed) -> Router {
    let env = env();
    let config = EdgeConfig::read_for(&mut Reader::new(&env), "evidence").unwrap();
    let verifier = Arc::new(Verifier::new(&load(&env).unwrap()).unwrap());
    Server::new(Health::new("evidence"), config, verifier).app(evidence::http(bed.state.clone()), Router::new())
}

pub fn token(tenant: &str, role: Role) -> String {
    let partner = (role == Role::Partner).then(|| "ann".to_owned());
    let claims = Claims { sub: "someone".into(), tenant: tenant.into(), roles: vec![role], partner };
    mint(&load::<AuthConfig>(&env()).unwrap(), &claims, 60).unwrap()
}

pub struct Asked {
    pub status: u16,
    headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

pub async fn get(app: &Router, path: &str, token: &str, range: Option<&str>) -> Asked {
    let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap().to_vec();
    Asked { status, headers, bytes }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_packet_is_downloaded_whole_and_in_parts(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 24_580, "RMB-1").await.unwrap();
    bed.drain().await;
    let (app, packet) = (app(&bed), bed.packets().await[0]);
    let seller = token("demo", Role::Seller);
    let path = format!("/api/v1/evidence/packets/{packet}/download");
    let whole = get(&app, &path, &seller, None).await;
    let file = bed.file(packet).await;
    assert_eq!((whole.status, &whole.bytes), (200, &file));
    assert_eq!(whole.header("content-type"), "application/zip");
    assert_eq!(whole.header("content-disposition"), format!("attachment; filename=\"{packet}.zip\""));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let view = get(&app, &format!("/api/v1/evidence/packets/{packet}"), &seller, None).await.json();
    assert_eq!(whole.header("etag"), format!("\"{}\"", view["sha256"].as_str().unwrap()));
    assert_eq!((&view["bytes"], &view["state"]), (&file.len().into(), &"ready".into()));
    let part = get(&app, &path, &seller, Some("bytes=10-19")).await;
    assert_eq!((part.status, part.bytes.as_slice()), (206, &file[10..20]));
    assert_eq!(part.header("content-range"), format!("bytes 10-19/{}", file.len()));
    let end = get(&app, &path, &seller, Some("bytes=-22")).await;
    assert_eq!((end.status, end.bytes.as_slice()), (206, &file[file.len() - 22..]));
    let beyond = get(&app, &path, &seller, Some("bytes=99999999-")).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, format!("bytes */{}", file.len()).as_str()));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn strangers_find_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 24_580, "RMB-1").await.unwrap();
    bed.drain().await;
    let (app, packet) = (app(&bed), bed.packets().await[0]);
    let (stranger, partner) = (token("other", Role::Admin), token("demo", Role::Partner));
    for path in [format!("/api/v1/evidence/packets/{packet}"), format!("/api/v1/evidence/packets/{packet}/download")] {
        assert_eq!(get(&app, &path, &stranger, None).await.status, 404, "{path}");
        assert_eq!(get(&app, &path, &partner, None).await.status, 403, "{path}");
        assert_eq!(get(&app, &path, "nonsense", None).await.status, 401, "{path}");
        let unknown = path.replace(&packet.to_string(), &Uuid::now_v7().to_string());
        assert_eq!(get(&app, &unknown, &token("demo", Role::Admin), None).await.status, 404, "{unknown}");
    }
    let list = get(&app, "/api/v1/evidence/packets", &stranger, None).await;
    assert_eq!((list.status, list.json()["packets"].as_array().unwrap().len()), (200, 0));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn packets_are_listed_by_pages(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut request = bed.proved("CLM-1").await;
    bed.ask(request).await.unwrap();
    for claim in ["CLM-2", "CLM-3"] {
        request = bed.proved(claim).await;
        bed.ask(request).await.unwrap();
    }
    bed.drain().await;
    bed.paid(request, 24_580, "RMB-1").await.unwrap();
    let (app, operator) = (app(&bed), token("demo", Role::Operator));
    // A draft of a request whose packet is not sealed yet cannot be had as a file.
    let first = get(&app, "/api/v1/evidence/packets?limit=2", &operator, None).await.json();
    let next = first["next_cursor"].as_str().unwrap();
    let second = get(&app, &format!("/api/v1/evidence/packets?limit=2&cursor={next}"), &operator, None).await.json();
    assert_eq!((first["packets"].as_array().unwrap().len(), second["packets"].as_array().unwrap().len()), (2, 1));
    assert!(second["next_cursor"].is_null());
    let sealed = get(&app, "/api/v1/evidence/packets?draft=false", &operator, None).await.json();
    assert_eq!(sealed["packets"], serde_json::json!([]));
    for bad in ["limit=0", "limit=201", "cursor=x", "colour=red"] {
        assert!(
            matches!(get(&app, &format!("/api/v1/evidence/packets?{bad}"), &operator, None).await.status, 400 | 422),
            "{bad}"
        );
    }
    let of_another =
        get(&app, &format!("/api/v1/evidence/packets?request_id={}", Uuid::now_v7()), &operator, None).await.json();
    assert_eq!(of_another["packets"], serde_json::json!([]));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn public_keys_are_published(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let keys = get(&app(&bed), "/api/v1/evidence/packet-keys", &token("other", Role::Partner), None).await.json();
    let key = bed.state.config.packets.signing_key.public();
    assert_eq!(keys["keys"][0]["key_id"], key.id());
    assert_eq!(keys["keys"][0]["pem"].as_str().unwrap().parse(), Ok(key));
}
