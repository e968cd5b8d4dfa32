//! A process is killed at each step of sending a claim and of confirming its money, and another one goes on: one case, one payout.
//!
//! The process is this test program itself, run once more for one test that is otherwise left out.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use claims::channel::{AMAZON_SHIPPING, Answer, Channel, Channels, Known, Parcel, Sent};
use claims::confirm_claims::Confirm;
use claims::send_claim::SendClaim;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use service_kit::config::Env;
use service_kit::jobs::Worker;
use service_kit::testing::eventually;
use shared_events::ClaimId;
use shared_events::claims::SubmitClaim;
use shared_events::evidence::MatchedBy;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::charging::charging;
use crate::claim_bed::{Bed, Found, id_of, who};

/// A marketplace that outlives the process: a file with a line for each claim that arrived.
struct Marketplace(PathBuf);

impl Marketplace {
    fn arrived(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Channel for Marketplace {
    fn name(&self) -> &'static str {
        AMAZON_SHIPPING
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Answer<'a, Sent> {
        Box::pin(async move {
            let mut file = fs::File::options().append(true).create(true).open(&self.0).expect("it can be written");
            writeln!(file, "{}", parcel.key).expect("it can be written");
            Sent::Accepted(format!("A-{}", parcel.key))
        })
    }

    fn look_up<'a>(&'a self, parcel: &'a Parcel) -> Answer<'a, Known> {
        let found = self.arrived().contains(&parcel.key.to_string());
        Box::pin(async move { if found { Known::Arrived(format!("A-{}", parcel.key)) } else { Known::NeverArrived } })
    }
}

/// What outlives a process.
pub struct Outside {
    /// The marketplace's file.
    pub file: PathBuf,
    /// Where a stand-in for Stripe is.
    pub stripe: Option<String>,
}

fn worker(bed: &Bed, outside: &Outside) -> Worker {
    let channels = Channels::new(vec![Arc::new(Marketplace(outside.file.clone())) as Arc<dyn Channel>]);
    // Short, so that the next process does not have to wait for a minute.
    let worker = Worker::new(bed.slice.store.clone()).on(SendClaim { channels }).on(Confirm);
    let worker = worker.lease(Duration::from_secs(1));
    match &outside.stripe {
        Some(base) => charging(worker, base),
        None => worker,
    }
}

/// Runs what is due until the fault strikes.
#[tokio::test]
#[ignore = "the other tests of this file run it in a process of its own"]
async fn child() {
    let env = Env::process();
    let (url, file) = (env.get("CLAIMS_CHILD_URL").expect("a database"), env.get("CLAIMS_CHILD_FILE").expect("a file"));
    let options = PgConnectOptions::from_str(url).expect("an address");
    let bed = Bed::new(PgPoolOptions::new(), options).await;
    let now: chrono::DateTime<chrono::Utc> =
        env.get("CLAIMS_CHILD_NOW").and_then(|at| at.parse().ok()).expect("a time");
    bed.slice.clock.advance(now - bed.now());
    let stripe = env.get("CLAIMS_CHILD_STRIPE").map(str::to_owned);
    let worker = worker(&bed, &Outside { file: PathBuf::from(file), stripe });
    while worker.run_next().await.expect("the database is there") {}
}

/// Lets another process do what is due, and die at this point.
pub async fn die_at(bed: &Bed, point: &str, options: &PgConnectOptions, outside: &Outside) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "claim_kills::child", "--ignored", "--nocapture"])
        .env("CLAIMS_CHILD_URL", options.to_url_lossy().as_str())
        .env("CLAIMS_CHILD_FILE", &outside.file)
        .env("CLAIMS_CHILD_NOW", bed.now().to_rfc3339())
        .env("RECOUP_FAULT", format!("{point}:kill:1"));
    if let Some(stripe) = &outside.stripe {
        command.env("CLAIMS_CHILD_STRIPE", stripe);
    }
    let ended = tokio::task::spawn_blocking(move || command.output()).await.expect("it ran").expect("it ran");
    assert_eq!(ended.status.signal(), Some(9), "{point}: {}", String::from_utf8_lossy(&ended.stdout));
}

