//! Webhooks of the four gateways: believed only when they are proved, kept once, harmless twice, late or early.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use futures::future::BoxFuture;
use orders::api::{Api, Probe, Sends, other_spellings, router};
use sandbox::gateway::{Books, Delivery};
use serde_json::{Value, json};
use service_kit::auth::Verifier;
use service_kit::config::{EdgeConfig, Env, Reader, load};
use service_kit::health::Health;
use service_kit::http::Server;
use shared_events::orders::RefundWish;
use shared_events::{Envelope, OrderId, Topic};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

use crate::shop::{STRIPE_SECRET, Shop};

const TEAS: i64 = 33_000;

struct Nowhere;

impl Sends for Nowhere {
    fn send<'a>(&'a self, _: Topic, _: &'a Envelope, _: Vec<u8>) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async { anyhow::bail!("webhooks send no commands") })
    }
}

fn app(shop: &Shop) -> Router {
    let env = Env::of([("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    let config = EdgeConfig::read_for(&mut Reader::new(&env), "orders").unwrap();
    let verifier = Arc::new(Verifier::new(&load(&env).unwrap()).unwrap());
    let (store, orders) = (shop.bed.slice.store.clone(), shop.bed.parts.config.clone());
    let api = Api {
        store,
        config: orders,
        sender: Arc::new(Nowhere),
        probe: Probe::default(),
        around: orders::api::Around::default(),
    };
    Server::new(Health::new("orders"), config, verifier).app(router(api.clone()), other_spellings(api))
}

async fn post(app: &Router, gateway: &str, delivery: &Delivery) -> u16 {
    let mut request = Request::builder().method("POST").uri(format!("/webhooks/payments/{gateway}"));
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    app.clone().oneshot(request.body(Body::from(delivery.body.clone())).unwrap()).await.unwrap().status().as_u16()
}

fn flipped(delivery: &Delivery) -> Delivery {
    let at = delivery.body.find("30").unwrap_or(5);
    let mut body = delivery.body.clone();
    body.replace_range(at..=at, "4");
    Delivery { body, ..delivery.clone() }
}

async fn kept(shop: &Shop) -> Vec<(String, String)> {
    let mut work = shop.bed.slice.work().await;
    sqlx::query_as("SELECT gateway, kind FROM payment_webhooks WHERE heeded_at IS NOT NULL ORDER BY received_at, kind")
        .fetch_all(work.conn())
        .await
        .unwrap()
}

async fn reference(shop: &Shop, order: OrderId) -> String {
    let mut work = shop.bed.slice.work().await;
    let found: (String,) =
        sqlx::query_as("SELECT provider_ref FROM payments WHERE order_id = $1 AND provider_ref IS NOT NULL")
            .bind(order.0)
            .fetch_one(work.conn())
            .await
            .unwrap();
    found.0
}

async fn chargebacks(shop: &Shop) -> i64 {
    let mut work = shop.bed.slice.work().await;
    sqlx::query_scalar("SELECT count(*) FROM payments WHERE disputed_at IS NOT NULL")
        .fetch_one(work.conn())
        .await
        .unwrap()
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn each_gateways_webhooks_are_proved_and_kept_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let (app, bed) = (app(&shop), &shop.bed);
    let paid = shop.razorpay.pay(TEAS, "INR", None);
    shop.payu.pay("shop-1", TEAS, Some("2.00"));
    let by_stripe = shop.place("cable", &[("stripe", "pm_card_visa")]).await;
    shop.place("cable", &[("paypal", "vault:saved")]).await;
    shop.place("tea", &[("razorpay", &paid)]).await;
    shop.place("tea", &[("payu", "payu:shop-1")]).await;
    bed.run().await;
    let intent = reference(&shop, by_stripe).await;
    let all = [
        ("stripe", shop.stripe.event(STRIPE_SECRET, "payment_intent.amount_capturable_updated", &json!(intent))),
        ("paypal", shop.paypal.webhooks()[0].clone()),
        ("razorpay", shop.razorpay.webhooks()[0].clone()),
        ("payu", shop.payu.webhooks()[0].clone()),
    ];
    for (gateway, delivery) in &all {
        assert_eq!(post(&app, gateway, &flipped(delivery)).await, 401, "{gateway}: one flipped byte");
        let bare = Delivery { headers: vec![], body: delivery.body.replace("hash=", "hush="), ..delivery.clone() };
        assert_eq!(post(&app, gateway, &bare).await, 401, "{gateway}: without a signature");
        assert_eq!(post(&app, gateway, delivery).await, 204, "{gateway}");
        assert_eq!(post(&app, gateway, delivery).await, 204, "{gateway}: again");
    }
    assert_eq!(post(&app, "adyen", &all[0].1).await, 404);
    let large = Delivery { body: " ".repeat(300 * 1024), ..all[0].1.clone() };
    assert_eq!(post(&app, "stripe", &large).await, 413);
    let wrong = shop.stripe.event("whsec_of_somebody", "payment_intent.succeeded", &json!(intent));
    assert_eq!(post(&app, "stripe", &wrong).await, 401);
    let mut elsewhere = all[1].1.clone();
    for (name, value) in &mut elsewhere.headers {
        if name == "paypal-cert-url" {
            *value = "https://paypal.com.evil.example/cert".into();
        }
    }
    let asked = shop.paypal.calls("POST verify-webhook-signature");
    assert_eq!(post(&app, "paypal", &elsewhere).await, 401);
    assert_eq!(shop.paypal.calls("POST verify-webhook-signature"), asked, "not even asked about");
    let mut old = all[1].1.clone();
    for (name, value) in &mut old.headers {
        if name == "paypal-transmission-time" {
            *value = "2026-11-16T12:00:00Z".into();
        }
    }
    assert_eq!(post(&app, "paypal", &old).await, 401, "older than PayPal repeats anything");
    assert_eq!(shop.paypal.calls("POST verify-webhook-signature"), asked, "not even asked about");
    shop.paypal.fail("POST verify-webhook-signature", "error");
    assert_eq!(post(&app, "paypal", &all[1].1).await, 503, "it may be PayPal's, so it is to be sent again");
    // Too old, or of nobody's payment: not believed, and not kept.
    bed.slice.clock.advance(TimeDelta::seconds(301));
    assert_eq!(post(&app, "stripe", &all[0].1).await, 401);
    let foreign =
        shop.stripe.event(STRIPE_SECRET, "charge.succeeded", &json!({"id": "ch_1", "payment_intent": "pi_1"}));
    assert_eq!(post(&app, "stripe", &foreign).await, 204);
    bed.run().await;
    let kinds: Vec<String> = kept(&shop).await.into_iter().map(|(gateway, _)| gateway).collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    shop.agree().await;
}

/// The answer is lost; the webhook comes before the next look, and hastens it.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_webhook_hastens_the_look_that_would_have_come_anyway(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let (app, bed) = (app(&shop), &shop.bed);
    for webhook_comes in [true, false] {
        shop.paypal.fail("POST authorize", "accept_then_hang");
        let before = shop.paypal.webhooks().len();
        let id = shop.place("cable", &[("paypal", "vault:saved")]).await;
        let worker = bed.worker();
        while shop.paypal.webhooks().len() == before {
            assert!(worker.run_next().await.unwrap() || bed.stands(id).await.2 != "authorize_payment");
        }
        assert_eq!(shop.tries(id).await[0].1, "unknown");
        if webhook_comes {
            // Without the clock moving on: before the timer.
            assert_eq!(post(&app, "paypal", &shop.paypal.webhooks()[before]).await, 204);
            while worker.run_next().await.unwrap() {}
            assert_eq!(shop.tries(id).await[0].1, "authorized");
        } else {
            while worker.run_next().await.unwrap() {}
            assert_eq!(shop.tries(id).await[0].1, "unknown", "nothing told us, and the timer is not due");
            bed.run().await;
            assert_eq!(shop.tries(id).await[0].1, "authorized");
        }
    }
    assert_eq!(shop.books("paypal"), Books { held: 8_600, captured: 0, refunded: 0 });
    shop.agree().await;
}

/// The webhook is there while the answer is still on its way.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_webhook_before_the_answer_changes_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let (app, bed) = (app(&shop), &shop.bed);
    let paid = shop.razorpay.pay(TEAS, "INR", None);
    let id = shop.place("tea", &[("razorpay", &paid)]).await;
    // Nothing was asked of Razorpay yet: the payment is not ours, so far.
    assert_eq!(post(&app, "razorpay", &shop.razorpay.webhooks()[0]).await, 204);
    bed.run().await;
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "shipped");
    // Out of order: captured is told before authorized.
    let hooks = shop.razorpay.webhooks();
    assert_eq!(
        hooks.iter().map(|hook| hook.kind.as_str()).collect::<Vec<_>>(),
        ["payment.authorized", "payment.captured"]
    );
    for hook in hooks.iter().rev() {
        assert_eq!(post(&app, "razorpay", hook).await, 204);
        bed.run().await;
        assert_eq!(shop.tries(id).await[0].1, "authorized");
        assert_eq!(shop.ledger("razorpay").await, Books { held: 0, captured: TEAS, refunded: 0 });
    }
    shop.agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_promise_that_is_over_is_asked_for_anew_and_one_that_is_not_stays(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let shop = Shop::open(pool, options).await;
    let (app, bed) = (app(&shop), &shop.bed);
    let paid = shop.razorpay.pay(TEAS, "INR", None);
    let id = shop.place("tea", &[("razorpay", &paid)]).await;
    let cables = shop.place("cable", &[("stripe", "pm_card_visa")]).await;
    bed.run().await;
    let intent = reference(&shop, cables).await;
    // Signed, and not true: Stripe still holds it.
    let untrue = shop.stripe.event(STRIPE_SECRET, "payment_intent.canceled", &json!(intent));
    assert_eq!(post(&app, "stripe", &untrue).await, 204);
    bed.run().await;
    assert_eq!((shop.tries(cables).await.len(), shop.tries(cables).await[0].1.as_str()), (1, "authorized"));
    shop.razorpay.lapse(&paid);
    assert_eq!(post(&app, "razorpay", shop.razorpay.webhooks().last().unwrap()).await, 204);
    bed.run().await;
    assert_eq!(shop.tries(id).await[0].1, "lapsed");
    assert_eq!(bed.stands(id).await.0, "on_hold");
    shop.agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn disputes_are_noted_and_count_against_the_customer_unless_they_are_won(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let shop = Shop::open(pool, options).await;
    let (app, bed) = (app(&shop), &shop.bed);
    let paid = shop.razorpay.pay(TEAS, "INR", None);
    let tea = shop.place("tea", &[("razorpay", &paid)]).await;
    let cables = shop.place("cable", &[("paypal", "vault:saved")]).await;
    let more = shop.place("cable", &[("stripe", "pm_card_visa")]).await;
    bed.run().await;
    for id in [tea, cables, more] {
        bed.labels(id, 1).await.unwrap();
    }
    bed.run().await;
    shop.razorpay.dispute(&paid);
    assert_eq!(post(&app, "razorpay", shop.razorpay.webhooks().last().unwrap()).await, 204);
    let mut work = bed.slice.work().await;
    let (capture,): (String,) = sqlx::query_as(
        "SELECT c.provider_ref FROM payment_calls c JOIN payments p ON p.id = c.payment_id WHERE p.order_id = $1 AND purpose = 'capture'",
    )
    .bind(cables.0)
    .fetch_one(work.conn())
    .await
    .unwrap();
    drop(work);
    shop.paypal.dispute(&capture);
    assert_eq!(post(&app, "paypal", shop.paypal.webhooks().last().unwrap()).await, 204);
    bed.run().await;
    assert_eq!(chargebacks(&shop).await, 2);
    // Stripe tells that it was won before that it was opened.
    let intent = reference(&shop, more).await;
    for (kind, status) in [("charge.dispute.closed", "won"), ("charge.dispute.created", "needs_response")] {
        let dispute: Value = json!({"id": "dp_1", "payment_intent": intent, "amount": 4_300, "status": status});
        assert_eq!(post(&app, "stripe", &shop.stripe.event(STRIPE_SECRET, kind, &dispute)).await, 204);
        bed.run().await;
    }
    assert_eq!(chargebacks(&shop).await, 2);
    // Each is told as often as it changed: Stripe's opening came too late to be one.
    assert_eq!((bed.said("dispute_opened").await, bed.said("dispute_closed").await), (2, 1));
    let mut work = bed.slice.work().await;
    let tasks: Vec<(uuid::Uuid,)> = sqlx::query_as(
        "SELECT order_id FROM order_tasks WHERE kind = 'payment_dispute' AND state = 'open' ORDER BY seq",
    )
    .fetch_all(work.conn())
    .await
    .unwrap();
    assert_eq!(tasks, [(tea.0,), (cables.0,)], "somebody has to send the bank what it asks for");
    drop(work);
    // The next order of the customer says so.
    let next = shop.place("cable", &[("stripe", "pm_card_visa")]).await;
    bed.run().await;
    let mut work = bed.slice.work().await;
    let (factors,): (Value,) = sqlx::query_as("SELECT fraud_factors FROM orders WHERE id = $1")
        .bind(next.0)
        .fetch_one(work.conn())
        .await
        .unwrap();
    let said = factors.as_array().unwrap().iter().find(|factor| factor["name"] == "prior_chargebacks").unwrap();
    assert_eq!(said["evidence"], "2 payments were charged back before");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_refund_that_fell_through_counts_no_more_and_can_be_asked_for_again(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let shop = Shop::open(pool, options).await;
    let (app, bed) = (app(&shop), &shop.bed);
    let id = shop.place("cable", &[("stripe", "pm_card_visa")]).await;
    bed.run().await;
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    let money = RefundWish::Amount(crate::bed::usd(1_000));
    bed.refund(id, money.clone(), false).await.unwrap();
    bed.run().await;
    assert_eq!(bed.shown(id).await["refunded_amount"], "10.00");
    let mut work = bed.slice.work().await;
    let (refund,): (String,) = sqlx::query_as("SELECT provider_ref FROM payment_calls WHERE purpose = 'refund'")
        .fetch_one(work.conn())
        .await
        .unwrap();
    drop(work);
    let intent = reference(&shop, id).await;
    let failed = json!({"id": refund, "object": "refund", "payment_intent": intent, "status": "failed"});
    let event = shop.stripe.event(STRIPE_SECRET, "refund.failed", &failed);
    for _ in 0..2 {
        assert_eq!(post(&app, "stripe", &event).await, 204);
        bed.run().await;
        assert_eq!(bed.shown(id).await["refunded_amount"], "0.00");
    }
    let told = bed.slice.said().await;
    let failed: Vec<&Value> =
        told.iter().filter(|(kind, _)| kind == "orders.order_refund_failed.v1").map(|(_, told)| told).collect();
    assert_eq!(failed.len(), 1, "whoever had acted on the refund is told once");
    assert_eq!((&failed[0]["was_told"], &failed[0]["amount"]["minor"]), (&json!(true), &json!(1_000)));
    let (_, refunded) = told.iter().find(|(kind, _)| kind == "orders.order_refunded.v1").unwrap();
    assert_eq!(failed[0]["refund_id"], refunded["refund_id"]);
    bed.refund(id, money, false).await.unwrap();
    bed.run().await;
    assert_eq!(shop.ledger("stripe").await.refunded, 1_000);
    // Another order is refunded whole, which closes it; that falls through, too.
    let id = shop.place("cable", &[("stripe", "pm_card_visa")]).await;
    bed.run().await;
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "refunded");
    let mut work = bed.slice.work().await;
    let (refund,): (String,) = sqlx::query_as(
        "SELECT c.provider_ref FROM payment_calls c JOIN refunds r ON r.id = c.subject WHERE c.purpose = 'refund' AND r.order_id = $1",
    )
    .bind(id.0)
    .fetch_one(work.conn())
    .await
    .unwrap();
    drop(work);
    let intent = reference(&shop, id).await;
    let failed = json!({"id": refund, "object": "refund", "payment_intent": intent, "status": "failed"});
    assert_eq!(post(&app, "stripe", &shop.stripe.event(STRIPE_SECRET, "refund.failed", &failed)).await, 204);
    bed.run().await;
    let shown = bed.shown(id).await;
    assert_eq!(
        (&shown["status"], &shown["refunded_amount"]),
        (&json!("shipped"), &json!("0.00")),
        "as it stood before"
    );
}
