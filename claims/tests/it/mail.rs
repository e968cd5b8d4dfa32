//! Mailboxes, with GreenMail as the server: suppliers' files go to evidence, the marketplace's answers to their claims, each mail once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use claims::amazon::Amazon;
use claims::by_mail_thread::ByMailThread;
use claims::channel::{Channel, Channels};
use claims::connect_account::{self, Connect};
use claims::mailboxes::Mailboxes;
use claims::read_mailbox::ReadMailbox;
use claims::secrets::Vault;
use claims::send_claim::SendClaim;
use claims::use_consent::UseConsent;
use futures::future::BoxFuture;
use providers::fetch::{Names, SystemNames};
use serde_json::{Value, json};
use service_kit::clock::Clock;
use service_kit::config::Env;
use service_kit::jobs::Worker;
use service_kit::testing::eventually;
use shared_events::ConnectionId;
use shared_events::claims::{ConnectAccount, ConnectionKind};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::claim_bed::{Bed, id_of, who};
use crate::service;

const MAILBOX: Uuid = Uuid::from_u128(70);
const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\ntrailer\n<< >>\n%%EOF\n";

/// This machine may be talked to.
pub struct Here;

impl Names for Here {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        SystemNames.resolve(host)
    }

    fn may_talk_to(&self, address: IpAddr) -> bool {
        address.is_loopback()
    }
}

pub fn variable(name: &str) -> String {
    let env = Env::process();
    env.get(name).unwrap_or_else(|| panic!("{name} is not set: run the tests by ./dev test")).to_owned()
}

/// A mailbox of its own at GreenMail, and what reads it.
pub struct Post {
    pub bed: Bed,
    pub address: String,
    pub mailboxes: Mailboxes,
}

impl Post {
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        let bed = Bed::new(pool, options).await;
        let address = format!("shop-{}@seller.example", Uuid::now_v7().simple());
        let mailboxes =
            Mailboxes { vault: Vault::new(service::config().masters.clone()), names: Arc::new(Here), google: None };
        // Now, by the clock of GreenMail: it says when a mail came.
        let now = service_kit::clock::SystemClock.now();
        bed.slice.clock.set(now);
        let post = Self { bed, address, mailboxes };
        post.write("hello@friend.example", "Subject: first\r\n", "the mailbox is made by it").await;
        post
    }

    pub fn worker(&self) -> Worker {
        let config = service::config();
        let clock = Arc::clone(&self.bed.slice.clock) as Arc<dyn Clock>;
        let amazon = Amazon::new(None, Vault::new(config.masters.clone()), clock);
        let (files, account_key) = (config.files.clone(), config.account_key.clone());
        let consent = UseConsent {
            amazon,
            account_key: account_key.clone(),
            stripe: None,
            google: self.mailboxes.google.clone(),
        };
        let read = ReadMailbox { mailboxes: self.mailboxes.clone(), files, account_key };
        let thread = ByMailThread {
            store: self.bed.slice.store.clone(),
            mailboxes: self.mailboxes.clone(),
            account_key: config.account_key.clone(),
        };
        let channels = Channels::new(vec![Arc::new(thread) as Arc<dyn Channel>]);
        self.bed.worker().on(consent).on(read).on(SendClaim { channels })
    }

    pub async fn connect(&self) {
        self.connect_with(variable("GREENMAIL_SMTP")).await;
    }

    /// Connects it; its mails are sent there.
    pub async fn connect_with(&self, smtp_host: String) {
        let (tenant, nonce) = (self.bed.slice.tenant.as_str(), "nonce");
        let key = &service::config().account_key;
        let command = ConnectAccount {
            connection_id: ConnectionId(MAILBOX),
            kind: ConnectionKind::Imap,
            region: String::new(),
            account: self.address.clone(),
            sealed_secret: key.seal(&connect_account::purpose(tenant, nonce), "a password").unwrap(),
            nonce: nonce.to_owned(),
            redirect_uri: String::new(),
            host: Some(variable("GREENMAIL_IMAP")),
            smtp_host: Some(smtp_host),
            expires_at: self.bed.now() + TimeDelta::hours(1),
            connected_by: who("ann"),
        };
        self.bed.slice.handle(&Connect, command).await.unwrap();
        self.read().await;
    }

    /// Lets the mailbox be read, until nothing is due.
    pub async fn read(&self) {
        self.bed.slice.clock.advance(TimeDelta::minutes(6));
        let worker = self.worker();
        while worker.run_next().await.unwrap() {}
    }

    /// Somebody writes to the mailbox.
    pub async fn write(&self, from: &str, headers: &str, body: &str) {
        let stream = TcpStream::connect(variable("GREENMAIL_SMTP")).await.unwrap();
        let mut stream = BufReader::new(stream);
        let mail = format!(
            "From: <{from}>\r\nTo: <{}>\r\nMessage-ID: <{}@test>\r\n{headers}\r\n{body}\r\n.\r\n",
            self.address,
            Uuid::now_v7()
        );
        let lines = [
            String::new(),
            "EHLO test\r\n".to_owned(),
            format!("MAIL FROM:<{from}>\r\n"),
            format!("RCPT TO:<{}>\r\n", self.address),
            "DATA\r\n".to_owned(),
            mail,
            "QUIT\r\n".to_owned(),
        ];
        for line in lines {
            stream.write_all(line.as_bytes()).await.unwrap();
            loop {
                let mut answer = String::new();
                stream.read_line(&mut answer).await.unwrap();
                assert!(answer.starts_with(['2', '3']), "{line}: {answer}");
                // The last line of an answer has a space after its number.
                if answer.as_bytes().get(3) == Some(&b' ') {
                    break;
                }
            }
        }
    }

    /// Reads until so many mails were.
    pub async fn mails(&self, count: i64) -> Vec<String> {
        eventually("the mails are read", async || {
            self.read().await;
            let mut work = self.bed.slice.work().await;
            let sql = "SELECT outcome FROM mails ORDER BY seq";
            let outcomes: Vec<String> = sqlx::query_scalar(sql).fetch_all(work.conn()).await.unwrap();
            (outcomes.len() as i64 >= count).then_some(outcomes)
        })
        .await
    }

    pub async fn said(&self, kind: &str) -> Vec<Value> {
        let said = self.bed.slice.said().await;
        said.into_iter().filter(|(said, _)| said == kind).map(|(_, data)| data).collect()
    }
}

