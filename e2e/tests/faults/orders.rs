//! Orders killed at each line between a basket and its refund, and the database killed in the middle of many checkouts: stock, money at
//! the provider and our own books agree at the end, and no order stands still without a next step.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::process::{Process, killed};
use e2e::stand_ins::StandIn;
use e2e::system::{Answer, System};
use e2e::wait::{let_pass, until};
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::Service;

use crate::runner::{Case, Passed};
use crate::scene::SOON;

const TENANT: &str = "acme";
/// Pieces of each article that come in.
const RECEIVED: i64 = 2_000;
/// Orders in flight while the database dies.
const AT_ONCE: usize = 32;
/// One lamp and its cable: 60.00, 10 % tax, 10.00 for sending it, in cents.
const TOTAL: i64 = 7_600;

/// Where the process dies while an order is placed and taken as far as its label: after each step, around each call to the outside, and
/// in the middle of a step and of a message. Between the end of one step and the beginning of the next nothing happens.
const PLACING: [&str; 12] = [
    "consumer.before_commit",
    "orders.after_step.validate",
    "orders.after_step.score_fraud",
    "orders.after_step.approve",
    "orders.before_step.reserve_stock",
    "orders.after_step.reserve_stock",
    "orders.before_call.authorize",
    "orders.after_call.authorize",
    "orders.after_step.authorize_payment",
    "orders.after_step.choose_warehouses",
    "orders.after_step.choose_carrier",
    "orders.after_step.buy_label",
];
/// ... from the label to the door.
const SENDING: [&str; 5] = [
    "orders.after_step.quality_check",
    "orders.before_call.capture",
    "orders.after_call.capture",
    "orders.after_step.capture_payment",
    "orders.after_step.notify",
];
/// ... while it is cancelled, and while it is paid back.
const CANCELLING: [&str; 1] = ["orders.after_call.void"];
const REFUNDING: [&str; 1] = ["orders.after_call.refund"];
/// ... and when it has arrived.
const CLOSING: [&str; 1] = ["orders.after_step.close"];

struct Shop<'s> {
    system: System<'s>,
    orders: Process,
    bank: StandIn,
    manager: String,
    http: reqwest::Client,
}

impl<'s> Shop<'s> {
    async fn open(case: &Case<'s>) -> anyhow::Result<Self> {
        let system = System::new(case.servers).await?;
        let bank = StandIn::start(&system, "stripe", &[]).await?;
        let orders = system.serve("orders")?.start(&settings(&bank.address)).await?;
        let manager = system.token(TENANT, "max", Role::Manager)?;
        let http = service_kit::http_client::client(Duration::from_secs(15));
        let shop = Self { system, orders, bank, manager, http };
        for (id, price) in [("lamp", "45.00"), ("cable", "15.00")] {
            let product = json!({ "sku": id, "name": id, "unit_price": price, "grams": 400 });
            shop.insist(Method::PUT, &format!("/api/v1/products/{id}"), &product, id).await?;
        }
        for (id, sku) in [("east", "lamp"), ("west", "cable")] {
            let warehouse = json!({ "name": id, "country": "US", "shipment_cost": "4.00" });
            shop.insist(Method::PUT, &format!("/api/v1/warehouses/{id}"), &warehouse, id).await?;
            let change =
                json!({ "sku": sku, "warehouse_id": id, "change": { "receive": RECEIVED }, "reference": "note 1" });
            shop.insist(Method::POST, "/api/v1/stock", &change, &format!("receive-{sku}")).await?;
        }
        Ok(shop)
    }

