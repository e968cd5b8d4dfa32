//! The outside world of the demo: the stand-ins for Amazon and Stripe. The demo plays there what sellers do at their pages and what Amazon
//! decides; the services know them as they know the real ones.

use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use serde_json::{Value, json};
use service_kit::config::Env;

use super::edge::{Edge, Who, until};

/// The stand-ins.
pub struct Outside {
    http: reqwest::Client,
    amazon: String,
    stripe: String,
    paypal: String,
    easypost: String,
}

impl Outside {
    /// Reads from the environment where they are.
    ///
    /// # Errors
    /// When the stack has none: the demo never plays with the real ones.
    pub fn new() -> anyhow::Result<Self> {
        let env = Env::process();
        let at = |name: &str| {
            let found = env.get(name).filter(|at| at.starts_with("http://127.0.0.1:")).map(str::to_owned);
            found.with_context(|| format!("{name} names no stand-in on this machine: ./dev up starts them"))
        };
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(Duration::from_secs(30)).build()?;
        Ok(Self {
            http,
            amazon: at("AMAZON_SANDBOX_URL")?,
            stripe: at("STRIPE_API_URL")?,
            paypal: at("PAYPAL_API_URL")?,
            easypost: at("EASYPOST_API_URL")?,
        })
    }

    /// Lets Amazon's stand-in begin again with the seller of a number, whose year ended yesterday by the clock of the stack.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn begin(&self, edge: &Edge, seed: u64) -> anyhow::Result<Value> {
        let now = edge.move_clock_by(TimeDelta::zero()).await?;
        self.control("world", &json!({"seed": seed, "articles": 10, "orders": 30, "now": now})).await
    }

    /// Lets time pass here and there.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub async fn pass(&self, edge: &Edge, step: TimeDelta) -> anyhow::Result<()> {
        let now = edge.move_clock_by(step).await?;
        self.control("clock", &json!({ "now": now })).await.map(drop)
    }

    /// Tells Amazon's stand-in something.
    ///
    /// # Errors
    /// When it does not take it.
    pub async fn control(&self, what: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/_sandbox/{what}", self.amazon);
        let answer = self.http.post(&url).json(body).send().await?;
        anyhow::ensure!(answer.status().is_success(), "POST {url} answered {}", answer.status());
        Ok(answer.json().await?)
    }

    /// Asks Amazon's stand-in for something that only a stand-in can say.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(&self, what: &str) -> anyhow::Result<Value> {
        self.read(&format!("{}/_sandbox/{what}", self.amazon)).await
    }

    /// Everything that Stripe's stand-in has.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn stripe(&self) -> anyhow::Result<Value> {
        self.read(&format!("{}/_sandbox/objects", self.stripe)).await
    }

    /// What Stripe's and PayPal's stand-ins have of orders, refunds taken off, in cents.
    ///
    /// # Errors
    /// When one does not answer.
    pub async fn taken(&self) -> anyhow::Result<[i64; 2]> {
        let stripe = self.stripe().await?;
        let of = |one: &Value, field: &str| one[field].as_i64().unwrap_or_default();
        let all: Vec<&Value> = stripe.as_array().into_iter().flatten().collect();
        let is_order = |one: &&&Value| one["object"] == "payment_intent" && one["description"] != "Recoup success fee";
        let orders: Vec<&&Value> = all.iter().filter(is_order).collect();
        let taken: i64 = orders.iter().map(|one| of(one, "amount_received")).sum();
        let refunds = all
            .iter()
            .filter(|one| one["object"] == "refund" && orders.iter().any(|own| own["id"] == one["payment_intent"]));
        let at_stripe = taken - refunds.map(|one| of(one, "amount")).sum::<i64>();
        let paypal = self.read(&format!("{}/_sandbox/objects", self.paypal)).await?;
        let own: Vec<&Value> = match &paypal {
            Value::Object(all) => all.values().collect(),
            other => other.as_array().into_iter().flatten().collect(),
        };
        let at_paypal = own.into_iter().map(|one| {
            let amount = super::seller::cents(&json!({"amount": one["amount"]["value"]}));
            match one["_kind"].as_str() {
                Some("capture") => amount,
                Some("refund") => -amount,
                _ => 0,
            }
        });
        Ok([at_stripe, at_paypal.sum()])
    }

    /// Follows a partner's link as a browser does, without going to the shop; the click's id.
    ///
    /// # Errors
    /// When the link leads nowhere.
    pub async fn follow(&self, edge: &Edge, code: &str) -> anyhow::Result<String> {
        let answer = self.http.get(format!("{}/t/{code}", edge.tracking)).send().await?;
        let location = answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
        let click = location.split("click_id=").nth(1).with_context(|| format!("no click id in {location}"))?;
        Ok(click.split('&').next().unwrap_or_default().to_owned())
    }

    /// Lets something happen to a parcel.
    ///
    /// # Errors
    /// When EasyPost's stand-in does not know it.
    pub async fn parcel(&self, number: &str, status: &str) -> anyhow::Result<()> {
        let url = format!("{}/_sandbox/track", self.easypost);
        let answer = self.http.post(&url).json(&json!({"tracking_code": number, "status": status})).send().await?;
        anyhow::ensure!(answer.status().is_success(), "POST {url} answered {}", answer.status());
        Ok(())
    }

    async fn read(&self, url: &str) -> anyhow::Result<Value> {
        let answer = self.http.get(url).send().await?;
        anyhow::ensure!(answer.status().is_success(), "GET {url} answered {}", answer.status());
        Ok(answer.json().await?)
    }

    /// Gives consent at somebody's page, as a browser does, and waits until the connection stands.
    ///
    /// # Errors
    /// When it does not come to stand.
    pub async fn consent(&self, edge: &Edge, who: Who, kind: &str) -> anyhow::Result<Value> {
        let begun = edge.get(who, &format!("/api/integrations/connect?integration_type={kind}")).await?;
        let page = begun["auth_url"].as_str().context("the answer names no page")?;
        let answer = self.http.get(page).send().await?;
        let back = answer.headers().get("location").and_then(|to| to.to_str().ok());
        let back = back.with_context(|| format!("{kind}'s page answered {}", answer.status()))?;
        let answer = self.http.get(back).bearer_auth(edge.bearer(who)?).send().await?;
        anyhow::ensure!(answer.status().is_success(), "coming back from {kind} answered {}", answer.status());
        until(&format!("the connection to {kind}"), async || {
            let connections = edge.get(who, "/api/integrations").await?;
            let mut all = connections["connections"].as_array().cloned().unwrap_or_default().into_iter();
            Ok(all.find(|one| one["integration_type"] == kind && one["state"] == "connected"))
        })
        .await
    }
}
