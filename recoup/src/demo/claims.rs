//! The chapters on claims: proved by documents, allowed by a second person, handed over ready to paste, and answered.

use anyhow::Context;
use serde_json::{Value, json};

use super::books::dollars;
use super::edge::{Edge, Who, until};
use super::outside::Outside;
use super::report::{Chapter, say};
use super::seller::{PLACE, cents, text};

/// Numbers of cases begin here.
const FIRST_CASE: u64 = 15_900_000_000;

/// Every claim of the tenant.
pub async fn all(edge: &Edge) -> anyhow::Result<Vec<Value>> {
    edge.list(Who::Seller, "/api/recoveries", "recoveries").await
}

/// One claim, whole.
pub async fn read(edge: &Edge, id: &str) -> anyhow::Result<Value> {
    edge.get(Who::Seller, &format!("/api/recoveries/{id}")).await
}

/// Claims for what was lost or damaged on the way in need an invoice, a proof of delivery and a packing slip. Returns the last claim that was proved.
pub async fn prove(edge: &Edge) -> anyhow::Result<String> {
    let chapter = Chapter::begin(16, "Claims are proved")?;
    let waiting = all(edge).await?;
    let inbound =
        |claim: &&Value| claim["status"] == "evidence_pending" && text(&claim["claim_type"]).starts_with("inbound");
    let mut proved = String::new();
    for (number, claim) in waiting.iter().filter(inbound).enumerate() {
        let claim = read(edge, text(&claim["id"])).await?;
        let id = text(&claim["id"]).to_owned();
        say(format!(
            "{} of {}, ${}:",
            text(&claim["claim_type"]),
            text(&claim["subject"]["text"]),
            dollars(cents(&claim["amount"]))
        ))?;
        // In the database a claim's units and amount are what the arithmetic said, so an invoice over them fits.
        upload(edge, &format!("invoice-{number}.xml"), "supplier_invoice", invoice(number, &claim).as_bytes()).await?;
        let decided = decision(edge, &id).await?;
        say(format!("   invoice-{number}.xml: {}", text(&decided["explanation"])))?;
        if let Some(prompt) = decided["prompt_id"].as_str() {
            let path = format!("/api/v1/evidence/prompts/{prompt}/answer");
            let body = json!({"selected_option": "yes", "reasoning": "our order for this shipment"});
            edge.must(Who::Seller, &path, &body).await?;
            say("   sam is asked, and says yes")?;
        }
        let what = format!(
            "{},{},{}",
            text(&claim["subject"]["shipment_id"]),
            text(&claim["subject"]["fnsku"]),
            claim["units"]
        );
        for (name, item, paper) in [
            ("delivery", "proof_of_delivery", format!("shipment,article,units,received by\n{what},dock 4\n")),
            ("packing", "packing_slip", format!("shipment,article,units,box\n{what},1 of 1\n")),
        ] {
            let document = upload(edge, &format!("{name}-{number}.csv"), item, paper.as_bytes()).await?;
            let body = json!({"item": item, "document_id": document});
            edge.must(Who::Seller, &format!("/api/v1/recoveries/{id}/documents"), &body).await?;
        }
        until("the claim to be ready", async || {
            let status = edge.get(Who::Seller, &format!("/api/recoveries/{id}/status")).await?;
            Ok((status["missing"].as_array().is_some_and(Vec::is_empty) && status["status"] != "evidence_pending")
                .then_some(()))
        })
        .await?;
        say(format!("   delivery-{number}.csv and packing-{number}.csv attached: the check-list is complete"))?;
        proved = id;
    }
    let open =
        |claim: &&Value| claim["status"] == "evidence_pending" && !text(&claim["claim_type"]).starts_with("inbound");
    let (count, sum) =
        waiting.iter().filter(open).fold((0, 0), |(count, sum), claim| (count + 1, sum + cents(&claim["amount"])));
    say(format!("{count} claims over ${} wait for photos, dimensions or costs that nobody has", dollars(sum)))?;
    chapter.end()?;
    Ok(proved)
}

async fn upload(edge: &Edge, name: &str, kind: &str, bytes: &[u8]) -> anyhow::Result<String> {
    let taken = edge.upload(Who::Seller, name, kind, bytes).await?;
    let taken = taken.map_err(|refused| anyhow::anyhow!("{name} was refused: {refused}"))?;
    taken["document_id"].as_str().map(str::to_owned).context("the answer names no document")
}

