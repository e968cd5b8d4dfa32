//! Notifications are handed over once, whatever goes wrong on the way.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use notify::carry::Carriers;
use providers::push::{Push, ServiceAccount};
use providers::sms::{Sms, SmsConfig};
use providers::smtp::{Protection, Smtp, SmtpConfig};
use sandbox::messaging::Messaging;
use serde_json::{Value, json};
use service_kit::config::Secret;
use service_kit::http_client;
use shared_events::NotificationId;
use shared_events::notify::Channel;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::bed::{Bed, variable};

async fn get(url: String) -> Vec<Value> {
    http_client::client(Duration::from_secs(10)).get(url).send().await.unwrap().json().await.unwrap()
}

pub async fn inbox(address: &str) -> Vec<Value> {
    get(format!("{}/api/user/{address}/messages/INBOX", variable("GREENMAIL_API"))).await
}

pub fn address() -> String {
    format!("ann-{}@example.com", Uuid::now_v7().simple())
}

pub async fn sent(bed: &Bed, key: &str, channel: Channel) -> NotificationId {
    let wanted = bed.wanted("ann", key, &[channel]);
    let id = wanted.notification_id;
    bed.send(wanted).await.unwrap();
    id
}

/// Runs what is due, the clock moving on as long as something waits.
pub async fn go_on(bed: &Bed, carriers: &Carriers) {
    let worker = bed.carrying(carriers.clone());
    for _ in 0..24 {
        bed.drain(&worker).await;
        bed.later(TimeDelta::seconds(61));
    }
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_mail_arrives_once_and_its_address_is_nowhere_in_the_clear(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let to = address();
    bed.contact("ann", &[(Channel::Email, &to)], None).await;
    let id = sent(&bed, "k1", Channel::Email).await;
    sent(&bed, "k1", Channel::Email).await;
    go_on(&bed, &bed.carriers()).await;
    assert_eq!(bed.state(id, Channel::Email).await, "sent");
    let mails = inbox(&to).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0]["subject"], "We moved");
    assert!(mails[0]["mimeMessage"].as_str().unwrap().contains(&format!("Message-ID: <{id}@example.com>")));
    assert_eq!(bed.said("notification_sent").await, 1);
    let said = serde_json::to_string(&bed.slice.said().await).unwrap();
    assert!(!said.contains(&to), "{said}");
    let mut work = bed.slice.work().await;
    for table in ["contact_points", "notifications", "sendings", "audit", "jobs", "outbox"] {
        let text: Option<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT string_agg(t::text, ' ') FROM {table} t")))
                .fetch_one(work.conn())
                .await
                .unwrap();
        assert!(!text.unwrap_or_default().contains(&to), "{table}");
    }
}

