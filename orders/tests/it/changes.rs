//! Orders that are changed while they wait, what customers read of it, and orders in other currencies.

use axum::http::Method;
use chrono::TimeDelta;
use orders::decide_task::Decide;
use orders::private::{Address, Private};
use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::orders::{DecideOrderTask, LineQuantity, PlaceOrder, PutProduct, RefundWish};
use shared_events::{Currency, Money, OrderId, OrderTaskId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bank::Mood;
use crate::bed::{Bed, address, who};
use crate::http::{ANN, BOSS, app, ask, basket};

async fn tasks(bed: &Bed, id: OrderId, state: &str) -> Vec<(Uuid, String)> {
    let mut work = bed.slice.work().await;
    sqlx::query_as("SELECT id, kind FROM order_tasks WHERE order_id = $1 AND state::text = $2 ORDER BY seq")
        .bind(id.0)
        .bind(state)
        .fetch_all(work.conn())
        .await
        .unwrap()
}

async fn approve(bed: &Bed, task: Uuid) {
    let decision =
        DecideOrderTask { task_id: OrderTaskId(task), approve: true, reason: "looked".into(), by: who("bob") };
    bed.tell_as(&Decide, decision, "bob").await.unwrap();
}

/// Worth a lot, and suspicious: the mail address is of a throw-away service, billing and shipping are in two countries.
fn suspicious(bed: &Bed) -> PlaceOrder {
    let mut order = bed.order(&[("watch", 1)]);
    order.marks.disposable_mail = true;
    order.marks.addresses = "country".into();
    order.marks.card = Some("the same card".into());
    order
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_was_allowed_is_not_allowed_any_more_once_the_order_is_another(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    bed.receive("watch", "east", 9).await;
    for _ in 0..6 {
        bed.place(suspicious(&bed)).await;
    }
    let id = bed.place(suspicious(&bed)).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.1, "fraud");
    let before = tasks(&bed, id, "open").await;
    let kinds: Vec<&str> = before.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(kinds, ["fraud_review", "high_value_order"]);
    approve(&bed, before[0].0).await;
    // The review is behind it; now it is to go elsewhere, still with a throw-away mail address.
    let elsewhere = |private: &mut Private| {
        private.email = Some("ann@mailinator.com".into());
        private.shipping = Some(Address { city: Some("Elsewhere".into()), ..address("CA") });
    };
    bed.change(id, elsewhere).await.unwrap();
    bed.run().await;
    let after = tasks(&bed, id, "open").await;
    assert_eq!(tasks(&bed, id, "withdrawn").await.len(), 2);
    assert!(after.iter().all(|(task, _)| before.iter().all(|(known, _)| known != task)), "{after:?}");
    assert_eq!(bed.stands(id).await.2, "approve", "nothing of it goes on before it was allowed as it is now");
    for (task, _) in after {
        approve(&bed, task).await;
    }
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn another_card_pays_what_the_first_did_not(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    for bank in [&bed.cheap, &bed.dear] {
        bank.will(&[Mood::Decline]);
    }
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.1, "payment");
    bed.change(id, |private| private.email = None).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.1, "payment", "the same card is not tried again");
    // Too late for the stock, but not for the customer.
    bed.slice.clock.advance(TimeDelta::minutes(16));
    bed.run().await;
    assert_eq!((bed.stands(id).await.2.as_str(), bed.in_stock("cable", "east").await), ("reserve_stock", (1, 0)));
    let shown = bed.change(id, |private| private.payment_token = Some("tok-other".into())).await.unwrap();
    assert_eq!(shown["hold"], Value::Null, "{shown}");
    bed.run().await;
    assert_eq!((bed.stands(id).await.2.as_str(), bed.cheap.done("authorize")), ("buy_label", (1, 2_650)));
    let performance = ask(&app(&bed), Method::GET, "/api/order-workflow/analytics/performance", BOSS, None, "").await;
    assert_eq!(performance.body["payment_success_rate"], "33.33", "what was refused stays refused");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_better_address_lets_an_order_go_on(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    let mut order = bed.order(&[("cable", 1)]);
    let key = &bed.parts.config.key;
    let mut private = Private::open(key, &bed.slice.tenant, order.order_id, &order.private).unwrap();
    private.shipping = Some(Address { street_address: None, ..address("US") });
    order.private = private.seal(key, &bed.slice.tenant, order.order_id).unwrap();
    let id = bed.place(order).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.1, "address");
    bed.change(id, |private| private.shipping = Some(address("US"))).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.2, "buy_label");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn of_two_changes_at_once_one_is_refused(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    let stale = {
        let key = &bed.parts.config.key;
        let private = Private { payment_token: Some("tok-2".into()), ..Private::default() };
        shared_events::orders::UpdateOrder {
            why: None,
            order_id: id,
            private: Some(private.seal(key, &bed.slice.tenant, id).unwrap()),
            replaces: None,
            made_from: Some(1),
            marks: Some(private.marks(key)),
            ship_country: None,
            shipping_method: None,
            only_of: Some("ann".into()),
            by: who("ann"),
        }
    };
    bed.change(id, |private| private.shipping = Some(address("CA"))).await.unwrap();
    let refused = bed.tell(&orders::update_order::Update, stale).await.unwrap_err();
    assert_eq!(refused.code, "order_changed_conflict");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn customers_read_nothing_of_what_was_suspected(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    for _ in 0..6 {
        bed.place(suspicious(&bed)).await;
    }
    let id = bed.place(suspicious(&bed)).await;
    bed.run().await;
    for path in [format!("/orders/{id}"), format!("/api/order-workflow/orders/{id}")] {
        let own = ask(&app, Method::GET, &path, ANN, None, "").await.body;
        assert_eq!(own["hold"], json!({"reason": "review", "detail": "somebody is looking at it"}), "{path}");
        let text = own.to_string();
        assert!(!text.contains("score ") && !text.contains("\"fraud\"") && !text.contains("suspicious"), "{text}");
        let staffs = ask(&app, Method::GET, &path, BOSS, None, "").await.body;
        assert_eq!(staffs["hold"]["reason"], "fraud");
        assert!(staffs["steps"].to_string().contains("of 100: hold"), "{staffs}");
    }
    let listed = ask(&app, Method::GET, "/orders", ANN, None, "").await.body;
    assert_eq!(listed["orders"][0]["hold"]["reason"], "review");
    let method = json!({"shipping_method": "express"});
    let changed = ask(&app, Method::PUT, &format!("/orders/{id}"), ANN, Some(method), "").await;
    assert!(changed.status == 200 && !changed.body.to_string().contains("fraud"), "{}", changed.body);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_bank_that_suspects_somebody_is_not_quoted_to_them(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    bed.receive("cable", "east", 1).await;
    bed.cheap.will(&[Mood::Decline]);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    let mut work = bed.slice.work().await;
    sqlx::query("UPDATE payments SET decline_code = 'stolen_card', decline_class = 'final' WHERE state = 'declined'")
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
    let path = format!("/orders/{id}");
    for (who, code) in [(ANN, "card_declined"), (BOSS, "stolen_card")] {
        let shown = ask(&app, Method::GET, &path, who, None, "").await.body;
        assert_eq!(shown["payments"][1]["decline_code"], code, "{shown}");
    }
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_selling_system_finds_what_it_placed(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let (seller, other) = (Some(("till", Role::Seller)), Some(("another till", Role::Seller)));
    let mut body = basket();
    body["customer_id"] = json!("cust_123");
    let path = "/api/order-workflow/orders";
    let placed = ask(&app, Method::POST, path, seller, Some(body), "").await;
    assert_eq!(placed.status, 201, "{}", placed.body);
    let own = format!("{path}/{}", placed.body["id"].as_str().unwrap());
    let found = [seller, Some(("cust_123", Role::Customer)), other, ANN];
    for (who, status) in found.into_iter().zip([200, 200, 404, 404]) {
        assert_eq!(ask(&app, Method::GET, &own, who, None, "").await.status, status, "{who:?}");
        assert_eq!(ask(&app, Method::GET, &format!("{own}/tracking"), who, None, "").await.status, status, "{who:?}");
        for list in [path, "/orders"] {
            let listed = ask(&app, Method::GET, list, who, None, "").await.body["orders"].as_array().map(Vec::len);
            assert_eq!(listed, Some(usize::from(status == 200)), "{list} {who:?}");
        }
    }
    let of = async |customer: &str| {
        ask(&app, Method::GET, &format!("{path}?customer_id={customer}"), seller, None, "").await.body["orders"].clone()
    };
    assert_eq!((of("cust_123").await.as_array().map(Vec::len), of("cust_9").await), (Some(1), json!([])));
    let id = placed.body["id"].as_str().unwrap();
    assert_eq!(ask(&app, Method::DELETE, &format!("/orders/{id}"), other, None, "").await.status, 404);
    assert_eq!(ask(&app, Method::DELETE, &format!("/orders/{id}"), seller, None, "").await.status, 200);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn prices_are_read_in_the_currency_of_what_is_sold(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    for (id, code, minor) in [("tisane", "EUR", 1_000), ("matcha", "JPY", 1_200), ("dates", "KWD", 1_234)] {
        let product = PutProduct {
            product_id: id.into(),
            sku: format!("SKU-{id}"),
            name: id.into(),
            unit_price: Money::new(minor, Currency::try_new(code).unwrap()),
            grams: 100,
            is_active: true,
            reason: None,
            by: who("boss"),
        };
        bed.tell(&orders::put_product::Put, product).await.unwrap();
    }
    let order = |item: Value| {
        let mut body = basket();
        body["items"] = json!([item]);
        body
    };
    for (id, price, currency, subtotal) in
        [("tisane", "10.00", "EUR", "20.00"), ("matcha", "1200", "JPY", "2400"), ("dates", "1.234", "KWD", "2.468")]
    {
        let body = order(json!({"product_id": id, "quantity": 2, "unit_price": price, "total_price": subtotal}));
        let placed = ask(&app, Method::POST, "/orders", ANN, Some(body), "").await;
        assert_eq!(
            (placed.status, &placed.body["currency"], &placed.body["subtotal"]),
            (201, &json!(currency), &json!(subtotal)),
            "{}",
            placed.body
        );
    }
    let mut wrong = order(json!({"product_id": "matcha", "quantity": 1, "unit_price": "1200.5"}));
    let refused = ask(&app, Method::POST, "/orders", ANN, Some(wrong.clone()), "").await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!("items[0].unit_price")));
    wrong["items"][0]["unit_price"] = json!("1201");
    assert_eq!(ask(&app, Method::POST, "/orders", ANN, Some(wrong), "").await.status, 409);
    let mut named = order(json!({"product_id": "tisane", "quantity": 1}));
    named["total_amount"] = json!("21.00");
    assert_eq!(ask(&app, Method::POST, "/orders", ANN, Some(named.clone()), "").await.status, 201);
    named["total_amount"] = json!("20.99");
    assert_eq!(ask(&app, Method::POST, "/orders", ANN, Some(named), "").await.body["code"], "total_conflict");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_comes_back_in_parts_goes_back_to_where_each_part_was(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    bed.receive("cable", "west", 1).await;
    let id = bed.place(bed.order(&[("cable", 2)])).await;
    bed.run().await;
    bed.labels(id, 2).await.unwrap();
    bed.run().await;
    for _ in 0..2 {
        let one = RefundWish::Lines(vec![LineQuantity { line: 1, quantity: 1 }]);
        bed.refund(id, one, true).await.unwrap();
        bed.run().await;
    }
    assert_eq!((bed.in_stock("cable", "east").await, bed.in_stock("cable", "west").await), ((1, 0), (1, 0)));
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn only_what_has_left_is_refunded(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("camera", "east", 1).await;
    bed.receive("cable", "west", 2).await;
    let id = bed.place(bed.order(&[("camera", 1), ("cable", 2)])).await;
    bed.run().await;
    bed.labels(id, 2).await.unwrap();
    let worker = bed.worker();
    while bed.stands(id).await.0 != "partially_shipped" {
        assert!(worker.run_next().await.unwrap(), "it does not leave: {:?}", bed.stands(id).await);
    }
    let unsent = RefundWish::Lines(vec![LineQuantity { line: 2, quantity: 1 }]);
    assert_eq!(bed.refund(id, unsent.clone(), false).await.unwrap_err().code, "invalid_quantity");
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    let items = bed.shown(id).await["items"].clone();
    assert_eq!((&items[0]["refunded_quantity"], &items[1]["refunded_quantity"]), (&json!(1), &json!(0)));
    assert_eq!(bed.stands(id).await.0, "shipped");
    bed.refund(id, unsent, false).await.unwrap();
    bed.run().await;
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("refund").1), ("refunded", 19_359));
}

/// Each of several tokens is a card that may be used too often.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_card_is_counted_whichever_token_it_hides_behind(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut last = None;
    for customer in ["a", "b", "c", "d", "e", "f"] {
        let mut order = bed.order(&[("cable", 1)]);
        let (key, tenant) = (&bed.parts.config.key, &bed.slice.tenant);
        let mut private = Private::open(key, tenant, order.order_id, &order.private).unwrap();
        let tokens = [("cheap", format!("unique-{customer}")), ("dear", "the same card".to_owned())];
        private.payment_token = None;
        private.payment_tokens = tokens.map(|(name, token)| (name.to_owned(), token)).into();
        order.customer_id = customer.into();
        order.marks = private.marks(key);
        order.private = private.seal(key, tenant, order.order_id).unwrap();
        last = Some(bed.place(order).await);
    }
    bed.run().await;
    let mut work = bed.slice.work().await;
    let factors: Value = sqlx::query_scalar("SELECT fraud_factors FROM orders WHERE id = $1")
        .bind(last.unwrap().0)
        .fetch_one(work.conn())
        .await
        .unwrap();
    assert!(factors.to_string().contains("velocity_card"), "{factors}");
}
