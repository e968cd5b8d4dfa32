//! The client of Stripe against the sandbox: a fee is charged once, whatever happens to the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use providers::stripe::{Charge, Error, PaymentStatus, RefundOf, Stripe};
use serde_json::{Value, json};
use service_kit::clock::SystemClock;
use service_kit::config::Secret;
use service_kit::http_client;
use shared_events::money::{Currency, Money};
use tokio::net::TcpListener;

struct Bed {
    base: String,
    http: reqwest::Client,
    stripe: Stripe,
    customer: String,
}

impl Bed {
    async fn new() -> Self {
        let sandbox = sandbox::stripe::Stripe::new(Arc::new(SystemClock));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, sandbox.router()).await });
        let stripe = Stripe::new(&base, Secret::new("sk_test_of_ours")).with_timeout(Duration::from_secs(10));
        let customer = stripe.create_customer(&BTreeMap::new(), "customer-1").await.unwrap().id;
        Self { base, http: http_client::client(Duration::from_secs(10)), stripe, customer }
    }

    async fn fault(&self, operation: &str, kind: &str) {
        let body = json!({"operation": operation, "kind": kind});
        let done = self.http.post(format!("{}/_sandbox/faults", self.base)).json(&body).send().await.unwrap();
        assert!(done.status().is_success());
    }

    async fn objects(&self, kind: &str) -> Vec<Value> {
        let all = self.http.get(format!("{}/_sandbox/objects", self.base)).send().await.unwrap();
        let all: Vec<Value> = all.json().await.unwrap();
        all.into_iter().filter(|object| object["object"] == kind).collect()
    }

    fn fee(&self, id: &str, minor: i64) -> Charge {
        Charge {
            customer: self.customer.clone(),
            payment_method: "pm_card_visa".to_owned(),
            amount: Money::new(minor, Currency::USD),
            description: "Success fee".to_owned(),
            metadata: BTreeMap::from([("fee_id".to_owned(), id.to_owned())]),
            idempotency_key: format!("fee:{id}"),
        }
    }
}

