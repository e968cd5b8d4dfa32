//! Evidence and the BFF killed at each step between a document's first byte and its sealed packet: one document, one match, one packet.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::process::{Process, killed};
use e2e::system::System;
use e2e::wait::until;
use futures::StreamExt;
use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::Service;
use sqlx::PgPool;

use crate::runner::{Case, Passed};
use crate::scene::SOON;

const TENANT: &str = "acme";
/// An invoice in UBL; its number stands for the order that it belongs to.
const INVOICE: &str = include_str!("../../../recoup/data/invoices/acme-ubl.xml");
const BOUNDARY: &str = "a-boundary-that-no-invoice-has";

/// Where a process dies, and what has to be done to get it there.
const STEPS: [(&str, &str, Way); 10] = [
    ("bff", "in the middle of the body", Way::Body),
    ("bff", "upload.stored", Way::Upload),
    ("evidence", "consumer.before_commit", Way::Upload),
    ("evidence", "consumer.after_commit", Way::Upload),
    ("evidence", "evidence.read", Way::Upload),
    ("evidence", "evidence.matched", Way::Upload),
    ("evidence", "relay.after_receipt", Way::Upload),
    ("evidence", "evidence.packet_fixed", Way::Payout),
    ("evidence", "evidence.packet_stored", Way::Payout),
    ("evidence", "consumer.before_commit", Way::Payout),
];

/// What is done when the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Half of a document is sent.
    Body,
    /// A document is sent.
    Upload,
    /// The money arrives.
    Payout,
}

struct Desk<'s> {
    system: System<'s>,
    bff: Process,
    evidence: Process,
    seller: String,
    manager: String,
    http: reqwest::Client,
}

/// One request with its invoice, which has nothing in common with those of the others.
struct Claim {
    number: String,
    invoice: String,
    request: String,
}

/// A word for a number, far from those for others.
fn word(number: usize) -> String {
    const SYLLABLES: [&str; 10] = ["ka", "lo", "mi", "tu", "re", "so", "ny", "be", "gi", "fa"];
    number.to_string().bytes().map(|digit| SYLLABLES[usize::from(digit - b'0')].repeat(4)).collect()
}

