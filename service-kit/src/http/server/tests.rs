use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::auth::{Caller, Claims, Role, mint};
use crate::config::{AuthConfig, Env, Reader, load};

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    count: u32,
}

/// Counts.
#[utoipa::path(post, path = "/orders/{id}", request_body = Order, params(("id" = u32, Path, description = "which")), security(("bearer" = [])), responses((status = 200, description = "counted")))]
async fn order(caller: Caller, super::super::Path(_id): super::super::Path<u32>, Json(order): Json<Order>) -> String {
    format!("{} {}", caller.subject, order.count)
}

async fn panic() {
    panic!("on purpose");
}

#[derive(utoipa::OpenApi)]
struct Api;

fn env() -> Env {
    Env::of([
        ("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("HTTP_MAX_BODY_BYTES", "100"),
        ("HTTP_REQUESTS_PER_SECOND", "5"),
    ])
}

fn token() -> String {
    let claims = Claims { sub: "user123".into(), tenant: "demo".into(), roles: vec![Role::Partner], partner: None };
    mint(&load::<AuthConfig>(&env()).expect("valid"), &claims, 60).expect("signed")
}

fn app() -> Router {
    let env = env();
    let config = EdgeConfig::read_for(&mut Reader::new(&env), "bff").expect("valid");
    let verifier = Arc::new(Verifier::new(&load(&env).expect("valid")).expect("usable"));
    let documented = OpenApiRouter::with_openapi(<Api as utoipa::OpenApi>::openapi()).routes(routes!(order));
    let other = Router::new().route("/panic", get(panic));
    Server::new(Health::new("bff"), config, verifier).limit_subjects().health_path("/health").app(documented, other)
}

async fn send(request: Request<Body>) -> Response {
    app().oneshot(request).await.expect("infallible")
}

async fn body(response: Response) -> Value {
    let bytes = axum::body::to_bytes(response.into_body(), 1_000_000).await.expect("readable");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn post_order(content_type: &str, text: &str) -> Request<Body> {
    Request::post("/orders/1")
        .header("authorization", format!("Bearer {}", token()))
        .header("content-type", content_type)
        .body(Body::from(text.to_owned()))
        .expect("valid")
}

#[tokio::test]
async fn every_refusal_has_one_shape() {
    let get = |path: &str| Request::get(path).body(Body::empty()).expect("valid");
    let json = "application/json";
    let cases = [
        (get("/nowhere"), 404),
        (get("/orders/1"), 405),
        (get("/panic"), 500),
        (get("/nowhere?q=%00"), 400),
        (Request::post("/orders/1").header("content-type", json).body(Body::from("{}")).expect("valid"), 401),
        (
            Request::post("/orders/x")
                .header("authorization", format!("Bearer {}", token()))
                .body(Body::empty())
                .expect("valid"),
            400,
        ),
        (post_order("text/plain", "{}"), 415),
        (post_order(json, &" ".repeat(101)), 413),
        (post_order(json, "{"), 400),
        (post_order(json, r#"{"count":1,"x":1}"#), 422),
    ];
    for (request, status) in cases {
        let label = format!("{} {} {status}", request.method(), request.uri());
        let response = send(request).await;
        assert_eq!(response.status().as_u16(), status, "{label}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{label}");
        let id = response.headers()["x-request-id"].to_str().expect("plain").to_owned();
        let problem = body(response).await;
        assert_eq!(problem["status"], status, "{label}");
        assert_eq!(problem["request_id"], id, "{label}");
        assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:recoup:problem:")), "{label}");
    }
}

#[tokio::test]
async fn a_method_that_is_not_taken_names_those_that_are() {
    let response = send(Request::get("/orders/1").body(Body::empty()).expect("valid")).await;
    assert_eq!(response.headers()["allow"], "POST");
}

#[tokio::test]
async fn a_good_request_is_answered() {
    let response = send(post_order("application/json; charset=utf-8", r#"{"count":2}"#)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let text = axum::body::to_bytes(response.into_body(), 100).await.expect("small");
    assert_eq!(text, "user123 2");
}

#[tokio::test]
async fn too_many_requests_of_one_subject_are_told_when_to_come_back() {
    let app = app();
    let mut refused = None;
    for _ in 0..20 {
        let response = app.clone().oneshot(post_order("application/json", r#"{"count":2}"#)).await.expect("infallible");
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(response);
        }
    }
    assert!(refused.expect("20 at once are more than 10").headers().contains_key("retry-after"));
}

#[tokio::test]
async fn every_service_has_its_pages() {
    for path in ["/health", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs/"] {
        let response = send(Request::get(path).body(Body::empty()).expect("valid")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn the_document_lists_what_a_route_can_refuse() {
    let api = body(send(Request::get("/openapi.json").body(Body::empty()).expect("valid")).await).await;
    let responses = api["paths"]["/orders/{id}"]["post"]["responses"].as_object().expect("documented");
    let statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
    assert_eq!(statuses, ["200", "400", "401", "403", "404", "413", "415", "422", "429", "503"]);
    assert!(api["components"]["securitySchemes"]["bearer"].is_object());
    assert!(api["components"]["schemas"]["Problem"].is_object());
}
