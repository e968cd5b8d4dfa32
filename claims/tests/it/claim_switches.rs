//! Switches and settings stop what would go by itself, and let it go again.

use claims::channel::Sent;
use claims::claim_settings::SetGeneral;
use serde_json::json;
use shared_events::claims::SetGeneralSwitch;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::claim_bed::{Bed, who};
use crate::claim_sending::code;

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn scenario_16_the_switch_stops_within_one_poll(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let claim = bed.automatic(1).await;
    assert_eq!((&claim["status"], &claim["channel"]), (&json!("queued"), &json!("amazon_shipping")));
    bed.stop(true).await;
    bed.run_jobs().await;
    let fallen = bed.again(&claim).await;
    assert_eq!((&fallen["channel"], &fallen["submissions"][0]["outcome"]), (&json!("assisted"), &json!("handed_over")));
    assert!(bed.channel.got.lock().expect("not poisoned").is_empty(), "nothing was sent");
    let held = bed.automatic(2).await;
    assert_eq!(held["status"], json!("ready"), "and nothing new goes by itself");
    // Lifted, it goes after all; what a person has in hand stays there.
    bed.stop(false).await;
    bed.channel.answers.lock().expect("not poisoned").push_back(Sent::Accepted("A-2".into()));
    bed.run_jobs().await;
    let lifted = bed.again(&held).await;
    assert_eq!((&lifted["status"], &lifted["automatic"]), (&json!("submitted"), &json!(true)));
    assert_eq!(bed.again(&claim).await["status"], json!("submitting"));
    // The operator's switch stops everybody; nobody else may touch it.
    let general =
        SetGeneralSwitch { of_tenant: bed.tenant(), stopped: true, reason: "asked to".into(), set_by: who("root") };
    assert_eq!(code(bed.slice.handle(&SetGeneral { operator: None }, general.clone()).await), "switch_forbidden");
    let queued = bed.automatic(3).await;
    assert_eq!(queued["status"], json!("queued"));
    bed.slice.handle(&SetGeneral { operator: Some(bed.tenant()) }, general).await.expect("the operator may");
    bed.run_jobs().await;
    assert_eq!(bed.again(&queued).await["channel"], json!("assisted"));
    assert_eq!(bed.channel.got.lock().expect("not poisoned").len(), 1, "the one that went before");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn what_waits_for_tomorrow_falls_back_today(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 1).await;
    bed.channel.answers.lock().expect("not poisoned").push_back(Sent::Accepted("A-1".into()));
    let (_, own) = (bed.automatic(1).await, bed.automatic(2).await);
    bed.run_jobs().await;
    assert_eq!(bed.again(&own).await["status"], json!("queued"), "one a day");
    bed.stop(true).await;
    bed.run_jobs().await;
    let fallen = bed.again(&own).await;
    assert_eq!((&fallen["status"], &fallen["channel"]), (&json!("submitting"), &json!("assisted")));
    bed.stop(false).await;
    let other = bed.automatic(3).await;
    bed.run_jobs().await;
    assert_eq!(bed.again(&other).await["status"], json!("queued"), "too many today");
    // The operator's tenant is another one.
    let of_tenant = shared_events::TenantId::try_new("operator").expect("a name");
    let switch = |stopped| SetGeneralSwitch {
        of_tenant: of_tenant.clone(),
        stopped,
        reason: "an incident".into(),
        set_by: who("root"),
    };
    let theirs = bed.slice.of_tenant("operator");
    let by = SetGeneral { operator: Some(of_tenant.clone()) };
    theirs.handle(&by, switch(true)).await.expect("the operator may");
    bed.run_jobs().await;
    assert_eq!(bed.again(&other).await["channel"], json!("assisted"));
    assert_eq!(bed.channel.got.lock().expect("not poisoned").len(), 1);
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn claims_that_waited_for_the_settings_go_when_they_allow_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let quiet = bed.automatic(1).await;
    assert_eq!(quiet["status"], json!("ready"), "the tenant never said that claims may go by themselves");
    bed.settings(1_000, 10).await;
    bed.run_jobs().await;
    assert_eq!(bed.again(&quiet).await["status"], json!("approval"), "over the limit");
    bed.stop(true).await;
    let held = bed.automatic(2).await;
    bed.settings(100_000, 10).await;
    bed.run_jobs().await;
    assert_eq!(bed.again(&held).await["status"], json!("ready"), "still stopped");
}
