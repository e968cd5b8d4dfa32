//! What can be asked about matching over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use evidence::{Config, State};
use providers::files::Files;
use providers::objects::Objects;
use serde_json::Value;
use service_kit::auth::{Claims, Role, Verifier, mint};
use service_kit::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use service_kit::health::Health;
use service_kit::http::Server;
use shared_events::ModelId;
use shared_events::evidence::TrainModel;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;
use uuid::Uuid;

use crate::match_bed::{Bed, CLAIM, invoice, numbered, of_supplier, subject};
use crate::match_labels::strangers;
use crate::match_models::overrated;

fn env() -> Env {
    let objects = std::env::temp_dir().join("recoup-matching-without-objects");
    Env::of([
        ("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("DOCUMENT_MASTER_KEYS", "first:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("DOCUMENT_LINK_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("PACKET_SIGNING_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("OBJECT_DIR", objects.to_str().unwrap()),
    ])
}

fn app(bed: &Bed) -> Router {
    let env = env();
    let edge = EdgeConfig::read_for(&mut Reader::new(&env), "evidence").unwrap();
    let verifier = Arc::new(Verifier::new(&load(&env).unwrap()).unwrap());
    let config: Config = load(&env).unwrap();
    let files = Files { objects: Objects::open(&config.objects).unwrap(), masters: config.masters.clone() };
    let state = State { store: bed.store.clone(), config: Arc::new(config), files };
    Server::new(Health::new("evidence"), edge, verifier).app(evidence::http(state), Router::new())
}

fn token(tenant: &str, role: Role) -> String {
    let claims = Claims { sub: "ann".into(), tenant: tenant.into(), roles: vec![role], partner: None };
    mint(&load::<AuthConfig>(&env()).unwrap(), &claims, 60).unwrap()
}

async fn get(app: &Router, path: &str, token: &str) -> (u16, Value) {
    let request = Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn decisions_are_shown_with_their_reasons(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    let document = bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    bed.document(&of_supplier("Acme Supplies", 24_580, invoice())).await;
    bed.drain().await;
    let (app, seller) = (app(&bed), token("demo", Role::Seller));
    let path = format!("/api/v1/evidence/requests/{request}/matches");
    let (status, page) = get(&app, &path, &seller).await;
    assert_eq!((status, page["matches"].as_array().unwrap().len()), (200, 2));
    let first = &page["matches"][1];
    assert_eq!((&first["document_id"], &first["rule"]), (&document.to_string().into(), &"exact_invoice".into()));
    assert_eq!(
        (&first["decision"], &first["why"], &first["gate_open"]),
        (&"prompt".into(), &"gate".into(), &false.into())
    );
    assert_eq!((&first["vector"]["order"], &first["weights"][0]["field"]), (&5.0.into(), &"order".into()));
    assert!(first["explanation"].as_str().unwrap().starts_with("The invoice has the number of the order"));
    assert!(first["gate_reason"].as_str().unwrap().starts_with("not automatic"));
    // Page by page it is the same.
    let (_, one) = get(&app, &format!("{path}?limit=1"), &seller).await;
    assert_eq!(one["matches"][0], page["matches"][0]);
    let (_, two) = get(&app, &format!("{path}?limit=1&cursor={}", one["next_cursor"].as_str().unwrap()), &seller).await;
    assert_eq!((&two["matches"][0], &two["next_cursor"]), (&page["matches"][1], &Value::Null));
    for (path, token, status) in [
        (path.clone(), token("other", Role::Admin), 404),
        (path.clone(), token("demo", Role::Customer), 403),
        (format!("{path}?limit=0"), seller.clone(), 422),
        (format!("/api/v1/evidence/requests/{}/matches", Uuid::nil()), seller, 404),
    ] {
        assert_eq!(get(&app, &path, &token).await.0, status, "{path}");
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn models_and_gates_are_shown_in_words(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (app, seller, stranger) = (app(&bed), token("demo", Role::Seller), token("other", Role::Admin));
    let gate = format!("/api/v1/evidence/gate?claim_type={CLAIM}");
    let (status, rules) = get(&app, &gate, &seller).await;
    assert_eq!((status, &rules["kind"], &rules["gate"]["open"]), (200, &"rules".into(), &false.into()));
    assert!(rules["gate"]["reason"].as_str().unwrap().contains("on 0 held-out labels"), "{rules}");
    bed.label(overrated(0, 40).into_iter().chain(strangers(0, 9))).await;
    bed.drain().await;
    let model_id = ModelId(Uuid::now_v7());
    bed.handle(&evidence::train_model::Train, TrainModel { model_id, claim_type: CLAIM.into() }).await.unwrap();
    let one = format!("/api/v1/evidence/models/{model_id}");
    assert_eq!(get(&app, &one, &seller).await.1["state"], "training");
    bed.drain().await;
    let (_, model) = get(&app, &one, &seller).await;
    assert_eq!(model["state"], "active", "{model}");
    assert!(model["metrics"]["log_loss"].as_f64().unwrap() > 0.0, "{model}");
    assert_eq!(model["gate"]["labels"], model["metrics"]["labels"]);
    let (_, page) = get(&app, "/api/v1/evidence/models", &seller).await;
    assert_eq!((&page["models"][0], page["models"].as_array().unwrap().len()), (&model, 1));
    assert_eq!(get(&app, &gate, &seller).await.1["model_id"], model_id.to_string());
    assert_eq!(get(&app, &one, &stranger).await.0, 404);
    assert_eq!(get(&app, "/api/v1/evidence/models", &stranger).await.1["models"], Value::Array(vec![]));
    assert_eq!(get(&app, &gate, &stranger).await.1["kind"], "rules");
    assert_eq!(get(&app, &gate, &token("demo", Role::Partner)).await.0, 403);
    assert_eq!(get(&app, "/api/v1/evidence/models", &token("demo", Role::Customer)).await.0, 403);
}
