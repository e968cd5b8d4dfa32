//! The chapter on a case that goes on by mail: Amazon refuses in the seller's mailbox, the answer goes out in the same thread, once, and
//! what Amazon says to that is read again.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::books::dollars;
use super::claims::{all, read, rule};
use super::edge::{Edge, Who, until};
use super::outside::Outside;
use super::post::{MailServer, PASSWORD, header};
use super::report::{Chapter, say};
use super::seller::{cents, text};

/// What it is about: claims of this kind rest on rows alone, which a mail can carry.
const KIND: &str = "fc_lost";
/// The number of the case.
const CASE: &str = "15890000000";
/// A mailbox is looked into more often than this.
const LOOK: TimeDelta = TimeDelta::minutes(6);
/// Looks at a claim before time passes once more.
const PATIENT: u32 = 40;
/// What Amazon says first, and in the end.
const REFUSAL: &str =
    "We are unable to reimburse these units: what you sent is not sufficient to show that they were lost.";
const GRANT: &str = "Thank you for the rows of the ledger. Your claim has been approved.";

/// A case that will go on by mail.
pub struct Thread {
    server: MailServer,
    /// Its claim.
    pub claim: String,
}

/// Chooses the claim whose case goes on by mail; none when the stack has no mail server.
pub async fn choose(edge: &Edge) -> anyhow::Result<Option<Thread>> {
    let Some(server) = MailServer::find() else { return Ok(None) };
    let claims = all(edge).await?;
    let fitting = claims.iter().filter(|claim| claim["claim_type"] == KIND && claim["status"] == "submitting");
    let claim =
        fitting.max_by_key(|claim| cents(&claim["amount"])).context("no claim for lost units was handed over")?;
    Ok(Some(Thread { server, claim: text(&claim["id"]).to_owned() }))
}

/// Plays it, where there is a mail server.
pub async fn go_on(edge: &Edge, outside: &Outside, thread: Option<&Thread>) -> anyhow::Result<()> {
    let chapter = Chapter::begin(19, "A case goes on by mail")?;
    match thread {
        Some(thread) => play(edge, outside, thread).await?,
        None => say(
            "left out: this stack has no mail server (./dev up starts one and sets GREENMAIL_IMAP and GREENMAIL_SMTP)",
        )?,
    }
    chapter.end()
}

async fn play(edge: &Edge, outside: &Outside, Thread { server, claim: id }: &Thread) -> anyhow::Result<()> {
    let (sam, desk) =
        (format!("sam.{}@seller.example", edge.tenant), format!("reply-{}-{CASE}@amazon.com", edge.tenant));
    connect(edge, server, &sam).await?;
    edge.must(Who::Seller, &format!("/api/v1/recoveries/{id}/case"), &json!({ "case_id": CASE })).await?;
    let claim = read(edge, id).await?;
    let what = format!("{} of {}", text(&claim["claim_type"]), text(&claim["subject"]["text"]));
    say(format!("{what}, ${}, is case {CASE}. Amazon writes to him:", dollars(cents(&claim["amount"]))))?;
    rule(outside, &claim, CASE, json!({"outcome": "deny"})).await?;
    let subject = format!("[CASE {CASE}] Your request");
    let first = format!("{CASE}.{}@amazon.com", edge.tenant);
    let headers = format!("Reply-To: <{desk}>\r\nSubject: {subject}\r\nMessage-ID: <{first}>\r\n");
    write(edge, server, &sam, &headers, REFUSAL).await?;
    say(format!("   {subject}: {REFUSAL}"))?;
    let claim = until_it_is(edge, outside, id, "denied").await?;
    say(format!("   the mail is read: the claim is {} as {}", text(&claim["status"]), text(&claim["denial"])))?;
    let note = json!({"note": "The rows of the ledger that show the loss are enclosed."});
    edge.must(Who::Seller, &format!("/api/recoveries/{id}/submit"), &note).await?;
    until_sent(edge, id).await?;
    let mail = the_one(server, &desk).await?;
    say(
        "sam adds a note. There is a thread by now, so nobody has to paste: it goes by mail_thread, and at the mail server is one mail:",
    )?;
    for name in ["Date", "From", "To", "Subject", "In-Reply-To"] {
        say(format!("   {name}: {}", header(&mail, name)))?;
    }
    for file in mail.split("filename=").skip(1) {
        say(format!("   enclosed: {}", file.split_whitespace().next().unwrap_or_default().trim_matches(['"', ';'])))?;
    }
    anyhow::ensure!(header(&mail, "In-Reply-To") == format!("<{first}>"), "the mail is not in the thread: {mail}");
    let outcome = rule(outside, &claim, CASE, json!({"appeal": true, "outcome": "approve"})).await?;
    anyhow::ensure!(outcome["outcome"] == "approved", "Amazon's stand-in decides otherwise: {outcome}");
    // Its answer names our mail, and no case.
    let headers = format!("In-Reply-To: {}\r\nSubject: Re: your request\r\n", header(&mail, "Message-ID"));
    write(edge, server, &sam, &headers, GRANT).await?;
    say(format!("Amazon answers that mail: {GRANT}"))?;
    let claim = until_it_is(edge, outside, id, "approved").await?;
    the_one(server, &desk).await?;
    say(format!("   the claim is {}: ${}", text(&claim["status"]), dollars(cents(&claim["approved"]))))
}