fn with_file(name: &str, kind: &str, bytes: &[u8]) -> String {
    format!(
        "Subject: Invoice 4711\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\n\
         Content-Type: text/plain\r\n\r\nDear Jane Doe, here it is\r\n--part\r\nContent-Type: {kind}\r\n\
         Content-Disposition: attachment; filename={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--part--",
        STANDARD.encode(bytes)
    )
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_suppliers_file_goes_to_evidence_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = Post::new(pool, options).await;
    post.write("sales@supplier.example", &with_file("invoice.pdf", "application/pdf", PDF), "").await;
    post.write("sales@supplier.example", &with_file("virus.pdf", "application/pdf", b"MZ no paper"), "").await;
    post.connect().await;
    assert_eq!(post.mails(3).await, ["of_nobody", "documents", "of_nobody"]);
    let told = post.said("claims.document_received.v1").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["evidence_type"], &told[0]["received_for"]), (&json!("supplier_invoice"), &json!("ann")));
    assert_eq!(told[0]["file"]["sha256"], json!(service_kit::sealed::sha256(PDF)));
    for (_, event) in post.bed.slice.said().await {
        let text = event.to_string();
        assert!(
            !text.contains("supplier.example") && !text.contains("Jane") && !text.contains("invoice.pdf"),
            "{text}"
        );
    }
    // Read again under other numbers: the same mails are the same mails.
    let mut work = post.bed.slice.work().await;
    sqlx::query("UPDATE mailboxes SET uid_validity = 1").execute(work.conn()).await.unwrap();
    work.commit().await.unwrap();
    for _ in 0..3 {
        post.read().await;
    }
    assert_eq!((post.mails(3).await.len(), post.said("claims.document_received.v1").await.len()), (3, 1));
    // What comes later is read later, and only that.
    post.write("sales@supplier.example", &with_file("next.pdf", "application/pdf", &[PDF, b"\n"].concat()), "").await;
    assert_eq!(post.mails(4).await.len(), 4);
    assert_eq!(post.said("claims.document_received.v1").await.len(), 2);
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn answers_of_the_marketplace_reach_their_claims(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = Post::new(pool, options).await;
    post.connect().await;
    let (first, second) = (post.bed.sent(1, "15902837461").await, post.bed.sent(2, "15902837462").await);
    let status = async |claim: &Value| post.bed.read(id_of(claim)).await["status"].clone();
    let subject = |case: &str| format!("Subject: [CASE {case}] Lost units\r\n");
    post.write("x@amazon.com.evil.example", &subject("15902837461"), "Your claim has been approved.").await;
    let forged = format!("Authentication-Results: mx.example; dmarc=fail\r\n{}", subject("15902837461"));
    post.write("case@amazon.com", &forged, "Your claim has been approved.").await;
    post.write("case@amazon.com", &subject("15902837499"), "Your claim has been approved.").await;
    assert_eq!(post.mails(4).await[1..], ["of_nobody", "suspicious", "of_nobody"]);
    assert_eq!((status(&first).await, status(&second).await), (json!("submitted"), json!("submitted")));
    post.write("case@amazon.com", &subject("15902837461"), "How do you like our service?").await;
    post.mails(5).await;
    assert_eq!(status(&first).await, json!("submitted"), "a person reads it");
    assert_eq!(post.said("claims.claim_message_received.v1").await[0]["asked"], json!("ann"));
    post.write("case@amazon.com", &subject("15902837461"), "Your case is under review.\r\n> has been approved").await;
    post.write("case@amazon.com", &subject("15902837462"), "We are unable to reimburse: the invoice is missing.").await;
    post.mails(7).await;
    assert_eq!((status(&first).await, status(&second).await), (json!("under_review"), json!("denied")));
    let denied = post.bed.read(id_of(&second)).await;
    assert_eq!(denied["denial"], json!("missing_document"));
    assert!(denied["timeline"].to_string().contains("the invoice is missing"), "a person can read the words");
    post.write("case@amazon.com", &subject("15902837461"), "Good news: it has been approved.").await;
    post.mails(8).await;
    assert_eq!(status(&first).await, json!("approved"));
    for (_, event) in post.bed.slice.said().await {
        let text = event.to_string();
        assert!(!text.contains("case@amazon.com") && !text.contains("Good news"), "{text}");
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_mailbox_that_lies_inside_is_not_talked_to(pool: PgPoolOptions, options: PgConnectOptions) {
    let mut post = Post::new(pool, options).await;
    post.mailboxes.names = Arc::new(SystemNames);
    post.connect().await;
    let connection = post.bed.get("/api/v1/integrations").await.body["connections"][0].clone();
    assert_eq!(connection["state"], json!("token_expired"));
    assert!(connection["problem"].as_str().unwrap().contains("public internet"), "{connection}");
}