/// A mail server that goes wrong: it answers each `RCPT` and each message as the test says, and counts the messages. An empty answer hangs up.
async fn mail_server(recipient: &'static str, message: &'static str) -> (u16, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let count = Arc::clone(&counted);
            tokio::spawn(async move {
                let (read, mut write) = socket.into_split();
                let mut lines = BufReader::new(read).lines();
                write.write_all(b"220 here\r\n").await?;
                let mut in_message = false;
                while let Some(line) = lines.next_line().await? {
                    let answer = match line.get(..4).unwrap_or(&line) {
                        "." => {
                            in_message = false;
                            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            message
                        }
                        _ if in_message => continue,
                        "RCPT" => recipient,
                        "DATA" => {
                            in_message = true;
                            "354 go on"
                        }
                        _ => "250 fine",
                    };
                    if answer.is_empty() {
                        return Ok(());
                    }
                    write.write_all(format!("{answer}\r\n").as_bytes()).await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    (port, count)
}

fn by_mail(port: u16) -> Carriers {
    let config = SmtpConfig {
        host: "127.0.0.1".into(),
        port,
        protection: Protection::None,
        login: None,
        trusted: None,
        hello: "shop.example".into(),
    };
    Carriers { smtp: Some((Smtp::new(config), "shop@example.com".into())), ..Carriers::default() }
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_mail_whose_fate_nobody_knows_is_never_sent_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.contact("ann", &[(Channel::Email, "ann@example.com")], None).await;
    let id = sent(&bed, "k1", Channel::Email).await;
    // It takes the message and hangs up before it says so.
    let (port, count) = mail_server("250 fine", "").await;
    go_on(&bed, &by_mail(port)).await;
    assert_eq!(bed.state(id, Channel::Email).await, "unknown");
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 1);
    // The service was killed between handing it over and writing that down.
    let killed = sent(&bed, "k2", Channel::Email).await;
    let mut work = bed.slice.work().await;
    sqlx::query("UPDATE sendings SET state = 'begun', begun_at = now() WHERE notification_id = $1")
        .bind(killed.0)
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
    go_on(&bed, &by_mail(port)).await;
    assert_eq!(bed.state(killed, Channel::Email).await, "unknown");
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 1, "nothing was said to the server");
    assert_eq!(bed.said("notification_not_sent").await, 2);
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_mail_that_was_not_taken_is_tried_again_and_a_dead_address_never(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    bed.contact("ann", &[(Channel::Email, "ann@example.com")], None).await;
    let id = sent(&bed, "k1", Channel::Email).await;
    let (port, count) = mail_server("451 later", "250 taken").await;
    bed.drain(&bed.carrying(by_mail(port))).await;
    assert_eq!(bed.state(id, Channel::Email).await, "queued");
    let (well, taken) = mail_server("250 fine", "250 taken").await;
    go_on(&bed, &by_mail(well)).await;
    assert_eq!(bed.state(id, Channel::Email).await, "sent");
    assert_eq!(
        (count.load(std::sync::atomic::Ordering::SeqCst), taken.load(std::sync::atomic::Ordering::SeqCst)),
        (0, 1)
    );
    // A server that is away for long: in the end it is given up, and said.
    let given_up = sent(&bed, "k2", Channel::Email).await;
    let worker = bed.carrying(by_mail(1));
    for _ in 0..14 {
        bed.drain(&worker).await;
        bed.later(TimeDelta::minutes(20));
    }
    assert_eq!(bed.state(given_up, Channel::Email).await, "failed");
    let bounced = sent(&bed, "k3", Channel::Email).await;
    let (port, _) = mail_server("550 5.1.1 <ann@example.com> is nobody", "250 taken").await;
    go_on(&bed, &by_mail(port)).await;
    assert_eq!(bed.sendings(bounced).await, [("email".into(), "bounced".into(), Some("550".into()))]);
    let after = sent(&bed, "k4", Channel::Email).await;
    assert_eq!(bed.state(after, Channel::Email).await, "suppressed");
    assert_eq!((bed.said("address_suppressed").await, bed.count("suppressions").await), (1, 1));
}

/// A key for this run alone.
static KEY: LazyLock<String> = LazyLock::new(|| {
    let arguments = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let made = std::process::Command::new("openssl").args(arguments).output().unwrap();
    String::from_utf8(made.stdout).unwrap()
});

pub struct Carried {
    base: String,
    pub carriers: Carriers,
    pub messaging: Messaging,
}

pub async fn by_phone(bed: &Bed) -> Carried {
    let clock = bed.slice.store.clock();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let messaging = Messaging::new(Arc::clone(clock));
    let router = messaging.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let sms =
        SmsConfig { base: base.clone(), account: "AC1".into(), token: Secret::new("token"), from: "+15550111".into() };
    let account = json!({
        "project_id": "shop", "client_email": "push@shop.example", "private_key": *KEY, "token_uri": format!("{base}/token")
    });
    let account: ServiceAccount = STANDARD.encode(account.to_string()).parse().unwrap();
    let carriers = Carriers {
        smtp: None,
        sms: Some(Sms::new(sms).with_timeout(Duration::from_millis(500))),
        push: Some(Push::new(&base, account, Arc::clone(clock))),
    };
    Carried { base, carriers, messaging }
}

impl Carried {
    async fn fails(&self, operation: &str, kind: &str) {
        let fault = json!({"operation": operation, "kind": kind});
        let client = http_client::client(Duration::from_secs(5));
        client.post(format!("{}/_sandbox/faults", self.base)).json(&fault).send().await.unwrap();
    }

    async fn texts(&self) -> usize {
        get(format!("{}/_sandbox/texts", self.base)).await.len()
    }
}

pub fn phone_env() -> service_kit::config::Env {
    let account = json!({"project_id": "shop", "client_email": "x", "private_key": *KEY, "token_uri": "http://x/"});
    crate::bed::env()
        .with("TWILIO_ACCOUNT_SID", "AC1")
        .with("TWILIO_AUTH_TOKEN", "token")
        .with("TWILIO_FROM", "+15550111")
        .with("FCM_SERVICE_ACCOUNT", STANDARD.encode(account.to_string()))
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_text_that_may_have_gone_out_is_looked_up_first(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::with(pool, options, phone_env()).await;
    let carried = by_phone(&bed).await;
    bed.contact("ann", &[(Channel::Sms, "+15550100")], None).await;
    // Taken, and never answered: it is found, and not sent again.
    carried.fails("texts", "accept_then_hang").await;
    let taken = sent(&bed, "k1", Channel::Sms).await;
    go_on(&bed, &carried.carriers).await;
    assert_eq!((bed.state(taken, Channel::Sms).await.as_str(), carried.texts().await), ("sent", 1));
    // Not taken, and never answered: it is looked for until that is sure, and sent then. The same words of before are not taken for it.
    carried.fails("texts", "hang").await;
    let lost = sent(&bed, "k2", Channel::Sms).await;
    go_on(&bed, &carried.carriers).await;
    assert_eq!((bed.state(lost, Channel::Sms).await.as_str(), carried.texts().await), ("sent", 2));
    // Too many requests are a definite no.
    carried.fails("texts", "throttle").await;
    let later = sent(&bed, "k3", Channel::Sms).await;
    go_on(&bed, &carried.carriers).await;
    assert_eq!((bed.state(later, Channel::Sms).await.as_str(), carried.texts().await), ("sent", 3));
    bed.contact("ann", &[(Channel::Sms, "+15550009")], None).await;
    let stopped = sent(&bed, "k4", Channel::Sms).await;
    go_on(&bed, &carried.carriers).await;
    assert_eq!(bed.sendings(stopped).await, [("sms".into(), "bounced".into(), Some("21610".into()))]);
    let after = sent(&bed, "k5", Channel::Sms).await;
    assert_eq!(bed.state(after, Channel::Sms).await, "suppressed");
}

#[sqlx::test(migrator = "migrations::NOTIFY")]
async fn a_push_message_carries_the_name_that_makes_a_repeat_harmless(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::with(pool, options, phone_env()).await;
    let carried = by_phone(&bed).await;
    bed.contact("ann", &[(Channel::Push, "device-1")], None).await;
    carried.fails("pushes", "error").await;
    let id = sent(&bed, "k1", Channel::Push).await;
    go_on(&bed, &carried.carriers).await;
    assert_eq!(bed.state(id, Channel::Push).await, "sent");
    let pushes = get(format!("{}/_sandbox/pushes", carried.base)).await;
    assert_eq!(pushes.len(), 1);
    let name = id.to_string();
    assert_eq!(
        (&pushes[0]["android"]["collapse_key"], &pushes[0]["apns"]["headers"]["apns-collapse-id"]),
        (&json!(name), &json!(name))
    );
    assert_eq!(pushes[0]["notification"], json!({"title": "We moved", "body": "We moved"}));
    bed.contact("ann", &[(Channel::Push, "gone-2")], None).await;
    let gone = sent(&bed, "k2", Channel::Push).await;
    go_on(&bed, &carried.carriers).await;
    assert_eq!(bed.sendings(gone).await, [("push".into(), "bounced".into(), Some("UNREGISTERED".into()))]);
}
