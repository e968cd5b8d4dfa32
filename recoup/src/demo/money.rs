//! The chapters about money: a payout, refunds that come too late, the books, and one purchase from click to claw-back.

use anyhow::Context;
use clap::Parser;
use serde_json::{Value, json};

use crate::trace;

use super::books::{self, dollars};
use super::edge::{Edge, Who, until};
use super::log::Purchase;
use super::recompute::{self, Stage};
use super::report::{self, Chapter, say};
use super::scenes::refunds;
use super::story::{self, Moment, PAID};

/// One partner asks for all it has, somebody else approves, the file is written and confirmed.
pub async fn payout(edge: &Edge) -> anyhow::Result<()> {
    let chapter = Chapter::begin(6, "A partner is paid")?;
    let partner = Who::Partner(PAID);
    let all = books::balance(edge, PAID).await?.available;
    let amount = dollars(all).replace(',', "");
    let body = json!({
        "amount": amount, "currency": "USD", "payment_method": "paypal", "account_details": { "email": "anna@vinylblog.example" },
    });
    let ask = || edge.command(partner, "/api/v1/payments/request", &body);
    let (one, other) = tokio::join!(ask(), ask());
    let (asked, refused) = match (one?, other?) {
        (Ok(asked), Err(refused)) | (Err(refused), Ok(asked)) => (asked, refused),
        (one, other) => anyhow::bail!("two requests for the same ${amount} ended as {one:?} and {other:?}"),
    };
    let id = asked["payout_id"].as_str().context("the answer names no payout")?.to_owned();
    say(format!("{PAID} asks for all of ${} twice at the same moment: one payout is made,", dollars(all)))?;
    say(format!("   the other is refused: {}", refused.detail))?;
    let path = format!("/api/v1/payouts/{id}/approve");
    let own = edge.command(partner, &path, &json!({})).await?;
    let no = own.err().context("a partner approved its own payout")?;
    say(format!("{PAID} tries to approve it itself: {no}"))?;
    edge.must(Who::Manager, &path, &json!({})).await?;
    say("max (manager) approves it")?;
    let submitted = edge.must(Who::Operator, "/api/v1/payouts/submit", &json!({})).await?;
    let batch = submitted["batch_id"].as_str().context("the answer names no batch")?.to_owned();
    wait_for(edge, &id, "submitted").await?;
    let file = edge.find(Who::Operator, &format!("/api/v1/payout-batches/{batch}/file")).await?;
    let file = file.as_ref().and_then(Value::as_str).context("there is no payout file")?;
    say(format!("olga (operator) has the payout file written, {batch}.csv:"))?;
    for line in file.lines() {
        say(format!("   {line}"))?;
    }
    edge.must(Who::Operator, &format!("/api/v1/payouts/{id}/confirm"), &json!({ "reference": "PAYPAL-0001" })).await?;
    let paid = wait_for(edge, &id, "completed").await?;
    say(format!(
        "olga confirms it: the payout is {}, ${} to {}",
        text(&paid["state"]),
        text(&paid["amount"]),
        text(&paid["account"])
    ))?;
    chapter.end()
}

async fn wait_for(edge: &Edge, payout: &str, state: &str) -> anyhow::Result<Value> {
    let path = format!("/api/v1/payouts/{payout}");
    until("the payout", async || {
        Ok(Some(edge.get(Who::Operator, &path).await?).filter(|payout| payout["state"] == state))
    })
    .await
}

/// Refunds after the payout: owed by the partner that was paid, taken from what is payable for the others.
pub async fn late_refunds(edge: &Edge, purchases: &[Purchase]) -> anyhow::Result<()> {
    let chapter = Chapter::begin(7, "Refunds after the payout")?;
    refunds(edge, purchases, Moment::Late).await?;
    for partner in story::PARTNERS {
        let balance = books::balance(edge, partner).await?;
        let words = if balance.available < 0 { "owed, set off against later earnings" } else { "payable" };
        say(format!("{partner:<10} {:>12}  {words}", dollars(balance.available)))?;
    }
    chapter.end()
}

