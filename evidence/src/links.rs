//! Links to a document that work without a token: signed, for one tenant and document and one way of showing it, and for a while only.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use ring::hmac;
use serde::{Deserialize, Serialize};
use service_kit::sealed::hex;
use shared_events::{DocumentId, TenantId};
use url::form_urlencoded::Serializer;
use utoipa::ToSchema;

/// How long a link works: enough to open it, too short to be passed around for long.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Signs links.
#[derive(Clone)]
pub struct LinkKey(hmac::Key);

/// Not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected base64 of 32 bytes")]
pub struct BadLinkKey;

/// How a document is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// In the browser.
    View,
    /// As a file to keep.
    Download,
}

/// Links to a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// Shows it.
    #[schema(
        example = "/api/documents/0192f0c1-2345-7000-8000-000000000000/view?tenant=demo&expires=1790000000&signature=5d41"
    )]
    pub view: String,
    /// Gives it as a file.
    pub download: String,
    /// Until when they work.
    pub expires_at: DateTime<Utc>,
}

impl FromStr for LinkKey {
    type Err = BadLinkKey;

    fn from_str(text: &str) -> Result<Self, BadLinkKey> {
        let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32).ok_or(BadLinkKey)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(***)")
    }
}

impl Showing {
    const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Download => "download",
        }
    }
}

impl LinkKey {
    /// Links to a document that work for [`LIFETIME`] from `now`.
    pub fn links(&self, tenant: &TenantId, document: DocumentId, now: DateTime<Utc>) -> Links {
        let expires_at = DateTime::from_timestamp((now + LIFETIME).timestamp(), 0).unwrap_or(now);
        let link = |showing| self.link(tenant, document, showing, expires_at.timestamp());
        Links { view: link(Showing::View), download: link(Showing::Download), expires_at }
    }

    fn link(&self, tenant: &TenantId, document: DocumentId, showing: Showing, expires: i64) -> String {
        let signature = hmac::sign(&self.0, &signed(tenant, document, showing, expires));
        let query = Serializer::new(String::new())
            .append_pair("tenant", tenant.as_str())
            .append_pair("expires", &expires.to_string())
            .append_pair("signature", &hex(signature.as_ref()))
            .finish();
        format!("/api/documents/{document}/{}?{query}", showing.name())
    }

    /// Whether a link is ours, unchanged, and still works at `now`. Compared in constant time.
    pub fn holds(
        &self,
        tenant: &TenantId,
        document: DocumentId,
        showing: Showing,
        expires: i64,
        signature: &str,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(signature) = from_hex(signature) else { return false };
        let genuine = hmac::verify(&self.0, &signed(tenant, document, showing, expires), &signature).is_ok();
        genuine && now.timestamp() < expires
    }
}

/// Lines, of which only the first may hold anything, so that no two links are signed alike.
fn signed(tenant: &TenantId, document: DocumentId, showing: Showing, expires: i64) -> Vec<u8> {
    format!("recoup document link v1\n{}\n{document}\n{expires}\n{tenant}", showing.name()).into_bytes()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> LinkKey {
        STANDARD.encode([byte; 32]).parse().expect("32 bytes")
    }

    /// The expiry and signature of a link.
    fn parts(link: &str) -> (i64, String) {
        let query = link.split_once('?').expect("a query").1;
        let value = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(found, _)| found == name).expect("a parameter").1.into_owned()
        };
        (value("expires").parse().expect("a number"), value("signature"))
    }

    #[test]
    fn a_link_holds_for_what_it_was_made_for_and_not_for_ever() {
        let (tenant, other) =
            (TenantId::try_new("demo & co").expect("valid"), TenantId::try_new("other").expect("valid"));
        let (document, second) = (DocumentId::of(&tenant, "a"), DocumentId::of(&tenant, "b"));
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().expect("a time");
        let links = key(1).links(&tenant, document, now);
        let (expires, signature) = parts(&links.view);
        let holds = |key: &LinkKey, tenant, document, showing, expires, now| {
            key.holds(tenant, document, showing, expires, &signature, now)
        };
        let soon = now + TimeDelta::minutes(14);
        assert!(holds(&key(1), &tenant, document, Showing::View, expires, soon));
        assert!(!holds(&key(1), &tenant, document, Showing::View, expires, links.expires_at));
        assert!(!holds(&key(1), &tenant, document, Showing::View, expires + 1, soon));
        assert!(!holds(&key(1), &tenant, document, Showing::Download, expires, soon));
        assert!(!holds(&key(1), &tenant, second, Showing::View, expires, soon));
        assert!(!holds(&key(1), &other, document, Showing::View, expires, soon));
        assert!(!holds(&key(2), &tenant, document, Showing::View, expires, soon));
        for broken in ["", "00", &signature.replace('a', "b"), &format!("{signature}00"), &"zz".repeat(32)] {
            let same = *broken == signature;
            assert_eq!(key(1).holds(&tenant, document, Showing::View, expires, broken, soon), same, "{broken}");
        }
    }
}
