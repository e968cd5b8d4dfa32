//! The claims service under strikes, with what is around it: the BFF, evidence, and the stand-ins for Amazon and Stripe.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::process::Process;
use e2e::stand_ins::StandIn;
use e2e::system::System;
use e2e::wait::until;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::Service;

use crate::runner::Case;
use crate::scene::SOON;

/// Whose claims are struck.
pub const TENANT: &str = "acme";
/// Seconds that the clock moves at once, while reports are in the making; some are fetched again only after hours.
const TICK: i64 = 600;
const DAY: i64 = 86_400;

/// The services and the stand-ins. Only `claims` dies.
pub struct Desk<'s> {
    pub system: System<'s>,
    pub claims: Process,
    _others: [Process; 2],
    amazon: StandIn,
    pub stripe: StandIn,
    http: reqwest::Client,
    /// Seconds that the clock of claims, and that of the BFF, are ahead. A process that starts begins with the real time.
    ahead: [i64; 2],
}

impl<'s> Desk<'s> {
    /// Starts everything; claims with a fault.
    pub async fn open(case: &Case<'s>, point: &str) -> anyhow::Result<Self> {
        let system = System::new(case.servers).await?;
        let (amazon, stripe) = tokio::join!(
            StandIn::start(&system, "amazon", &["--articles", "3", "--orders", "6", "--rate", "1000"]),
            StandIn::start(&system, "stripe", &[])
        );
        let (amazon, stripe) = (amazon?, stripe?);
        let mut outside = settings(&amazon, &stripe);
        outside.push(("OAUTH_REDIRECT_URI", format!("{}/api/integrations/callback", system.bff)));
        let (bff, evidence, claims) = (system.serve("bff")?, system.serve("evidence")?, system.serve("claims")?);
        let mut faulty = outside.clone();
        faulty.push(("RECOUP_FAULT", format!("{point}:kill:1")));
        let (bff, evidence, claims) = tokio::join!(bff.start(&outside), evidence.start(&[]), claims.start(&faulty));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(Duration::from_secs(15)).build()?;
        Ok(Self { system, claims: claims?, _others: [bff?, evidence?], amazon, stripe, http, ahead: [0; 2] })
    }

    /// Kills claims, and starts it with another fault or none. Its clock is where it was.
    pub async fn restart(&mut self, point: Option<&str>) -> anyhow::Result<()> {
        let mut extra = settings(&self.amazon, &self.stripe);
        extra.extend(point.map(|point| ("RECOUP_FAULT", format!("{point}:kill:1"))));
        self.claims.kill()?;
        self.claims = self.system.serve("claims")?.start(&extra).await?;
        let ahead = self.ahead[0];
        // It may have died again by now; then nobody needs its clock.
        if ahead > 0 && !self.advance(&self.system.claims, ahead).await {
            ensure!(self.claims.exited()?.is_some(), "the clock does not move");
        }
        Ok(())
    }

    async fn advance(&self, service: &str, seconds: i64) -> bool {
        let asked = self.http.post(format!("{service}/dev/clock")).json(&json!({ "advance_seconds": seconds }));
        asked.send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Moves the clock of claims a little, so that what waits for Amazon asks again.
    pub async fn tick(&mut self) {
        if self.advance(&self.system.claims, TICK).await {
            self.ahead[0] += TICK;
        }
    }

    /// A day passes, at Amazon and here.
    pub async fn pass_a_day(&mut self) -> anyhow::Result<()> {
        self.tell_amazon("clock", &json!({ "advance_seconds": DAY })).await?;
        // A process that is dead learns it when it starts again.
        self.ahead[0] += DAY;
        if !self.advance(&self.system.claims, DAY).await {
            ensure!(self.claims.exited()?.is_some(), "the clock does not move");
        }
        Ok(())
    }

    /// Waits for something to come about, while the clock ticks.
    pub async fn until_ticking(
        &mut self,
        what: &str,
        mut condition: impl AsyncFnMut(&Self) -> anyhow::Result<Option<()>>,
    ) -> anyhow::Result<()> {
        let mut looks = 0_u32;
        until(what, SOON, async || {
            looks += 1;
            if looks.is_multiple_of(4) {
                self.tick().await;
            }
            condition(self).await
        })
        .await
    }

    fn token(&self, tenant: &str, role: Role) -> anyhow::Result<String> {
        self.system.token(tenant, if role == Role::Admin { "ada" } else { "sam" }, role)
    }

    /// Asks the BFF, as a seller.
    pub async fn ask(&self, tenant: &str, path: &str) -> anyhow::Result<Value> {
        let seller = self.token(tenant, Role::Seller)?;
        self.system.get(&seller, &format!("{}{path}", self.system.bff)).await?.fine()
    }

    /// Gives the BFF a command, as a seller. That it was taken is enough: what comes of it is looked at later.
    pub async fn tell(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        self.tell_as(TENANT, Role::Seller, method, path, body).await
    }

    async fn tell_as(&self, tenant: &str, role: Role, method: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.system.bff);
        let asked = self.http.request(Method::from_bytes(method.as_bytes())?, &url);
        let answer = asked.bearer_auth(self.token(tenant, role)?).json(body).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{method} {path} answered {status}: {}", answer.text().await?);
        Ok(())
    }

