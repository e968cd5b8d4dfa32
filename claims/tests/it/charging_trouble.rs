//! Charging when something is in its way: Stripe is down, cards are declined, money cannot be given back, the process dies.

use chrono::TimeDelta;
use claims::connect_account::{self, Connect};
use serde_json::json;
use shared_events::claims::ConnectAccount;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::charging::Till;
use crate::claim_bed::id_of;
use crate::claim_kills::{Outside, die_at};
use crate::service;

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn stripe_down_for_an_hour_costs_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let till = Till::new(pool, options).await;
    till.connect("pm_card_visa", "nonce-1").await;
    till.fault("*", "throttle", 1_000).await;
    let claim = till.owed(1).await;
    till.run().await;
    till.wait(TimeDelta::hours(1)).await;
    assert_eq!(till.bed.read(id_of(&claim)).await["status"], json!("sealed"));
    till.http.delete(format!("{}/_sandbox/faults", till.base)).send().await.expect("sent");
    till.wait(TimeDelta::hours(2)).await;
    assert_eq!(till.money().await, (1_188, "1188 of 0 pending".to_owned()));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_payment_is_found_although_our_clock_jumped(pool: PgPoolOptions, options: PgConnectOptions) {
    let till = Till::with_stripe_late(pool, options, TimeDelta::days(31)).await;
    till.connect("pm_card_visa", "nonce-1").await;
    // It is done, no answer comes, and for longer than Stripe knows the key it cannot be looked up.
    till.fault("POST payment_intents", "accept_then_hang", 1).await;
    till.fault("GET payment_intents", "throttle", 1_000).await;
    till.owed(1).await;
    till.run().await;
    till.wait(TimeDelta::hours(26)).await;
    assert_eq!(till.said("claims.fee_charged.v1").await, 0);
    till.http.delete(format!("{}/_sandbox/faults", till.base)).send().await.expect("sent");
    till.wait(TimeDelta::hours(26)).await;
    assert_eq!((till.charges().await, till.said("claims.fee_charged.v1").await), (1, 1));
    assert_eq!(till.money().await, (1_188, "1188 of 0 pending".to_owned()));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_declined_card_is_shown_and_tried_again_by_plan(pool: PgPoolOptions, options: PgConnectOptions) {
    let till = Till::new(pool, options).await;
    till.connect("pm_card_visa_chargeDeclinedInsufficientFunds", "nonce-1").await;
    let claim = till.owed(1).await;
    till.run().await;
    let tried = async || till.objects("payment_intent").await.len();
    assert_eq!((tried().await, till.charges().await), (1, 0));
    let text = till.bed.read(id_of(&claim)).await["timeline"].to_string();
    assert!(text.contains("insufficient_funds") && text.contains("retry_at"), "{text}");
    let figures = till.bed.get("/api/metrics/payments").await.body[0].clone();
    assert_eq!(
        (&figures["card_declined"]["amount"], &figures["fees_accrued"]["amount"]),
        (&json!("11.88"), &json!("11.88"))
    );
    // Another fee does not let it be tried before its time; then it is part of the charge.
    till.owed(2).await;
    till.run().await;
    assert_eq!(tried().await, 1);
    till.wait(TimeDelta::days(1)).await;
    assert_eq!((tried().await, &till.objects("payment_intent").await[1]["amount"]), (2, &json!(2_376)));
    till.wait(TimeDelta::days(3)).await;
    till.wait(TimeDelta::days(8)).await;
    assert_eq!(tried().await, 4, "after the last try another card is needed");
    till.wait(TimeDelta::days(60)).await;
    assert_eq!((tried().await, till.charges().await), (4, 0));
    let connection = till.bed.get("/api/v1/integrations").await.body["connections"][0].clone();
    assert_eq!(connection["state"], json!("token_expired"));
    assert!(connection["problem"].as_str().is_some_and(|words| words.contains("insufficient_funds")), "{connection}");
    till.connect("pm_card_visa", "nonce-2").await;
    assert_eq!((till.charges().await, till.bed.read(id_of(&claim)).await["status"].clone()), (1, json!("fee_charged")));
    assert_eq!(till.money().await, (2_376, "2376 of 0 pending".to_owned()));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn what_cannot_be_given_back_is_set_against_the_next_charge(pool: PgPoolOptions, options: PgConnectOptions) {
    let till = Till::new(pool, options).await;
    till.connect("pm_card_refundFail", "nonce-1").await;
    till.owed(1).await;
    till.run().await;
    till.taken_back(1, 1_188).await;
    till.run().await;
    assert_eq!((till.said("claims.fee_refund_declined.v1").await, till.money().await.0), (1, 1_188));
    till.owed(2).await;
    till.run().await;
    assert_eq!(till.objects("refund").await.len(), 1, "it is not tried for ever");
    assert_eq!(till.money().await, (1_188 + 950, "2138 of 0 pending".to_owned()));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_card_of_another_consent_is_not_taken(pool: PgPoolOptions, options: PgConnectOptions) {
    let till = Till::new(pool, options).await;
    let theirs = till.save_card("pm_card_visa", "their-nonce").await;
    let (tenant, key) = (till.bed.slice.tenant.as_str(), &service::config().account_key);
    let page = key.open(&connect_account::purpose(tenant, "their-nonce"), &theirs.sealed_secret).expect("opens");
    let sealed_secret = key.seal(&connect_account::purpose(tenant, "my-nonce"), &page).expect("sealed");
    let mine = ConnectAccount { nonce: "my-nonce".into(), sealed_secret, ..theirs };
    till.bed.slice.handle(&Connect, mine).await.expect("it is noted");
    till.run().await;
    let connection = till.bed.get("/api/v1/integrations").await.body["connections"][0].clone();
    assert_eq!((&connection["state"], &connection["account"]), (&json!("token_expired"), &json!("")), "{connection}");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn killed_at_any_step_of_charging_there_is_one_charge(pool: PgPoolOptions, options: PgConnectOptions) {
    let till = Till::new(pool, options.clone()).await;
    till.connect("pm_card_visa", "nonce-1").await;
    let outside =
        Outside { file: std::env::temp_dir().join("recoup-claims-nothing-is-sent"), stripe: Some(till.base.clone()) };
    let points = ["claims.before_charge", "claims.after_charge", "claims.after_charge_outcome"];
    for (number, point) in (1..).zip(points) {
        till.owed(number).await;
        die_at(&till.bed, point, &options, &outside).await;
        // The lease of the killed process is over after a second.
        service_kit::testing::eventually("the fee is charged", async || {
            till.bed.slice.clock.advance(TimeDelta::seconds(60));
            till.run().await;
            (till.said("claims.fee_charged.v1").await == usize::try_from(number).expect("small")).then_some(())
        })
        .await;
        assert_eq!(till.charges().await, usize::try_from(number).expect("small"), "{point}");
    }
    for (number, point) in (1..).zip(points) {
        till.taken_back(number, 1_188).await;
        die_at(&till.bed, point, &options, &outside).await;
        service_kit::testing::eventually("the fee is given back", async || {
            till.bed.slice.clock.advance(TimeDelta::seconds(60));
            till.run().await;
            (till.said("claims.fee_refunded.v1").await == usize::try_from(number).expect("small")).then_some(())
        })
        .await;
    }
    assert_eq!(till.money().await, (3 * (1_188 - 238), "2850 of 0 pending".to_owned()));
}
