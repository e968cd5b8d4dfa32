//! What the clients of payment gateways have in common: how a request goes, and what is known when it went wrong.

use bytes::Bytes;
use reqwest::{RequestBuilder, StatusCode};

use crate::wire::{body_of, outcome_of};

/// Why there is no result. Never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A definite no: nothing was done, and asking again changes nothing.
    #[error("refused with {status}: {code}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The gateway's word for it.
        code: String,
        /// In words.
        message: String,
    },
    /// Nothing was done; it can be asked again later.
    #[error("not answering: {0}")]
    Unavailable(String),
    /// It may have been done or not: look it up first.
    #[error("nobody knows whether it was done: {0}")]
    Unknown(String),
    /// The gateway counts this currency in another way than ISO 4217 does, or does not take it at all.
    #[error("{0} cannot be taken")]
    UnsupportedCurrency(String),
}

impl Error {
    /// A refusal that is found out here, before anything is asked.
    pub(crate) fn ours(code: &str, message: &str) -> Self {
        Self::Refused { status: 400, code: code.to_owned(), message: message.to_owned() }
    }

    /// The same after a question that changes nothing, so that nothing is unknown.
    #[must_use]
    pub fn of_reading(self) -> Self {
        match self {
            Self::Unknown(problem) => Self::Unavailable(problem),
            other => other,
        }
    }
}

/// Sends a request. `reason` reads code and message of a refusal.
pub(crate) async fn ask(
    request: RequestBuilder,
    reason: impl Fn(&[u8]) -> Option<(String, String)>,
) -> Result<Bytes, Error> {
    let response = outcome_of(request.send().await).map_err(|(problem, sent)| match sent {
        true => Error::Unknown(problem),
        false => Error::Unavailable(problem),
    })?;
    let status = response.status();
    let body = body_of(response).await.map_err(Error::Unknown)?;
    if status.is_success() {
        return Ok(body);
    }
    let (code, message) = reason(&body).unwrap_or_else(|| (format!("http_{}", status.as_u16()), String::new()));
    Err(match status {
        // Another request with this key is under way: it may do it.
        StatusCode::CONFLICT => Error::Unknown(format!("the same is being done ({code})")),
        StatusCode::TOO_MANY_REQUESTS => Error::Unavailable(format!("too many requests ({code})")),
        _ if status.is_server_error() => Error::Unknown(format!("it answered {}", status.as_u16())),
        _ => Error::Refused { status: status.as_u16(), code, message },
    })
}

/// An answer that was given, read. What cannot be read may have been done.
pub(crate) fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Unknown(format!("the answer is odd: {error}")))
}

/// An id as a part of a path.
pub(crate) fn plain(id: &str) -> Result<&str, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !id.is_empty() && id.len() <= 64 && id.bytes().all(fits) {
        return Ok(id);
    }
    Err(Error::ours("malformed_id", "not an id"))
}