/// Goes on until the condition holds.
async fn go_on(bed: &Bed, outside: &Outside, what: &str, mut done: impl AsyncFnMut() -> bool) {
    let worker = worker(bed, outside);
    eventually(what, async || {
        // What never left is tried again after a pause.
        bed.slice.clock.advance(chrono::TimeDelta::seconds(60));
        while worker.run_next().await.expect("the database is there") {}
        done().await.then_some(())
    })
    .await;
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn killed_at_any_step_of_sending_there_is_one_case(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options.clone()).await;
    bed.settings(100_000, 100).await;
    let file = std::env::temp_dir().join(format!("recoup-claims-{}", Uuid::now_v7().simple()));
    let outside = Outside { file: file.clone(), stripe: None };
    let points = ["claims.before_send", "claims.after_send", "claims.after_outcome"];
    for (number, point) in (1..).zip(points) {
        let row = format!("parcel-{number}");
        let found = Found { claim_type: "amazon_shipping_claim", row: &row, units: 1, of_row: 1, minor: 4_200 };
        let detection = bed.detect(number, &found).await;
        let claim = bed.claim_of(detection).await.expect("a claim");
        bed.matched(id_of(&claim), MatchedBy::Model, 0.93).await;
        die_at(&bed, point, &options, &outside).await;
        go_on(&bed, &outside, point, async || bed.read(id_of(&claim)).await["status"] == json!("submitted")).await;
    }
    let arrived = Marketplace(file.clone()).arrived();
    let mut times: HashMap<String, usize> = HashMap::new();
    for key in arrived {
        *times.entry(key).or_default() += 1;
    }
    assert_eq!(times.len(), 3);
    assert!(times.values().all(|count| *count == 1), "each claim arrived once: {times:?}");
    assert_eq!(bed.kinds().await.iter().filter(|kind| *kind == "claims.claim_submitted.v1").count(), 3);
    fs::remove_file(file).expect("it was written");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn killed_around_the_confirmation_money_counts_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options.clone()).await;
    let outside = Outside { file: std::env::temp_dir().join("recoup-claims-nothing-is-sent"), stripe: None };
    for (number, point) in (1..).zip(["claims.before_confirm", "claims.after_confirm"]) {
        let claim = bed.sent(number, &format!("C-{number}")).await;
        bed.reimbursed(&format!("R-{number}"), &format!("C-{number}"), 5_940, 6, "").await;
        bed.post_without_looking(5_940).await;
        die_at(&bed, point, &options, &outside).await;
        go_on(&bed, &outside, point, async || bed.read(id_of(&claim)).await["status"] == json!("payout_confirmed"))
            .await;
        let paid = bed.read(id_of(&claim)).await;
        assert_eq!(paid["payouts"].as_array().map(Vec::len), Some(1), "{point}");
    }
    assert_eq!(bed.kinds().await.iter().filter(|kind| *kind == "claims.payout_confirmed.v1").count(), 2);
}

/// What happens to one row of sixteen lost units.
#[derive(Debug, Clone, Copy)]
enum Event {
    Found(i64),
    Reimbursed(i64),
    Sent,
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn never_more_is_claimed_than_was_lost(pool: PgPoolOptions, options: PgConnectOptions) {
    const LOST: i64 = 16;
    let bed = Bed::new(pool, options).await;
    bed.settings(10_000_000, 10_000).await;
    let event =
        prop_oneof![(1..6_i64).prop_map(Event::Found), (1..6_i64).prop_map(Event::Reimbursed), Just(Event::Sent)];
    let stories = prop::collection::vec(event, 1..7);
    let mut runner = TestRunner::deterministic();
    for story in 0..12_u128 {
        let events = stories.new_tree(&mut runner).expect("a story").current();
        let row = format!("row-{story}");
        // What is free of the row, and how many claims of it were sent.
        let (mut elsewhere, mut sent, mut generation) = (0, 0, 0);
        for step in std::iter::once(None).chain(events.iter().copied().map(Some)) {
            let id = story * 100 + generation + 1;
            let free = LOST - elsewhere - sent;
            match step {
                Some(Event::Found(units) | Event::Reimbursed(units)) => elsewhere += units.min(free),
                Some(Event::Sent) => {
                    let detection = shared_events::DetectionId(Uuid::from_u128(id));
                    if let Some(claim) = bed.claim_of(detection).await.filter(|claim| claim["status"] == json!("ready"))
                    {
                        let claim_id = ClaimId(id_of(&claim));
                        let submit = SubmitClaim { claim_id, note: None, wanted_by: who("ann") };
                        bed.slice.handle(&claims::submit_claim::Submit, submit).await.expect("it may go");
                        bed.run_jobs().await;
                        sent += claim["units"].as_i64().expect("units");
                        generation += 1;
                    }
                }
                None => {}
            }
            let (id, free) = (story * 100 + generation + 1, LOST - elsewhere - sent);
            let found =
                Found { row: &row, units: free.max(1), of_row: LOST, minor: 990 * free.max(1), ..Found::default() };
            bed.detect_as(id, &found, if free > 0 { "claimable" } else { "resolved_by_amazon" }).await;
            let mut work = bed.slice.work().await;
            let claimed: i64 = sqlx::query_scalar(
                "SELECT coalesce(sum(units), 0)::bigint FROM claims WHERE rows = ARRAY[$1] AND state NOT IN ('withdrawn', 'expired')",
            )
            .bind(&row)
            .fetch_one(work.conn())
            .await
            .expect("the database is there");
            let held: i64 = sqlx::query_scalar("SELECT count(*) FROM claim_units WHERE row_key = $1")
                .bind(&row)
                .fetch_one(work.conn())
                .await
                .expect("the database is there");
            assert!(claimed + elsewhere <= LOST, "{events:?}: {claimed} claimed, {elsewhere} found or reimbursed");
            assert_eq!(held, claimed, "{events:?}: each claimed unit is held");
        }
    }
}
