//! One sale from the link to the confirmed payout, through the BFF, and what another tenant sees of it.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::sales::{CAMPAIGN, TENANT, open_campaign};
use e2e::servers::Servers;
use e2e::system::System;
use e2e::wait::until;
use serde_json::{Value, json};
use service_kit::auth::Role;
use service_kit::clock::{Clock, SystemClock};

const SOON: Duration = Duration::from_secs(90);
const PARTNER: &str = "anna";

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_paid_out_and_no_other_tenant_sees_it() -> anyhow::Result<()> {
    let servers = Servers::start("story").await?;
    let dir = servers.dir().to_owned();
    tell(&servers).await?;
    drop(servers);
    Ok(std::fs::remove_dir_all(dir)?)
}

async fn tell(servers: &Servers) -> anyhow::Result<()> {
    let system = System::new(servers).await?;
    let _all = system.serve("all")?.start(&[]).await?;
    for service in [&system.tracking, &system.commission] {
        until("every service is ready", SOON, async || {
            Ok((system.get("", &format!("{service}/health/ready")).await?.status == 200).then_some(()))
        })
        .await?;
    }
    open_campaign(&system, TENANT).await?;
    let click = follow_link(&system).await?;
    let commission = sell(&system, &click).await?;
    let month = pass_hold(&system, &commission).await?;
    let (payout, batch) = pay_out(&system).await?;
    read_statement(&system, &month).await?;
    look_as_another_tenant(&system, &commission, &payout, &batch).await
}

async fn follow_link(system: &System<'_>) -> anyhow::Result<String> {
    let partner = system.token(TENANT, PARTNER, Role::Partner)?;
    // Accepting again is the same enrolment, with the same link.
    let accept = format!("/api/v1/campaigns/{CAMPAIGN}/accept");
    let again = system.command(&partner, &accept, &json!({ "accepted_terms": true })).await?.fine()?;
    let code = again["result"]["link_code"].as_str().with_context(|| format!("no link in {again}"))?;
    let http = service_kit::http_client::client(Duration::from_secs(10));
    let answer = http.get(format!("{}/t/{code}", system.tracking)).send().await?;
    ensure!(answer.status() == 302, "the link answered {}", answer.status());
    let location = answer.headers()["location"].to_str()?.to_owned();
    ensure!(location.starts_with("https://shop.example/spring"), "it leads to {location}");
    let click = location.split("click_id=").nth(1).with_context(|| format!("no click id in {location}"))?;
    let unknown = http.get(format!("{}/t/no-such-link", system.tracking)).send().await?;
    ensure!(unknown.status() == 404, "an unknown link answered {}", unknown.status());
    Ok(click.split('&').next().unwrap_or_default().to_owned())
}

async fn sell(system: &System<'_>, click: &str) -> anyhow::Result<String> {
    let operator = system.token(TENANT, "olga", Role::Operator)?;
    // A minute after the click: a purchase within two seconds of it would wait for a manager.
    let at = (SystemClock.now() + chrono::TimeDelta::minutes(1)).to_rfc3339();
    let purchase = json!({
        "event_type": "purchase", "event_id": "order-1", "order_id": "order-1", "user_id": "somebody", "click_id": click,
        "amount": "200.00", "currency": "USD", "occurred_at": at,
    });
    let url = format!("{}/api/v1/tracking/events", system.bff);
    let first = system.post(&operator, &url, &purchase).await?;
    ensure!(first.status == 201 && first.body["status"] == "recorded", "the purchase: {first:?}");
    let again = system.post(&operator, &url, &purchase).await?;
    ensure!(again.status == 200 && again.body["status"] == "duplicate", "the same purchase: {again:?}");
    let row =
        until("the sale becomes a commission", SOON, async || Ok(commission_of(system, "order-1").await?)).await?;
    ensure!(
        row["partner"] == PARTNER && row["earned"] == "20.00" && row["state"] == "pending",
        "the commission: {row}"
    );
    Ok(row["commission_id"].as_str().context("a commission has an id")?.to_owned())
}

