//! The chapter on evidence: three claims, three invoices, and what each proves.

use anyhow::Context;
use serde_json::{Value, json};

use ::evidence::packet::verify;

use super::edge::{Edge, Who, until};
use super::report::{Chapter, say};

const CLAIM_TYPE: &str = "inbound_shortage";
/// Matches of the past that the matcher is taught; enough for its gate to open.
const TAUGHT: usize = 240;

/// An invoice of the demo: its name, what its sender says it is, and its bytes.
type File = (&'static str, &'static [u8]);
const UBL: File = ("acme-ubl.xml", include_bytes!("../../data/invoices/acme-ubl.xml"));
const CII: File = ("northwind-cii.xml", include_bytes!("../../data/invoices/northwind-cii.xml"));
const PDF: File = ("harborline.pdf", include_bytes!("../../data/invoices/harborline.pdf"));

/// Documents come in and are matched: one by itself, one by a person's answer, one not at all; then the money comes, and the packet is
/// sealed and checked.
pub async fn evidence(edge: &Edge) -> anyhow::Result<()> {
    let chapter = Chapter::begin(12, "Evidence: three claims, three invoices")?;
    teach(edge).await?;
    let order = json!({"order_id": "112-1234567-1234567", "asin": "B08XYZ1234", "sku": "WTR-BTL-32OZ", "quantity": 5, "amount": "245.80",
                       "currency": "USD", "order_date": "2025-01-01", "dispute_date": "2025-01-10", "supplier": "Acme Supplies Ltd"});
    let delivery = json!({"order_id": "112-7654321-7654321", "sku": "TRV-MUG-40CL", "quantity": 50, "amount": "500.00", "currency": "USD",
                          "order_date": "2025-01-12", "supplier": "Northwind Traders"});
    let cartons = json!({"order_id": "112-1112223-1112223", "sku": "LUNCH-BOX-3", "quantity": 12, "amount": "98.40", "currency": "USD",
                         "order_date": "2025-01-10", "supplier": "Pacific Lunchware"});
    let mut requests = Vec::new();
    for (reference, subject) in [("claim-1001", order), ("claim-1002", delivery), ("claim-1003", cartons)] {
        let body = json!({"claim_type": CLAIM_TYPE, "reference": reference, "subject": subject});
        let answer = edge.must(Who::Seller, "/api/v1/evidence/requests", &body).await?;
        requests.push(answer["request_id"].as_str().context("the answer names no request")?.to_owned());
    }
    say("sam (seller) has three claims to prove, and uploads what he has:")?;
    for (name, bytes) in [UBL, CII, PDF] {
        upload(edge, name, bytes).await?;
    }
    let refused = edge.upload(Who::Seller, "holiday.mp4", "photo", b"\0\0\0\x18ftypmp42 no document at all").await?;
    let refused = refused.err().context("a video was taken as a document")?;
    say(format!("   holiday.mp4          refused: {refused}"))?;
    let sure = decision(edge, &requests[0], "automatic").await?;
    say(format!("claim-1001 is proved by itself, {}:", probability(&sure)))?;
    say(format!("   {}", text(&sure["explanation"])))?;
    answer(edge, &requests[1]).await?;
    let none = decision(edge, &requests[2], "none").await?;
    say(format!("claim-1003 is proved by none of them; the nearest has {}:", probability(&none)))?;
    say(format!("   {}", text(&none["explanation"])))?;
    seal(edge, &requests[0]).await?;
    chapter.end()
}

/// The matcher learns from the past that its rules can be trusted here; until then it would only ask.
async fn teach(edge: &Edge) -> anyhow::Result<()> {
    let matches: Vec<Value> = (0..TAUGHT).map(past).collect();
    let body = json!({"claim_type": CLAIM_TYPE, "matches": matches});
    edge.must(Who::Manager, "/api/v1/evidence/labels", &body).await?;
    let gate = until("the gate to open", async || {
        let gate = edge.get(Who::Manager, &format!("/api/v1/evidence/gate?claim_type={CLAIM_TYPE}")).await?;
        Ok(gate["gate"]["open"].as_bool().or(gate["open"].as_bool()).unwrap_or_default().then_some(gate))
    })
    .await?;
    let reason = gate["gate"]["reason"].as_str().or(gate["reason"].as_str()).unwrap_or_default();
    say(format!("max (manager) teaches it {TAUGHT} matches of the past whose truth is known:"))?;
    say(format!("   {reason}"))
}