fn long_ago() -> DateTime<Utc> {
    "2020-01-01T00:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn a_card_is_saved_and_charged_and_given_back() {
    let bed = Bed::new().await;
    let urls = ("https://recoup.example/done?session={CHECKOUT_SESSION_ID}", "https://recoup.example/no");
    let page = bed.stripe.create_setup_page(&bed.customer, urls, "setup-1").await.unwrap();
    assert_eq!(page.payment_method(), None);
    let back = bed.http.get(page.url.unwrap()).send().await.unwrap();
    assert_eq!(back.headers()["location"], format!("https://recoup.example/done?session={}", page.id).as_str());
    let page = bed.stripe.setup_page(&page.id).await.unwrap();
    assert_eq!(page.status.as_deref(), Some("complete"));
    let mut charge = bed.fee("1", 2_000);
    charge.payment_method = page.payment_method().unwrap().to_owned();
    let paid = bed.stripe.charge(&charge).await.unwrap();
    assert_eq!(
        (paid.status.clone(), paid.amount_received, paid.money()),
        (PaymentStatus::Succeeded, 2_000, Some(charge.amount))
    );
    assert_eq!(bed.stripe.payment_intent(&paid.id).await.unwrap(), paid);
    let refund = |id: &str, minor| RefundOf {
        payment_intent: paid.id.clone(),
        amount: Money::new(minor, Currency::USD),
        metadata: BTreeMap::from([("credit_id".to_owned(), id.to_owned())]),
        idempotency_key: format!("credit:{id}"),
    };
    let part = bed.stripe.refund(&refund("1", 500)).await.unwrap();
    assert_eq!(bed.stripe.refund(&refund("1", 500)).await.unwrap(), part, "the same again is the same");
    let found = bed.stripe.find_refund(&paid.id, ("credit_id", "1")).await.unwrap();
    assert_eq!(found.and_then(|refund| refund.money()), Some(Money::new(500, Currency::USD)));
    let too_much = bed.stripe.refund(&refund("2", 1_501)).await;
    assert!(matches!(too_much, Err(Error::Refused { status: 400, .. })), "{too_much:?}");
    assert_eq!(bed.objects("refund").await.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_the_fee_is_charged_once() {
    let bed = Bed::new().await;
    let hasty = bed.stripe.clone().with_timeout(Duration::from_millis(700));
    for kind in ["accept_then_hang", "hang"] {
        let charge = bed.fee(kind, 700);
        bed.fault("POST payment_intents", kind).await;
        let lost = hasty.charge(&charge).await;
        assert!(matches!(lost, Err(Error::Unknown { .. })), "{lost:?}");
        assert!(!lost.unwrap_err().is_temporary());
        let found = bed.stripe.find_charge(&bed.customer, long_ago(), ("fee_id", kind)).await.unwrap();
        assert_eq!(found.is_some(), kind == "accept_then_hang", "{kind}");
        // Asking again with the same key is harmless in any case.
        let paid = bed.stripe.charge(&charge).await.unwrap();
        assert!(found.is_none_or(|found| found == paid));
    }
    assert_eq!(bed.objects("payment_intent").await.len(), 2);
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let bed = Bed::new().await;
    let first = bed.stripe.charge(&bed.fee("1", 700)).await.unwrap();
    assert_eq!(bed.stripe.charge(&bed.fee("1", 700)).await.unwrap(), first);
    assert_eq!(bed.stripe.charge(&bed.fee("1", 701)).await, Err(Error::KeyReused));
    // An error of the server's is what the key gives from then on, as Stripe has it.
    bed.fault("POST payment_intents", "error").await;
    for _ in 0..2 {
        assert!(matches!(bed.stripe.charge(&bed.fee("2", 700)).await, Err(Error::Unknown { .. })));
    }
    assert_eq!(bed.stripe.find_charge(&bed.customer, long_ago(), ("fee_id", "2")).await, Ok(None));
    assert_eq!(bed.objects("payment_intent").await.len(), 1);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let bed = Bed::new().await;
    let mut declined = bed.fee("1", 700);
    declined.payment_method = "pm_card_visa_chargeDeclinedInsufficientFunds".to_owned();
    let Err(Error::Declined { code, decline_code, payment_intent }) = bed.stripe.charge(&declined).await else {
        panic!("it was not declined")
    };
    assert_eq!((code.as_str(), decline_code.as_deref()), ("card_declined", Some("insufficient_funds")));
    let tried = bed.stripe.payment_intent(&payment_intent.unwrap()).await.unwrap();
    assert_eq!(tried.status, PaymentStatus::RequiresPaymentMethod);
    let small = bed.stripe.charge(&bed.fee("2", 49)).await;
    assert!(matches!(&small, Err(Error::Refused { code, .. }) if code == "amount_too_small"), "{small:?}");
    bed.fault("POST payment_intents", "throttle").await;
    assert!(bed.stripe.charge(&bed.fee("3", 700)).await.unwrap_err().is_temporary());
    bed.stripe.charge(&bed.fee("3", 700)).await.unwrap();
    let nowhere = Stripe::new("http://127.0.0.1:9", Secret::new("sk_test"));
    assert!(matches!(nowhere.charge(&bed.fee("4", 700)).await, Err(Error::Unavailable(_))));
    let stranger = Stripe::new(&bed.base, Secret::new("nonsense"));
    assert!(matches!(stranger.payment_intent("pi_1").await, Err(Error::Refused { status: 401, .. })));
    assert!(matches!(bed.stripe.payment_intent("../customers").await, Err(Error::Refused { .. })));
    assert!(!format!("{:?}", bed.stripe).contains("sk_test"));
}

#[tokio::test]
async fn a_charge_is_found_on_later_pages_too() {
    let bed = Bed::new().await;
    for number in 0..130 {
        bed.stripe.charge(&bed.fee(&number.to_string(), 700)).await.unwrap();
    }
    let oldest = bed.stripe.find_charge(&bed.customer, long_ago(), ("fee_id", "0")).await.unwrap();
    assert!(oldest.is_some());
    assert_eq!(bed.stripe.find_charge(&bed.customer, long_ago(), ("fee_id", "none")).await, Ok(None));
}
