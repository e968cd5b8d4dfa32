//! What EasyPost tells by itself, signed: `X-Hmac-Signature: hmac-sha256-hex=<hex>` over the raw body.

use ring::hmac;
use serde::Deserialize;
use service_kit::config::Secret;

use super::objects::Tracker;

/// Header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-hmac-signature";
const PREFIX: &str = "hmac-sha256-hex=";

/// Why something that was told does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody with the secret has signed it.
    #[error("the signature is not of this body")]
    Signature,
    /// It cannot be read.
    #[error("the body cannot be read")]
    Malformed,
}

/// Something that EasyPost tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// EasyPost's id of it; the same event may be told again.
    pub id: String,
    /// Where a parcel is; absent for what is about something else.
    pub tracker: Option<Tracker>,
}

#[derive(Deserialize)]
struct Told {
    id: String,
    #[serde(default)]
    description: String,
    result: serde_json::Value,
}

/// Reads an event, if it is EasyPost's.
///
/// # Errors
/// [`Refused`].
pub fn read_event(secret: &Secret, signature: Option<&str>, body: &[u8]) -> Result<Event, Refused> {
    let given =
        signature.and_then(|signature| signature.strip_prefix(PREFIX)).and_then(unhex).ok_or(Refused::Signature)?;
    hmac::verify(&key(secret), body, &given).map_err(|_| Refused::Signature)?;
    let told: Told = serde_json::from_slice(body).map_err(|_| Refused::Malformed)?;
    let tracker = match told.description.starts_with("tracker.") {
        true => Some(serde_json::from_value(told.result).map_err(|_| Refused::Malformed)?),
        false => None,
    };
    Ok(Event { id: told.id, tracker })
}

/// The signature of a body, as EasyPost makes it; for stand-ins.
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    let tag = hmac::sign(&key(secret), body);
    format!("{PREFIX}{}", service_kit::sealed::hex(tag.as_ref()))
}

fn key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_counts() {
        let secret = Secret::new("a secret of the tests");
        let body = br#"{"id": "evt_1", "description": "tracker.updated", "result": {"id": "trk_1", "tracking_code": "EZ1", "status": "delivered"}}"#;
        let signature = sign(&secret, body);
        let event = read_event(&secret, Some(&signature), body).expect("it is signed");
        assert_eq!(event.tracker.map(|tracker| tracker.status.name()), Some("delivered"));
        let mut altered = body.to_vec();
        altered[10] ^= 1;
        assert_eq!(read_event(&secret, Some(&signature), &altered), Err(Refused::Signature));
        assert_eq!(read_event(&Secret::new("another"), Some(&signature), body), Err(Refused::Signature));
        assert_eq!(read_event(&secret, Some("hmac-sha256-hex=zz"), body), Err(Refused::Signature));
        assert_eq!(read_event(&secret, None, body), Err(Refused::Signature));
    }
}
