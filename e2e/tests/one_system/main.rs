//! One order through the whole of Recoup: a click leads to it, a marketplace and a warehouse of our own send it, it is refunded in two
//! parts, and every service's books agree at the end. All of it is one trace.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::sales::{CAMPAIGN, TENANT, open_campaign};
use e2e::servers::Servers;
use e2e::stand_ins::StandIn;
use e2e::system::{Answer, System};
use e2e::wait::until;
use e2e::world::debug_binary;
use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::Service;

const SOON: Duration = Duration::from_secs(45);
const PARTNER: &str = "anna";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Events of every service that follow from the order and its refunds.
const FOLLOWS: [&str; 9] = [
    "orders.order_placed.v1",
    "orders.shipment_dispatched.v1",
    "orders.order_refunded.v1",
    "tracking.conversion_attributed.v1",
    "tracking.conversion_refunded.v1",
    "commission.commission_calculated.v1",
    "commission.commission_reversed.v1",
    "claims.return_clock_started.v1",
    "evidence.fulfilment_proved.v1",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_order_its_refund_and_what_follows_are_one_story() -> anyhow::Result<()> {
    let servers = Servers::start("one").await?;
    let dir = servers.dir().to_owned();
    tell(&servers).await?;
    drop(servers);
    Ok(std::fs::remove_dir_all(dir)?)
}

/// Recoup with a payment provider beside it.
struct Story<'s> {
    system: System<'s>,
    http: reqwest::Client,
    manager: String,
    bank: String,
}

async fn tell(servers: &Servers) -> anyhow::Result<()> {
    let system = System::new(servers).await?;
    let stripe = StandIn::start(&system, "stripe", &[]).await?;
    let bank = stripe.address.clone();
    let extra = [("STRIPE_SECRET_KEY", "sk_test_story".to_owned()), ("STRIPE_API_URL", bank.clone())];
    let _all = system.serve("all")?.start(&extra).await?;
    for service in [&system.tracking, &system.commission, &system.evidence, &system.claims, &system.orders] {
        until("every service is ready", SOON, async || {
            Ok((system.get("", &format!("{service}/health/ready")).await?.status == 200).then_some(()))
        })
        .await?;
    }
    open_campaign(&system, TENANT).await?;
    let manager = system.token(TENANT, "max", Role::Manager)?;
    let http = service_kit::http_client::client(Duration::from_secs(15));
    let story = Story { system, http, manager, bank };
    let click = story.follow_link().await?;
    story.stock().await?;
    let order = story.place(&click).await?;
    story.send_it(&order).await?;
    story.earned(&order, "0.00").await.context("after the sale")?;
    story.refund(&order, &json!({ "lines": [{ "line": 1, "quantity": 1 }], "reason": "broken" })).await?;
    story.earned(&order, "10.00").await.context("after the first refund")?;
    story.refund(&order, &json!({ "reason": "the rest, too" })).await?;
    story.earned(&order, "20.00").await.context("after the second refund")?;
    story.returns(&order).await?;
    story.proof(&order).await?;
    story.books(&order).await?;
    story.one_trace(&order).await
}

