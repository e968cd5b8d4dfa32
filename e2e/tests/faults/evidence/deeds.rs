//! What people do at the desk: send a document, answer, pay, look at the packet.

use anyhow::{Context, ensure};
use e2e::wait::until;
use futures::StreamExt;
use serde_json::{Value, json};

use super::{BLANKS, BOUNDARY, Claim, Desk};
use crate::scene::SOON;

impl Desk<'_> {
    pub fn upload_of(&self, claim: &Claim, invoice: &str) -> (reqwest::RequestBuilder, Vec<u8>) {
        let mut form = Vec::new();
        let part = |name: &str, more: &str| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n")
        };
        form.extend(part("evidence_type", "").bytes());
        form.extend(b"supplier_invoice\r\n");
        form.extend(part("file", "; filename=\"invoice.xml\"").bytes());
        form.extend(invoice.bytes());
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
    pub async fn upload(&self, claim: &Claim) -> anyhow::Result<()> {
        until("the upload is taken", SOON, async || {
            let (request, form) = self.upload_of(claim, &claim.invoice);
            let answer = request.body(form).send().await?;
            let status = answer.status().as_u16();
            ensure!(matches!(status, 200..=202 | 500..=599), "{status}: {}", answer.text().await?);
            Ok((status < 300).then_some(()))
        })
        .await
    }

    /// Sends half of the invoice, and no more.
    pub fn upload_half(&self, claim: &Claim) -> tokio::task::JoinHandle<()> {
        let (request, mut form) = self.upload_of(claim, &format!("{}{}", claim.invoice, " ".repeat(BLANKS)));
        form.truncate(form.len() / 2);
        let first = futures::stream::iter([Ok::<_, std::io::Error>(form)]);
        let body = reqwest::Body::wrap_stream(first.chain(futures::stream::pending()));
        tokio::spawn(async move { drop(request.body(body).send().await) })
    }

    /// The person says yes, until that is heard.
    pub async fn prove(&self, claim: &Claim) -> anyhow::Result<()> {
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

    pub async fn pay(&self, claim: &Claim) -> anyhow::Result<()> {
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

    pub async fn packet_holds(&self, claim: &Claim) -> anyhow::Result<()> {
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
}
