//! Evidence and the BFF killed at each step between a document's first byte and its sealed packet: one document, one match, one packet, and
//! no object in the store that nobody knows.

mod deeds;
mod objects;

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::process::{Process, killed};
use e2e::system::System;
use e2e::wait::until;
use futures::future::try_join_all;
use serde_json::json;
use service_kit::auth::Role;
use shared_events::Service;
use sqlx::PgPool;

use self::objects::{UNFINISHED, stored};
use crate::runner::{Case, Passed};
use crate::scene::SOON;

const TENANT: &str = "acme";
/// An invoice in UBL; its number stands for the order that it belongs to.
const INVOICE: &str = include_str!("../../../recoup/data/invoices/acme-ubl.xml");
const BOUNDARY: &str = "a-boundary-that-no-invoice-has";
/// Blanks behind the half of a document: enough of it has come for the store to be written to.
const BLANKS: usize = 200_000;

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
    fn process(&mut self, which: &str) -> &mut Process {
        if which == "bff" { &mut self.bff } else { &mut self.evidence }
    }

    /// Starts a process that is to die at a point. The one before it ends in peace, so that nobody waits for the lease of a dead relay before
    /// the strike itself.
    async fn arm(&mut self, which: &str, point: &str) -> anyhow::Result<()> {
        let program = self.system.serve(which)?;
        let process = self.process(which);
        process.ask_to_end()?;
        process.ended(SOON).await?;
        *process = program.start(&fault(point)).await?;
        Ok(())
    }

    async fn died(&mut self, which: &str, at: &str) -> anyhow::Result<()> {
        let program = self.system.serve(which)?;
        let process = self.process(which);
        let status = process.ended(SOON).await?;
        ensure!(killed(status), "{which} ended with {status}, not at {at}");
        *process = program.start(&[]).await?;
        Ok(())
    }

    /// Kills a process at no point in particular.
    async fn kill(&mut self, which: &str) -> anyhow::Result<()> {
        let program = self.system.serve(which)?;
        let process = self.process(which);
        process.kill()?;
        *process = program.start(&[]).await?;
        Ok(())
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
    let passed = desk.check(claims).await?;
    let left = desk.no_object_is_left().await?;
    Ok(Passed { found: format!("{}, {left} objects of broken-off uploads swept", passed.found), ..passed })
}

impl Desk<'_> {
    /// Each step once. Nobody waits for what one death left behind before the next: the work of a dead process goes on when its lease is
    /// over, beside that of the others.
    async fn round(&mut self, number: &mut usize) -> anyhow::Result<()> {
        // Nothing has died yet: no relay has to wait for the lease of another before it answers.
        let asked = (*number + 1..).take(STEPS.len()).map(|number| self.claim(number));
        let claims = try_join_all(asked).await?;
        *number += STEPS.len();
        let steps = || claims.iter().zip(STEPS);
        for (claim, (which, point, way)) in steps() {
            self.send(which, point, way, claim).await.with_context(|| format!("{which} killed at {point}"))?;
        }
        let desk = &*self;
        try_join_all(steps().map(|(claim, (which, point, _))| async move {
            desk.prove(claim).await.with_context(|| format!("after {which} was killed at {point}"))
        }))
        .await?;
        for (claim, (which, point, way)) in steps() {
            if way == Way::Payout {
                self.arm(which, point).await?;
                self.pay(claim).await?;
                self.died(which, point).await?;
            }
            self.pay(claim).await?;
        }
        let desk = &*self;
        try_join_all(steps().map(|(claim, (which, point, _))| async move {
            desk.packet_holds(claim).await.with_context(|| format!("after {which} was killed at {point}"))
        }))
        .await?;
        Ok(())
    }

    /// Sends the document of one claim; the process dies while it is taken in.
    async fn send(&mut self, which: &str, point: &str, way: Way, claim: &Claim) -> anyhow::Result<()> {
        match way {
            Way::Body => {
                let objects = "SELECT count(*) FROM documents";
                let before = count(self.system.world.database(Service::Evidence), objects).await?;
                let (store, half) = (self.system.objects()?, self.upload_half(claim));
                until("half of the document is in the store", SOON, async || {
                    Ok(stored(&store)?.iter().any(|object| object.starts_with(UNFINISHED)).then_some(()))
                })
                .await?;
                self.kill(which).await?;
                half.await?;
                let after = count(self.system.world.database(Service::Evidence), objects).await?;
                ensure!(before == after, "half a document was taken");
            }
            Way::Upload => {
                self.arm(which, point).await?;
                // Whoever sends is cut off, or is not: it sends again until it is answered.
                let (request, form) = self.upload_of(claim, &claim.invoice);
                drop(request.body(form).send().await);
                self.died(which, point).await?;
            }
            Way::Payout => {}
        }
        self.upload(claim).await
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