/// One match of the past. Of twelve, six name the article in the right quantity and were right, three are the right supplier's and nearly
/// the total, of which two were right, and three have only the date in common and were wrong.
fn past(number: usize) -> Value {
    let (turn, sku, quantity) = (number % 12, format!("SKU-{:04}", number * 7), number % 9 + 1);
    let supplier = format!("Supplier {number} Ltd");
    let subject = json!({"order_id": format!("111-{number:07}-0000000"), "sku": sku, "quantity": quantity, "order_date": "2024-06-01",
                         "amount": "120.00", "currency": "USD", "supplier": supplier});
    let mut document = json!({"number": format!("R-{number}"), "dated": "2024-06-05"});
    match turn {
        0..6 => document["lines"] = json!([{"sku": sku, "quantity": quantity}]),
        6..9 => {
            document["supplier"] = json!(supplier);
            document["total"] = json!("118.80");
            document["currency"] = json!("USD");
        }
        _ => document["lines"] = json!([{"sku": format!("SKU-{:04}", number * 7 + 1), "quantity": quantity}]),
    }
    json!({"subject": subject, "document": document, "proved": turn < 8})
}

async fn upload(edge: &Edge, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let taken = edge.upload(Who::Seller, name, "supplier_invoice", bytes).await?;
    let taken = taken.map_err(|refused| anyhow::anyhow!("{name} was refused: {refused}"))?;
    let id = taken["document_id"].as_str().or(taken["result"]["document_id"].as_str());
    let path = format!("/api/v1/documents/{}", id.context("the answer names no document")?);
    let document = until(&format!("{name} to be read"), async || {
        let document = edge.get(Who::Seller, &path).await?;
        Ok((document["state"] != "received").then_some(document))
    })
    .await?;
    anyhow::ensure!(document["state"] == "parsed", "{name} was not read: {document}");
    say(format!("   {name:<20} {} bytes, {}", bytes.len(), text(&document["media_type"])))
}

/// Waits for a decision about a request.
async fn decision(edge: &Edge, request: &str, wanted: &str) -> anyhow::Result<Value> {
    let path = format!("/api/v1/evidence/requests/{request}/matches");
    until(&format!("a decision: {wanted}"), async || {
        let page = edge.get(Who::Seller, &path).await?;
        let matches = page["matches"].as_array().cloned().unwrap_or_default();
        Ok(matches.into_iter().find(|one| one["decision"] == wanted))
    })
    .await
}

/// A person is asked, and says yes.
async fn answer(edge: &Edge, request: &str) -> anyhow::Result<()> {
    let unsure = decision(edge, request, "prompt").await?;
    let prompt = until("the question", async || {
        let page = edge.get(Who::Seller, "/api/v1/evidence/prompts?state=pending").await?;
        let prompts = page["prompts"].as_array().cloned().unwrap_or_default();
        Ok(prompts.into_iter().find(|prompt| prompt["request_id"] == *request))
    })
    .await?;
    say(format!("claim-1002 is uncertain, {}, so sam is asked:", probability(&unsure)))?;
    say(format!("   {}", text(&prompt["question"])))?;
    let options = prompt["options"].as_array().cloned().unwrap_or_default();
    let labels: Vec<&str> = options.iter().filter_map(|option| option["label"].as_str()).collect();
    let path = format!("/api/v1/evidence/prompts/{}/answer", text(&prompt["prompt_id"]));
    let body = json!({"selected_option": "yes", "reasoning": "same delivery, their article number"});
    edge.must(Who::Seller, &path, &body).await?;
    until("the claim to be proved", async || {
        let found = edge.get(Who::Seller, &format!("/api/v1/evidence/requests/{request}")).await?;
        Ok((found["state"] == "proved").then_some(()))
    })
    .await?;
    say(format!("   [{}]  he answers yes: claim-1002 is proved", labels.join("] [")))
}

/// The money arrives; the packet is sealed, fetched and checked as anybody may check it.
async fn seal(edge: &Edge, request: &str) -> anyhow::Result<()> {
    let body = json!({"amount": "245.80", "currency": "USD", "reference": "REIMB-9823455511", "paid_at": "2025-02-01T09:00:00Z"});
    edge.must(Who::Manager, &format!("/api/v1/evidence/requests/{request}/payout"), &body).await?;
    let packet = until("the packet to be sealed", async || {
        let page = edge.get(Who::Seller, &format!("/api/v1/evidence/packets?request_id={request}")).await?;
        let packets = page["packets"].as_array().cloned().unwrap_or_default();
        Ok(packets.into_iter().find(|packet| packet["state"] == "ready" && packet["draft"] == false))
    })
    .await?;
    let path = format!("/api/v1/evidence/packets/{}/download", text(&packet["packet_id"]));
    let bytes = edge.file(Who::Seller, &path).await?;
    let report = verify::verify(&bytes, &[]);
    anyhow::ensure!(report.intact, "the packet is not intact");
    let mut tampered = bytes.clone();
    let middle = tampered.len() / 2;
    tampered[middle] ^= 1;
    let found = verify::verify(&tampered, &[]);
    anyhow::ensure!(!found.intact, "a flipped bit went unnoticed");
    say(format!(
        "245.80 USD arrive for claim-1001: its packet is sealed, {} bytes, sha256 {}",
        bytes.len(),
        text(&packet["sha256"])
    ))?;
    say("   checked: intact; with one bit flipped: found out")
}

fn probability(decision: &Value) -> String {
    format!("probability {:.2}", decision["probability"].as_f64().unwrap_or_default())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