/// Connects the mailbox of the seller.
async fn connect(edge: &Edge, server: &MailServer, address: &str) -> anyhow::Result<()> {
    let mailbox = json!({"host": server.imap, "smtp_host": server.smtp, "address": address, "password": PASSWORD});
    let connected = edge.must(Who::Seller, "/api/integrations/mailbox", &mailbox).await?;
    let id = connected["connection_id"].as_str().context("the answer names no connection")?;
    until("the mailbox to be connected", async || {
        let connections = edge.get(Who::Seller, "/api/integrations").await?;
        let mut all = connections["connections"].as_array().into_iter().flatten();
        Ok(all.any(|one| one["connection_id"] == id && one["state"] == "connected").then_some(()))
    })
    .await?;
    say(format!(
        "sam connects his mailbox {address}: read by IMAP at {}, sends by SMTP at {}",
        server.imap, server.smtp
    ))
}

/// Amazon writes to somebody, now by the clock of the stack.
async fn write(edge: &Edge, server: &MailServer, to: &str, headers: &str, words: &str) -> anyhow::Result<()> {
    let now = edge.move_clock_by(TimeDelta::zero()).await?;
    let now: DateTime<Utc> = now.parse().with_context(|| format!("{now:?} is no time"))?;
    let date = now.to_rfc2822();
    let mail = format!("Date: {date}\r\nFrom: <case@amazon.com>\r\nTo: <{to}>\r\n{headers}\r\n{words}\r\n");
    server.deliver(to, now, &mail).await
}

/// Waits until a claim is in a state, and lets time pass meanwhile, so that the mailbox is looked into.
async fn until_it_is(edge: &Edge, outside: &Outside, id: &str, status: &str) -> anyhow::Result<Value> {
    outside.pass(edge, LOOK).await?;
    let mut looks = 0;
    until(&format!("a mail to be read: the claim {id} {status}"), async || {
        let claim = read(edge, id).await?;
        if claim["status"] == status {
            return Ok(Some(claim));
        }
        looks += 1;
        if looks % PATIENT == 0 {
            outside.pass(edge, LOOK).await?;
        }
        Ok(None)
    })
    .await
}

/// Waits until the second sending went out by mail; a person that has to send instead is a failure here.
async fn until_sent(edge: &Edge, id: &str) -> anyhow::Result<()> {
    until("the answer to go out", async || {
        let claim = read(edge, id).await?;
        let last = claim["submissions"].as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
        let by_hand = claim["status"] == "submitting" && last["outcome"] == "handed_over";
        anyhow::ensure!(!by_hand, "it did not go by mail: {last}");
        Ok((last["channel"] == "mail_thread" && claim["status"] == "appealed").then_some(()))
    })
    .await
}

/// The mail that came to Amazon's desk; there is exactly one.
async fn the_one(server: &MailServer, desk: &str) -> anyhow::Result<String> {
    let mut mails = server.inbox(desk).await?;
    anyhow::ensure!(mails.len() == 1, "{} mails came to {desk} instead of one", mails.len());
    mails.pop().context("no mail")
}
