//! Whole orders by each gateway: held, taken, given back in part, let go; declined, lost, asked twice. The gateways' books and ours agree.

use chrono::TimeDelta;
use sandbox::gateway::Books;
use shared_events::orders::{LineQuantity, RefundWish};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::shop::Shop;

/// Two cables: 30.00, tax 3.00, shipping 10.00.
const CABLES: i64 = 4_300;
/// Two teas: 300.00 rupees, tax 30.00, no shipping.
const TEAS: i64 = 33_000;

fn one_back() -> RefundWish {
    RefundWish::Lines(vec![LineQuantity { line: 1, quantity: 1 }])
}

/// One order is paid, sent and half given back; another is cancelled.
async fn whole_life(shop: &Shop, gateway: &str, sku: &str, tokens: [&str; 2], total: i64) {
    let bed = &shop.bed;
    let kept = shop.place(sku, &[(gateway, tokens[0])]).await;
    let given_up = shop.place(sku, &[(gateway, tokens[1])]).await;
    bed.run().await;
    assert_eq!(bed.stands(kept).await.2, "buy_label", "{:?}", bed.shown(kept).await);
    assert_eq!(shop.books(gateway), Books { held: 2 * total, captured: 0, refunded: 0 });
    shop.agree().await;
    bed.cancel(given_up, Some("ann")).await.unwrap();
    bed.labels(kept, 1).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(kept).await.0, "shipped", "{:?}", bed.shown(kept).await);
    bed.refund(kept, one_back(), false).await.unwrap();
    bed.run().await;
    let back = bed.shown(kept).await["refunded_amount"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    assert!(0 < back && back < total, "{back}");
    if gateway == "razorpay" {
        // What it cannot let go stays held until it goes back by itself.
        assert_eq!(shop.books(gateway), Books { held: total, captured: total, refunded: back });
        shop.razorpay.lapse(tokens[1]);
    }
    assert_eq!(shop.books(gateway), Books { held: 0, captured: total, refunded: back });
    shop.agree().await;
    bed.refund(kept, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!(shop.books(gateway), Books { held: 0, captured: total, refunded: total });
    shop.agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn an_order_by_stripe(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    whole_life(&shop, "stripe", "cable", ["pm_card_visa", "pm_card_mastercard"], CABLES).await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn an_order_by_paypal(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let approved = shop.paypal.approve_new(CABLES, "USD");
    whole_life(&shop, "paypal", "cable", [&approved, "vault:saved-1"], CABLES).await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn an_order_by_razorpay(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let [first, second] = [(); 2].map(|()| shop.razorpay.pay(TEAS, "INR", None));
    whole_life(&shop, "razorpay", "tea", [&first, &second], TEAS).await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn an_order_by_payu(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    shop.payu.pay("shop-1", TEAS, None);
    shop.payu.pay("shop-2", TEAS, Some("1.50"));
    whole_life(&shop, "payu", "tea", ["payu:shop-1", "payu:shop-2"], TEAS).await;
}

/// Two shipments: two captures where the gateway takes parts, one refund over both.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn two_shipments_by_paypal_are_two_captures_and_one_refund_gives_both_back(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let shop = Shop::open(pool, options).await;
    let bed = &shop.bed;
    bed.receive("camera", "west", 1).await;
    let order = bed.order(&[("camera", 1), ("cable", 2)]);
    let tokens = shop.order("cable", &[("paypal", "vault:saved")]);
    let (key, tenant) = (&bed.parts.config.key, &bed.slice.tenant);
    let private = orders::private::Private::open(key, tenant, tokens.order_id, &tokens.private).unwrap();
    let private = private.seal(key, tenant, order.order_id).unwrap();
    let id = bed.place(shared_events::orders::PlaceOrder { private, ..order }).await;
    bed.run().await;
    bed.labels(id, 2).await.unwrap();
    // The second capture's answer is lost; so is the second half of the refund.
    shop.paypal.fail("POST capture", "slow");
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "shipped", "{:?}", bed.shown(id).await);
    assert_eq!(shop.books("paypal"), Books { held: 0, captured: 19_359, refunded: 0 });
    shop.paypal.fail("POST refund", "accept_then_hang");
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!(shop.books("paypal"), Books { held: 0, captured: 19_359, refunded: 19_359 });
    assert_eq!(bed.stands(id).await.0, "refunded");
    shop.agree().await;
}

/// PayPal vouches for what it holds for three days. What is sent later is held anew first, once, whatever becomes of the answer.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_paypal_has_held_for_long_is_held_anew_before_it_is_taken(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let bed = &shop.bed;
    let approved = shop.paypal.approve_new(CABLES, "USD");
    let id = shop.place("cable", &[("paypal", &approved)]).await;
    let fresh = shop.place("cable", &[("paypal", "vault:saved")]).await;
    let cancelled = shop.place("cable", &[("paypal", "vault:other")]).await;
    bed.run().await;
    bed.labels(fresh, 1).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(fresh).await.0.as_str(), shop.paypal.calls("POST reauthorize")), ("shipped", 0));
    // Seven days: another gateway's promise would have been given back by now.
    bed.slice.clock.advance(TimeDelta::days(7));
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label", "{:?}", bed.shown(id).await);
    shop.paypal.fail("POST reauthorize", "accept_then_hang");
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "shipped", "{:?}", bed.shown(id).await);
    assert_eq!(shop.paypal.calls("POST reauthorize"), 1, "it is looked up and not asked for again");
    bed.cancel(cancelled, Some("ann")).await.unwrap();
    bed.run().await;
    assert_eq!(shop.books("paypal"), Books { held: 0, captured: 2 * CABLES, refunded: 0 });
    shop.agree().await;
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!(shop.books("paypal").refunded, CABLES);
    shop.agree().await;
}