    async fn restart(&mut self, extra: &[(&str, String)]) -> anyhow::Result<()> {
        let mut extra = extra.to_vec();
        extra.extend(settings(&self.bank.address));
        self.orders.kill()?;
        self.orders = self.system.serve("orders")?.start(&extra).await?;
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: &Value, key: &str) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.system.orders);
        let asked = self.http.request(method, url).bearer_auth(&self.manager);
        let answer = asked.header("idempotency-key", key).header("prefer", "wait=5").json(body).send().await?;
        let (status, text) = (answer.status().as_u16(), answer.text().await?);
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// Asks until it is done, each time under the same key.
    async fn insist(&self, method: Method, path: &str, body: &Value, key: &str) -> anyhow::Result<Value> {
        until(&format!("{method} {path} is done"), SOON, async || {
            let Ok(answer) = self.ask(method.clone(), path, body, key).await else { return Ok(None) };
            ensure!(answer.status < 400 || answer.status >= 500 || answer.status == 429, "{method} {path}: {answer:?}");
            Ok(matches!(answer.status, 200 | 201).then_some(answer.body))
        })
        .await
    }

    async fn look(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let Ok(answer) = self.system.get(&self.manager, &format!("{}{path}", self.system.orders)).await else {
            return Ok(None);
        };
        Ok((answer.status == 200).then_some(answer.body))
    }

    async fn until_it(&self, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let path = format!("/orders/{id}");
        let found = until(&format!("an order {what}"), SOON, async || Ok(self.look(&path).await?.filter(&is_so))).await;
        match found {
            Ok(found) => Ok(found),
            Err(error) => Err(error.context(format!("{:?}", self.look(&path).await?))),
        }
    }

    /// Lets the process die there while this is asked, and go on without the fault.
    async fn strike(
        &mut self,
        point: &str,
        (method, path, body, key): (Method, &str, &Value, &str),
    ) -> anyhow::Result<()> {
        self.restart(&[("RECOUP_FAULT", format!("{point}:kill:1"))]).await?;
        // Whoever asks is cut off, or is not, and asks again until it happens: a request over a connection that died with the process
        // before may never have arrived.
        let status = until(&format!("a death at {point}"), SOON, async || {
            drop(self.ask(method.clone(), path, body, key).await);
            self.orders.exited()
        })
        .await?;
        ensure!(killed(status), "it ended with {status}, not at {point}");
        self.restart(&[]).await
    }

    async fn place(&self, number: usize) -> anyhow::Result<String> {
        let placed = self.insist(Method::POST, "/orders", &basket(number), &format!("order-{number}")).await?;
        Ok(placed["id"].as_str().context("an order has an id")?.to_owned())
    }

    /// The order is where a person has to give it its labels.
    async fn labelless(&self, id: &str) -> anyhow::Result<Value> {
        self.until_it(id, "waits for its labels", |shown| shown["hold"]["reason"] == "carrier").await?;
        let tracking = self.look(&format!("/api/order-workflow/orders/{id}/tracking")).await?.context("tracking")?;
        let shipments = tracking["shipments"].as_array().cloned().unwrap_or_default();
        ensure!(shipments.len() == 2, "two warehouses: {tracking}");
        let label = |one: &Value| json!({ "shipment": one["number"], "carrier": "ups", "tracking_number": format!("1Z{}", one["number"]) });
        Ok(json!({ "shipments": shipments.iter().map(label).collect::<Vec<_>>() }))
    }

    async fn dispatch(&self, id: &str) -> anyhow::Result<()> {
        let labels = self.labelless(id).await?;
        let path = format!("/api/order-workflow/orders/{id}/fulfill");
        self.insist(Method::POST, &path, &labels, &format!("labels-{id}")).await?;
        self.until_it(id, "is shipped", |shown| shown["status"] == "shipped").await.map(drop)
    }

    async fn deliver(&self, id: &str) -> anyhow::Result<()> {
        let path = format!("/admin/orders/{id}/status");
        self.insist(
            Method::PUT,
            &path,
            &json!({ "status": "delivered", "reason": "signed for" }),
            &format!("door-{id}"),
        )
        .await?;
        self.until_it(id, "is completed", |shown| shown["status"] == "completed").await.map(drop)
    }

    async fn number(&self, sql: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(self.system.world.database(Service::Orders)).await?)
    }

    /// Stock, money at the provider and our books: `taken` orders were captured, `held` are promised, `back` of the taken paid back.
    async fn agree(&self, [taken, held, back]: [i64; 3]) -> anyhow::Result<()> {
        until("nothing is left to do", SOON, async || {
            let left =
                "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM payment_calls WHERE state = 'begun')";
            Ok((self.number(left).await? == 0).then_some(()))
        })
        .await?;
        for (what, sql, expected) in [
            ("taken", "SELECT coalesce(sum(captured_minor), 0)::bigint FROM payments", taken * TOTAL),
            ("paid back", "SELECT coalesce(sum(refunded_minor), 0)::bigint FROM payments", back * TOTAL),
            ("parked messages", "SELECT count(*) FROM parked", 0),
            ("failed jobs", "SELECT count(*) FROM jobs WHERE failed_at IS NOT NULL", 0),
            ("payments of one order", "SELECT count(*) - count(DISTINCT order_id) FROM payments", 0),
            ("pieces gone", "SELECT (2 * 2000 - sum(on_hand))::bigint FROM stock_items", 2 * taken),
            ("pieces reserved", "SELECT sum(reserved)::bigint FROM stock_items", 2 * held),
        ] {
            let found = self.number(sql).await?;
            ensure!(found == expected, "{what}: {found}, not {expected}");
        }
        let objects =
            self.http.get(format!("{}/_sandbox/objects", self.bank.address)).send().await?.json::<Vec<Value>>().await?;
        let sum = |kind: &str, field: &str, status: &str| -> i64 {
            let own = objects.iter().filter(|one| one["object"] == kind && one["status"] == status);
            own.filter_map(|one| one[field].as_i64()).sum()
        };
        let at_bank = [
            sum("payment_intent", "amount_received", "succeeded"),
            sum("payment_intent", "amount", "requires_capture"),
            sum("refund", "amount", "succeeded"),
        ];
        ensure!(at_bank == [taken * TOTAL, held * TOTAL, back * TOTAL], "at the provider: {at_bank:?}");
        Ok(())
    }
}

