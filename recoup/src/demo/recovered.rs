//! The chapters on money that came back: payouts confirmed to the cent, packets sealed, the fee charged and partly given back, the books.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::output::table;

use super::books::dollars;
use super::claims::{all, read};
use super::edge::{Edge, Who, until};
use super::money::trace;
use super::outside::Outside;
use super::owed::Compared;
use super::report::{Chapter, say};
use super::seller::{self, Seller, cents, text};

/// A settlement is out every fortnight; after so many days the one with the payouts is.
const DAYS: i64 = 15;

/// The money comes, is confirmed by two reports, and one payment is taken back. Returns the claim that was reversed.
pub async fn money(edge: &Edge, outside: &Outside, seller: &Seller) -> anyhow::Result<String> {
    let chapter = Chapter::begin(20, "Payouts, packets, fees")?;
    outside.pass(edge, TimeDelta::days(DAYS)).await?;
    seller::sync(edge, outside, "again").await?;
    let paid = settled(edge).await?;
    let figures = payments(edge).await?;
    say(format!(
        "{DAYS} days later {} claims are paid, ${}: each by a reimbursement and a posting that agree to the cent",
        paid.len(),
        dollars(cents(&figures["confirmed"]))
    ))?;
    say(format!(
        "each has its sealed packet; the fee over them is charged once: ${}",
        dollars(cents(&figures["card_charged"]))
    ))?;
    let claim = paid.iter().max_by_key(|claim| cents(&claim["amount"])).context("no claim was paid")?;
    let id = text(&claim["id"]).to_owned();
    let whole = read(edge, &id).await?;
    let payout = &whole["payouts"][0];
    outside.control("reverse", &json!({"reimbursement_id": payout["reimbursement_id"]})).await?;
    outside.pass(edge, TimeDelta::days(DAYS)).await?;
    seller::sync(edge, outside, "again").await?;
    until("the fee to be given back", async || Ok((cents(&payments(edge).await?["card_refunded"]) > 0).then_some(())))
        .await?;
    let whole = read(edge, &id).await?;
    say(format!(
        "Amazon takes ${} of {} back: the claim is {}, and its fee is given back:",
        dollars(cents(&payout["amount"])),
        text(&whole["subject"]["text"]),
        text(&whole["status"])
    ))?;
    for fee in whole["fees"].as_array().into_iter().flatten() {
        say(format!(
            "   {:>8}  {}  {}",
            dollars(cents(&fee["amount"])),
            text(&fee["status"]),
            fee["reference"].as_str().unwrap_or_default()
        ))?;
    }
    say(format!("What happened to this claim of {}:", seller.connection))?;
    for step in whole["timeline"].as_array().into_iter().flatten() {
        say(format!(
            "   {}  {:<26} {}",
            &text(&step["at"]).get(..16).unwrap_or_default(),
            text(&step["event"]),
            text(&step["status"])
        ))?;
    }
    chapter.end()?;
    Ok(id)
}

/// Waits until whatever was granted is paid, sealed, and its fee charged.
async fn settled(edge: &Edge) -> anyhow::Result<Vec<Value>> {
    const ON_THE_WAY: [&str; 4] = ["approved", "partially_approved", "payout_confirmed", "sealed"];
    until("payouts, packets and the fee", async || {
        let claims = all(edge).await?;
        let on_the_way = claims.iter().any(|claim| ON_THE_WAY.iter().any(|state| claim["status"] == *state));
        Ok((!on_the_way).then(|| claims.into_iter().filter(|claim| claim["status"] == "fee_charged").collect()))
    })
    .await
}

async fn payments(edge: &Edge) -> anyhow::Result<Value> {
    let figures = edge.get(Who::Seller, "/api/metrics/payments").await?;
    Ok(figures[0].clone())
}

