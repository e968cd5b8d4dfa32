//! Replies in the threads of cases, with GreenMail as the mail server, and with servers that refuse and that hang up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use claims::queue_claim::key_of;
use claims::record_reply;
use claims::submit_claim::Submit;
use serde_json::{Value, json};
use shared_events::ClaimId;
use shared_events::claims::{RecordReply, ReplyKind, SubmitClaim};
use shared_events::evidence::MatchedBy;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::claim_bed::{Found, id_of, who};
use crate::mail::{Post, variable};

const CASE: &str = "15902837461";

/// Mails that somebody got at GreenMail.
async fn got(address: &str) -> Vec<Value> {
    let url = format!("{}/api/user/{address}/messages/INBOX", variable("GREENMAIL_API"));
    let client = service_kit::http_client::client(std::time::Duration::from_secs(10));
    client.get(url).send().await.unwrap().json().await.unwrap_or_default()
}

/// A mail server that is none: it refuses every recipient, or takes a mail and hangs up. It remembers the mails.
async fn rude(refuses: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, mails) = (listener.local_addr().unwrap().to_string(), Arc::new(Mutex::new(Vec::new())));
    let taken = Arc::clone(&mails);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (mut stream, mut mail) = (BufReader::new(stream), None::<String>);
            drop(stream.write_all(b"220 here\r\n").await);
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|length| length > 0) {
                let answer: &[u8] = match (&mut mail, line.trim_end()) {
                    (Some(_), ".") => break,
                    (Some(text), _) => {
                        text.push_str(&line);
                        b""
                    }
                    (None, "DATA") => {
                        mail = Some(String::new());
                        b"354 go on\r\n"
                    }
                    (None, said) if said.starts_with("RCPT") && refuses => b"550 not here\r\n",
                    (None, _) => b"250 fine\r\n",
                };
                drop(stream.write_all(answer).await);
                line.clear();
            }
            taken.lock().unwrap().extend(mail);
        }
    });
    (address, mails)
}

impl Post {
    /// A claim that was sent under [`CASE`], about which the marketplace has asked something; where it wants the answer.
    async fn asked_about(&self, number: u128) -> (Value, String) {
        let claim = self.bed.sent(number, CASE).await;
        let desk = format!("case-{}@amazon.com", Uuid::now_v7().simple());
        let headers = format!("Reply-To: <{desk}>\r\nSubject: [CASE {CASE}] Lost units\r\n");
        self.write("case@amazon.com", &headers, "Please provide the tracking number.").await;
        self.mails(2).await;
        assert_eq!(self.status(&claim).await, json!("info_requested"));
        (claim, desk)
    }

    async fn status(&self, claim: &Value) -> Value {
        self.bed.read(id_of(claim)).await["status"].clone()
    }

    pub async fn send_again(&self, claim: &Value) {
        let note = Some("it is TBA-7".into());
        let submit = SubmitClaim { claim_id: ClaimId(id_of(claim)), note, wanted_by: who("ann") };
        self.bed.slice.handle(&Submit, submit).await.unwrap();
    }

