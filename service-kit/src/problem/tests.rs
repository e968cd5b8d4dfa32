//! Problems say what they should and no more.

use axum::response::IntoResponse;
use shared_events::outcome::Rejection;

use super::*;

#[tokio::test]
async fn internal_text_is_not_sent() {
    let response = Problem::internal(anyhow::anyhow!("password=hunter2")).into_response();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.expect("small");
    assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
}

#[test]
fn a_refusal_keeps_its_code_and_field() {
    let cases = [
        ("campaign_not_found", 404),
        ("campaign_not_active", 409),
        ("already_paid", 409),
        ("prompt_cancelled", 409),
        ("answer_forbidden", 403),
        ("prompt_expired", 410),
        ("insufficient_balance", 422),
    ];
    for (code, status) in cases {
        let problem = Problem::from(Rejection::new(code, "no").at("amount"));
        assert_eq!(problem.status().as_u16(), status, "{code}");
        assert_eq!(problem.errors()[0].field, "amount");
    }
}

#[test]
fn unbelieved_tokens_are_challenged() {
    let response = Problem::invalid_token().into_response();
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
}