/// The books: from what was owed to what is left, each difference explained, and both stand-ins asked.
pub async fn books(edge: &Edge, outside: &Outside, seller: &Seller, compared: Compared) -> anyhow::Result<()> {
    let chapter = Chapter::begin(21, "The books of the claims")?;
    let mut rows = Vec::new();
    let mut row = |what: &str, amount: i64, why: String| rows.push(vec![format!("   {what}"), dollars(amount), why]);
    let (mut prepared, mut claimed, mut granted) = (0, 0, 0);
    let (found, mut unclaimed) = (compared.found.values().sum::<i64>(), compared.found);
    let (mut later, mut changed) = (0, 0);
    let (mut waiting, mut refused, mut less) = (BTreeMap::<String, i64>::new(), 0, 0);
    for claim in all(edge).await? {
        let (amount, whole) = (cents(&claim["amount"]), read(edge, text(&claim["id"])).await?);
        prepared += amount;
        match unclaimed.remove(text(&whole["detection_id"])) {
            Some(expected) => changed += amount - expected,
            None => later += amount,
        }
        if claim["case_id"].is_null() {
            *waiting.entry(text(&claim["status"]).replace('_', " ")).or_default() += amount;
            continue;
        }
        claimed += amount;
        match whole["approved"].is_null() {
            true => refused += amount,
            false => {
                granted += cents(&whole["approved"]);
                less += amount - cents(&whole["approved"]);
            }
        }
    }
    let figures = payments(edge).await?;
    let (paid, back) = (cents(&figures["confirmed"]), cents(&figures["reversed"]));
    let (charged, refunded) = (cents(&figures["card_charged"]), cents(&figures["card_refunded"]));
    let without: i64 = unclaimed.values().sum();
    row("owed", compared.owed, "by the truth that only Amazon's stand-in knows".into());
    row(
        "- not found",
        compared.owed - found,
        "approved, and the settlement that should hold it was not out yet".into(),
    );
    row("found", found, String::new());
    row("- without a claim", without, "found, and no claim was made of it".into());
    row("+ changed", changed, "units or values that were others when the claim was made".into());
    row("+ found later", later, "windows that opened, and what was taken back, since".into());
    row("prepared", prepared, String::new());
    for (state, amount) in &waiting {
        row("- not sent", *amount, state.clone());
    }
    row("claimed", claimed, String::new());
    row("- refused", refused, "denied".into());
    row("- granted in part", less, "the rest of claims that were granted in part".into());
    row("granted", granted, String::new());
    row("paid", paid, "reimbursement and posting agree".into());
    row("- taken back", back, "reversed by Amazon".into());
    row("- fee", charged, "20 % of cash, at least 0.50 a claim, charged once".into());
    row("+ fee given back", refunded, "for what was taken back".into());
    row("left to the seller", paid - back - charged + refunded, String::new());
    table(&["   ", "#USD", "why"], &rows)?;
    let unsent: i64 = waiting.values().sum();
    anyhow::ensure!(found <= compared.owed, "more was found than is owed");
    let explained = found - without + changed + later;
    anyhow::ensure!(prepared == explained, "prepared is not what was found and what changed since");
    anyhow::ensure!(without == 0, "something found was not made a claim of: {:?}", unclaimed.keys());
    anyhow::ensure!(prepared == unsent + claimed, "prepared is not what was sent and what was not");
    anyhow::ensure!(claimed == refused + less + granted, "claimed is not what was refused and what was granted");
    anyhow::ensure!(granted == paid, "granted ${} and paid ${} differ", dollars(granted), dollars(paid));
    let (at_amazon, at_stripe) = (decided(outside).await?, held(outside, &seller.customer).await?);
    say(format!(
        "Amazon's stand-in paid ${} and took ${} back; Stripe's has ${}: {}",
        dollars(at_amazon.0),
        dollars(at_amazon.1),
        dollars(at_stripe),
        if (at_amazon, at_stripe) == ((paid, back), charged - refunded) { "no difference" } else { "DIFFERENT" }
    ))?;
    anyhow::ensure!(at_amazon == (paid, back) && at_stripe == charged - refunded, "the books differ");
    chapter.end()
}

/// Everything that led to a claim and followed from it, read from the topics: from the rows of the report to the fee.
pub async fn one_trace(claim: &str) -> anyhow::Result<()> {
    let chapter = Chapter::begin(22, "One claim, from the row of the report to its fee")?;
    say(format!("recoup trace {claim}:"))?;
    trace(claim, None).await?;
    chapter.end()
}

/// What Amazon paid for cases, and took back, as it says.
async fn decided(outside: &Outside) -> anyhow::Result<(i64, i64)> {
    let cases = outside.ask("cases").await?;
    let decisions =
        cases.as_array().into_iter().flatten().flat_map(|case| case["decisions"].as_array().into_iter().flatten());
    Ok(decisions.fold((0, 0), |(paid, back), decision| {
        let of = |field: &str| decision[field].as_i64().unwrap_or_default();
        (paid + of("amount_minor"), back + of("reversed_minor"))
    }))
}

/// What Stripe has of a customer: payments less refunds, as it says.
async fn held(outside: &Outside, customer: &str) -> anyhow::Result<i64> {
    let objects = outside.stripe().await?;
    let all: Vec<&Value> = objects.as_array().into_iter().flatten().collect();
    let ours: Vec<&&Value> = all
        .iter()
        .filter(|one| one["object"] == "payment_intent" && one["status"] == "succeeded" && one["customer"] == customer)
        .collect();
    let paid: i64 = ours.iter().map(|one| one["amount_received"].as_i64().unwrap_or_default()).sum();
    let refunds = all
        .iter()
        .filter(|one| one["object"] == "refund" && ours.iter().any(|paid| paid["id"] == one["payment_intent"]));
    Ok(paid - refunds.map(|one| one["amount"].as_i64().unwrap_or_default()).sum::<i64>())
}
