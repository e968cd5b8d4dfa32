//! The fee is charged once and given back once, whatever happens to the answers: at the end the money at Stripe's sandbox is what the
//! books say, to the cent.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use claims::collect_fees::Collect;
use claims::connect_account::{self, Connect};
use claims::move_fee::MoveFee;
use claims::secrets::Vault;
use claims::use_consent::UseConsent;
use claims::{amazon, collect_fees};
use providers::stripe::Stripe;
use serde_json::{Value, json};
use service_kit::clock::{Clock, ManualClock};
use service_kit::config::Secret;
use service_kit::http_client;
use service_kit::jobs::Worker;
use shared_events::claims::{ConnectAccount, ConnectionKind};
use shared_events::{ConnectionId, ids};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::TcpListener;

use crate::claim_bed::{Bed, cause, id_of, who};
use crate::service;

/// A sandbox of Stripe and what works with it.
pub struct Till {
    pub bed: Bed,
    pub base: String,
    pub http: reqwest::Client,
}

/// A clock that is late.
#[derive(Debug)]
struct Late(Arc<ManualClock>, TimeDelta);

impl Clock for Late {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() - self.1
    }
}

/// Stripe at an address, with little patience.
pub fn stripe(base: &str) -> Stripe {
    Stripe::new(base, Secret::new("sk_test_of_ours")).with_timeout(Duration::from_secs(4))
}

/// What charges.
pub fn charging(worker: Worker, base: &str) -> Worker {
    let vault = Vault::new(service::config().masters.clone());
    worker.on(Collect).on(MoveFee { stripe: Some(stripe(base)), vault })
}