async fn commission_of(system: &System<'_>, order: &str) -> anyhow::Result<Option<Value>> {
    let manager = system.token(TENANT, "max", Role::Manager)?;
    let url = format!("{}/api/v1/commission/commissions?order={order}", system.bff);
    let page = system.get(&manager, &url).await?.fine()?;
    let rows = page["commissions"].as_array().context("a page of commissions")?;
    ensure!(rows.len() <= 1, "one sale has {} commissions", rows.len());
    Ok(rows.first().cloned())
}

/// Thirty-one days pass by the development clock; gives the month that it is then.
async fn pass_hold(system: &System<'_>, commission: &str) -> anyhow::Result<String> {
    let body = json!({ "advance_seconds": 31 * 86_400 });
    let moved = system.post("", &format!("{}/dev/clock", system.bff), &body).await?.fine()?;
    until("the commission is approved", SOON, async || {
        let row = commission_of(system, "order-1").await?.context("it was there")?;
        ensure!(row["commission_id"] == commission, "another commission: {row}");
        Ok((row["state"] == "approved").then_some(()))
    })
    .await?;
    Ok(moved["now"].as_str().and_then(|now| now.get(..7)).context("the clock says its time")?.to_owned())
}

async fn pay_out(system: &System<'_>) -> anyhow::Result<(String, String)> {
    let partner = system.token(TENANT, PARTNER, Role::Partner)?;
    let (manager, operator) =
        (system.token(TENANT, "max", Role::Manager)?, system.token(TENANT, "olga", Role::Operator)?);
    let ask = |amount: &str| json!({ "amount": amount, "currency": "USD", "payment_method": "paypal", "account_details": { "email": "anna@example.com" } });
    let too_much = system.command(&partner, "/api/v1/payments/request", &ask("20.01")).await?;
    ensure!(too_much.status >= 400 || too_much.body["status"] == "rejected", "more than is payable: {too_much:?}");
    let asked = system.command(&partner, "/api/v1/payments/request", &ask("20.00")).await?.fine()?;
    let id = asked["payout_id"]
        .as_str()
        .or(asked["result"]["payout_id"].as_str())
        .with_context(|| format!("no payout in {asked}"))?;
    let path = format!("/api/v1/payouts/{id}");
    let own = system.command(&partner, &format!("{path}/approve"), &json!({})).await?;
    ensure!(own.status == 403, "a partner approves its own payout: {own:?}");
    system.command(&manager, &format!("{path}/approve"), &json!({})).await?.fine().context("approving")?;
    let submitted =
        system.command(&operator, "/api/v1/payouts/submit", &json!({})).await?.fine().context("submitting")?;
    let batch = submitted["batch_id"].as_str().or(submitted["result"]["batch_id"].as_str());
    let batch = batch.with_context(|| format!("no batch in {submitted}"))?.to_owned();
    payout_is(system, &operator, &path, "submitted").await?;
    let file = format!("{}/api/v1/payout-batches/{batch}/file", system.bff);
    let file = until("the payout file is written", SOON, async || {
        let answer = system.get(&operator, &file).await?;
        Ok((answer.status == 200).then_some(answer.body))
    })
    .await?;
    let text = file.as_str().map_or_else(|| file.to_string(), str::to_owned);
    ensure!(
        text.contains(id) && text.contains("20.00") && text.contains("anna@example.com"),
        "the payout file: {text}"
    );
    system
        .command(&operator, &format!("{path}/confirm"), &json!({ "reference": "PP-1" }))
        .await?
        .fine()
        .context("confirming")?;
    let paid = payout_is(system, &operator, &path, "completed").await?;
    ensure!(!paid.to_string().contains("anna@example.com"), "account details are shown unmasked: {paid}");
    let row = commission_of(system, "order-1").await?.context("it was there")?;
    ensure!(row["state"] == "paid", "the commission is {row}");
    Ok((id.to_owned(), batch))
}