/// The partner's statement of the month in which it was paid.
pub async fn statement(edge: &Edge, now: &str) -> anyhow::Result<()> {
    let month = now.get(..7).context("the clock told no time")?;
    let chapter = Chapter::begin(8, &format!("{PAID}'s statement of {month}"))?;
    let path = format!("/api/v1/partners/{PAID}/statement?month={month}");
    let statement = edge.get(Who::Partner(PAID), &format!("{path}&limit=1000")).await?;
    let account = &statement["accounts"][0];
    for name in ["accrued", "payable", "in_payout", "paid", "clawback_receivable"] {
        say(format!(
            "{name:<20} opening {:>10}   closing {:>10}",
            text(&account["opening"][name]),
            text(&account["closing"][name])
        ))?;
    }
    say(format!("carried forward: {}", text(&account["carry_forward"])))?;
    let csv = edge.get(Who::Partner(PAID), &format!("{path}&format=csv")).await?;
    let lines: Vec<&str> = csv.as_str().context("the statement is no CSV")?.lines().collect();
    say(format!("as CSV it has {} lines, among them:", lines.len()))?;
    for kind in ["requested", "completed", "clawed_back"] {
        let found = lines.iter().find(|line| line.split(',').nth(4) == Some(kind));
        say(format!("   {}", found.with_context(|| format!("no movement {kind} in the statement"))?))?;
    }
    chapter.end()
}

/// Both books side by side; fails when they differ.
pub async fn books(edge: &Edge, purchases: &[Purchase]) -> anyhow::Result<()> {
    let chapter = Chapter::begin(9, "The books, by the system and by hand")?;
    let (system, log) = (books::totals(edge).await?, recompute::totals(purchases, Stage::End)?);
    let differences = report::compare(&system, &log)?;
    anyhow::ensure!(differences == 0, "{differences} figures differ between the system and the log");
    say("no difference")?;
    chapter.end()
}

/// What became of one purchase that was paid for and refunded, as its partner sees it.
pub async fn one_commission(edge: &Edge, purchases: &[Purchase]) -> anyhow::Result<()> {
    let chapter = Chapter::begin(10, "One commission, explained to its partner")?;
    let chosen = purchases.iter().find(|purchase| {
        story::partner_of(purchase.customer) == PAID
            && matches!(story::refund_of(purchase), Some((Moment::Late, story::Extent::TwoParts)))
    });
    let purchase = chosen.context("no such purchase")?;
    let own = books::of_order(edge, &purchase.order()).await?;
    let id = own.context("the purchase has no commission")?.commission_id;
    let commission = edge.get(Who::Partner(PAID), &format!("/api/v1/commission/commissions/{id}")).await?;
    say(format!("order {} of {}, ${}: commission {id}", purchase.order(), purchase.day, purchase.dollars))?;
    for sentence in commission["explanation"].as_array().into_iter().flatten() {
        say(format!("   {}", text(sentence)))?;
    }
    say("what became of it:")?;
    for event in commission["history"].as_array().into_iter().flatten() {
        say(format!(
            "   {:<28} {:<12} {:>8}  {}",
            text(&event["at"]),
            text(&event["what"]),
            text(&event["amount"]),
            text(&event["note"])
        ))?;
    }
    chapter.end()
}

/// One more purchase, by itself and with nothing to go by, and everything that follows from it, read from the topics.
pub async fn one_trace(edge: &Edge) -> anyhow::Result<String> {
    let chapter = Chapter::begin(11, "One purchase of $100.00, traced over the services")?;
    let body = json!({ "user_id": "user123", "event_type": "purchase", "metadata": { "amount": 100.0, "product_id": "prod456" } });
    let id = edge.report_one(&body).await?;
    say(format!("POST /api/v1/tracking/events {body}"))?;
    let path = format!("/api/v1/commission/commissions?conversion={id}");
    let commission = until("the purchase to become a commission", async || {
        Ok(edge.get(Who::Manager, &path).await?["commissions"].get(0).cloned())
    })
    .await?;
    say(format!("{} earns ${} by it. recoup trace {id}:", text(&commission["partner"]), text(&commission["earned"])))?;
    trace(&id, Some("5m")).await?;
    chapter.end()?;
    Ok(id)
}

/// What `recoup trace` shows about an id, of what was written down so long ago at most.
pub async fn trace(id: &str, from: Option<&str>) -> anyhow::Result<()> {
    let since = from.map(|ago| ["--from", ago]);
    let line = ["trace", id].into_iter().chain(since.into_iter().flatten());
    trace::run(Tracing::parse_from(line).args).await?;
    Ok(())
}

/// The arguments of `recoup trace`, read from a made-up command line.
#[derive(clap::Parser)]
struct Tracing {
    #[command(flatten)]
    args: trace::Args,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