impl Desk<'_> {
    async fn restart(&mut self, which: &str, extra: &[(&str, String)]) -> anyhow::Result<()> {
        let program = self.system.serve(which)?;
        let process = if which == "bff" { &mut self.bff } else { &mut self.evidence };
        process.kill()?;
        *process = program.start(extra).await?;
        Ok(())
    }

    async fn died(&mut self, which: &str, at: &str) -> anyhow::Result<()> {
        let process = if which == "bff" { &mut self.bff } else { &mut self.evidence };
        let status = process.ended(SOON).await?;
        ensure!(killed(status), "{which} ended with {status}, not at {at}");
        self.restart(which, &[]).await
    }

    /// Asks for proof of one order.
    async fn claim(&self, number: usize) -> anyhow::Result<Claim> {
        let (supplier, sku, cents) = (word(number), word(number).to_uppercase(), 20_080 + number * 1_300);
        let (net, gross) = (dollars(cents), dollars(cents + 2_825));
        let number = format!("112-{number:07}-7654321");
        let invoice = [
            ("112-1234567-1234567", &number),
            ("Acme Supplies Ltd", &supplier),
            ("WTR-BTL-32OZ", &sku),
            ("245.80", &net),
            ("274.05", &gross),
        ]
        .into_iter()
        .fold(INVOICE.to_owned(), |text, (old, new)| text.replace(old, new));
        let subject = json!({"order_id": number, "sku": sku, "quantity": 5, "amount": net, "currency": "USD",
                             "order_date": "2025-01-01", "supplier": supplier});
        let body = json!({"claim_type": "inbound_shortage", "reference": number, "subject": subject});
        let made = self.system.command(&self.seller, "/api/v1/evidence/requests", &body).await?.fine()?;
        let id = made["result"]["request_id"].as_str().or(made["request_id"].as_str());
        Ok(Claim { request: id.with_context(|| format!("no request: {made}"))?.to_owned(), invoice, number })
    }

    fn upload_of(&self, claim: &Claim) -> (reqwest::RequestBuilder, Vec<u8>) {
        let mut form = Vec::new();
        let part = |name: &str, more: &str| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n")
        };
        form.extend(part("evidence_type", "").bytes());
        form.extend(b"supplier_invoice\r\n");
        form.extend(part("file", "; filename=\"invoice.xml\"").bytes());
        form.extend(claim.invoice.bytes());
        form.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
        let request = self
            .http
            .post(format!("{}/api/v1/evidence/upload", self.system.bff))
            .bearer_auth(&self.seller)
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("idempotency-key", format!("upload-{}", claim.number));
        (request, form)
    }

    /// Sends the invoice until it is taken, each time under the same key.
    async fn upload(&self, claim: &Claim) -> anyhow::Result<()> {
        until("the upload is taken", SOON, async || {
            let (request, form) = self.upload_of(claim);
            let answer = request.body(form).send().await?;
            let status = answer.status().as_u16();
            ensure!(matches!(status, 200..=202 | 500..=599), "{status}: {}", answer.text().await?);
            Ok((status < 300).then_some(()))
        })
        .await
    }

    /// Sends half of the invoice, and no more.
    fn upload_half(&self, claim: &Claim) -> tokio::task::JoinHandle<()> {
        let (request, mut form) = self.upload_of(claim);
        form.truncate(form.len() / 2);
        let first = futures::stream::iter([Ok::<_, std::io::Error>(form)]);
        let body = reqwest::Body::wrap_stream(first.chain(futures::stream::pending()));
        tokio::spawn(async move { drop(request.body(body).send().await) })
    }

    /// The person says yes, until that is heard.
    async fn prove(&self, claim: &Claim) -> anyhow::Result<()> {
        let path = format!("{}/api/v1/evidence/requests/{}", self.system.bff, claim.request);
        until("the request is proved", SOON, async || {
            if self.system.get(&self.seller, &path).await?.fine()?["state"] == "proved" {
                return Ok(Some(()));
            }
            let list = format!("{}/api/v1/evidence/prompts?state=pending", self.system.bff);
            let prompts = self.system.get(&self.seller, &list).await?.fine()?;
            let mut prompts = prompts["prompts"].as_array().into_iter().flatten();
            if let Some(prompt) = prompts.find(|prompt| prompt["request_id"] == claim.request.as_str()) {
                let id = prompt["prompt_id"].as_str().context("prompts have ids")?;
                let body = json!({"selected_option": "yes", "reasoning": "it is"});
                let path = format!("/api/v1/evidence/prompts/{id}/answer");
                let answered = self.system.command(&self.seller, &path, &body).await?.fine()?;
                ensure!(answered["status"] == "done", "the answer was not taken: {answered}; the prompt: {prompt}");
            }
            Ok(None)
        })
        .await
    }

    async fn pay(&self, claim: &Claim) -> anyhow::Result<()> {
        let body = json!({"amount": "245.80", "currency": "USD", "reference": claim.number, "paid_at": "2025-02-01T09:00:00Z"});
        let path = format!("/api/v1/evidence/requests/{}/payout", claim.request);
        let url = format!("{}{path}", self.system.bff);
        let key = format!("pay-{}", claim.number);
        until("the payout is taken", SOON, async || {
            let asked = self.http.post(&url).bearer_auth(&self.manager).header("idempotency-key", &key).json(&body);
            Ok(asked.send().await?.status().is_success().then_some(()))
        })
        .await
    }

    async fn sealed(&self, claim: &Claim) -> anyhow::Result<Value> {
        let path = format!("{}/api/v1/evidence/packets?request_id={}", self.system.bff, claim.request);
        until("the packet is sealed", SOON, async || {
            let page = self.system.get(&self.seller, &path).await?.fine()?;
            let packets = page["packets"].as_array().cloned().unwrap_or_default();
            Ok(packets.into_iter().find(|packet| packet["state"] == "ready"))
        })
        .await
    }
}