/// What matching made of a claim's documents, once it made something of one.
async fn decision(edge: &Edge, claim: &str) -> anyhow::Result<Value> {
    let path = format!("/api/v1/evidence/requests/{claim}/matches");
    until("a match", async || {
        let page = edge.get(Who::Seller, &path).await?;
        let matches = page["matches"].as_array().cloned().unwrap_or_default();
        Ok(matches.into_iter().find(|one| one["decision"] == "automatic" || one["decision"] == "prompt"))
    })
    .await
}

/// An invoice as the supplier of the article would have sent it: UBL, one line.
fn invoice(number: usize, claim: &Value) -> String {
    let (units, total) = (claim["units"].as_i64().unwrap_or(1).max(1), cents(&claim["amount"]));
    let (sum, price) = (dollars(total).replace(',', ""), dollars(total / units).replace(',', ""));
    let (sku, date) = (text(&claim["subject"]["sku"]), text(&claim["clock_start"]));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
         xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
         xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:ID>2024-{number:04}</cbc:ID><cbc:IssueDate>{date}</cbc:IssueDate><cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:DocumentCurrencyCode>USD</cbc:DocumentCurrencyCode>
  <cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Meridian Wholesale Inc</cbc:Name></cac:PartyName></cac:Party></cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty><cac:Party><cac:PartyName><cbc:Name>Sam's Store</cbc:Name></cac:PartyName></cac:Party></cac:AccountingCustomerParty>
  <cac:TaxTotal><cbc:TaxAmount currencyID="USD">0.00</cbc:TaxAmount></cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="USD">{sum}</cbc:LineExtensionAmount><cbc:TaxExclusiveAmount currencyID="USD">{sum}</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="USD">{sum}</cbc:TaxInclusiveAmount><cbc:PayableAmount currencyID="USD">{sum}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
  <cac:InvoiceLine>
    <cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="EA">{units}</cbc:InvoicedQuantity><cbc:LineExtensionAmount currencyID="USD">{sum}</cbc:LineExtensionAmount>
    <cac:Item><cbc:Name>{sku}</cbc:Name><cac:SellersItemIdentification><cbc:ID>{sku}</cbc:ID></cac:SellersItemIdentification></cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="USD">{price}</cbc:PriceAmount></cac:Price>
  </cac:InvoiceLine>
</Invoice>
"#
    )
}

/// Every claim that is ready is sent; what is above the limit is allowed by another person first.
pub async fn submit(edge: &Edge) -> anyhow::Result<()> {
    let chapter = Chapter::begin(17, "Claims are sent")?;
    for claim in all(edge).await?.iter().filter(|claim| claim["status"] == "ready") {
        edge.must(Who::Seller, &format!("/api/recoveries/{}/submit", text(&claim["id"])), &json!({})).await?;
    }
    let inbox = edge.list(Who::Manager, "/api/v1/claims/approvals", "approvals").await?;
    if let Some(first) = inbox.first() {
        let body = json!({"allowed": true, "reason": "mine"});
        let path = format!("/api/v1/recoveries/{}/decide", text(&first["claim_id"]));
        let no = edge.command(Who::Seller, &path, &body).await?.err().context("sam allowed his own claim")?;
        say(format!("sam cannot allow what is above the limit himself: {no}"))?;
    }
    for one in &inbox {
        let body = json!({"allowed": true, "reason": "looked at the rows of the ledger"});
        edge.must(Who::Manager, &format!("/api/v1/recoveries/{}/decide", text(&one["claim_id"])), &body).await?;
    }
    say(format!("{} claims are above the limit; max (manager) looks at each and allows it", inbox.len()))?;
    let handed = until("every claim to be handed over", async || {
        let claims = all(edge).await?;
        let moving = claims.iter().any(|claim| claim["status"] == "queued" || claim["status"] == "approval");
        Ok((!moving).then_some(claims))
    })
    .await?;
    let by = |channel: &str, status: &str| {
        handed.iter().filter(|claim| claim["channel"] == channel && claim["status"] == status).count()
    };
    say(format!(
        "{} are handed to sam ready to paste (there is no interface to open a case), ",
        by("assisted", "submitting")
    ))?;
    say(format!(
        "{} for parcels went through Amazon Shipping's interface by themselves",
        by("amazon_shipping", "submitted")
    ))?;
    chapter.end()
}