fn settings(bank: &str) -> Vec<(&'static str, String)> {
    // Every order is paid by the same card, which would look like fraud: scores are made, and nobody is held for them.
    let nobody = "101".to_owned();
    vec![
        ("STRIPE_SECRET_KEY", "sk_test_faults".to_owned()),
        ("STRIPE_API_URL", bank.to_owned()),
        ("FRAUD_SCORE_THRESHOLD", nobody.clone()),
        ("FRAUD_REVIEW_THRESHOLD", nobody),
    ]
}

/// A lamp and a cable, for a customer who orders this once: nothing about it looks like fraud.
fn basket(number: usize) -> Value {
    json!({
        "customer_id": format!("customer-{number}"),
        "items": [{ "product_id": "lamp", "quantity": 1 }, { "product_id": "cable", "quantity": 1 }],
        "shipping_address": { "name": "Ann Example", "street_address": format!("{number} Main Street"), "city": "Springfield",
                              "postal_code": format!("{:05}", number % 100_000), "country": "US" },
        "payment_method": "credit_card", "payment_token": "pm_card_visa", "shipping_method": "standard",
    })
}

/// A kill at each line; orders are driven to their end while the next one is struck.
pub async fn killed_at_every_step(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let mut shop = Shop::open(case).await?;
    let rounds = usize::try_from(case.rounds(1, 10))?;
    let (mut strikes, mut placed) = (0, Vec::new());
    for point in PLACING.iter().cycle().take(PLACING.len() * rounds) {
        let number = placed.len();
        let body = basket(number);
        shop.strike(point, (Method::POST, "/orders", &body, &format!("order-{number}"))).await?;
        placed.push(shop.place(number).await?);
        strikes += 1;
    }
    let mut queue = placed.clone().into_iter();
    let mut next = || queue.next().context("more orders than strikes");
    for point in SENDING {
        let id = next()?;
        let (labels, path) = (shop.labelless(&id).await?, format!("/api/order-workflow/orders/{id}/fulfill"));
        shop.strike(point, (Method::POST, &path, &labels, &format!("labels-{id}"))).await?;
        strikes += 1;
        shop.dispatch_again(&id, &labels).await?;
    }
    let mut cancelled = Vec::new();
    for point in CANCELLING {
        let id = next()?;
        shop.labelless(&id).await?;
        let (path, why) = (format!("/orders/{id}"), json!({}));
        shop.strike(point, (Method::DELETE, &path, &why, &format!("cancel-{id}"))).await?;
        strikes += 1;
        shop.until_it(&id, "is cancelled", |shown| shown["status"] == "cancelled").await?;
        cancelled.push(id);
    }
    let mut refunded = 0;
    for point in REFUNDING {
        let id = next()?;
        shop.dispatch(&id).await?;
        let (path, why) = (format!("/api/order-workflow/orders/{id}/refund"), json!({ "reason": "broken" }));
        shop.strike(point, (Method::POST, &path, &why, &format!("refund-{id}"))).await?;
        strikes += 1;
        shop.until_it(&id, "is paid back", |shown| shown["refund_status"] == "full").await?;
        refunded += 1;
    }
    for point in CLOSING {
        let id = next()?;
        shop.dispatch(&id).await?;
        let (path, door) =
            (format!("/admin/orders/{id}/status"), json!({ "status": "delivered", "reason": "signed for" }));
        shop.strike(point, (Method::PUT, &path, &door, &format!("door-{id}"))).await?;
        strikes += 1;
        shop.deliver(&id).await?;
    }
    for id in queue {
        shop.dispatch(&id).await?;
        shop.deliver(&id).await?;
    }
    let taken = i64::try_from(placed.len() - cancelled.len())?;
    shop.agree([taken, 0, refunded]).await?;
    let found =
        format!("{} orders, {taken} paid once, {} cancelled, {refunded} paid back", placed.len(), cancelled.len());
    Ok(Passed { strikes, found })
}