fn fault(point: &str) -> [(&'static str, String); 1] {
    [("RECOUP_FAULT", format!("{point}:kill:1"))]
}

fn dollars(cents: usize) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

async fn count(pool: &PgPool, sql: &'static str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

/// Each step once, on one running system; the tables and the packets are counted at the end.
pub async fn killed_at_every_step(case: &mut Case<'_>) -> anyhow::Result<Passed> {
    let system = System::new(case.servers).await?;
    let (bff, evidence) = (system.serve("bff")?, system.serve("evidence")?);
    let (bff, evidence) = tokio::join!(bff.start(&[]), evidence.start(&[]));
    let (seller, manager) = (system.token(TENANT, "sam", Role::Seller)?, system.token(TENANT, "max", Role::Manager)?);
    let http = service_kit::http_client::client(Duration::from_secs(15));
    let mut desk = Desk { system, bff: bff?, evidence: evidence?, seller, manager, http };
    let mut claims = 0;
    for _ in 0..case.rounds(1, 10) {
        desk.round(&mut claims).await?;
    }
    desk.check(claims).await
}

impl Desk<'_> {
    /// Each step once. Nobody waits for what one death left behind before the next: the work of a dead process goes on when its lease is
    /// over, beside that of the others.
    async fn round(&mut self, number: &mut usize) -> anyhow::Result<()> {
        let (mut sent, mut unpaid) = (Vec::new(), Vec::new());
        for (which, point, way) in STEPS {
            *number += 1;
            let claim = self.claim(*number).await?;
            self.send(which, point, way, &claim).await.with_context(|| format!("{which} killed at {point}"))?;
            sent.push(claim);
        }
        for (claim, (which, point, way)) in sent.into_iter().zip(STEPS) {
            self.prove(&claim).await.with_context(|| format!("after {which} was killed at {point}"))?;
            unpaid.push((claim, which, point, way));
        }
        for (claim, which, point, way) in &unpaid {
            if *way == Way::Payout {
                self.restart(which, &fault(point)).await?;
                self.pay(claim).await?;
                self.died(which, point).await?;
            }
            self.pay(claim).await?;
        }
        for (claim, which, point, _) in &unpaid {
            self.packet_holds(claim).await.with_context(|| format!("after {which} was killed at {point}"))?;
        }
        Ok(())
    }

    /// Sends the document of one claim; the process dies while it is taken in.
    async fn send(&mut self, which: &str, point: &str, way: Way, claim: &Claim) -> anyhow::Result<()> {
        match way {
            Way::Body => {
                let half = self.upload_half(claim);
                let objects = "SELECT count(*) FROM documents";
                let before = count(self.system.world.database(Service::Evidence), objects).await?;
                self.restart(which, &[]).await?;
                half.await?;
                let after = count(self.system.world.database(Service::Evidence), objects).await?;
                ensure!(before == after, "half a document was taken");
            }
            Way::Upload => {
                self.restart(which, &fault(point)).await?;
                // Whoever sends is cut off, or is not: it sends again until it is answered.
                let (request, form) = self.upload_of(claim);
                drop(request.body(form).send().await);
                self.died(which, point).await?;
            }
            Way::Payout => {}
        }
        self.upload(claim).await
    }

    async fn packet_holds(&self, claim: &Claim) -> anyhow::Result<()> {
        let packet = self.sealed(claim).await?;
        let id = packet["packet_id"].as_str().context("packets have ids")?;
        let url = format!("{}/api/v1/evidence/packets/{id}/download", self.system.bff);
        let file = self.http.get(&url).bearer_auth(&self.seller).send().await?.error_for_status()?.bytes().await?;
        let path = self.system.world.logs()?.join(format!("{id}.zip"));
        std::fs::write(&path, &file)?;
        let verify =
            std::process::Command::new(e2e::world::debug_binary("recoup")?).arg("verify").arg(&path).output()?;
        ensure!(verify.status.success(), "the packet does not hold: {}", String::from_utf8_lossy(&verify.stdout));
        Ok(())
    }

    /// Whatever died, everything is there once, and nothing waits for ever.
    async fn check(&self, claims: usize) -> anyhow::Result<Passed> {
        let pool = self.system.world.database(Service::Evidence);
        until("nothing is left to do", SOON, async || {
            let left = count(
                pool,
                "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM jobs WHERE kind NOT LIKE '%prompt')",
            )
            .await?;
            Ok((left == 0).then_some(()))
        })
        .await?;
        let expected = i64::try_from(claims)?;
        for (what, sql) in [
            ("documents", "SELECT count(*) FROM documents WHERE state = 'parsed'"),
            ("submissions", "SELECT count(*) FROM submissions WHERE state = 'received'"),
            ("proved requests", "SELECT count(*) FROM proof_requests WHERE state = 'proved'"),
            ("packets", "SELECT count(*) FROM packets WHERE state = 'ready' AND NOT draft"),
            ("places in the chain", "SELECT max(position)::bigint FROM packet_chains"),
            ("answered prompts", "SELECT count(*) FROM prompts WHERE state = 'answered'"),
        ] {
            let found = count(pool, sql).await?;
            ensure!(found == expected, "{found} {what} for {expected} claims");
        }
        for (what, sql) in [
            ("parked messages", "SELECT count(*) FROM parked"),
            ("documents of the same object", "SELECT count(*) - count(DISTINCT object) FROM documents"),
            ("packets too many", "SELECT count(*) - count(DISTINCT request_id) FROM packets"),
        ] {
            ensure!(count(pool, sql).await? == 0, "there are {what}");
        }
        Ok(Passed {
            strikes: u64::try_from(claims)?,
            found: format!("{claims} documents, matches and packets, each once"),
        })
    }
}
