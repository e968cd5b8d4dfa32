//! Readers who want no more, carriers that tell how a text fared, and what ends by its age.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use notify::api::{Api, router};
use shared_events::notify::Channel;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::bed::{Bed, env};
use crate::carrying::{address, by_phone, go_on, inbox, phone_env, sent};

const PUBLIC: &str = "https://api.example";

fn app(bed: &Bed) -> Router {
    let stop = CancellationToken::new();
    bed.slice.app(router(Api { store: bed.slice.store.clone(), config: Arc::clone(&bed.config), stop }))
}

async fn ask(app: &Router, request: axum::http::request::Builder, body: &str) -> (u16, String) {
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    (status, String::from_utf8(to_bytes(response.into_body(), 100_000).await.unwrap().to_vec()).unwrap())
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_reader_wants_no_more_of_a_kind_and_only_a_click_says_so(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::with(pool, options, env().with("NOTIFY_PUBLIC_URL", format!("{PUBLIC}/"))).await;
    let (app, to) = (app(&bed), address());
    bed.contact("ann", &[(Channel::Email, &to)], None).await;
    sent(&bed, "k1", Channel::Email).await;
    go_on(&bed, &bed.carriers()).await;
    let mails = inbox(&to).await;
    let mime = mails[0]["mimeMessage"].as_str().unwrap();
    let header = mime.split("List-Unsubscribe: <").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
    let path = header.strip_prefix(PUBLIC).unwrap();
    assert!(mime.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{mime}");
    assert!(!header.contains("ann") && mime.contains("No more mails like this"), "{mime}");
    // A scanner looks, and nothing is changed.
    let (status, page) = ask(&app, Request::get(path), "").await;
    assert!(status == 200 && page.contains("<button>"), "{page}");
    let before = sent(&bed, "k2", Channel::Email).await;
    assert_eq!(bed.state(before, Channel::Email).await, "queued");
    for _ in 0..2 {
        assert_eq!(ask(&app, Request::post(path), "List-Unsubscribe=One-Click").await.0, 200);
    }
    let after = sent(&bed, "k3", Channel::Email).await;
    assert_eq!(bed.sendings(after).await, [("email".into(), "skipped".into(), Some("not_wanted".into()))]);
    let other = format!("{}A", &path[..path.len() - 1]);
    let wrong = if other == path { format!("{}B", &path[..path.len() - 1]) } else { other };
    assert_eq!(ask(&app, Request::post(wrong), "").await.0, 404);
    let mut work = bed.slice.work().await;
    let (who, what): (String, String) =
        sqlx::query_as("SELECT who, what FROM audit ORDER BY seq DESC LIMIT 1").fetch_one(work.conn()).await.unwrap();
    assert_eq!((who.as_str(), what.as_str()), ("link in a mail", "set_preferences"));
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn what_the_carrier_of_texts_tells_is_proved_kept_and_never_taken_back(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::with(pool, options, phone_env().with("NOTIFY_PUBLIC_URL", PUBLIC)).await;
    let (app, carried) = (app(&bed), by_phone(&bed).await);
    bed.contact("ann", &[(Channel::Sms, "+15550100")], None).await;
    let (first, second) = (sent(&bed, "k1", Channel::Sms).await, sent(&bed, "k2", Channel::Sms).await);
    let name = |number: usize| format!("SM{number:032x}");
    let tell = async |number: usize, status: &str, token: &str| {
        let call = carried.messaging.news(&name(number), status, token).unwrap();
        let path = call.address.strip_prefix(PUBLIC).unwrap().to_owned();
        let request = Request::post(path).header("x-twilio-signature", call.signature);
        ask(&app, request.header("content-type", "application/x-www-form-urlencoded"), &call.body).await.0
    };
    // The first is handed over, and its end is told before we have written down what it is called.
    let worker = bed.carrying(carried.carriers.clone());
    assert!(worker.run_next().await.unwrap());
    let mut work = bed.slice.work().await;
    sqlx::query("UPDATE sendings SET reference = NULL, state = 'begun' WHERE state = 'sent'")
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert_eq!(tell(1, "delivered", "token").await, 204);
    assert!(worker.run_next().await.unwrap());
    let mut work = bed.slice.work().await;
    let known = name(1);
    sqlx::query("UPDATE sendings SET reference = $1, state = 'sent' WHERE state = 'begun'")
        .bind(&known)
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
    go_on(&bed, &carried.carriers).await;
    let states = (bed.state(first, Channel::Sms).await, bed.state(second, Channel::Sms).await);
    let (early, late) = if states.0 == "delivered" { (first, second) } else { (second, first) };
    assert_eq!(
        (bed.state(early, Channel::Sms).await.as_str(), bed.state(late, Channel::Sms).await.as_str()),
        ("delivered", "sent")
    );
    // What comes late or is not proved changes nothing.
    assert_eq!((tell(1, "sent", "token").await, tell(1, "failed", "token").await), (204, 204));
    assert_eq!((tell(2, "delivered", "another token").await, tell(2, "queued", "token").await), (401, 204));
    go_on(&bed, &carried.carriers).await;
    assert_eq!(
        (bed.state(early, Channel::Sms).await.as_str(), bed.state(late, Channel::Sms).await.as_str()),
        ("delivered", "sent")
    );
    let said = bed.said("notification_not_sent").await;
    assert_eq!((tell(2, "undelivered", "token").await, tell(2, "undelivered", "token").await), (204, 204));
    go_on(&bed, &carried.carriers).await;
    assert_eq!(bed.sendings(late).await, [("sms".into(), "failed".into(), Some("30003".into()))]);
    assert_eq!(bed.said("notification_not_sent").await, said + 1);
    let no_such_way = Request::post("/callbacks/twilio/other").header("x-twilio-signature", "x");
    assert_eq!(ask(&app, no_such_way, "MessageSid=SM1&MessageStatus=delivered").await.0, 401);
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn what_is_old_ends_and_nothing_else(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let other = Bed { slice: bed.slice.of_tenant("other"), config: Arc::clone(&bed.config) };
    let secret = notify::domain::signature::secret_of(&[9; 32]);
    for bed in [&bed, &other] {
        for key in ["old", "new"] {
            bed.send(bed.wanted("ann", key, &[Channel::InApp])).await.unwrap();
        }
        let webhook = bed.webhook("https://hooks.example/a", &[], &secret).await.unwrap();
        let mut work = bed.slice.work().await;
        for (state, days) in [("delivered", 91), ("waiting", 91), ("failed", 89)] {
            sqlx::query(
                "INSERT INTO deliveries (tenant, id, webhook_id, message_id, type, payload, state, asked_at, created_at)
                 VALUES ($1, gen_random_uuid(), $2, gen_random_uuid()::text, 'x', '{}', $3::delivery_state, now(), now() - $4 * interval '1 day')",
            )
            .bind(bed.slice.tenant.as_str())
            .bind(webhook.0)
            .bind(state)
            .bind(days)
            .execute(work.conn())
            .await
            .unwrap();
        }
        let aged = "UPDATE notifications SET created_at = now() - CASE dedupe_key WHEN 'old' THEN interval '401 days' ELSE interval '399 days' END";
        sqlx::query(aged).execute(work.conn()).await.unwrap();
        work.commit().await.unwrap();
    }
    assert_eq!(notify::prune::prune(&bed.slice.store).await.unwrap(), 4);
    assert_eq!(notify::prune::prune(&bed.slice.store).await.unwrap(), 0);
    for bed in [&bed, &other] {
        let counts = (bed.count("notifications").await, bed.count("sendings").await, bed.count("deliveries").await);
        assert_eq!(counts, (1, 1, 2));
    }
}
