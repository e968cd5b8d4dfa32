//! Who sees which prompts over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use evidence::{Config, State};
use providers::files::Files;
use providers::objects::Objects;
use serde_json::{Value, json};
use service_kit::auth::{Claims, Role, Verifier, mint};
use service_kit::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use service_kit::health::Health;
use service_kit::http::Server;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

use super::bed::Bed;

const PROMPTS: &str = "/api/v1/evidence/prompts";

fn env() -> Env {
    let objects = std::env::temp_dir().join("recoup-prompts-without-objects");
    Env::of([
        ("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("DOCUMENT_MASTER_KEYS", "first:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("DOCUMENT_LINK_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("PACKET_SIGNING_KEY", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="),
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

fn token(tenant: &str, sub: &str, role: Role) -> String {
    let claims = Claims { sub: sub.into(), tenant: tenant.into(), roles: vec![role], partner: None };
    mint(&load::<AuthConfig>(&env()).unwrap(), &claims, 60).unwrap()
}

async fn get(app: &Router, token: &str, path: &str) -> (u16, Value) {
    let request = Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

fn ids(page: &Value) -> Vec<String> {
    let of = |prompt: &Value| prompt["prompt_id"].as_str().unwrap().to_owned();
    page["prompts"].as_array().unwrap().iter().map(of).collect()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_person_sees_what_it_is_asked_and_a_manager_everything(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (prompt, elsewhere) = (bed.prompt().await, bed.of_tenant("other").prompt().await);
    let request_id = bed.request().await;
    bed.ask_person(|ask| ask.request_id = request_id).await.unwrap();
    let app = app(&bed);
    let seller = token("demo", "seller", Role::Seller);
    let (status, own) = get(&app, &seller, PROMPTS).await;
    assert_eq!((status, ids(&own)), (200, vec![prompt.to_string()]));
    let shown = &own["prompts"][0];
    assert_eq!((&shown["state"], &shown["documents"][0]["option"]), (&json!("pending"), &json!("yes")));
    assert!(shown.get("answer").is_none());
    let one = format!("{PROMPTS}/{prompt}");
    assert_eq!(get(&app, &seller, &one).await, (200, shown.clone()));

    let manager = token("demo", "m", Role::Manager);
    assert_eq!(ids(&get(&app, &manager, PROMPTS).await.1).len(), 2, "of its tenant");
    assert_eq!(get(&app, &manager, &one).await.0, 200);
    let of_request = format!("{PROMPTS}?request_id={request_id}");
    assert_eq!(ids(&get(&app, &manager, &of_request).await.1).len(), 1);
    for stranger in [token("demo", "o", Role::Operator), token("other", "seller", Role::Admin)] {
        assert_eq!(get(&app, &stranger, &one).await.0, 404);
    }
    assert_eq!(get(&app, &manager, &format!("{PROMPTS}/{elsewhere}")).await.0, 404);
    assert_eq!(get(&app, "nonsense", PROMPTS).await.0, 401);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn states_are_told_by_the_clock_and_not_by_the_timer(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (answered, open) = (bed.prompt().await, bed.prompt().await);
    bed.answer(answered, "seller", "not_sure").await.unwrap();
    let app = app(&bed);
    let seller = token("demo", "seller", Role::Seller);
    let of = async |state: &str| ids(&get(&app, &seller, &format!("{PROMPTS}?state={state}")).await.1);
    bed.advance(TimeDelta::hours(72) - TimeDelta::microseconds(1));
    assert_eq!((of("pending").await, of("expired").await.len()), (vec![open.to_string()], 0));
    bed.advance(TimeDelta::microseconds(1));
    assert_eq!((of("pending").await.len(), of("expired").await), (0, vec![open.to_string()]));
    assert_eq!(get(&app, &seller, &format!("{PROMPTS}/{open}")).await.1["state"], "expired");
    bed.started_anew().await;
    assert_eq!(of("expired").await, [open.to_string()]);
    assert_eq!(of("answered").await, [answered.to_string()]);
    let answer = get(&app, &seller, &format!("{PROMPTS}/{answered}")).await.1["answer"].clone();
    assert_eq!((&answer["selected_option"], &answer["answered_by"]), (&json!("not_sure"), &json!("seller")));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_list_goes_on_page_by_page(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, bed.prompt().await.to_string());
    }
    let app = app(&bed);
    let seller = token("demo", "seller", Role::Seller);
    let (mut seen, mut path) = (Vec::new(), format!("{PROMPTS}?limit=2"));
    loop {
        let page = get(&app, &seller, &path).await.1;
        seen.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{PROMPTS}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, expected);
    for bad in ["limit=0", "limit=201", "state=open", "cursor=x", "surprise=1"] {
        let status = get(&app, &seller, &format!("{PROMPTS}?{bad}")).await.0;
        assert!([400, 422].contains(&status), "{bad}: {status}");
    }
}
