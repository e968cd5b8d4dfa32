//! The chapters on orders: a basket over two warehouses, one that looks like fraud, one of high value, one that the first payer declines, a
//! parcel in trouble, a refund that a partner feels; and the books.

use anyhow::Context;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::output::table;

use super::books::{self, dollars};
use super::edge::{Edge, Who, until};
use super::outside::Outside;
use super::report::{Chapter, say};
use super::seller::{cents, text};
use super::story::{CAMPAIGN, PARTNERS};

/// Pieces that come in of each article.
const PIECES: i64 = 20;
/// Articles: what they are called, their price, and the warehouse that has them.
const ARTICLES: [(&str, &str, &str); 3] =
    [("lamp", "45.00", "east"), ("cable", "15.00", "west"), ("watch", "1250.00", "east")];
/// The partner whose link leads to the first order.
const PARTNER: &str = PARTNERS[0];

/// What was ordered, in the order of the story.
struct Orders {
    ids: Vec<String>,
}

/// Plays it all.
pub async fn shop(edge: &Edge, outside: &Outside) -> anyhow::Result<()> {
    let before = outside.taken().await?;
    let chapter = Chapter::begin(23, "Orders")?;
    stock(edge).await?;
    let mut orders = Orders { ids: Vec::new() };
    basket(edge, outside, &mut orders).await?;
    high_value(edge, &mut orders).await?;
    declined(edge, &mut orders).await?;
    suspicious(edge, &mut orders).await?;
    trouble(edge, outside, &orders.ids[0]).await?;
    refund(edge, &orders.ids[0]).await?;
    chapter.end()?;
    books(edge, outside, before, &orders).await
}

async fn stock(edge: &Edge) -> anyhow::Result<()> {
    let address = json!({"name": "Warehouse", "street_address": "1 Side Street", "city": "Springfield", "postal_code": "12345", "country": "US"});
    for warehouse in ["east", "west"] {
        let body = json!({"name": warehouse, "country": "US", "shipment_cost": "4.00", "address": address});
        edge.set(Who::Manager, &format!("/api/v1/warehouses/{warehouse}"), &body).await?;
    }
    for (article, price, warehouse) in ARTICLES {
        let body = json!({"sku": article, "name": article, "unit_price": price, "grams": 400});
        edge.set(Who::Manager, &format!("/api/v1/products/{article}"), &body).await?;
        let change = json!({"sku": article, "warehouse_id": warehouse, "change": {"receive": PIECES}, "reference": "delivery note 1"});
        edge.must(Who::Manager, "/api/v1/stock", &change).await?;
    }
    say(format!("{PIECES} lamps and watches in the warehouse east, {PIECES} cables in the warehouse west"))
}

