//! `recoup demo`: a real purchase log becomes commissions, a statement and a payout, told over HTTP, and checked at the end by
//! working everything out once more.

mod books;
mod claims;
mod edge;
mod evidence;
mod log;
mod mails;
mod money;
mod outside;
mod owed;
mod post;
mod recompute;
mod recovered;
mod report;
mod reporting;
mod scenes;
mod seller;
mod shop;
mod story;

use std::time::Instant;

use crate::output::{Exit, line};

use edge::{Edge, Who};
use outside::Outside;
use story::{CAMPAIGN, PARTNERS};

/// Tenants that are tried before giving up: one is used up by each run.
const MOST_RUNS: u32 = 1_000;

/// Plays a real purchase log through the running stack and checks every total (`./dev demo` brings the stack up first).
///
/// The first run plays in the tenant demo; a tenant is played in once, so later runs take demo-2, demo-3 and so on.
#[derive(clap::Args)]
pub struct Args {
    /// Plays in this tenant, which must not have the campaign camp123 yet
    #[arg(long)]
    tenant: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When the stack is not up, and when the books differ.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let purchases = log::read(log::TEXT)?;
    let edge = stage(args.tenant).await?;
    line(format!("Recoup's demo, played over HTTP in the tenant {}.", edge.tenant))?;
    scenes::campaign(&edge).await?;
    scenes::clicks(&edge, &purchases).await?;
    scenes::purchases(&edge, &purchases).await?;
    scenes::early_refunds(&edge, &purchases).await?;
    let now = scenes::holds(&edge).await?;
    money::payout(&edge).await?;
    money::late_refunds(&edge, &purchases).await?;
    money::statement(&edge, &now).await?;
    money::books(&edge, &purchases).await?;
    money::one_commission(&edge, &purchases).await?;
    let event = money::one_trace(&edge).await?;
    evidence::evidence(&edge).await?;
    let outside = Outside::new()?;
    let claim = recovery(&edge, &outside).await?;
    shop::shop(&edge, &outside).await?;
    farewell(&edge.tenant, &event, &claim, began)?;
    Ok(Exit::Done)
}

/// A seller's year at a marketplace: what it is owed, proved, claimed, paid, and what that costs. Returns the claim to look at further.
async fn recovery(edge: &Edge, outside: &Outside) -> anyhow::Result<String> {
    let seller = seller::connect(edge, outside).await?;
    seller::sync(edge, outside, "first").await?;
    let compared = owed::compare(edge, outside).await?;
    let proved = claims::prove(edge).await?;
    claims::submit(edge).await?;
    let by_mail = mails::choose(edge).await?;
    claims::answers(edge, outside, by_mail.as_ref().map(|thread| thread.claim.as_str())).await?;
    mails::go_on(edge, outside, by_mail.as_ref()).await?;
    let reversed = recovered::money(edge, outside, &seller).await?;
    recovered::books(edge, outside, &seller, compared).await?;
    let claim = if reversed.is_empty() { proved } else { reversed };
    recovered::one_trace(&claim).await?;
    Ok(claim)
}

/// The first tenant in which nobody has played yet.
async fn stage(wanted: Option<String>) -> anyhow::Result<Edge> {
    if let Some(tenant) = wanted {
        let edge = Edge::new(&tenant)?;
        anyhow::ensure!(
            !is_used(&edge).await?,
            "the tenant {tenant} has the campaign {CAMPAIGN} already: choose another"
        );
        return Ok(edge);
    }
    for run in 1..=MOST_RUNS {
        let tenant = if run == 1 { "demo".to_owned() } else { format!("demo-{run}") };
        let edge = Edge::new(&tenant)?;
        if !is_used(&edge).await? {
            return Ok(edge);
        }
    }
    anyhow::bail!("the demo was played {MOST_RUNS} times: ./dev down --wipe forgets it all")
}

async fn is_used(edge: &Edge) -> anyhow::Result<bool> {
    Ok(edge.find(Who::Admin, &format!("/api/v1/campaigns/{CAMPAIGN}")).await?.is_some())
}

fn farewell(tenant: &str, event: &str, claim: &str, began: Instant) -> anyhow::Result<()> {
    line(format!("\nAll of it took {} ms. Look further:", began.elapsed().as_millis()))?;
    line(format!("   ./dev recoup trace {event}"))?;
    line(format!("   ./dev recoup trace {claim}"))?;
    line("   ./dev recoup topics")?;
    line(format!(
        "   ./dev token --role partner --sub {} --tenant {tenant}    (for the page /docs of the BFF)",
        PARTNERS[0]
    ))
}
