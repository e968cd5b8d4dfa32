//! Claims killed at each step between a seller's reports and the fee, against stand-ins for Amazon and Stripe: at the end every row is
//! there once, and every claim has one case, one payout, one packet and one fee.

mod check;
mod desk;

use anyhow::{Context, ensure};
use e2e::process::killed;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::runner::{Case, Passed};
use crate::scene::SOON;
use desk::{Desk, TENANT};

/// Where the process dies while reports come in.
const SYNCING: [&str; 5] =
    ["claims.before_report", "claims.after_report", "claims.before_rows", "claims.after_rows", "claims.after_sync"];
/// ... while a claim is sent.
const SENDING: [&str; 3] = ["claims.before_send", "claims.after_send", "claims.after_outcome"];
/// ... while its fee is charged.
const CHARGING: [&str; 3] = ["claims.before_charge", "claims.after_charge", "claims.after_charge_outcome"];
/// ... while its money is confirmed.
const CONFIRMING: [&str; 2] = ["claims.before_confirm", "claims.after_confirm"];

/// A parcel that the carrier lost. Each is worth something else, so that no money is taken for another's.
fn parcel(number: usize) -> String {
    format!("TBAFAULT{number:04}")
}

fn cents(number: usize) -> usize {
    1_000 + 7 * number
}

/// Strikes follow each other without waiting until the one before is healed; everything is counted at the end.
pub async fn killed_at_every_step(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let rounds = usize::try_from(case.rounds(1, 8))?;
    let mut desk = Desk::open(case, SYNCING[0]).await?;
    // The consent starts the first sync, which strikes at once.
    let mut strikes = 1;
    desk.connect(TENANT).await?;
    desk.died(SYNCING[0]).await?;
    for point in SYNCING.iter().cycle().skip(1).take(SYNCING.len() * rounds - 1) {
        desk.restart(Some(point)).await?;
        desk.sync(TENANT).await?;
        desk.died(point).await?;
        strikes += 1;
    }
    let (struck, others) = (SENDING.len() * rounds, CHARGING.len() * rounds);
    desk.restart(None).await?;
    desk.lose_parcels(struck + others).await?;
    for (number, point) in SENDING.iter().cycle().take(struck).enumerate() {
        desk.restart(Some(point)).await?;
        desk.submit(&parcel(number)).await?;
        desk.died(point).await?;
        strikes += 1;
    }
    desk.restart(None).await?;
    for number in struck..struck + others {
        desk.submit(&parcel(number)).await?;
    }
    for number in struck..struck + others {
        desk.sent(&parcel(number)).await?;
    }
    for number in struck..struck + others {
        desk.pay(&parcel(number), cents(number)).await?;
    }
    desk.pass_a_day().await?;
    for point in CHARGING.iter().cycle().take(others) {
        desk.restart(Some(point)).await?;
        desk.died(point).await?;
        strikes += 1;
    }
    // By now the sendings that were struck are known to be so; whoever is asked looks at Amazon's pages.
    desk.restart(None).await?;
    for number in 0..struck {
        desk.find_out(&parcel(number)).await?;
        desk.pay(&parcel(number), cents(number)).await?;
    }
    desk.pass_a_day().await?;
    for point in CONFIRMING {
        desk.restart(Some(point)).await?;
        desk.died(point).await?;
        strikes += 1;
    }
    desk.restart(None).await?;
    let found = desk.check(struck + others).await?;
    Ok(Passed { strikes, found })
}

impl Desk<'_> {
    /// Waits for a planned death.
    async fn died(&mut self, point: &str) -> anyhow::Result<()> {
        let mut looks = 0_u32;
        let status = until(&format!("a death at {point}"), SOON, async || {
            looks += 1;
            // Reports are asked about again after a pause, and fetched again from time to time: the clock brings both about.
            if looks.is_multiple_of(10) {
                self.tick().await;
            }
            self.claims.exited()
        })
        .await?;
        ensure!(killed(status), "it ended with {status}, not at {point}");
        Ok(())
    }

    /// The seller tells which parcels its carrier lost; each becomes a claim.
    async fn lose_parcels(&mut self, count: usize) -> anyhow::Result<()> {
        let connection = self.connection(TENANT).await?;
        for number in 0..count {
            let day = self.amazon_day().await?;
            let arrival = json!({"kind": "parcel", "tracking": parcel(number), "day": day, "reason": "LOST_IN_TRANSIT",
                                 "value": {"minor": cents(number), "currency": "USD"}, "marketplace": "US"});
            let body = json!({"connection_id": connection, "arrival": arrival});
            self.tell("POST", "/api/v1/inventory/arrivals", &body).await?;
        }
        self.until_ticking("every parcel is a claim", async |desk| {
            Ok((desk.claims_of_parcels().await?.len() == count).then_some(()))
        })
        .await
    }

    async fn claim(&self, parcel: &str) -> anyhow::Result<Value> {
        let all = self.claims_of_parcels().await?;
        all.into_iter().find(|claim| claim["subject"]["tracking"] == parcel).context("a claim for each parcel")
    }

    async fn submit(&mut self, parcel: &str) -> anyhow::Result<()> {
        let claim = self.claim(parcel).await?;
        let path = format!("/api/recoveries/{}/submit", claim["id"].as_str().unwrap_or_default());
        self.tell("POST", &path, &json!({})).await
    }

    /// Waits until the marketplace has a claim.
    async fn sent(&mut self, parcel: &str) -> anyhow::Result<()> {
        self.until_ticking(&format!("{parcel} is sent"), async |desk| {
            Ok((desk.claim(parcel).await?["case_id"].is_string()).then_some(()))
        })
        .await
    }

    /// What a person does about a claim of which nobody knows whether it arrived: looks whether Amazon has it, says so, and sends what
    /// it has not.
    async fn find_out(&mut self, parcel: &str) -> anyhow::Result<()> {
        self.until_ticking(&format!("{parcel} is with Amazon"), async |desk| {
            let claim = desk.claim(parcel).await?;
            let id = claim["id"].as_str().unwrap_or_default();
            match claim["status"].as_str() {
                Some("submit_unknown") => {
                    let case = desk.at_amazon("claims").await?[parcel].clone();
                    desk.tell("POST", &format!("/api/v1/recoveries/{id}/case"), &json!({ "case_id": case })).await?;
                }
                Some("ready") => desk.tell("POST", &format!("/api/recoveries/{id}/submit"), &json!({})).await?,
                _ => {}
            }
            Ok(claim["case_id"].is_string().then_some(()))
        })
        .await
    }

    /// Amazon grants a claim; its money is there a day later. No more than a day passes while a charge is open: Stripe's stand-in has the
    /// real time, and what cannot be found there for a day counts as never done.
    async fn pay(&mut self, parcel: &str, cents: usize) -> anyhow::Result<()> {
        let claim = self.claim(parcel).await?;
        let body = json!({"case_id": claim["case_id"], "outcome": "approve", "pay_in_days": 0, "claims": [{
            "claim_type": "amazon_shipping_claim", "subject": format!("parcel {parcel}"), "clock": null, "marketplace": "US",
            "units": 1, "amount_minor": cents,
        }]});
        let decided = self.tell_amazon("cases", &body).await?;
        ensure!(decided["decisions"][0]["outcome"] == "approved", "it is not granted: {decided}");
        Ok(())
    }
}