impl Shop<'_> {
    /// Gives the labels once more: the person saw no answer.
    async fn dispatch_again(&self, id: &str, labels: &Value) -> anyhow::Result<()> {
        let path = format!("/api/order-workflow/orders/{id}/fulfill");
        self.insist(Method::POST, &path, labels, &format!("labels-{id}")).await?;
        self.until_it(id, "is shipped", |shown| shown["status"] == "shipped").await.map(drop)
    }
}

/// The database dies in the middle of many checkouts at once.
pub async fn database_killed(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let (rounds, checkouts) = (case.rounds(2, 20), 500);
    let wait = case.random.within(500..2_000);
    let shop = Shop::open(case).await?;
    let (shop, servers) = (&shop, case.servers);
    let buying = futures::stream::iter(0..checkouts).map(|number| shop.place(number)).buffer_unordered(AT_ONCE);
    let killing = async {
        for _ in 0..rounds {
            let_pass(Duration::from_millis(wait)).await;
            servers.kill_postgres().await?;
            let_pass(Duration::from_millis(wait / 2)).await;
            servers.start_postgres().await?;
        }
        anyhow::Ok(())
    };
    let (bought, killed) = tokio::join!(buying.collect::<Vec<_>>(), killing);
    killed?;
    let mut ids = bought.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    ids.sort_unstable();
    ids.dedup();
    ensure!(ids.len() == checkouts, "{} orders of {checkouts} baskets", ids.len());
    let all = i64::try_from(checkouts)?;
    until("every order waits for its labels", SOON, async || {
        let there = "SELECT count(*) FROM orders WHERE hold_reason = 'carrier'";
        // The database may have been the last to die.
        Ok((shop.number(there).await.unwrap_or_default() == all).then_some(()))
    })
    .await?;
    shop.agree([0, all, 0]).await?;
    Ok(Passed { strikes: rounds, found: format!("{checkouts} orders, each promised once") })
}
