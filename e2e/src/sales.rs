//! A load of clicks, purchases and refunds over HTTP whose truth is known: an event is sent under the same id until it is answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use service_kit::auth::Role;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::random::Random;
use crate::system::System;

/// The tenant that the sales belong to.
pub const TENANT: &str = "acme";
/// The campaign.
pub const CAMPAIGN: &str = "spring";
/// Its partners; a visitor's number says which of them brought it.
pub const PARTNERS: [&str; 3] = ["anna", "bert", "cleo"];
/// Hundredths of a percent that a sale earns.
pub const RATE_BPS: i64 = 1_000;
/// Visitors who come at the same time.
const VISITORS: u64 = 6;
/// Pause of each visitor between two purchases.
const PAUSE: Duration = Duration::from_millis(60);

/// A purchase that tracking took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// Who brought the visitor.
    pub partner: &'static str,
    /// What was paid.
    pub cents: i64,
    /// What went back of it.
    pub refunded: i64,
}

/// What tracking took: the truth to compare with.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Purchases by tracking's id of them.
    pub sales: BTreeMap<Uuid, Sale>,
    /// Every event's own id, with tracking's.
    pub events: BTreeMap<String, Uuid>,
    /// Events that were refused, which none should be.
    pub refused: Vec<String>,
}

/// Visitors who come until they are told to stop.
pub struct Sales {
    truth: Arc<Mutex<Truth>>,
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

/// Creates the campaign, opens it, and lets the partners accept it.
///
/// # Errors
/// When a command is refused or does not end.
pub async fn open_campaign(system: &System<'_>, tenant: &str) -> anyhow::Result<()> {
    let admin = system.token(tenant, "ada", Role::Admin)?;
    let campaign = json!({
        "code": CAMPAIGN, "name": "Spring", "currency": "USD", "destinations": ["https://shop.example/spring"],
        "attribution": { "model": "last_click", "click_window_days": 30 },
        "rules": [{ "on": "sale", "value": { "basis_points": RATE_BPS }, "hold_days": 30, "min_payout_minor": 100 }],
    });
    system.command(&admin, "/api/v1/campaigns", &campaign).await?.fine().context("creating the campaign")?;
    let activate = format!("/api/v1/campaigns/{CAMPAIGN}/activate");
    system.command(&admin, &activate, &json!({})).await?.fine().context("activating the campaign")?;
    for partner in PARTNERS {
        let token = system.token(tenant, partner, Role::Partner)?;
        let accept = format!("/api/v1/campaigns/{CAMPAIGN}/accept");
        system
            .command(&token, &accept, &json!({ "accepted_terms": true }))
            .await?
            .fine()
            .context("accepting the campaign")?;
    }
    Ok(())
}

/// Where events go, and as whom.
#[derive(Clone)]
struct Till {
    url: String,
    token: String,
    http: reqwest::Client,
    truth: Arc<Mutex<Truth>>,
    count: Arc<AtomicU64>,
}

impl Sales {
    /// Visitors come from now on.
    ///
    /// # Errors
    /// When no token can be made.
    pub fn begin(system: &System<'_>, random: &mut Random) -> anyhow::Result<Self> {
        let (truth, count, stop) = (Arc::default(), Arc::default(), Arc::<AtomicBool>::default());
        let till = Till {
            url: format!("{}/api/v1/tracking/events", system.tracking),
            token: system.token(TENANT, "olga", Role::Operator)?,
            http: service_kit::http_client::client(Duration::from_secs(20)),
            truth: Arc::clone(&truth),
            count: Arc::clone(&count),
        };
        let mut tasks = JoinSet::new();
        for visitor in 0..VISITORS {
            let (till, stop, mut random) = (till.clone(), Arc::clone(&stop), Random::seeded(random.number()));
            tasks.spawn(async move {
                let mut turn = 0;
                while !stop.load(Ordering::Relaxed) {
                    till.visit(visitor, turn, &mut random).await;
                    turn += 1;
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        Ok(Self { truth, count, stop, tasks })
    }

    /// How many events were taken so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// No more visitors; gives the truth once the last event is answered.
    ///
    /// # Errors
    /// When that takes longer than two minutes.
    pub async fn finish(mut self) -> anyhow::Result<Truth> {
        self.stop.store(true, Ordering::Relaxed);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(120), all).await.context("the last events were not answered")?;
        let truth = self.truth.lock().expect("nothing panics while it holds the truth").clone();
        ensure!(truth.refused.is_empty(), "events were refused: {:?}", truth.refused.first());
        Ok(truth)
    }
}

impl Till {
    /// A visitor clicks (the first time, and now and then again), buys, and sometimes gives it back.
    async fn visit(&self, visitor: u64, turn: u64, random: &mut Random) {
        // Each visitor comes as somebody new now and then, so that there are many keys.
        let (person, partner) =
            (format!("visitor-{visitor}-{}", turn / 20), PARTNERS[usize::try_from(visitor % 3).unwrap_or(0)]);
        if turn.is_multiple_of(5) {
            self.send(&json!({
                "event_type": "click", "event_id": format!("click-{visitor}-{turn}"), "user_id": person, "campaign": CAMPAIGN,
                "partner": partner,
            }))
            .await;
        }
        let cents = i64::try_from(random.within(1..50_000)).unwrap_or(1);
        let order = format!("order-{visitor}-{turn}");
        let bought = self
            .send(&json!({
                "event_type": "purchase", "event_id": order, "order_id": order, "user_id": person, "currency": "USD", "amount": dollars(cents),
            }))
            .await;
        let Some(id) = bought else { return };
        let mut sale = Sale { partner, cents, refunded: 0 };
        if random.within(0..5) == 0 {
            let back = if random.within(0..2) == 0 { cents } else { 1 + cents / 3 };
            let refund = json!({
                "event_type": "refund", "event_id": format!("refund-{visitor}-{turn}"), "refers_to": order, "currency": "USD",
                "amount": dollars(back),
            });
            if self.send(&refund).await.is_some() {
                sale.refunded = back;
            }
        }
        self.truth.lock().expect("nothing panics while it holds the truth").sales.insert(id, sale);
    }

    /// Sends an event until it is answered; gives tracking's id of it.
    async fn send(&self, event: &Value) -> Option<Uuid> {
        loop {
            if let Ok((status, answer)) = self.try_send(event).await {
                let (name, id) = (
                    event["event_id"].as_str().unwrap_or_default(),
                    answer["id"].as_str().and_then(|id| id.parse().ok()),
                );
                let mut truth = self.truth.lock().expect("nothing panics while it holds the truth");
                match (status, id) {
                    (200 | 201, Some(id)) => {
                        self.count.fetch_add(1, Ordering::Relaxed);
                        truth.events.insert(name.to_owned(), id);
                        return Some(id);
                    }
                    (400..500, _) if status != 429 => {
                        truth.refused.push(format!("{name}: {status} {answer}"));
                        return None;
                    }
                    _ => {}
                }
            }
            // Tracking is away or in trouble: the same event again.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn try_send(&self, event: &Value) -> anyhow::Result<(u16, Value)> {
        let answer = self.http.post(&self.url).bearer_auth(&self.token).json(event).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}

fn dollars(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
