//! The chapters up to the end of the holds: a campaign, clicks, purchases, early refunds, and time that passes.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::books::{self, Row, dollars};
use super::edge::{Edge, Who, until};
use super::log::Purchase;
use super::report::{Chapter, Progress, say};
use super::reporting::Recorded;
use super::story::{self, CAMPAIGN, DEFAULT, Extent, HOLD_DAYS, Moment, PARTNERS, parts};

/// Events in one request.
const BATCH: usize = 1_000;

/// The campaign is created and opened, and three partners accept it.
pub async fn campaign(edge: &Edge) -> anyhow::Result<()> {
    let chapter = Chapter::begin(1, "A campaign and three partners")?;
    let campaign = story::campaign();
    edge.must(Who::Admin, "/api/v1/campaigns", &campaign).await?;
    edge.must(Who::Admin, &format!("/api/v1/campaigns/{CAMPAIGN}/activate"), &json!({})).await?;
    say(format!("ada (admin) creates and opens {CAMPAIGN}:"))?;
    let percent = |bps: i64| dollars(bps).trim_end_matches('0').trim_end_matches('.').to_owned();
    say(format!(
        "   {} % of each sale, {} % from the {}th sale of a partner's calendar month on,",
        percent(story::BASE_BPS),
        percent(story::TIER_BPS),
        story::TIER_FROM
    ))?;
    say(format!(
        "   at most ${} a sale; {HOLD_DAYS} days on hold; smallest payout ${}; last click within {} days",
        dollars(story::EVENT_CAP),
        dollars(story::MIN_PAYOUT),
        story::CLICK_WINDOW_DAYS
    ))?;
    for partner in PARTNERS {
        let body = json!({ "accepted_terms": true, "metadata": { "source": "demo" } });
        let accepted = edge.must(Who::Partner(partner), &format!("/api/v1/campaigns/{CAMPAIGN}/accept"), &body).await?;
        let code = accepted["result"]["link_code"].as_str().unwrap_or("?").to_owned();
        say(format!("{partner:<10} accepts the terms and gets the link /t/{code}"))?;
    }
    edge.must(Who::Admin, &format!("/api/v1/campaigns/{CAMPAIGN}/default-attribution"), &json!({ "partner": DEFAULT }))
        .await?;
    say(format!("sales that carry nothing to go by are {DEFAULT}'s from now on"))?;
    chapter.end()
}

/// Each customer clicks on its partner's link, the day before it first buys.
pub async fn clicks(edge: &Edge, purchases: &[Purchase]) -> anyhow::Result<()> {
    let chapter = Chapter::begin(2, "Every customer follows a partner's link")?;
    let mut first: BTreeMap<u32, DateTime<Utc>> = BTreeMap::new();
    for purchase in purchases {
        let at = first.entry(purchase.customer).or_insert_with(|| purchase.at());
        *at = (*at).min(purchase.at());
    }
    let click = |(customer, bought): (&u32, &DateTime<Utc>)| {
        json!({
            "event_type": "click", "event_id": format!("click-{customer}"), "user_id": user(*customer), "campaign": CAMPAIGN,
            "partner": story::partner_of(*customer), "occurred_at": time(*bought - TimeDelta::days(1)),
        })
    };
    let events: Vec<Value> = first.iter().map(click).collect();
    let recorded = report(edge, "clicks", &events).await?;
    anyhow::ensure!(recorded.rejected == 0, "a click was refused: {}", recorded.first_reason());
    say(format!(
        "{} clicks recorded; customer n is brought by partner number n mod 3, the day before the first purchase",
        recorded.recorded
    ))?;
    chapter.end()
}

/// The purchases come in, and become commissions.
pub async fn purchases(edge: &Edge, purchases: &[Purchase]) -> anyhow::Result<()> {
    let chapter = Chapter::begin(3, "6,919 real purchases (CDNOW, 1997-98)")?;
    let event = |purchase: &&Purchase| {
        json!({
            "event_type": "purchase", "event_id": purchase.order(), "order_id": purchase.order(), "user_id": user(purchase.customer),
            "amount": purchase.dollars, "currency": "USD", "occurred_at": time(purchase.at()), "metadata": { "items": purchase.items },
        })
    };
    let mut sent = 0;
    for (wave, name) in story::waves(purchases).iter().zip(["below the tier", "from the tier on"]) {
        let events: Vec<Value> = wave.iter().map(event).collect();
        let began = std::time::Instant::now();
        let recorded = report(edge, "purchases", &events).await?;
        anyhow::ensure!(recorded.rejected == 0, "a purchase was refused: {}", recorded.first_reason());
        let answered = began.elapsed().as_millis();
        sent += events.len();
        // A look at some is cheap; counting all of them comes last.
        for purchase in wave.iter().rev().step_by(250) {
            until("a purchase to become a commission", async || books::of_order(edge, &purchase.order()).await).await?;
        }
        until("every purchase to become a commission", async || {
            let there = books::commissions(edge).await?.len();
            anyhow::ensure!(there <= sent, "{there} commissions of {sent} purchases");
            Ok((there == sent).then_some(()))
        })
        .await?;
        say(format!(
            "{} purchases {name}: recorded in {answered} ms, all {sent} commissions there after {} ms",
            events.len(),
            began.elapsed().as_millis()
        ))?;
        if sent < purchases.len() {
            let again = report(edge, "purchases", &events[..BATCH]).await?;
            anyhow::ensure!(again.duplicates == BATCH, "sending purchases again recorded {}", again.recorded);
            say(format!(
                "the first {BATCH} once more, as after a lost answer: {} recorded, {} known already",
                again.recorded, again.duplicates
            ))?;
        }
    }
    let free = purchases.iter().filter(|purchase| !purchase.cost_something()).count();
    say(format!("{free} of them cost nothing: they count for the tier and earn nothing"))?;
    chapter.end()
}

