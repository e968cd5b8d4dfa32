//! Claims from outside: questions under both spellings, wishes that are refused before anything is sent, and consents.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};
use service_kit::auth::Role;
use service_kit::clock::SystemClock;
use tokio::net::TcpListener;

use crate::edge::{Edge, answer, token};

const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

#[tokio::test]
async fn questions_go_on_under_both_spellings() {
    let edge = Edge::without_broker().await;
    let seller = token("ann", Role::Seller);
    let both = [
        "integrations".to_owned(),
        "integrations/sync/status".to_owned(),
        "integrations/sync/activity".to_owned(),
        "detections".to_owned(),
        format!("detections/{ID}"),
        format!("detections/status/{ID}"),
        "recoveries".to_owned(),
        format!("recoveries/{ID}"),
        format!("recoveries/{ID}/status"),
        "metrics/recoveries".to_owned(),
        "metrics/payments".to_owned(),
        "metrics/dashboard".to_owned(),
    ];
    let spellings = both.iter().flat_map(|path| [format!("/api/{path}"), format!("/api/v1/{path}")]);
    let once = ["claims/policy", "claims/switch", "claims/approvals", "inventory", "inventory/reconciliation"];
    let all: Vec<String> = spellings.chain(once.map(|path| format!("/api/v1/{path}"))).collect();
    for path in &all {
        edge.services.answer(path, [(200, json!({"path": path}))]);
        let (status, _, body) = answer(edge.get(&seller, path)).await;
        assert_eq!((status, &body["path"]), (200, &json!(path)), "{path}");
        assert_eq!(answer(edge.request(Method::GET, path)).await.0, 401, "{path}");
    }
    let asked = "/api/recoveries?status=submitted&limit=5&cursor=7";
    assert_eq!(answer(edge.get(&seller, asked)).await.0, 200);
    assert_eq!(edge.services.asked().pop().expect("asked").line, format!("GET {asked}"));
    // What a service refuses is passed on.
    edge.services.answer(&format!("/api/recoveries/{ID}"), [(404, json!({"status": 404}))]);
    assert_eq!(answer(edge.get(&seller, &format!("/api/recoveries/{ID}"))).await.0, 404);
}

#[tokio::test]
async fn what_cannot_be_wished_is_refused_before_anything_is_sent() {
    let edge = Edge::without_broker().await;
    let (seller, partner) = (token("ann", Role::Seller), token("pat", Role::Partner));
    let recovery = |what: &str| format!("/api/v1/recoveries/{ID}/{what}");
    let mailbox = "/api/integrations/mailbox";
    let body = |change: &dyn Fn(&mut Value)| {
        let mut body = json!({"host": "imap.example.com", "address": "shop@example.com", "password": "secret"});
        change(&mut body);
        body.to_string()
    };
    let cases = [
        (&partner, format!("/api/recoveries/{ID}/submit"), "{}".to_owned(), 403, ""),
        (&partner, recovery("submit"), "{}".to_owned(), 403, ""),
        (&partner, recovery("case"), r#"{"case_id":"1"}"#.to_owned(), 403, ""),
        (&partner, "/api/detections/run".to_owned(), "{}".to_owned(), 403, ""),
        (&partner, "/api/v1/detections/run".to_owned(), "{}".to_owned(), 403, ""),
        (&partner, "/api/integrations/sync/start".to_owned(), "{}".to_owned(), 403, ""),
        (&partner, mailbox.to_owned(), body(&|_| ()), 403, ""),
        (&seller, recovery("reply"), r#"{"kind":"maybe","text":"x"}"#.to_owned(), 422, "kind"),
        (&seller, mailbox.to_owned(), body(&|body| body["host"] = json!("a b")), 422, "host"),
        (&seller, mailbox.to_owned(), body(&|body| body["smtp_host"] = json!("a/b")), 422, "smtp_host"),
        (&seller, mailbox.to_owned(), body(&|body| body["address"] = json!("shop")), 422, "address"),
        (&seller, mailbox.to_owned(), body(&|body| body["password"] = json!("")), 422, "password"),
        (&seller, mailbox.to_owned(), body(&|body| body["surprise"] = json!(1)), 422, "surprise"),
    ];
    for (token, path, body, status, field) in cases {
        let (got, _, problem) = answer(edge.post(token, &path, &body)).await;
        assert_eq!(got, status, "{path} {body}: {problem}");
        assert!(!problem.to_string().contains("secret"), "{problem}");
        if !field.is_empty() {
            assert_eq!(problem["errors"][0]["field"], field, "{path} {body}: {problem}");
        }
        assert_eq!(answer(edge.request(Method::POST, &path)).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn only_a_document_of_ones_own_can_be_attached() {
    let edge = Edge::without_broker().await;
    let (seller, document) = (token("ann", Role::Seller), "0190163d-8694-739b-aea5-966c26f8ad92");
    let attach = async || {
        let body = json!({"item": "proof_of_delivery", "document_id": document}).to_string();
        answer(edge.post(&seller, &format!("/api/v1/recoveries/{ID}/documents"), &body)).await
    };
    let at = format!("/api/documents/{document}");
    edge.services.answer(&at, [(404, json!({"status": 404}))]);
    let (status, _, problem) = attach().await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("document_id")), "{problem}");
    edge.services.answer(&at, [(200, json!({"document_id": document, "state": "quarantined"}))]);
    assert_eq!(attach().await.0, 422);
    // It was uploaded a moment ago, and is known the next time; then only the broker is missing.
    edge.services
        .answer(&at, [(404, json!({"status": 404})), (200, json!({"document_id": document, "state": "received"}))]);
    assert_eq!(attach().await.0, 503);
}

#[tokio::test]
async fn a_card_is_saved_at_stripes_page_and_never_here() {
    let sandbox = sandbox::stripe::Stripe::new(Arc::new(SystemClock));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, sandbox.router()).await });
    let stripe = base.clone();
    let edge =
        Edge::start(None, |env| env.with("STRIPE_SECRET_KEY", "sk_test_ours").with("STRIPE_API_URL", stripe.as_str()))
            .await;
    let seller = token("ann", Role::Seller);
    for path in ["/api/integrations/connect", "/api/v1/integrations/connect"] {
        let asked = edge.post(&seller, &format!("{path}?integration_type=stripe"), "");
        let (status, headers, consent) = answer(asked).await;
        assert_eq!(status, 200, "{consent}");
        let page = consent["auth_url"].as_str().expect("a page");
        assert!(page.starts_with(&base), "{page}");
        assert!(headers.contains_key("set-cookie"));
        let client = service_kit::http_client::client(std::time::Duration::from_secs(10));
        let back = client.get(page).send().await.expect("saved");
        let back = back.headers()["location"].to_str().expect("an address").to_owned();
        let (_, query) = back.split_once('?').expect("a query");
        assert!(query.contains("session_id=cs_"), "{query}");
        // Nobody else may bring it back, and nothing but the page that was given.
        let bob = token("bob", Role::Seller);
        assert_eq!(answer(edge.get(&bob, &format!("/api/integrations/callback?{query}"))).await.0, 403);
        let (state, _) = query.split_once('&').expect("two parts");
        let (status, _, problem) = answer(edge.get(&seller, &format!("/api/integrations/callback?{state}"))).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("session_id")), "{problem}");
        // The broker is away: it was sealed and would be sent.
        assert_eq!(answer(edge.get(&seller, &format!("/api/integrations/callback?{query}"))).await.0, 503);
    }
    let unknown = edge.post(&seller, "/api/integrations/connect?integration_type=paper", "");
    assert_eq!(answer(unknown).await.2["errors"][0]["field"], json!("integration_type"));
    let partner = edge.post(&token("pat", Role::Partner), "/api/integrations/connect?integration_type=stripe", "");
    assert_eq!(answer(partner).await.0, 403);
    let edge = Edge::without_broker().await;
    let unset = edge.post(&seller, "/api/integrations/connect?integration_type=stripe", "");
    assert_eq!(answer(unset).await.0, 503, "no key is configured");
}

