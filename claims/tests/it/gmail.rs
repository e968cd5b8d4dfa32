//! A mailbox by consent: Google's login as the sandbox plays it, and a door before GreenMail that opens by an access token alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use claims::connect_account::{self, Connect};
use providers::google::{Application, Endpoints, Google, GoogleConfig};
use serde_json::{Value, json};
use service_kit::clock::Clock;
use service_kit::config::Secret;
use service_kit::handler::Failure;
use service_kit::http_client;
use shared_events::ConnectionId;
use shared_events::claims::{ConnectAccount, ConnectionKind};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::claim_bed::{id_of, who};
use crate::mail::{Post, variable};
use crate::service;

const MAILBOX: Uuid = Uuid::from_u128(71);
const BACK: &str = "https://recoup.example/callback";

/// A mailbox at Google, not connected yet.
struct Gmail {
    post: Post,
    sandbox: sandbox::google::Google,
    config: GoogleConfig,
}

impl Gmail {
    async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        let mut post = Post::new(pool, options).await;
        let clock = Arc::clone(&post.bed.slice.clock) as Arc<dyn Clock>;
        let sandbox = sandbox::google::Google::new(Arc::clone(&clock));
        let (login, door) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (base, imap) = (format!("http://{}", login.local_addr().unwrap()), door.local_addr().unwrap().to_string());
        let router = sandbox.router();
        tokio::spawn(async move { axum::serve(login, router).await });
        tokio::spawn(sandbox.clone().door(door, variable("GREENMAIL_IMAP").parse().unwrap()));
        let config = GoogleConfig {
            application: Application { client_id: "ours".into(), client_secret: Secret::new("a secret of ours") },
            endpoints: Endpoints { accounts: base.clone(), token: base, imap, smtp: variable("GREENMAIL_SMTP") },
        };
        post.mailboxes.google = Some(Google::new(config.clone(), clock));
        Self { post, sandbox, config }
    }

    /// What comes back from Google's page, where the owner of this mailbox consents.
    async fn consent(&self, nonce: &str, owner: &str, wanted: &str) -> ConnectAccount {
        let page = self.config.consent("a state", BACK, Some(owner)).unwrap();
        let answer = http_client::client(std::time::Duration::from_secs(10)).get(page).send().await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap().to_owned();
        let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap().replace("%2F", "/");
        let (tenant, key) = (self.post.bed.slice.tenant.as_str(), &service::config().account_key);
        ConnectAccount {
            connection_id: ConnectionId(MAILBOX),
            kind: ConnectionKind::Gmail,
            region: String::new(),
            account: wanted.to_owned(),
            sealed_secret: key.seal(&connect_account::purpose(tenant, nonce), &code).unwrap(),
            nonce: nonce.to_owned(),
            redirect_uri: BACK.to_owned(),
            host: None,
            smtp_host: None,
            expires_at: self.post.bed.now() + chrono::TimeDelta::minutes(10),
            connected_by: who("ann"),
        }
    }

    async fn connect(&self, nonce: &str, owner: &str, wanted: &str) {
        let command = self.consent(nonce, owner, wanted).await;
        self.post.bed.slice.handle(&Connect, command).await.unwrap();
        self.post.read().await;
    }

    async fn connection(&self) -> Value {
        self.post.bed.get("/api/v1/integrations").await.body["connections"][0].clone()
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_mailbox_is_read_and_answered_from_by_consent(pool: PgPoolOptions, options: PgConnectOptions) {
    let gmail = Gmail::new(pool, options).await;
    let address = gmail.post.address.clone();
    gmail.connect("one", &address, "").await;
    let connection = gmail.connection().await;
    assert_eq!((&connection["integration_type"], &connection["state"]), (&json!("gmail"), &json!("connected")));
    assert_eq!(connection["account"], json!(address));
    assert_eq!(gmail.post.mails(1).await, ["of_nobody"], "the mail that was there");
    // What opens it is sealed.
    let mut work = gmail.post.bed.slice.work().await;
    let kept: String =
        sqlx::query_scalar("SELECT row_to_json(c)::text || (SELECT coalesce(string_agg(j.payload::text, ''), '') FROM jobs j) FROM connections c")
            .fetch_one(work.conn())
            .await
            .unwrap();
    drop(work);
    assert!(!kept.contains("1//") && !kept.contains("ya29") && !kept.contains("4/sandbox"), "{kept}");
    // Used once.
    let again = gmail.consent("one", &address, "").await;
    let refused = gmail.post.bed.slice.handle(&Connect, again).await.unwrap_err();
    assert!(matches!(refused, Failure::Reject(rejection) if rejection.code == "consent_used"));
    // A case's answer goes out by SMTP with a token, and comes back.
    let claim = gmail.post.bed.sent(1, "15902837461").await;
    let subject = "Subject: [CASE 15902837461] Lost units\r\n";
    gmail.post.write("case@amazon.com", subject, "Please provide the tracking number.").await;
    gmail.post.mails(2).await;
    gmail.post.send_again(&claim).await;
    gmail.post.read().await;
    let sent = gmail.post.bed.read(id_of(&claim)).await;
    assert_eq!((&sent["status"], &sent["channel"]), (&json!("appealed"), &json!("mail_thread")), "{sent}");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_token_that_ends_early_is_replaced_and_a_consent_that_was_taken_back_is_told(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let gmail = Gmail::new(pool, options).await;
    let address = gmail.post.address.clone();
    gmail.connect("one", &address, &address).await;
    gmail.post.mails(1).await;
    let asked = gmail.sandbox.asked();
    gmail.sandbox.fail("expire_token");
    gmail.post.write("case@amazon.com", "Subject: hello\r\n", "hello").await;
    gmail.post.mails(2).await;
    assert_eq!(gmail.sandbox.asked() - asked, 1, "one token for the one that ended");
    gmail.sandbox.fail("revoke");
    gmail.post.read().await;
    gmail.post.read().await;
    let connection = gmail.connection().await;
    assert_eq!(connection["state"], json!("token_expired"), "{connection}");
    let told = gmail.post.said("claims.account_token_failed.v1").await;
    assert_eq!((told.len(), &told[0]["kind"]), (1, &json!("gmail")));
    // A new consent lets it go on.
    gmail.post.write("case@amazon.com", "Subject: more\r\n", "more").await;
    gmail.connect("two", &address, &address).await;
    gmail.post.mails(3).await;
    assert_eq!(gmail.connection().await["state"], json!("connected"));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn the_consent_of_another_mailbox_connects_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let gmail = Gmail::new(pool, options).await;
    gmail.connect("one", "somebody@gmail.example", "depot@gmail.example").await;
    let connection = gmail.connection().await;
    assert_eq!(connection["state"], json!("token_expired"));
    assert!(connection["problem"].as_str().unwrap().contains("another mailbox"), "{connection}");
}