impl Story<'_> {
    /// Asks through the BFF, each time as part of the same trace.
    async fn ask(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let request = self
            .http
            .request(method, format!("{}{path}", self.system.bff))
            .bearer_auth(&self.manager)
            .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
            .header("prefer", "wait=10");
        let answer = request.json(body).send().await?;
        let (status, text) = (answer.status().as_u16(), answer.text().await?);
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    async fn look(&self, path: &str) -> anyhow::Result<Value> {
        self.system.get(&self.manager, &format!("{}{path}", self.system.bff)).await?.fine()
    }

    async fn follow_link(&self) -> anyhow::Result<String> {
        let partner = self.system.token(TENANT, PARTNER, Role::Partner)?;
        let accept = format!("/api/v1/campaigns/{CAMPAIGN}/accept");
        let again = self.system.command(&partner, &accept, &json!({ "accepted_terms": true })).await?.fine()?;
        let code = again["result"]["link_code"].as_str().with_context(|| format!("no link in {again}"))?;
        let answer = self.http.get(format!("{}/t/{code}", self.system.tracking)).send().await?;
        let location = answer.headers()["location"].to_str()?.to_owned();
        let click = location.split("click_id=").nth(1).with_context(|| format!("no click id in {location}"))?;
        Ok(click.split('&').next().unwrap_or_default().to_owned())
    }

    /// One unit here, one with the marketplace.
    async fn stock(&self) -> anyhow::Result<()> {
        let product = json!({ "sku": "LAMP", "name": "Lamp", "unit_price": "100.00", "grams": 400 });
        self.ask("PUT", "/api/v1/products/lamp", &product).await?.fine()?;
        for (id, cost, marketplace) in [("east", "4.00", Value::Null), ("centre", "3.00", json!("US"))] {
            let warehouse = json!({ "name": id, "country": "US", "shipment_cost": cost, "marketplace": marketplace });
            self.ask("PUT", &format!("/api/v1/warehouses/{id}"), &warehouse).await?.fine()?;
            let change =
                json!({ "sku": "LAMP", "warehouse_id": id, "change": { "receive": 1 }, "reference": "note 1" });
            self.ask("POST", "/api/v1/stock", &change).await?.fine()?;
        }
        Ok(())
    }

    async fn place(&self, click: &str) -> anyhow::Result<String> {
        let body = json!({
            "customer_id": "somebody", "items": [{ "product_id": "lamp", "quantity": 2, "unit_price": "100.00" }], "click_id": click,
            "shipping_address": { "name": "Ann Example", "street_address": "1 Main Street", "city": "Springfield", "postal_code": "12345", "country": "US" },
            "payment_method": "credit_card", "payment_token": "pm_card_visa", "shipping_method": "standard",
        });
        let placed = self.ask("POST", "/orders", &body).await?.fine()?;
        ensure!(placed["total_amount"] == "220.00", "two lamps with tax: {placed}");
        Ok(placed["id"].as_str().context("an order has an id")?.to_owned())
    }

    /// The marketplace sends its part by itself; ours gets its label from a person.
    async fn send_it(&self, order: &str) -> anyhow::Result<()> {
        let path = format!("/orders/{order}");
        self.until_it(&path, "waits for a label", |shown| shown["hold"]["reason"] == "carrier").await?;
        let tracking = self.look(&format!("/api/order-workflow/orders/{order}/tracking")).await?;
        let shipments = tracking["shipments"].as_array().cloned().unwrap_or_default();
        ensure!(shipments.len() == 2, "two shipments: {tracking}");
        let open = shipments.iter().find(|shipment| shipment["warehouse_id"] == "east");
        let number = open.and_then(|shipment| shipment["number"].as_i64());
        let labels = json!({ "shipments": [{ "shipment": number.with_context(|| format!("its number: {tracking}"))?, "carrier": "ups", "tracking_number": "1Z999" }] });
        self.ask("POST", &format!("/api/order-workflow/orders/{order}/fulfill"), &labels).await?.fine()?;
        self.until_it(&path, "is shipped", |shown| shown["status"] == "shipped").await?;
        Ok(())
    }

    async fn until_it(&self, path: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        until(what, SOON, async || Ok(Some(self.look(path).await?).filter(&is_so))).await
    }

    async fn refund(&self, order: &str, wish: &Value) -> anyhow::Result<()> {
        let path = format!("/api/order-workflow/orders/{order}/refund");
        let asked = self.ask("POST", &path, wish).await?.fine()?;
        let amount = asked["amount"].as_str().with_context(|| format!("an amount: {asked}"))?.to_owned();
        ensure!(amount == "110.00", "each refund is of one lamp with its tax: {asked}");
        Ok(())
    }

    /// The partner has 10 % of the goods, less what went back of it.
    async fn earned(&self, order: &str, back: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/commission/commissions?order={order}");
        self.until_it(&path, "the commission follows", |page| {
            let rows = page["commissions"].as_array().cloned().unwrap_or_default();
            let row = rows.first().cloned().unwrap_or_default();
            rows.len() == 1 && row["partner"] == PARTNER && row["earned"] == "20.00" && row["reversed"] == back
        })
        .await?;
        Ok(())
    }

    /// What the marketplace had sent has sixty days to come back; what we had sent has nothing to do with it.
    async fn returns(&self, order: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/claims/returns?order_id={order}");
        let page = self.until_it(&path, "the clock runs", |page| page["returns"][0]["state"] == "running").await?;
        let clocks = page["returns"].as_array().context("clocks")?;
        ensure!(clocks.len() == 1 && clocks[0]["units"] == 1 && clocks[0]["sku"] == "LAMP", "one unit: {page}");
        ensure!(
            clocks[0]["marketplace"] == "US" && clocks[0]["amount"]["amount"] == "110.00",
            "of the marketplace: {page}"
        );
        Ok(())
    }

    async fn proof(&self, order: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/evidence/fulfilments?order_id={order}");
        let both = |page: &Value| page["fulfilments"].as_array().is_some_and(|rows| rows.len() == 2);
        let page = self.until_it(&path, "both parcels are proved", both).await?;
        let numbers: Vec<&str> = page["fulfilments"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| row["tracking_number"].as_str())
            .collect();
        ensure!(numbers == ["1Z999"], "ours has a number: {page}");
        Ok(())
    }

    /// Stock, money at the provider, our payments, the partner's account: all tell the same.
    async fn books(&self, order: &str) -> anyhow::Result<()> {
        let shown = self
            .until_it(&format!("/orders/{order}"), "all is paid back", |shown| shown["refund_status"] == "full")
            .await?;
        ensure!(shown["captured_amount"] == "220.00" && shown["refunded_amount"] == "220.00", "the order: {shown}");
        let objects = self.http.get(format!("{}/_sandbox/objects", self.bank)).send().await?.json::<Value>().await?;
        let text = objects.to_string();
        let (taken, back) = (sum(&objects, "payment_intent", "amount_received"), sum(&objects, "refund", "amount"));
        ensure!((taken, back) == (22_000, 22_000), "at the provider {taken} was taken and {back} went back: {text}");
        let orders = self.system.world.database(Service::Orders);
        let stock: Vec<(String, i64, i64)> =
            sqlx::query_as("SELECT warehouse_id, on_hand, reserved FROM stock_items ORDER BY warehouse_id")
                .fetch_all(orders)
                .await?;
        ensure!(stock == [("centre".to_owned(), 0, 0), ("east".to_owned(), 0, 0)], "the stock: {stock:?}");
        let paid: Vec<(i64, i64)> =
            sqlx::query_as("SELECT captured_minor, refunded_minor FROM payments").fetch_all(orders).await?;
        ensure!(paid == [(22_000, 22_000)], "our payments: {paid:?}");
        let accounts = self.look(&format!("/api/v1/partners/{PARTNER}/balance")).await?["balances"][0].clone();
        let is_even = ["accrued", "payable", "in_payout", "paid", "clawback_receivable"]
            .iter()
            .all(|account| accounts[account] == "0.00");
        ensure!(is_even, "nothing is left of the commission: {accounts}");
        let tracked: (i64, i64) =
            sqlx::query_as("SELECT sum(amount_minor) FILTER (WHERE type = 'purchase')::bigint, sum(amount_minor) FILTER (WHERE type = 'refund')::bigint FROM events")
                .fetch_one(&self.system.world.tracking)
                .await?;
        ensure!(tracked == (20_000, 20_000), "what tracking has: {tracked:?}");
        for service in Service::ALL {
            let pool = self.system.world.database(service);
            let parked: i64 = sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(pool).await?;
            let failed: i64 =
                sqlx::query_scalar("SELECT count(*) FROM jobs WHERE failed_at IS NOT NULL").fetch_one(pool).await?;
            ensure!((parked, failed) == (0, 0), "{}: {parked} parked, {failed} failed jobs", service.name());
        }
        Ok(())
    }

    /// Everything that followed carries the trace of the requests, in every service.
    async fn one_trace(&self, order: &str) -> anyhow::Result<()> {
        let told = self.recoup(&["trace", order, "--json"]).await?;
        let told: Value = serde_json::from_str(&told)?;
        let mut seen = Vec::new();
        gather(&told["trees"], &mut seen);
        for kind in FOLLOWS {
            ensure!(seen.iter().any(|found| found == kind), "{kind} is not in the trace: {seen:?}");
        }
        for service in Service::ALL {
            let topic = format!("{}-events", service.name());
            for line in self.recoup(&["read", &topic, "--json"]).await?.lines() {
                let message: Value = serde_json::from_str(line)?;
                let kind = message["type"].as_str().unwrap_or_default();
                let is_part = message["traceparent"].as_str().is_some_and(|parent| parent.contains(TRACE));
                ensure!(is_part || !FOLLOWS.contains(&kind), "{kind} is of another trace: {message}");
            }
        }
        Ok(())
    }

    async fn recoup(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let environment = self.system.world.environment().iter().map(|(name, value)| (name, value));
        let output = tokio::process::Command::new(debug_binary("recoup")?)
            .args(arguments)
            .envs(environment)
            .env("RUST_LOG", "error")
            .output()
            .await?;
        ensure!(output.status.success(), "recoup {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn sum(objects: &Value, kind: &str, field: &str) -> i64 {
    let all: Vec<&Value> = match objects {
        Value::Array(rows) => rows.iter().collect(),
        Value::Object(rows) => {
            rows.values().flat_map(|row| row.as_array().map_or(vec![row], |rows| rows.iter().collect())).collect()
        }
        _ => vec![],
    };
    all.into_iter().filter(|row| row["object"] == kind).filter_map(|row| row[field].as_i64()).sum()
}

fn gather(trees: &Value, seen: &mut Vec<String>) {
    for node in trees.as_array().into_iter().flatten() {
        seen.extend(node["type"].as_str().map(str::to_owned));
        gather(&node["caused"], seen);
    }
}
