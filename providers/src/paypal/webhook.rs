//! Webhooks of PayPal. They are signed with a key whose certificate is named in a header; whoever reads that address trusts the sender to
//! say whom to trust. PayPal itself is asked instead, at the address that is configured, whether it sent this.

use serde::Deserialize;
use serde_json::Value;
use shared_events::money::{Currency, Money};
use url::Url;

use super::PayPal;
use crate::webhook::{About, Notice, Untrusted, filled, text};

/// The headers by which PayPal signs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signed {
    /// `PAYPAL-TRANSMISSION-ID`.
    pub transmission_id: String,
    /// `PAYPAL-TRANSMISSION-TIME`.
    pub transmission_time: String,
    /// `PAYPAL-TRANSMISSION-SIG`.
    pub transmission_sig: String,
    /// `PAYPAL-CERT-URL`.
    pub cert_url: String,
    /// `PAYPAL-AUTH-ALGO`.
    pub auth_algo: String,
}

#[derive(Deserialize)]
struct Verdict {
    verification_status: String,
}

impl Signed {
    /// What cannot be PayPal's is refused before PayPal is asked about it.
    fn is_plausible(&self, cert_host: &str) -> bool {
        let host_fits = Url::parse(&self.cert_url).is_ok_and(|url| {
            let host = url.host_str().unwrap_or_default();
            let under = host.strip_suffix(cert_host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && under
        });
        let filled = [&self.transmission_id, &self.transmission_time, &self.transmission_sig];
        host_fits
            && self.auth_algo == "SHA256withRSA"
            && filled.iter().all(|text| !text.is_empty() && text.len() <= 1_024)
    }
}

impl PayPal {
    /// Asks PayPal whether it sent this. `webhook_id` is the id of our webhook at PayPal, `cert_host` the host (or the end of one) that its
    /// certificates come from.
    ///
    /// # Errors
    /// As [`Untrusted`] says.
    pub async fn check_webhook(
        &self,
        signed: &Signed,
        webhook_id: &str,
        cert_host: &str,
        body: &[u8],
    ) -> Result<Notice, Untrusted> {
        if !signed.is_plausible(cert_host) {
            return Err(Untrusted::Signature);
        }
        let event = std::str::from_utf8(body).map_err(|error| Untrusted::Malformed(error.to_string()))?;
        let notice = read_webhook(event)?;
        let mut question = serde_json::json!({
            "auth_algo": signed.auth_algo, "cert_url": signed.cert_url, "transmission_id": signed.transmission_id,
            "transmission_sig": signed.transmission_sig, "transmission_time": signed.transmission_time, "webhook_id": webhook_id,
        })
        .to_string();
        // The event goes back as it came, byte by byte: written anew it would have another checksum.
        question.truncate(question.len() - 1);
        let question = format!("{question},\"webhook_event\":{event}}}");
        let asked = self.question::<Verdict>("/v1/notifications/verify-webhook-signature", &question).await;
        match asked {
            Ok(verdict) if verdict.verification_status == "SUCCESS" => Ok(notice),
            Ok(_) | Err(super::Error::Refused { .. }) => Err(Untrusted::Signature),
            Err(error) => Err(Untrusted::Unavailable(error.to_string())),
        }
    }
}

/// Reads an event, without believing it.
///
/// # Errors
/// [`Untrusted::Malformed`].
pub fn read_webhook(body: &str) -> Result<Notice, Untrusted> {
    let event: Value = serde_json::from_str(body).map_err(|error| Untrusted::Malformed(error.to_string()))?;
    let kind = text(&event, "/event_type");
    let at = |path: &str| text(&event, &format!("/resource{path}"));
    let about = match kind.as_str() {
        "PAYMENT.AUTHORIZATION.VOIDED" => About::Lapsed,
        "PAYMENT.REFUND.FAILED" => About::RefundFailed,
        "CUSTOMER.DISPUTE.CREATED" => About::Disputed,
        "CUSTOMER.DISPUTE.RESOLVED" => match at("/dispute_outcome/outcome_code").as_str() {
            "RESOLVED_SELLER_FAVOUR" | "CANCELED_BY_BUYER" | "DENIED" => About::DisputeWon,
            _ => About::DisputeLost,
        },
        _ if kind.starts_with("PAYMENT.") || kind.starts_with("CHECKOUT.ORDER.") => About::Progress,
        _ => About::Other,
    };
    let disputed = event.pointer("/resource/disputed_transactions/0").cloned().unwrap_or_default();
    let amount = || {
        let currency = Currency::try_new(&at("/dispute_amount/currency_code")).ok()?;
        Money::parse(&at("/dispute_amount/value"), currency).ok().map(|money| money.minor)
    };
    Ok(Notice {
        id: text(&event, "/id"),
        about,
        references: filled([
            at("/custom_id"),
            text(&event, "/resource/purchase_units/0/custom_id"),
            at("/supplementary_data/related_ids/order_id"),
            at("/supplementary_data/related_ids/authorization_id"),
            at("/id"),
            text(&disputed, "/custom"),
            text(&disputed, "/seller_transaction_id"),
        ]),
        object: filled([at("/dispute_id"), at("/id")]).into_iter().next(),
        minor: amount(),
        kind,
    })
}
