//! Money is held once, taken in parts, let go or given back, whatever happens to the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use providers::stripe::{Error, Hold, PaymentStatus, Stripe};
use service_kit::clock::SystemClock;
use service_kit::config::Secret;
use shared_events::money::{Currency, Money};
use tokio::net::TcpListener;

async fn stripe() -> Stripe {
    let sandbox = sandbox::stripe::Stripe::new(Arc::new(SystemClock));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, sandbox.router()).await });
    Stripe::new(&base, Secret::new("sk_test_of_ours")).with_timeout(Duration::from_secs(10))
}

fn hold(id: &str, card: &str) -> Hold {
    Hold {
        payment_method: card.to_owned(),
        amount: usd(7_477),
        metadata: BTreeMap::from([("payment_id".to_owned(), id.to_owned())]),
        idempotency_key: id.to_owned(),
    }
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

#[tokio::test]
async fn what_is_held_is_taken_in_parts_and_no_further() {
    let stripe = stripe().await;
    let held = stripe.hold(&hold("p1", "pm_card_visa")).await.unwrap();
    assert_eq!((held.status, held.amount, held.amount_received), (PaymentStatus::RequiresCapture, 7_477, 0));
    let again = stripe.hold(&hold("p1", "pm_card_visa")).await.unwrap();
    assert_eq!(again.id, held.id);
    let other = stripe.hold(&hold("p1", "pm_card_mastercard")).await.unwrap_err();
    assert_eq!(other, Error::KeyReused);
    let since = "2020-01-01T00:00:00Z".parse().unwrap();
    let found = stripe.find_hold(since, ("payment_id", "p1")).await.unwrap().unwrap();
    assert_eq!(found.id, held.id);
    assert_eq!(stripe.find_hold(since, ("payment_id", "p2")).await.unwrap(), None);
    let part = stripe.capture(&held.id, usd(5_000), false, "c1").await.unwrap();
    assert_eq!((part.status, part.amount_received), (PaymentStatus::RequiresCapture, 5_000));
    let same = stripe.capture(&held.id, usd(5_000), false, "c1").await.unwrap();
    assert_eq!(same.amount_received, 5_000);
    assert!(matches!(stripe.capture(&held.id, usd(2_478), true, "c2").await, Err(Error::Refused { .. })));
    let all = stripe.capture(&held.id, usd(2_477), true, "c3").await.unwrap();
    assert_eq!((all.status, all.amount_received), (PaymentStatus::Succeeded, 7_477));
    assert!(matches!(stripe.release(&held.id, "r1").await, Err(Error::Refused { .. })));
}

#[tokio::test]
async fn what_is_let_go_cannot_be_taken_and_a_declined_card_holds_nothing() {
    let stripe = stripe().await;
    let held = stripe.hold(&hold("p1", "pm_card_visa")).await.unwrap();
    assert_eq!(stripe.release(&held.id, "r1").await.unwrap().status, PaymentStatus::Canceled);
    assert!(matches!(stripe.capture(&held.id, usd(1), true, "c1").await, Err(Error::Refused { .. })));
    let declined = stripe.hold(&hold("p2", "pm_card_chargeDeclined")).await.unwrap_err();
    assert!(matches!(declined, Error::Declined { code, .. } if code == "card_declined"));
}
