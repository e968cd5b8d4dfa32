//! Our client asks Stripes that others wrote: stripe-mock, which knows Stripe's published interface, refuses what is not in it and answers
//! with its examples; and localstripe, which keeps what it is told. `./dev test` starts both (`sandbox/tests/independent/stripes`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use providers::stripe::{Charge, Error, Hold, PaymentStatus, RefundOf, RefundStatus, Stripe};
use service_kit::config::{Env, Secret};
use shared_events::money::{Currency, Money};
use tokio::net::TcpListener;

/// What localstripe does not know of Stripe's published parameters, as they are written in forms and queries.
const UNKNOWN_THERE: [&str; 3] = ["error_on_requires_action", "final_capture", "created%5Bgte%5D"];

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn written(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn hold(key: &str) -> Hold {
    Hold {
        payment_method: "pm_card_visa".to_owned(),
        amount: usd(4_300),
        metadata: written("payment_id", key),
        idempotency_key: key.to_owned(),
    }
}

fn refund_of(payment: &str, minor: i64, key: &str) -> RefundOf {
    RefundOf {
        payment_intent: payment.to_owned(),
        amount: usd(minor),
        metadata: written("refund_key", key),
        idempotency_key: key.to_owned(),
    }
}

fn long_ago() -> DateTime<Utc> {
    "2020-01-01T00:00:00Z".parse().unwrap()
}

/// The address of a Stripe that somebody started.
fn of_others(variable: &str) -> String {
    let named = Env::process().get(variable).map(str::to_owned);
    named.unwrap_or_else(|| panic!("{variable} names a Stripe that others wrote"))
}

fn http() -> reqwest::Client {
    service_kit::http_client::client(Duration::from_secs(20))
}

fn client(base: &str) -> Stripe {
    Stripe::new(base, Secret::new("sk_test_4711")).with_timeout(Duration::from_secs(20))
}

#[tokio::test]
#[ignore = "asks stripe-mock, which ./dev test starts"]
async fn the_published_interface_has_every_call_as_we_make_it() {
    let base = of_others("STRIPE_MOCK_URL");
    let stripe = client(&base);
    // Who lets everything pass proves nothing.
    let wrong = http().post(format!("{base}/v1/refunds")).bearer_auth("sk_test_4711");
    let wrong = wrong.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body("amounts=100");
    assert_eq!(wrong.send().await.unwrap().status(), 400);
    let customer = stripe.create_customer(&written("tenant", "acme"), "k1").await.unwrap();
    let page = ("https://shop.example/back?session={CHECKOUT_SESSION_ID}", "https://shop.example/no");
    let page = stripe.create_setup_page(&customer.id, page, "reference-1").await.unwrap();
    let saved = stripe.setup_page(&page.id).await.unwrap();
    assert!(saved.setup_intent.is_some(), "the saved card comes with the page");
    let charge = Charge {
        customer: customer.id.clone(),
        payment_method: "pm_card_visa".to_owned(),
        amount: usd(712),
        description: "Recoup success fee".to_owned(),
        metadata: written("move_id", "m1"),
        idempotency_key: "k2".to_owned(),
    };
    let charged = stripe.charge(&charge).await.unwrap();
    assert_eq!((charged.amount, charged.currency.as_str()), (712, "usd"));
    stripe.payment_intent(&charged.id).await.unwrap();
    stripe.find_charge(&customer.id, long_ago(), ("move_id", "m1")).await.unwrap();
    let held = stripe.hold(&hold("k3")).await.unwrap();
    assert_eq!(held.amount, 4_300);
    stripe.capture(&held.id, usd(1_000), false, "k4").await.unwrap();
    stripe.capture(&held.id, usd(3_300), true, "k5").await.unwrap();
    stripe.release(&held.id, "k6").await.unwrap();
    stripe.find_hold(long_ago(), ("payment_id", "k3")).await.unwrap();
    let refund = stripe.refund(&refund_of(&held.id, 500, "k7")).await.unwrap();
    assert_eq!(refund.amount, 500);
    stripe.find_refund(&held.id, ("refund_key", "k7")).await.unwrap();
}

#[tokio::test]
#[ignore = "asks localstripe, which ./dev test starts"]
async fn a_stripe_that_keeps_books_agrees_with_ours() {
    let (base, lost) = in_between(of_others("LOCALSTRIPE_URL")).await;
    let stripe = client(&base);
    let held = stripe.hold(&hold("p1")).await.unwrap();
    assert_eq!((held.status, held.amount), (PaymentStatus::RequiresCapture, 4_300));
    let found = stripe.find_hold(long_ago(), ("payment_id", "p1")).await.unwrap().unwrap();
    assert_eq!(found.id, held.id);
    assert_eq!(stripe.find_hold(long_ago(), ("payment_id", "p2")).await.unwrap(), None);
    let taken = stripe.capture(&held.id, usd(4_300), true, "c1").await.unwrap();
    assert_eq!((taken.status, &taken.id), (PaymentStatus::Succeeded, &held.id));
    assert!(taken.latest_charge.is_some_and(|charge| charge.starts_with("ch_")), "the charge is named");
    let back = stripe.refund(&refund_of(&held.id, 1_000, "r1")).await.unwrap();
    assert_eq!((back.amount, &back.status), (1_000, &Some(RefundStatus::Succeeded)));
    let looked_up = stripe.find_refund(&held.id, ("refund_key", "r1")).await.unwrap().unwrap();
    assert_eq!(looked_up.id, back.id);

    // It holds the money, and its answer is lost: it can be found, and let go.
    lost.store(true, Ordering::SeqCst);
    let unknown = stripe.hold(&hold("p3")).await;
    assert!(matches!(unknown, Err(Error::Unknown { .. })), "{unknown:?}");
    let found = stripe.find_hold(long_ago(), ("payment_id", "p3")).await.unwrap().unwrap();
    assert_eq!(found.status, PaymentStatus::RequiresCapture);
    let gone = stripe.release(&found.id, "v1").await.unwrap();
    assert_eq!(gone.status, PaymentStatus::Canceled);
}

/// Stands between us and localstripe: takes out what it does not know, and loses one answer when it is told to.
async fn in_between(to: String) -> (String, Arc<AtomicBool>) {
    let lost = Arc::new(AtomicBool::new(false));
    let router = Router::new().fallback(hand_on).with_state((to, Arc::clone(&lost)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, lost)
}

fn known(parameters: &str) -> String {
    let known =
        parameters.split('&').filter(|pair| !UNKNOWN_THERE.iter().any(|name| pair.split('=').next() == Some(name)));
    known.collect::<Vec<_>>().join("&")
}

async fn hand_on(
    State((to, lost)): State<(String, Arc<AtomicBool>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let url = format!("{to}{}?{}", uri.path(), known(uri.query().unwrap_or_default()));
    let mut request = http().request(method, url).body(known(&String::from_utf8_lossy(&body)));
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        request = headers.get(&name).into_iter().fold(request, |request, value| request.header(&name, value));
    }
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    let status = if lost.swap(false, Ordering::SeqCst) { StatusCode::BAD_GATEWAY } else { status };
    Response::builder().status(status).body(Body::from(text)).unwrap()
}