impl Till {
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        Self::with_stripe_late(pool, options, TimeDelta::zero()).await
    }

    /// Stripe's clock is so far behind ours.
    pub async fn with_stripe_late(pool: PgPoolOptions, options: PgConnectOptions, late: TimeDelta) -> Self {
        let bed = Bed::new(pool, options).await;
        let sandbox = sandbox::stripe::Stripe::new(Arc::new(Late(Arc::clone(&bed.slice.clock), late)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, sandbox.router()).await });
        Self { bed, base, http: http_client::client(Duration::from_secs(10)) }
    }

    /// Saves a card as a payer does: at Stripe's page.
    pub async fn save_card(&self, card: &str, nonce: &str) -> ConnectAccount {
        let stripe = stripe(&self.base);
        let customer = stripe.create_customer(&[].into(), "customer-demo").await.expect("a customer");
        let urls = ("https://recoup.example/done?session={CHECKOUT_SESSION_ID}", "https://recoup.example/no");
        let page = stripe.create_setup_page(&customer.id, urls, nonce).await.expect("a page");
        let address = format!("{}?card={card}", page.url.expect("it is open"));
        self.http.get(address).send().await.expect("saved");
        let (tenant, key) = (self.bed.slice.tenant.as_str(), &service::config().account_key);
        ConnectAccount {
            connection_id: ConnectionId(ids::derive(&["connection", tenant, "stripe"])),
            kind: ConnectionKind::Stripe,
            region: String::new(),
            account: String::new(),
            sealed_secret: key.seal(&connect_account::purpose(tenant, nonce), &page.id).expect("sealed"),
            nonce: nonce.to_owned(),
            redirect_uri: String::new(),
            host: None,
            smtp_host: None,
            expires_at: self.bed.now() + TimeDelta::minutes(10),
            connected_by: who("ann"),
        }
    }

    pub async fn connect(&self, card: &str, nonce: &str) {
        let command = self.save_card(card, nonce).await;
        self.bed.slice.handle(&Connect, command).await.expect("it is noted");
        self.run().await;
    }

    /// Runs what is due.
    pub async fn run(&self) {
        let config = service::config();
        let clock: Arc<dyn Clock> = Arc::clone(&self.bed.slice.clock) as Arc<dyn Clock>;
        let amazon = amazon::Amazon::new(None, Vault::new(config.masters.clone()), clock);
        let account_key = config.account_key.clone();
        let worker = charging(self.bed.worker(), &self.base);
        let worker = worker.on(UseConsent { amazon, account_key, stripe: Some(stripe(&self.base)), google: None });
        while worker.run_next().await.expect("the database is there") {}
    }

    /// Goes on for so long, in steps, so that what is due in between runs in its order.
    pub async fn wait(&self, time: TimeDelta) {
        for _ in 0..8 {
            self.bed.slice.clock.advance(time / 8);
            self.run().await;
        }
    }

    pub async fn fault(&self, operation: &str, kind: &str, times: u32) {
        let body = json!({"operation": operation, "kind": kind, "times": times});
        let done = self.http.post(format!("{}/_sandbox/faults", self.base)).json(&body).send().await.expect("sent");
        assert!(done.status().is_success());
    }

    pub async fn objects(&self, kind: &str) -> Vec<Value> {
        let all = self.http.get(format!("{}/_sandbox/objects", self.base)).send().await.expect("sent");
        let all: Vec<Value> = all.json().await.expect("objects");
        all.into_iter().filter(|object| object["object"] == kind).collect()
    }

    /// A claim that was paid and sealed: its fee of 11.88 is owed.
    pub async fn owed(&self, number: u128) -> Value {
        let case = format!("C-{number}");
        let claim = self.bed.sent(number, &case).await;
        self.bed.reimbursed(&format!("R-{number}"), &case, 5_940, 6, "").await;
        self.bed.posted(5_940).await;
        self.bed.sealed(id_of(&claim), number).await;
        claim
    }

    /// Amazon takes a part of its money back.
    pub async fn taken_back(&self, number: u128, minor: i64) {
        let (case, original) = (format!("C-{number}"), format!("R-{number}"));
        self.bed.reimbursed(&format!("V-{number}-{minor}"), &case, -minor, -1, &original).await;
    }

    /// What came in at Stripe less what went out, and the same by our books.
    pub async fn money(&self) -> (i64, String) {
        let sum = |objects: Vec<Value>, name: &str| objects.iter().filter_map(|it| it[name].as_i64()).sum::<i64>();
        let refunds = self.objects("refund").await.into_iter().filter(|it| it["status"] == "succeeded").collect();
        let there = sum(self.objects("payment_intent").await, "amount_received") - sum(refunds, "amount");
        let figures = self.bed.get("/api/metrics/payments").await.body[0].clone();
        let minor = |name: &str| {
            let text = figures[name]["amount"].as_str().unwrap_or("0.00").replace('.', "");
            text.parse::<i64>().expect("a number")
        };
        let ours = minor("card_charged") - minor("card_refunded");
        assert_eq!(there, ours, "Stripe's money is what the books say: {figures}");
        let settled = minor("fees_charged") - minor("fees_credited");
        (there, format!("{settled} of {} pending", minor("card_pending")))
    }

    pub async fn said(&self, kind: &str) -> usize {
        self.bed.kinds().await.iter().filter(|said| *said == kind).count()
    }

    pub async fn charges(&self) -> usize {
        self.objects("payment_intent").await.iter().filter(|it| it["status"] == "succeeded").count()
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_fee_is_charged_once_and_what_is_taken_back_is_given_back(pool: PgPoolOptions, options: PgConnectOptions) {
    let till = Till::new(pool, options).await;
    let claim = till.owed(1).await;
    till.run().await;
    assert!(till.objects("payment_intent").await.is_empty(), "nobody saved a card");
    till.connect("pm_card_visa", "nonce-1").await;
    let charged = till.bed.read(id_of(&claim)).await;
    assert_eq!(charged["status"], json!("fee_charged"));
    assert_eq!((&charged["fees"][0]["status"], &charged["fees"][0]["settlement"]), (&json!("charged"), &json!("done")));
    let payment = till.objects("payment_intent").await.remove(0);
    assert_eq!((&payment["amount"], &charged["fees"][0]["reference"]), (&json!(1_188), &payment["id"]));
    let words: Vec<&str> =
        charged["timeline"].as_array().expect("a list").iter().filter_map(|step| step["event"].as_str()).collect();
    assert!(words.contains(&"fee_charged") || charged["timeline"].to_string().contains("fee_charged"), "{words:?}");
    // Looked at again and again, told again: nothing more moves.
    for _ in 0..3 {
        let mut work = till.bed.slice.work().await;
        collect_fees::enqueue(&mut work, &cause()).await.expect("a job");
        work.commit().await.expect("committed");
        till.bed.sealed(id_of(&claim), 1).await;
        till.run().await;
    }
    assert_eq!((till.charges().await, till.said("claims.fee_charged.v1").await), (1, 1));
    till.taken_back(1, 1_188).await;
    till.run().await;
    let refund = till.objects("refund").await.remove(0);
    assert_eq!((&refund["amount"], &refund["payment_intent"]), (&json!(238), &payment["id"]));
    assert_eq!(till.said("claims.fee_refunded.v1").await, 1);
    assert_eq!(till.money().await, (950, "950 of 0 pending".to_owned()));
    // The rest of it, too.
    till.taken_back(1, 4_752).await;
    till.run().await;
    assert_eq!(till.money().await, (0, "0 of 0 pending".to_owned()));
    let connections = till.bed.get("/api/v1/integrations").await.body;
    assert!(!connections.to_string().contains("pm_card"), "the card's token is shown to nobody");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn fees_of_several_claims_are_one_charge_and_small_ones_wait(pool: PgPoolOptions, options: PgConnectOptions) {
    let till = Till::new(pool, options).await;
    for number in 1..=3 {
        till.owed(number).await;
    }
    // All but two cents of a payment are taken back before anything is charged: that is set against the charge.
    till.taken_back(1, 5_938).await;
    till.connect("pm_card_visa", "nonce-1").await;
    assert_eq!(till.charges().await, 1);
    assert_eq!(till.objects("payment_intent").await[0]["amount"], json!(2_378), "11.88 twice and all of 0.02");
    assert_eq!(till.money().await.0, 2_378);
    till.owed(4).await;
    till.taken_back(4, 5_920).await;
    till.run().await;
    assert_eq!(till.charges().await, 1, "0.20 is less than can be charged");
    till.owed(5).await;
    till.run().await;
    assert_eq!(till.money().await, (2_378 + 20 + 1_188, "3586 of 0 pending".to_owned()));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn an_answer_that_is_lost_is_looked_up_and_nothing_is_charged_twice(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let till = Till::new(pool, options).await;
    till.connect("pm_card_visa", "nonce-1").await;
    for (number, (operation, kind, times)) in (1..).zip([
        // It is done, and no answer comes.
        ("POST payment_intents", "accept_then_hang", 1),
        // Nothing is done, and no answer comes.
        ("POST payment_intents", "hang", 1),
        // It is told to come back.
        ("POST payment_intents", "throttle", 2),
    ]) {
        till.fault(operation, kind, times).await;
        // While it is unknown, it cannot be looked up either.
        till.fault("GET payment_intents", "throttle", 2).await;
        let claim = till.owed(number).await;
        till.run().await;
        assert_eq!(till.bed.read(id_of(&claim)).await["fees"][0]["settlement"], json!("asked"), "{kind}");
        assert_eq!(till.said("claims.fee_charged.v1").await, usize::try_from(number).expect("small") - 1, "{kind}");
        till.wait(TimeDelta::hours(2)).await;
        assert_eq!(till.bed.read(id_of(&claim)).await["status"], json!("fee_charged"), "{kind}");
        assert_eq!(till.charges().await, usize::try_from(number).expect("small"), "{kind}");
    }
    assert_eq!(till.money().await.0, 3 * 1_188);
    // The same for what is given back.
    till.fault("POST refunds", "accept_then_hang", 1).await;
    till.fault("GET refunds", "throttle", 1).await;
    till.taken_back(1, 1_188).await;
    till.run().await;
    assert_eq!(till.said("claims.fee_refunded.v1").await, 0);
    till.wait(TimeDelta::hours(2)).await;
    assert_eq!((till.objects("refund").await.len(), till.said("claims.fee_refunded.v1").await), (1, 1));
    assert_eq!(till.money().await, (3 * 1_188 - 238, "3326 of 0 pending".to_owned()));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_key_that_went_wrong_is_given_up_once_it_is_sure_that_nothing_was_charged(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let till = Till::new(pool, options).await;
    till.connect("pm_card_visa", "nonce-1").await;
    till.fault("POST payment_intents", "error", 1).await;
    let claim = till.owed(1).await;
    till.wait(TimeDelta::hours(20)).await;
    assert_eq!(
        till.bed.read(id_of(&claim)).await["fees"][0]["settlement"],
        json!("asked"),
        "the key answers as before"
    );
    till.wait(TimeDelta::hours(8)).await;
    assert_eq!(till.bed.read(id_of(&claim)).await["status"], json!("fee_charged"));
    assert_eq!((till.charges().await, till.money().await), (1, (1_188, "1188 of 0 pending".to_owned())));
}