/// Sam opens the cases, Amazon decides, and what it says is entered; one refusal is answered with what was missing.
/// The case of `elsewhere`, a claim, is another chapter's.
pub async fn answers(edge: &Edge, outside: &Outside, elsewhere: Option<&str>) -> anyhow::Result<()> {
    let chapter = Chapter::begin(18, "Amazon answers")?;
    let (mut outcomes, mut refused) = (std::collections::BTreeMap::new(), None);
    let handed = all(edge).await?;
    let ours = handed.iter().filter(|claim| Some(text(&claim["id"])) != elsewhere);
    let pasted = ours.filter(|claim| claim["status"] == "submitting" || claim["status"] == "submitted");
    for (number, claim) in (FIRST_CASE..).zip(pasted) {
        let claim = read(edge, text(&claim["id"])).await?;
        let id = text(&claim["id"]).to_owned();
        let case = claim["case_id"].as_str().map_or_else(|| number.to_string(), str::to_owned);
        if claim["status"] == "submitting" {
            edge.must(Who::Seller, &format!("/api/v1/recoveries/{id}/case"), &json!({ "case_id": case })).await?;
        }
        // The first is refused, whatever is true.
        let wish = refused.is_none().then_some("deny");
        let outcome = decide(edge, outside, &claim, &case, json!({ "outcome": wish })).await?;
        if outcome == "denied" && refused.is_none() {
            refused = Some((id, case));
        }
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    let told: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    say(format!("Of the cases that sam opened, Amazon's stand-in decides: {}", told.join(", ")))?;
    if let Some((id, case)) = refused {
        let claim = read(edge, &id).await?;
        say(format!("one was refused as {}; sam sends the rows once more, in the same case:", text(&claim["denial"])))?;
        let note = json!({"note": "The rows of the ledger that show the loss are enclosed."});
        edge.must(Who::Seller, &format!("/api/recoveries/{id}/submit"), &note).await?;
        until("the second sending", async || {
            let claim = read(edge, &id).await?;
            let last = claim["submissions"].as_array().and_then(|all| all.last()).map(|last| last["outcome"].clone());
            Ok(last.filter(|outcome| outcome == "handed_over"))
        })
        .await?;
        edge.must(Who::Seller, &format!("/api/v1/recoveries/{id}/case"), &json!({ "case_id": case })).await?;
        let outcome = decide(edge, outside, &claim, &case, json!({"appeal": true, "outcome": "approve"})).await?;
        say(format!("   now it is {outcome}"))?;
    }
    chapter.end()
}

/// Lets Amazon decide about a case; the decision.
pub async fn rule(outside: &Outside, claim: &Value, case: &str, mut body: Value) -> anyhow::Result<Value> {
    body["case_id"] = json!(case);
    body["claims"] = json!([{
        "claim_type": claim["claim_type"], "subject": claim["subject"]["text"], "clock": claim["clock_start"],
        "marketplace": PLACE, "units": claim["units"], "amount_minor": cents(&claim["amount"]),
    }]);
    let decided = outside.control("cases", &body).await?;
    decided["decisions"].as_array().and_then(|all| all.last()).cloned().context("nothing was decided")
}

/// Lets Amazon decide about a case, and enters what it says.
async fn decide(edge: &Edge, outside: &Outside, claim: &Value, case: &str, body: Value) -> anyhow::Result<String> {
    let decision = rule(outside, claim, case, body).await?;
    let outcome = text(&decision["outcome"]).to_owned();
    let mut reply = json!({ "kind": outcome, "text": "We have looked into your request." });
    if outcome == "denied" {
        reply["text"] = json!("We cannot confirm this. Please provide additional documentation that shows the loss.");
    } else {
        let granted = decision["amount_minor"].as_i64().unwrap_or_default();
        reply["amount"] = json!(dollars(granted).replace(',', ""));
        reply["currency"] = decision["currency"].clone();
    }
    edge.must(Who::Seller, &format!("/api/v1/recoveries/{}/reply", text(&claim["id"])), &reply).await?;
    Ok(outcome)
}
