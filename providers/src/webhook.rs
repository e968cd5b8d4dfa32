//! What payment gateways tell us by webhook, in one shape. A notice is never believed for its contents alone: it says where to look.

use ring::hmac;
use serde_json::Value;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Money was promised, taken, refused or given back: our own questions find out which.
    Progress,
    /// A promise is over.
    Lapsed,
    /// A refund that had been accepted did not go through.
    RefundFailed,
    /// The customer, or the bank, wants the money back.
    Disputed,
    /// ... and did not get it.
    DisputeWon,
    /// ... and got it.
    DisputeLost,
    /// Something else.
    Other,
}

impl About {
    /// The name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::Lapsed => "lapsed",
            Self::RefundFailed => "refund_failed",
            Self::Disputed => "disputed",
            Self::DisputeWon => "dispute_won",
            Self::DisputeLost => "dispute_lost",
            Self::Other => "other",
        }
    }

    /// What has this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Progress,
            Self::Lapsed,
            Self::RefundFailed,
            Self::Disputed,
            Self::DisputeWon,
            Self::DisputeLost,
            Self::Other,
        ];
        all.into_iter().find(|about| about.name() == name)
    }
}

/// A webhook whose sender was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The gateway's id of the event: the same when it is sent again.
    pub id: String,
    /// The gateway's name of its kind.
    pub kind: String,
    /// What it is about.
    pub about: About,
    /// What the payment may be found by: our id of it, or ids of the gateway's.
    pub references: Vec<String>,
    /// The gateway's id of the refund or dispute.
    pub object: Option<String>,
    /// The amount in dispute, in minor units.
    pub minor: Option<i64>,
}

/// Why a webhook is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// There is no signature, or not one of ours.
    #[error("the signature does not fit")]
    Signature,
    /// It was signed too long ago, or in the future.
    #[error("it was signed at another time")]
    Time,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// The gateway, which has to confirm it, is not answering.
    #[error("the gateway is not answering: {0}")]
    Unavailable(String),
}

/// Whether `hex` is the HMAC-SHA256 of a text. Takes the same time wherever they differ.
pub(crate) fn is_signed(secret: &str, text: &[u8], hex: &str) -> bool {
    let Some(tag) = from_hex(hex) else { return false };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text, &tag).is_ok()
}

/// Bytes from hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) || text.len() > 512 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// A text in an object; empty when there is none.
pub(crate) fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What is there of some texts.
pub(crate) fn filled(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = texts.into_iter().filter(|text| !text.is_empty() && text.len() <= 128).collect();
    found.dedup();
    found
}