/// Money goes back while commissions are on hold.
pub async fn early_refunds(edge: &Edge, purchases: &[Purchase]) -> anyhow::Result<()> {
    let chapter = Chapter::begin(4, "Refunds while commissions are on hold")?;
    refunds(edge, purchases, Moment::Early).await?;
    let refunded = purchases.iter().find(|purchase| story::refund_of(purchase) == Some((Moment::Early, Extent::Whole)));
    let order = refunded.context("no purchase is refunded whole")?.order();
    let more = json!({ "event_type": "refund", "event_id": "one-too-many", "order_id": order, "amount": "0.01", "currency": "USD" });
    let answer = edge.report(&[more]).await?;
    anyhow::ensure!(answer.rejected == 1, "more went back than was paid");
    say(format!("one cent more for {order} is refused: {}", answer.first_reason()))?;
    chapter.end()
}

/// Thirty days and a minute later the commissions are payable.
pub async fn holds(edge: &Edge) -> anyhow::Result<String> {
    let chapter = Chapter::begin(5, "Thirty days pass")?;
    let now = edge.move_clock(HOLD_DAYS + 1).await?;
    say(format!("the clock of this development stack is moved ahead by {} days, to {now}", HOLD_DAYS + 1))?;
    until("every hold to end", async || Ok((!books::any_on_hold(edge).await?).then_some(()))).await?;
    for partner in PARTNERS {
        let balance = books::balance(edge, partner).await?;
        say(format!("{partner:<10} may ask for {:>12}", dollars(balance.available)))?;
    }
    chapter.end()?;
    Ok(now)
}

/// Reports the refunds of one moment and waits until every commission shows them.
pub async fn refunds(edge: &Edge, purchases: &[Purchase], moment: Moment) -> anyhow::Result<()> {
    let chosen: Vec<(&Purchase, Extent)> = purchases
        .iter()
        .filter_map(|purchase| {
            story::refund_of(purchase).filter(|(when, _)| *when == moment).map(|(_, extent)| (purchase, extent))
        })
        .collect();
    let mut events = Vec::new();
    for (purchase, extent) in &chosen {
        for (part, cents) in (1..).zip(parts(*extent, books::cents(purchase.dollars)?)) {
            let kind = if purchase.line.is_multiple_of(100) { "chargeback" } else { "refund" };
            let amount = dollars(cents).replace(',', "");
            events.push(json!({
                "event_type": kind, "event_id": format!("back-{}-{part}", purchase.line), "refers_to": purchase.order(),
                "amount": amount, "currency": "USD",
            }));
        }
    }
    let recorded = report(edge, "refunds", &events).await?;
    anyhow::ensure!(recorded.rejected == 0, "a refund was refused: {}", recorded.first_reason());
    let whole = chosen.iter().filter(|(_, extent)| *extent != Extent::Part).count();
    say(format!(
        "{} refunds and chargebacks of {} purchases recorded ({whole} of them whole in the end)",
        recorded.recorded,
        chosen.len()
    ))?;
    for (purchase, extent) in &chosen {
        until("a refund to reach its commission", async || {
            Ok(books::of_order(edge, &purchase.order()).await?.filter(|row| shows_refund(row, *extent)))
        })
        .await?;
    }
    Ok(())
}

/// Whether a commission shows its refund. How much was taken is for the books to say.
fn shows_refund(row: &Row, extent: Extent) -> bool {
    match extent {
        Extent::Part => row.reversed != "0.00" || row.clawed_back != "0.00",
        Extent::Whole | Extent::TwoParts => row.remaining == "0.00",
    }
}

/// Sends events in batches, with progress.
async fn report(edge: &Edge, what: &'static str, events: &[Value]) -> anyhow::Result<Recorded> {
    let progress = Progress::new(what, events.len());
    let mut sum = Recorded::default();
    for (batch, chunk) in events.chunks(BATCH).enumerate() {
        progress.at(batch * BATCH);
        sum.add(edge.report(chunk).await?);
    }
    let ids: HashSet<&str> = events.iter().filter_map(|event| event["event_id"].as_str()).collect();
    anyhow::ensure!(
        ids.len() == sum.recorded + sum.duplicates + sum.rejected,
        "{} {what} were sent, {sum:?} came back",
        ids.len()
    );
    Ok(sum)
}

fn user(customer: u32) -> String {
    format!("customer-{customer:04}")
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