async fn payout_is(system: &System<'_>, token: &str, path: &str, state: &str) -> anyhow::Result<Value> {
    let url = format!("{}{path}", system.bff);
    until(&format!("the payout is {state}"), SOON, async || {
        let payout = system.get(token, &url).await?.fine()?;
        Ok((payout["state"] == state).then_some(payout))
    })
    .await
}

async fn read_statement(system: &System<'_>, month: &str) -> anyhow::Result<()> {
    let partner = system.token(TENANT, PARTNER, Role::Partner)?;
    let url = format!("{}/api/v1/partners/{PARTNER}/statement?month={month}", system.bff);
    let statement = system.get(&partner, &url).await?.fine()?;
    let account = &statement["accounts"][0];
    ensure!(account["closing"]["paid"] == "20.00" && account["carry_forward"] == "0.00", "the statement: {statement}");
    let moved: Vec<&str> = statement["movements"]
        .as_array()
        .context("movements")?
        .iter()
        .filter_map(|row| row["movement"].as_str())
        .collect();
    ensure!(moved.contains(&"requested") && moved.contains(&"completed"), "what moved: {moved:?}");
    let table = system.get(&partner, &format!("{url}&format=csv")).await?;
    ensure!(table.body.as_str().is_some_and(|text| text.contains("completed")), "the statement as CSV: {table:?}");
    let other = system.token(TENANT, "bert", Role::Partner)?;
    let seen = system.get(&other, &url).await?;
    ensure!([403, 404].contains(&seen.status), "another partner reads it: {seen:?}");
    Ok(())
}

/// Another tenant's people, whatever their role, find nothing and change nothing.
async fn look_as_another_tenant(
    system: &System<'_>,
    commission: &str,
    payout: &str,
    batch: &str,
) -> anyhow::Result<()> {
    for role in [Role::Admin, Role::Manager, Role::Operator] {
        let rival = system.token("rival", "rita", role)?;
        for path in [
            format!("/api/v1/commission/commissions/{commission}"),
            format!("/api/v1/payouts/{payout}"),
            format!("/api/v1/payout-batches/{batch}/file"),
            format!("/api/v1/campaigns/{CAMPAIGN}"),
            "/api/v1/tracking/events/order-1".to_owned(),
        ] {
            let answer = system.get(&rival, &format!("{}{path}", system.bff)).await?;
            ensure!([403, 404].contains(&answer.status), "{role:?} of another tenant reads {path}: {answer:?}");
        }
        for (path, list) in [
            ("/api/v1/commission/commissions", "commissions"),
            ("/api/v1/campaigns", "campaigns"),
            ("/api/v1/payouts", "payouts"),
        ] {
            let answer = system.get(&rival, &format!("{}{path}", system.bff)).await?;
            let empty = answer.body[list].as_array().is_some_and(Vec::is_empty);
            ensure!(answer.status == 403 || empty, "{role:?} of another tenant lists {path}: {answer:?}");
        }
    }
    let manager = system.token("rival", "rita", Role::Manager)?;
    let reject = format!("/api/v1/commission/commissions/{commission}/reject");
    let refused = system.command(&manager, &reject, &json!({ "reason": "mine" })).await?;
    ensure!(
        refused.status >= 400 || refused.body["status"] == "rejected",
        "another tenant rejects a commission: {refused:?}"
    );
    let operator = system.token("rival", "rob", Role::Operator)?;
    let refund = json!({ "event_type": "refund", "event_id": "r1", "refers_to": "order-1", "amount": "200.00", "currency": "USD" });
    // Taken or not, it is about an order of the rival's own.
    system.post(&operator, &format!("{}/api/v1/tracking/events", system.bff), &refund).await?;
    let row = commission_of(system, "order-1").await?.context("it was there")?;
    ensure!(
        row["state"] == "paid" && row["reversed"] == "0.00" && row["clawed_back"] == "0.00",
        "after the rival's tries: {row}"
    );
    Ok(())
}