/// Places an order to the one office that everybody here works in.
async fn place(edge: &Edge, orders: &mut Orders, customer: &str, items: Value, more: Value) -> anyhow::Result<Value> {
    let mut body = json!({
        "customer_id": customer, "items": items, "payment_method": "credit_card", "shipping_method": "standard",
        "shipping_address": {"name": "Office", "street_address": "1 Main Street", "city": "Springfield", "postal_code": "12345", "country": "US"},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let placed = edge.must(Who::Operator, "/orders", &body).await?;
    let id = placed["id"].as_str().or(placed["order_id"].as_str()).context("the answer names no order")?.to_owned();
    orders.ids.push(id.clone());
    edge.get(Who::Manager, &format!("/orders/{id}")).await
}

async fn until_it(edge: &Edge, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let path = format!("/orders/{id}");
    until(&format!("an order {what}"), async || Ok(Some(edge.get(Who::Manager, &path).await?).filter(&is_so))).await
}

fn is_shipped(order: &Value) -> bool {
    matches!(text(&order["status"]), "shipped" | "delivered" | "completed")
}

/// Somebody follows a partner's link and buys two articles that lie in two warehouses.
async fn basket(edge: &Edge, outside: &Outside, orders: &mut Orders) -> anyhow::Result<()> {
    let terms = json!({"accepted_terms": true});
    let again = edge.must(Who::Partner(PARTNER), &format!("/api/v1/campaigns/{CAMPAIGN}/accept"), &terms).await?;
    let code = again["result"]["link_code"].as_str().or(again["link_code"].as_str()).context("there is no link")?;
    let click = outside.follow(edge, code).await?;
    // Whoever buys within seconds of a click is looked at by a person; this one takes its time.
    outside.pass(edge, TimeDelta::minutes(5)).await?;
    let items = json!([{"product_id": "lamp", "quantity": 1}, {"product_id": "cable", "quantity": 1}]);
    let placed = place(edge, orders, "bea", items, json!({"payment_token": "pm_card_visa", "click_id": click})).await?;
    say(format!(
        "bea follows {PARTNER}'s link and orders a lamp and a cable: ${} with tax and shipping",
        text(&placed["total_amount"])
    ))?;
    let order = until_it(edge, &orders.ids[0], "is shipped", is_shipped).await?;
    for shipment in order["shipments"].as_array().into_iter().flatten() {
        let part = ["warehouse_id", "carrier", "service", "tracking_number"].map(|name| text(&shipment[name]));
        say(format!("   from {} by {} {}, {}", part[0], part[1], part[2], part[3]))?;
    }
    for payment in order["payments"].as_array().into_iter().flatten() {
        say(format!(
            "   {} has taken ${} in as many parts as there are parcels",
            text(&payment["gateway"]),
            text(&payment["captured"])
        ))?;
    }
    let row = until("the commission", async || books::of_order(edge, &orders.ids[0]).await).await?;
    say(format!("   {PARTNER} earns ${}", row.earned))
}

/// Above 1000.00 another person has to approve.
async fn high_value(edge: &Edge, orders: &mut Orders) -> anyhow::Result<()> {
    let items = json!([{"product_id": "watch", "quantity": 1}]);
    let placed = place(edge, orders, "carl", items, json!({"payment_token": "pm_card_visa"})).await?;
    let id = orders.ids.last().cloned().unwrap_or_default();
    let held = until_it(edge, &id, "is held", |order| order["hold"]["reason"] == "value").await?;
    say(format!("carl orders a watch for ${}: {}", text(&placed["total_amount"]), text(&held["hold"]["detail"])))?;
    approve(edge, &id, "called the customer").await?;
    until_it(edge, &id, "is shipped", is_shipped).await?;
    say("   max (manager) approves it, and it leaves")
}

/// The cheapest payer says no; the next one is asked.
async fn declined(edge: &Edge, orders: &mut Orders) -> anyhow::Result<()> {
    let items = json!([{"product_id": "cable", "quantity": 2}]);
    let tokens = json!({"payment_tokens": {"stripe": "pm_card_chargeDeclined", "paypal": "vault:dora-1"}});
    place(edge, orders, "dora", items, tokens).await?;
    let id = orders.ids.last().cloned().unwrap_or_default();
    let order = until_it(edge, &id, "is shipped", is_shipped).await?;
    say("dora's card is declined, so the next payer is asked:")?;
    let mut payments = order["payments"].as_array().cloned().unwrap_or_default();
    payments.reverse();
    for payment in payments {
        let code = payment["decline_code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
        say(format!(
            "   {:<8} ${} {}{code}",
            text(&payment["gateway"]),
            text(&payment["amount"]),
            text(&payment["state"])
        ))?;
    }
    Ok(())
}

/// A throw-away mail address, and many others who had something sent to the same place today.
async fn suspicious(edge: &Edge, orders: &mut Orders) -> anyhow::Result<()> {
    for customer in ["emil", "fay"] {
        let items = json!([{"product_id": "cable", "quantity": 1}]);
        let token = json!({"payment_tokens": {"paypal": format!("vault:{customer}-1")}});
        place(edge, orders, customer, items, token).await?;
    }
    let more = json!({"payment_tokens": {"paypal": "vault:gus-1"}, "email": "gus@mailinator.com",
        "billing_address": {"name": "Gus", "street_address": "9 Rue", "city": "Paris", "postal_code": "75001", "country": "FR"}});
    place(edge, orders, "gus", json!([{"product_id": "lamp", "quantity": 1}]), more).await?;
    let id = orders.ids.last().cloned().unwrap_or_default();
    let held = until_it(edge, &id, "is held", |order| order["hold"]["reason"] == "fraud").await?;
    say(format!("gus's order scores {} of 100 and is held:", held["fraud"]["score"]))?;
    for factor in held["fraud_factors"].as_array().into_iter().flatten() {
        say(format!("   {:>3}  {}", factor["points"], text(&factor["evidence"])))?;
    }
    approve(edge, &id, "a colleague of the others, known to us").await?;
    until_it(edge, &id, "is shipped", is_shipped).await?;
    say("   max looks into it and releases it")
}

/// Decides whatever the one inbox has about an order.
async fn approve(edge: &Edge, order: &str, why: &str) -> anyhow::Result<()> {
    let task = until("a task in the inbox", async || {
        let inbox = edge.get(Who::Manager, "/api/v1/approvals").await?;
        let all = inbox["tasks"].as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().find(|task| task["order_id"] == order))
    })
    .await?;
    let body = json!({"decision": "approve", "reason": why});
    edge.must(Who::Manager, &format!("/api/v1/approvals/{}/decide", text(&task["task_id"])), &body).await.map(drop)
}

/// A carrier loses a parcel; it is noticed when it is next asked about.
async fn trouble(edge: &Edge, outside: &Outside, id: &str) -> anyhow::Result<()> {
    let order = edge.get(Who::Manager, &format!("/orders/{id}")).await?;
    let number = text(&order["shipments"][0]["tracking_number"]).to_owned();
    outside.parcel(&number, "failure").await?;
    outside.pass(edge, TimeDelta::hours(7)).await?;
    let task = until("trouble with a parcel", async || {
        let inbox = edge.get(Who::Manager, "/api/v1/approvals").await?;
        let all = inbox["tasks"].as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().find(|task| task["order_id"] == id && task["kind"] == "carrier_exception"))
    })
    .await?;
    say(format!("a parcel of bea's is in trouble: {}", text(&task["summary"])))?;
    approve(edge, id, "the carrier searches for it").await
}

/// The lamp goes back, and with it the partner's share.
async fn refund(edge: &Edge, id: &str) -> anyhow::Result<()> {
    let before = books::of_order(edge, id).await?.context("the commission")?;
    let wish = json!({"lines": [{"line": 1, "quantity": 1}], "reason": "lost by the carrier"});
    let asked = edge.must(Who::Manager, &format!("/api/order-workflow/orders/{id}/refund"), &wish).await?;
    let row = until("the commission to follow", async || {
        Ok(books::of_order(edge, id)
            .await?
            .filter(|row| row.reversed != before.reversed || row.clawed_back != before.clawed_back))
    })
    .await?;
    until_it(edge, id, "is paid back", |order| order["refund_status"] == "partial").await?;
    say(format!(
        "bea gets ${} back for it; of the ${} that {PARTNER} earned, ${} go back too",
        text(&asked["amount"]),
        row.earned,
        row.reversed
    ))
}

fn sum(rows: &Value, name: &str) -> i64 {
    rows.as_array().into_iter().flatten().filter_map(|row| row[name].as_i64()).sum()
}

/// Stock, money at each payer, and our ledgers: all equal.
async fn books(edge: &Edge, outside: &Outside, before: [i64; 2], orders: &Orders) -> anyhow::Result<()> {
    let chapter = Chapter::begin(24, "The books of the orders")?;
    let mut ours = [0, 0];
    let mut sold = 0;
    for id in &orders.ids {
        let order = until_it(edge, id, "is shipped", is_shipped).await?;
        for payment in order["payments"].as_array().into_iter().flatten() {
            let at = usize::from(payment["gateway"] == "paypal");
            ours[at] += cents(&json!({"amount": payment["captured"]})) - cents(&json!({"amount": payment["refunded"]}));
        }
        sold +=
            order["items"].as_array().into_iter().flatten().filter_map(|item| item["quantity"].as_i64()).sum::<i64>();
    }
    let now = outside.taken().await?;
    let theirs = [now[0] - before[0], now[1] - before[1]];
    let (mut left, mut reserved, mut by_ledger) = (0, 0, 0);
    for (article, ..) in ARTICLES {
        let stock = edge.get(Who::Manager, &format!("/api/order-workflow/analytics/inventory?sku={article}")).await?;
        left += sum(&stock["items"], "on_hand");
        reserved += sum(&stock["items"], "reserved");
        let ledger = edge.get(Who::Manager, &format!("/api/v1/stock/ledger?sku={article}&limit=200")).await?;
        by_ledger += sum(&ledger["movements"], "on_hand");
    }
    // The lamp went back and the cable stayed, so the partner keeps the cable's part, to the cent.
    let row = books::of_order(edge, &orders.ids[0]).await?.context("the commission")?;
    let amount = |text: &str| cents(&json!({"amount": text}));
    let (earned, lamp) = (amount(&row.earned), amount(ARTICLES[0].1));
    let goods = lamp + amount(ARTICLES[1].1);
    let kept = earned - (2 * earned * lamp + goods) / (2 * goods);
    let pieces = PIECES * i64::try_from(ARTICLES.len())?;
    let rows = [
        ("money at Stripe's stand-in", dollars(ours[0]), dollars(theirs[0])),
        ("money at PayPal's stand-in", dollars(ours[1]), dollars(theirs[1])),
        ("pieces left", left.to_string(), (pieces - sold).to_string()),
        ("pieces by the stock ledger", by_ledger.to_string(), (pieces - sold).to_string()),
        ("pieces reserved", reserved.to_string(), "0".to_owned()),
        ("commission on bea's order", dollars(amount(&row.remaining)), dollars(kept)),
    ];
    let differences = rows.iter().filter(|(_, ours, theirs)| ours != theirs).count();
    let verdict = |ours: &str, theirs: &str| if ours == theirs { "=" } else { "DIFFERENT" };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|(what, ours, theirs)| {
            vec![format!("   {what}"), ours.clone(), theirs.clone(), verdict(ours, theirs).to_owned()]
        })
        .collect();
    table(&["   ", "#Recoup's API", "#should be", ""], &rows)?;
    anyhow::ensure!(differences == 0, "the books of the orders differ");
    chapter.end()
}
