//! What PayU sends to us when a payment went on: a form with the reverse hash.
//!
//! PayU signs what it says of payments. Its notices of refunds and disputes have no published signature, so they are not believed here.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use service_kit::config::Secret;

use super::response_hash;
use crate::webhook::{About, Notice, Untrusted, filled, from_hex};

/// Reads a webhook, or the form that the customer's browser brings back, if its hash fits.
///
/// # Errors
/// As [`Untrusted`] says.
pub fn read_webhook(key: &str, salt: &Secret, body: &[u8]) -> Result<Notice, Untrusted> {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let given = from_hex(&field("hash")).ok_or(Untrusted::Signature)?;
    let due = from_hex(&response_hash(&form, salt.expose())).ok_or(Untrusted::Signature)?;
    // Compared by their own digests, so that how long it takes tells nothing about the bytes.
    let fits = digest(&SHA256, &given).as_ref() == digest(&SHA256, &due).as_ref();
    if !fits || field("key") != key {
        return Err(Untrusted::Signature);
    }
    let state = field("unmappedstatus");
    // The state is not part of what is signed: it only says that there is something to look up.
    let about = if state == "autoRefund" || state == "cancelled" { About::Lapsed } else { About::Progress };
    Ok(Notice {
        // PayU names no event; the same payment in the same state is the same.
        id: format!("{}:{}:{state}", field("txnid"), field("status")).chars().take(120).collect(),
        kind: if state.is_empty() { field("status") } else { state }.chars().take(64).collect(),
        about,
        references: filled([field("txnid")]),
        object: None,
        minor: None,
    })
}