#[tokio::test]
async fn a_mailbox_is_connected_at_googles_page_by_whoever_began() {
    let sandbox = sandbox::google::Google::new(Arc::new(SystemClock));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, sandbox.router()).await });
    let google = base.clone();
    let edge = Edge::start(None, |env| {
        env.with("GOOGLE_CLIENT_ID", "ours.apps.example")
            .with("GOOGLE_CLIENT_SECRET", "a secret of ours")
            .with("GOOGLE_SANDBOX_URL", google.as_str())
    })
    .await;
    let seller = token("ann", Role::Seller);
    let path = "/api/integrations/connect?integration_type=gmail";
    for path in [path.to_owned(), format!("{path}&address=shop%40gmail.example")] {
        let (status, _, consent) = answer(edge.get(&seller, &path)).await;
        assert_eq!(status, 200, "{consent}");
        let page = consent["auth_url"].as_str().expect("a page");
        for part in
            [&base, "/o/oauth2/v2/auth?", "access_type=offline", "mail.google.com", "client_id=ours.apps.example"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("secret"), "{page}");
        let client = service_kit::http_client::client(std::time::Duration::from_secs(10));
        let back = client.get(page).send().await.expect("consented");
        let back = back.headers()["location"].to_str().expect("an address").to_owned();
        let (_, query) = back.split_once('?').expect("a query");
        let bob = token("bob", Role::Seller);
        assert_eq!(answer(edge.get(&bob, &format!("/api/integrations/callback?{query}"))).await.0, 403);
        // Whoever says no comes back without a code.
        let (state, _) = query.split_once('&').expect("two parts");
        let no = format!("/api/integrations/callback?{state}&error=access_denied");
        let (status, _, problem) = answer(edge.get(&seller, &no)).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("code")), "{problem}");
        // The broker is away: it was sealed and would be sent.
        assert_eq!(answer(edge.get(&seller, &format!("/api/integrations/callback?{query}"))).await.0, 503);
    }
    let bad = edge.get(&seller, &format!("{path}&address=shop"));
    assert_eq!(answer(bad).await.2["errors"][0]["field"], json!("address"));
    let edge = Edge::without_broker().await;
    assert_eq!(answer(edge.get(&seller, path)).await.0, 503, "no application is configured");
}
