//! Webhooks: signed, tried again for a day, switched off when they do nothing but fail, and led to no place inside.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use notify::domain::signature;
use notify::send_again::SendAgain;
use serde_json::{Value, json};
use shared_events::notify::{ChangeWebhook, PingWebhook, RedeliverWebhook, RemoveWebhook, RotateWebhookSecret};
use shared_events::orders::OrderDelivered;
use shared_events::{DeliveryId, OrderId, WebhookId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::{Bed, env, who};
use crate::once::placed;
use crate::receiver::{Came, Receiver};

fn secret(byte: u8) -> String {
    signature::secret_of(&[byte; 32])
}

/// Whether a request is signed with this secret, reckoned from its parts.
fn is_signed(came: &Came, secret: &str) -> bool {
    let key = ring::hmac::Key::new(
        ring::hmac::HMAC_SHA256,
        &STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap(),
    );
    let content = format!("{}.{}.{}", came.header("webhook-id"), came.header("webhook-timestamp"), came.body);
    let wanted = format!("v1,{}", STANDARD.encode(ring::hmac::sign(&key, content.as_bytes()).as_ref()));
    came.header("webhook-signature").split(' ').any(|one| one == wanted)
}

async fn delivery(bed: &Bed) -> (Uuid, String, i32, Option<chrono::DateTime<chrono::Utc>>) {
    let mut work = bed.slice.work().await;
    sqlx::query_as("SELECT id, state::text, attempts, next_at FROM deliveries ORDER BY seq DESC LIMIT 1")
        .fetch_one(work.conn())
        .await
        .unwrap()
}

async fn enabled(bed: &Bed, id: WebhookId) -> (bool, Option<String>) {
    let mut work = bed.slice.work().await;
    sqlx::query_as("SELECT enabled, disabled_why FROM webhooks WHERE id = $1")
        .bind(id.0)
        .fetch_one(work.conn())
        .await
        .unwrap()
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn an_event_is_told_once_to_each_that_wants_it_in_a_shape_without_people(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (bed, receiver) = (Bed::new(pool, options).await, Receiver::start().await);
    bed.webhook(&receiver.url("orders"), &["order.placed"], &secret(1)).await.unwrap();
    bed.webhook(&receiver.url("all"), &[], &secret(2)).await.unwrap();
    bed.webhook(&receiver.url("payouts"), &["payout.paid"], &secret(3)).await.unwrap();
    let (react, order) = (bed.react(), OrderId(Uuid::now_v7()));
    bed.tell(&react, placed(order)).await.unwrap();
    bed.drain(&bed.delivering()).await;
    let mut came = receiver.came();
    came.sort_by_key(|came| came.path.clone());
    let paths: Vec<&str> = came.iter().map(|came| came.path.as_str()).collect();
    assert_eq!(paths, ["all", "orders"]);
    assert!(is_signed(&came[0], &secret(2)) && is_signed(&came[1], &secret(1)) && !is_signed(&came[1], &secret(2)));
    let body: Value = serde_json::from_str(&came[1].body).unwrap();
    assert_eq!((&body["type"], &body["data"]["order_id"]), (&json!("order.placed"), &json!(order)));
    assert_eq!(body["data"]["total"], json!({"value": "26.50", "currency": "USD"}));
    assert!(!came[1].body.contains("ann"), "{}", came[1].body);
    assert_eq!(came[1].header("webhook-timestamp"), bed.slice.store.now().timestamp().to_string());
    // The same message once more is no other delivery.
    assert_eq!(bed.count("deliveries").await, 2);
    assert_eq!(delivery(&bed).await.1, "delivered");
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn it_is_tried_for_a_day_then_given_up_and_sent_again_when_asked(pool: PgPoolOptions, options: PgConnectOptions) {
    let env = env().with("WEBHOOK_DISABLE_AFTER_HOURS", "72");
    let (bed, receiver) = (Bed::with(pool, options, env).await, Receiver::start().await);
    let webhook = bed.webhook(&receiver.url("a"), &[], &secret(1)).await.unwrap();
    receiver.usually(503);
    receiver.next(503, "600");
    bed.tell(&bed.react(), OrderDelivered { order_id: OrderId(Uuid::now_v7()) }).await.unwrap();
    let worker = bed.delivering();
    bed.drain(&worker).await;
    let (id, state, attempts, next_at) = delivery(&bed).await;
    assert_eq!((state.as_str(), attempts), ("waiting", 1));
    let begun = next_at.unwrap() - TimeDelta::seconds(600);
    assert_eq!(bed.slice.store.now(), begun, "it is asked for ten minutes, which is longer than the plan");
    for _ in 0..20 {
        let (_, _, _, Some(at)) = delivery(&bed).await else { break };
        bed.later(at - bed.slice.store.now());
        bed.drain(&worker).await;
    }
    let (_, state, attempts, next_at) = delivery(&bed).await;
    assert_eq!((state.as_str(), next_at), ("failed", None));
    assert_eq!((attempts as usize, receiver.came().len()), (11, 11));
    assert!((bed.slice.store.now() - begun - TimeDelta::hours(24)).num_seconds().abs() <= 1);
    let ids: std::collections::BTreeSet<String> =
        receiver.came().iter().map(|came| came.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "receivers tell repeats by it");
    assert!(enabled(&bed, webhook).await.0, "a day is not yet three");
    receiver.usually(204);
    let again = RedeliverWebhook { webhook_id: webhook, delivery_id: DeliveryId(id), why: None, by: who("boss") };
    bed.tell(&SendAgain, again.clone()).await.unwrap();
    bed.drain(&worker).await;
    assert_eq!(delivery(&bed).await.1, "delivered");
    assert_eq!(bed.count("delivery_attempts").await, 12);
    let other = RedeliverWebhook { webhook_id: WebhookId(Uuid::now_v7()), ..again };
    assert_eq!(bed.tell(&SendAgain, other).await.unwrap_err().code, "webhook_not_found");
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn one_that_only_fails_is_switched_off_and_staff_is_told(pool: PgPoolOptions, options: PgConnectOptions) {
    let env = env().with("WEBHOOK_DISABLE_AFTER_HOURS", "2");
    let (bed, receiver) = (Bed::with(pool, options, env).await, Receiver::start().await);
    let webhook = bed.webhook(&receiver.url("a"), &["order.delivered"], &secret(1)).await.unwrap();
    let worker = bed.delivering();
    let tell = async || bed.tell(&bed.react(), OrderDelivered { order_id: OrderId(Uuid::now_v7()) }).await.unwrap();
    receiver.usually(500);
    tell().await;
    bed.drain(&worker).await;
    // One success in between, and it begins to count anew.
    bed.later(TimeDelta::minutes(90));
    receiver.usually(200);
    bed.drain(&worker).await;
    receiver.usually(500);
    tell().await;
    bed.drain(&worker).await;
    assert!(enabled(&bed, webhook).await.0);
    bed.later(TimeDelta::minutes(121));
    tell().await;
    bed.drain(&worker).await;
    let (is_enabled, why) = enabled(&bed, webhook).await;
    assert!(!is_enabled && why.unwrap().contains("answered 500"));
    let came = receiver.came().len();
    // What waits is not sent any more, and nothing new is made.
    tell().await;
    bed.later(TimeDelta::hours(3));
    bed.drain(&worker).await;
    assert_eq!((receiver.came().len(), bed.said("webhook_disabled").await), (came, 1));
    let mut work = bed.slice.work().await;
    let told: Vec<(String, String)> =
        sqlx::query_as("SELECT recipient, template FROM notifications WHERE template = 'webhook_disabled'")
            .fetch_all(work.conn())
            .await
            .unwrap();
    assert_eq!(told, [("@staff".to_owned(), "webhook_disabled".to_owned())]);
    let ping = PingWebhook { webhook_id: webhook, delivery_id: DeliveryId(Uuid::now_v7()), why: None, by: who("boss") };
    assert_eq!(bed.tell(&SendAgain, ping.clone()).await.unwrap_err().code, "webhook_not_active");
    let on = ChangeWebhook {
        webhook_id: webhook,
        url: None,
        description: None,
        types: None,
        enabled: Some(true),
        why: None,
        by: who("boss"),
    };
    bed.tell(&bed.webhooks(), on).await.unwrap();
    receiver.usually(200);
    bed.tell(&SendAgain, ping).await.unwrap();
    bed.drain(&worker).await;
    let last = receiver.came().pop().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&last.body).unwrap()["type"], "webhook.ping");
    // Gone for good is believed at once.
    receiver.usually(410);
    tell().await;
    bed.drain(&worker).await;
    assert!(!enabled(&bed, webhook).await.0);
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_rotated_secret_signs_beside_the_former_one_for_a_while(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, receiver) = (Bed::new(pool, options).await, Receiver::start().await);
    let webhook = bed.webhook(&receiver.url("a"), &[], &secret(1)).await.unwrap();
    let rotate = RotateWebhookSecret {
        webhook_id: webhook,
        secret: bed.seal(webhook, "secret", &secret(2)),
        overlap_hours: 24,
        why: Some("it was in a log".into()),
        by: who("boss"),
    };
    bed.tell(&bed.webhooks(), rotate).await.unwrap();
    let ping = async || {
        let ping =
            PingWebhook { webhook_id: webhook, delivery_id: DeliveryId(Uuid::now_v7()), why: None, by: who("boss") };
        bed.tell(&SendAgain, ping).await.unwrap();
        bed.drain(&bed.delivering()).await;
        receiver.came().pop().unwrap()
    };
    let came = ping().await;
    assert!(is_signed(&came, &secret(1)) && is_signed(&came, &secret(2)));
    bed.later(TimeDelta::hours(25));
    let came = ping().await;
    assert!(!is_signed(&came, &secret(1)) && is_signed(&came, &secret(2)));
    let remove = RemoveWebhook { webhook_id: webhook, why: None, by: who("boss") };
    bed.tell(&bed.webhooks(), remove.clone()).await.unwrap();
    assert_eq!(bed.tell(&bed.webhooks(), remove).await.unwrap_err().code, "webhook_not_found");
    assert_eq!((bed.count("deliveries").await, bed.count("delivery_attempts").await), (0, 0));
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn nothing_is_sent_to_places_inside_on_any_redirect(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, receiver) = (Bed::new(pool, options).await, Receiver::start().await);
    let webhook = bed.webhook(&receiver.url("a"), &[], &secret(1)).await.unwrap();
    let ping = async || {
        let ping =
            PingWebhook { webhook_id: webhook, delivery_id: DeliveryId(Uuid::now_v7()), why: None, by: who("boss") };
        bed.tell(&SendAgain, ping).await.unwrap();
        bed.drain(&bed.delivering()).await;
        let mut work = bed.slice.work().await;
        let last: (Option<i32>, Option<String>) =
            sqlx::query_as("SELECT status, error FROM delivery_attempts ORDER BY seq DESC LIMIT 1")
                .fetch_one(work.conn())
                .await
                .unwrap();
        last
    };
    receiver.next(307, &receiver.url("b"));
    assert_eq!(ping().await, (Some(200), None));
    assert_eq!(receiver.came().iter().map(|came| came.path.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    for inside in ["http://10.0.0.1/x", "http://169.254.169.254/latest/", "http://[fd00::1]/x", "ftp://example.com/x"] {
        receiver.next(308, inside);
        let (status, error) = ping().await;
        assert!(status.is_none() && error.is_some(), "{inside}: {status:?}");
    }
    // A redirect that would change the method is an answer, and no good one.
    receiver.next(302, &receiver.url("b"));
    assert_eq!(ping().await.0, Some(302));
    assert_eq!(receiver.came().len(), 2 + 4 + 1);
    for bad in ["http://10.0.0.1/x", "ftp://example.com/", "https://user:pass@example.com/", "nonsense"] {
        assert_eq!(bed.webhook(bad, &[], &secret(1)).await.unwrap_err().code, "bad_url", "{bad}");
    }
    assert_eq!(bed.webhook("https://example.com/", &["nonsense"], &secret(1)).await.unwrap_err().code, "bad_type");
    // Without the explicit switch this machine is inside, too.
    let strict = Bed { config: std::sync::Arc::new(strict()), slice: bed.slice.clone() };
    for bad in [receiver.url("a"), "https://127.0.0.1/".to_owned()] {
        assert_eq!(strict.webhook(&bad, &[], &secret(1)).await.unwrap_err().code, "bad_url", "{bad}");
    }
    let checked = strict.config.fetcher.post("https://localhost/x", &HeaderMap::new(), &Default::default()).await;
    assert!(checked.unwrap_err().to_string().contains("public internet"));
}

fn strict() -> notify::Config {
    service_kit::config::load(&service_kit::config::Env::of([("ACCOUNT_DETAILS_KEY", crate::bed::KEY)])).unwrap()
}