    /// Tells Amazon's stand-in what no seller could.
    pub async fn tell_amazon(&self, what: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/_sandbox/{what}", self.amazon.address);
        Ok(self.http.post(url).json(body).send().await?.error_for_status()?.json().await?)
    }

    /// What Amazon's stand-in has.
    pub async fn at_amazon(&self, what: &str) -> anyhow::Result<Value> {
        let url = format!("{}/_sandbox/{what}", self.amazon.address);
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// The day before today, as Amazon's stand-in counts.
    pub async fn amazon_day(&self) -> anyhow::Result<Value> {
        Ok(self.at_amazon("clock").await?["last_day"].clone())
    }

    /// Connects whoever pays and the seller, and lets claims go without a second person.
    pub async fn connect(&mut self, tenant: &str) -> anyhow::Result<()> {
        // A consent runs out by the clock of claims.
        let behind = self.ahead[0] - self.ahead[1];
        if behind > 0 {
            ensure!(self.advance(&self.system.bff, behind).await, "the clock of the BFF does not move");
            self.ahead[1] += behind;
        }
        let settings = json!({"automatic": true, "limit": "150.00", "currency": "USD", "per_day": 1_000, "fee_bps": 2_000,
                              "asked": "sam"});
        self.tell_as(tenant, Role::Admin, "PUT", "/api/v1/claims/settings", &settings).await?;
        for kind in ["stripe", "amazon"] {
            self.consent(tenant, kind).await?;
        }
        // The clock may not move before both are noted: a consent that comes minutes later counts as too late. What is asked is the
        // database, since the process may die as soon as it has used one.
        let pool = self.system.world.database(Service::Claims);
        until("both consents are noted", SOON, async || {
            let noted = sqlx::query_scalar("SELECT count(*) FROM connections WHERE tenant = $1").bind(tenant);
            let noted: i64 = noted.fetch_one(pool).await?;
            Ok((noted == 2).then_some(()))
        })
        .await
    }

    /// Gives consent at somebody's page, as a browser does.
    async fn consent(&self, tenant: &str, kind: &str) -> anyhow::Result<()> {
        let begun = self.ask(tenant, &format!("/api/integrations/connect?integration_type={kind}")).await?;
        let page = self.http.get(begun["auth_url"].as_str().context("a page")?).send().await?;
        let back = page.headers().get("location").and_then(|to| to.to_str().ok()).context("a way back")?;
        let answer = self.http.get(back).bearer_auth(self.token(tenant, Role::Seller)?).send().await?;
        ensure!(answer.status().is_success(), "coming back from {kind} answered {}", answer.status());
        Ok(())
    }

    /// The seller's connection.
    pub async fn connection(&self, tenant: &str) -> anyhow::Result<Value> {
        until("the seller is connected", SOON, async || {
            let all = self.ask(tenant, "/api/integrations").await?;
            let mut all = all["connections"].as_array().cloned().unwrap_or_default().into_iter();
            let found = all.find(|one| one["integration_type"] == "amazon" && one["state"] == "connected");
            Ok(found.map(|one| one["connection_id"].clone()))
        })
        .await
    }

    /// Asks for every report now.
    pub async fn sync(&self, tenant: &str) -> anyhow::Result<()> {
        self.tell_as(tenant, Role::Seller, "POST", "/api/integrations/sync/start", &json!({})).await
    }

    /// The claims for parcels, as the database has them: the process that would answer may be dead.
    pub async fn claims_of_parcels(&self) -> anyhow::Result<Vec<Value>> {
        let pool = self.system.world.database(Service::Claims);
        let sql =
            "SELECT jsonb_build_object('id', id, 'subject', subject, 'status', state, 'case_id', case_id) FROM claims
                   WHERE tenant = 'acme' AND claim_type = 'amazon_shipping_claim'";
        Ok(sqlx::query_scalar(sql).fetch_all(pool).await?)
    }
}

fn settings(amazon: &StandIn, stripe: &StandIn) -> Vec<(&'static str, String)> {
    vec![
        ("AMAZON_APPLICATION_ID", "amzn1.sp.solution.faults".to_owned()),
        ("LWA_CLIENT_ID", "amzn1.application-oa2-client.faults".to_owned()),
        ("LWA_CLIENT_SECRET", "a secret of the fault tests".to_owned()),
        ("AMAZON_SANDBOX_URL", amazon.address.clone()),
        ("STRIPE_SECRET_KEY", "sk_test_faults".to_owned()),
        ("STRIPE_API_URL", stripe.address.clone()),
    ]
}