    async fn handed_over(&self, claim: &Value) -> Value {
        let shown = self.bed.read(id_of(claim)).await;
        assert_eq!((&shown["status"], &shown["channel"]), (&json!("submitting"), &json!("assisted")), "{shown}");
        let last = shown["submissions"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["channel"], &last["outcome"]), (&json!("assisted"), &json!("handed_over")), "{last}");
        last["problem"].clone()
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn an_answer_goes_into_the_thread_of_its_case_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = Post::new(pool, options).await;
    post.connect().await;
    let (claim, desk) = post.asked_about(1).await;
    post.send_again(&claim).await;
    for _ in 0..3 {
        post.read().await;
    }
    let sent = post.bed.read(id_of(&claim)).await;
    assert_eq!((&sent["status"], &sent["channel"]), (&json!("appealed"), &json!("mail_thread")), "{sent}");
    let mails = got(&desk).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    let raw = mails[0]["mimeMessage"].as_str().unwrap();
    for part in
        ["Subject: Re: [CASE 15902837461] Lost units", "TBA-7", "In-Reply-To: <", "References: <", "ledger-1.tsv"]
    {
        assert!(raw.contains(part), "{part}: {raw}");
    }
    assert!(raw.contains("X001\t-16"), "the row goes along: {raw}");
    // Its answer names our mail and no case.
    let name = raw.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
    post.write("case@amazon.com", &format!("In-Reply-To: {name}\r\nSubject: Re:\r\n"), "It has been approved.").await;
    post.mails(3).await;
    assert_eq!(post.status(&claim).await, json!("approved"));
    for (_, event) in post.bed.slice.said().await {
        assert!(!event.to_string().contains(&desk), "{event}");
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn where_no_mail_can_carry_it_a_person_sends(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = Post::new(pool, options).await;
    post.connect().await;
    // The marketplace never wrote about this one.
    let silent = post.bed.sent(2, "15902837462").await;
    let asked = RecordReply {
        claim_id: ClaimId(id_of(&silent)),
        kind: ReplyKind::InfoRequested,
        text: "please provide the tracking number".into(),
        amount: None,
        recorded_by: who("ann"),
    };
    post.bed.slice.handle(&record_reply::Record, asked).await.unwrap();
    post.send_again(&silent).await;
    post.read().await;
    assert_eq!(post.handed_over(&silent).await, json!("no connected mailbox has a mail about the case"));
    // The switch stops replies too.
    let (claim, desk) = post.asked_about(1).await;
    post.send_again(&claim).await;
    post.bed.stop(true).await;
    post.read().await;
    assert_eq!(post.handed_over(&claim).await, json!("sending is stopped"));
    assert!(got(&desk).await.is_empty(), "nothing was sent");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn documents_go_along_by_a_persons_hand(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = Post::new(pool, options).await;
    post.connect().await;
    post.bed.settings(100_000, 10).await;
    let detection = post.bed.detect(1, &Found { claim_type: "inbound_shortage", ..Found::default() }).await;
    let claim = post.bed.claim_of(detection).await.unwrap();
    let claim_id = ClaimId(id_of(&claim));
    let prove = async || {
        post.bed.attach_papers(&claim).await;
        post.bed.matched(claim_id.0, MatchedBy::Person, 0.7).await;
    };
    prove().await;
    post.send_again(&claim).await;
    post.bed.run_jobs().await;
    let case = shared_events::claims::RecordCase { claim_id, case_id: Some(CASE.into()), recorded_by: who("ann") };
    post.bed.slice.handle(&claims::record_case::Record, case).await.unwrap();
    let subject = format!("Subject: [CASE {CASE}]\r\n");
    post.write("case@amazon.com", &subject, "We are unable to reimburse you. Please provide the invoice.").await;
    post.mails(2).await;
    prove().await;
    post.send_again(&claim).await;
    post.read().await;
    assert_eq!(post.handed_over(&claim).await, json!("documents go along, which only a person can attach"));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_server_that_refuses_is_not_asked_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let (smtp, _) = rude(true).await;
    let post = Post::new(pool, options).await;
    post.connect_with(smtp).await;
    let (claim, _) = post.asked_about(1).await;
    post.send_again(&claim).await;
    post.read().await;
    let problem = post.handed_over(&claim).await;
    assert!(problem.as_str().unwrap().contains("550"), "{problem}");
    assert_eq!(post.bed.read(id_of(&claim)).await["submissions"][1]["tries"], json!(1));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_mail_that_may_have_arrived_is_not_sent_again_and_its_answer_tells(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (smtp, mails) = rude(false).await;
    let post = Post::new(pool, options).await;
    post.connect_with(smtp).await;
    let (claim, _) = post.asked_about(1).await;
    post.send_again(&claim).await;
    post.read().await;
    assert_eq!(post.status(&claim).await, json!("submit_unknown"));
    for _ in 0..3 {
        post.read().await;
    }
    assert_eq!(mails.lock().unwrap().len(), 1, "sent once");
    let name = mails.lock().unwrap()[0].lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().to_owned();
    post.write("case@amazon.com", &format!("In-Reply-To: {name}\r\nSubject: Re:\r\n"), "It has been approved.").await;
    post.mails(3).await;
    assert_eq!(post.status(&claim).await, json!("approved"), "whoever answers has it");
}

/// Puts a mail into a folder of somebody's, as mail programs do.
async fn file(user: &str, folder: &str, mail: &str) {
    let stream = TcpStream::connect(variable("GREENMAIL_IMAP")).await.unwrap();
    let mut stream = BufReader::new(stream);
    let append = format!("c APPEND {folder} {{{}}}\r\n", mail.len());
    let commands = [
        ("* ", String::new()),
        ("a ", format!("a LOGIN {user} x\r\n")),
        ("b ", format!("b CREATE {folder}\r\n")),
        ("+", append),
        ("c ", format!("{mail}\r\n")),
    ];
    for (until, command) in commands {
        stream.write_all(command.as_bytes()).await.unwrap();
        let mut line = String::new();
        while !line.starts_with(until) {
            line.clear();
            assert!(stream.read_line(&mut line).await.unwrap() > 0, "{command}");
        }
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn killed_while_it_was_sent_the_sent_mails_are_looked_at(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = Post::new(pool, options).await;
    post.connect().await;
    let (claim, desk) = post.asked_about(1).await;
    for (round, is_filed) in [(0, true), (1, false)] {
        post.send_again(&claim).await;
        // What a process leaves behind that dies between the call and the outcome.
        let mut work = post.bed.slice.work().await;
        for statement in [
            "UPDATE claims SET state = 'submitting' WHERE id = $1",
            "UPDATE claim_submissions SET state = 'sending', tries = 1 WHERE claim_id = $1 AND state = 'queued'",
        ] {
            sqlx::query(statement).bind(id_of(&claim)).execute(work.conn()).await.unwrap();
        }
        work.commit().await.unwrap();
        if is_filed {
            let key = key_of(id_of(&claim), 2);
            let mail = format!("From: <{}>\r\nMessage-ID: <{key}@seller.example>\r\nSubject: x\r\n\r\nx", post.address);
            file(&post.address, "Sent", &mail).await;
        }
        post.read().await;
        let expected = if is_filed { "appealed" } else { "submit_unknown" };
        assert_eq!(post.status(&claim).await, json!(expected), "{round}");
        if is_filed {
            post.write("case@amazon.com", &format!("Subject: [CASE {CASE}]\r\n"), "Please provide the boxes.").await;
            post.mails(3).await;
        }
    }
    assert!(got(&desk).await.is_empty(), "nothing was sent again");
}