/// PayPal that will not hold it anew is asked for what it holds.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_is_not_held_anew_is_taken_by_what_there_is(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let bed = &shop.bed;
    let id = shop.place("cable", &[("paypal", "vault:saved")]).await;
    bed.run().await;
    // Our clock and theirs may differ: there it is too soon.
    let mut work = bed.slice.work().await;
    sqlx::query("UPDATE payments SET authorized_at = authorized_at - interval '1 day'")
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
    bed.slice.clock.advance(TimeDelta::days(2));
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), shop.paypal.calls("POST reauthorize")), ("shipped", 1));
    assert_eq!(shop.books("paypal"), Books { held: 0, captured: CABLES, refunded: 0 });
    shop.agree().await;
}

/// A gateway that takes no parts takes all of it with the first shipment, and nothing with the second.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn two_shipments_by_razorpay_are_one_capture(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let bed = &shop.bed;
    bed.receive("tea", "west", 20).await;
    let paid = shop.razorpay.pay(15_000 * 30 * 11 / 10, "INR", None);
    let mut order = shop.order("tea", &[("razorpay", &paid)]);
    order.items[0].quantity = 30;
    order.marks.card = None;
    let id = bed.place(order).await;
    bed.run().await;
    let (status, hold, _) = bed.stands(id).await;
    if hold == "value" {
        let mut work = bed.slice.work().await;
        let task: (uuid::Uuid,) = sqlx::query_as("SELECT id FROM order_tasks").fetch_one(work.conn()).await.unwrap();
        drop(work);
        let decide = shared_events::orders::DecideOrderTask {
            task_id: shared_events::OrderTaskId(task.0),
            approve: true,
            reason: "fine".into(),
            by: crate::bed::who("boss"),
        };
        bed.tell_as(&orders::decide_task::Decide, decide, "boss").await.unwrap();
        bed.run().await;
    }
    assert_eq!(bed.stands(id).await.2, "buy_label", "{status}: {:?}", bed.shown(id).await);
    bed.labels(id, 2).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "shipped", "{:?}", bed.shown(id).await);
    assert_eq!((shop.razorpay.calls("POST capture"), shop.books("razorpay").captured), (1, 495_000));
    shop.agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn declined_by_one_paid_by_the_next_and_each_choice_says_why(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let tokens = [("stripe", "pm_card_visa_chargeDeclinedInsufficientFunds"), ("paypal", "vault:saved")];
    let id = shop.place("cable", &tokens).await;
    let rupees = shop.razorpay.pay(TEAS, "INR", None);
    let declined = [("payu", "payu:nobody-paid"), ("razorpay", rupees.as_str())];
    let tea = shop.place("tea", &declined).await;
    shop.bed.run().await;
    let tries = shop.tries(id).await;
    assert_eq!(tries[0], ("stripe".into(), "declined".into(), Some("insufficient_funds".into())));
    assert_eq!(tries[1], ("paypal".into(), "authorized".into(), None));
    let tries = shop.tries(tea).await;
    assert_eq!(tries[0], ("payu".into(), "declined".into(), Some("not_authorised_by_customer".into())));
    assert_eq!((tries[1].0.as_str(), tries[1].1.as_str()), ("razorpay", "authorized"));
    shop.agree().await;
    let mut work = shop.bed.slice.work().await;
    let routes: Vec<(Option<String>, serde_json::Value)> =
        sqlx::query_as("SELECT gateway, candidates FROM payment_routes WHERE order_id = $1 ORDER BY seq")
            .bind(id.0)
            .fetch_all(work.conn())
            .await
            .unwrap();
    assert_eq!(routes.len(), 2);
    let why = |route: usize, at: usize| routes[route].1[at]["why"].as_str().unwrap().to_owned();
    assert_eq!((routes[0].0.as_deref(), why(0, 0).as_str()), (Some("stripe"), "it costs 1.55 and fares well"));
    assert_eq!(why(0, 1), "it costs 1.99 and fares well");
    assert_eq!(
        (why(0, 2).as_str(), why(1, 3).as_str()),
        ("it does not take USD", "it has refused this order: insufficient_funds")
    );
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_payment_that_pays_another_order_or_another_amount_pays_nothing(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let shop = Shop::open(pool, options).await;
    let paid = shop.razorpay.pay(TEAS, "INR", None);
    let first = shop.place("tea", &[("razorpay", &paid)]).await;
    shop.bed.run().await;
    let second = shop.place("tea", &[("razorpay", &paid)]).await;
    let small = shop.razorpay.pay(TEAS - 1, "INR", None);
    let third = shop.place("tea", &[("razorpay", &small)]).await;
    let cheap = shop.paypal.approve_new(1, "USD");
    let fourth = shop.place("cable", &[("paypal", &cheap), ("stripe", "pm_card_visa")]).await;
    shop.bed.run().await;
    assert_eq!(shop.tries(first).await[0].1, "authorized");
    for (order, code) in [(second, "token_used"), (third, "amount_mismatch")] {
        assert_eq!(shop.tries(order).await, [("razorpay".into(), "declined".into(), Some(code.into()))]);
        assert_eq!(shop.bed.stands(order).await.1, "payment");
    }
    assert_eq!(shop.tries(fourth).await[0].0, "stripe");
}

/// Accepted and not answered: it is looked up, and nobody else is asked. At every call, at every gateway.
async fn lost_everywhere(shop: &Shop, gateway: &str, sku: &str, tokens: &[(&str, &str)], calls: [&str; 3]) {
    let bed = &shop.bed;
    let fail = |operation: &str| match gateway {
        "stripe" => shop.stripe.fail(operation, "accept_then_hang"),
        "paypal" => shop.paypal.fail(operation, "accept_then_hang"),
        "razorpay" => shop.razorpay.fail(operation, "accept_then_hang"),
        _ => shop.payu.fail(operation, "accept_then_hang"),
    };
    fail(calls[0]);
    let id = shop.place(sku, tokens).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label", "{:?}", bed.shown(id).await);
    let tries = shop.tries(id).await;
    assert_eq!((tries.len(), tries[0].0.as_str()), (1, gateway), "{tries:?}");
    fail(calls[1]);
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "shipped", "{:?}", bed.shown(id).await);
    fail(calls[2]);
    bed.refund(id, one_back(), false).await.unwrap();
    bed.run().await;
    let books = shop.books(gateway);
    assert!(books.held == 0 && books.captured > books.refunded && books.refunded > 0, "{books:?}");
    shop.agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn answers_that_are_lost_at_stripe_and_paypal(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let both = [("stripe", "pm_card_visa"), ("paypal", "vault:saved")];
    lost_everywhere(&shop, "stripe", "cable", &both, ["POST payment_intents", "POST payment_intents", "POST refunds"])
        .await;
    let paypal = [("paypal", "vault:saved")];
    lost_everywhere(&shop, "paypal", "cable", &paypal, ["POST authorize", "POST capture", "POST refund"]).await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn answers_that_are_lost_at_razorpay_and_payu(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let paid = shop.razorpay.pay(TEAS, "INR", None);
    lost_everywhere(&shop, "razorpay", "tea", &[("razorpay", &paid)], ["GET payments", "POST capture", "POST refund"])
        .await;
    shop.payu.pay("shop-1", TEAS, None);
    let calls = ["verify_payment", "capture_transaction", "cancel_refund_transaction"];
    lost_everywhere(&shop, "payu", "tea", &[("payu", "payu:shop-1")], calls).await;
}
