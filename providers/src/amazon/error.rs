//! What goes wrong with Amazon, by what can be done about it.

use std::time::Duration;

use serde::Deserialize;

use super::Operation;

/// One of the errors in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApiError {
    /// Amazon's word for it: `QuotaExceeded`, `InvalidInput`, ...
    #[serde(default)]
    pub code: String,
    /// In words.
    #[serde(default)]
    pub message: String,
    /// More words.
    #[serde(default)]
    pub details: Option<String>,
}

/// A definite no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked.
    pub operation: Operation,
    /// The HTTP status, 400 to 499.
    pub status: u16,
    /// Amazon's reasons; empty when the answer held none.
    pub errors: Vec<ApiError>,
    /// Amazon's id of the request, to be named to its support.
    pub request_id: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} was refused with {}", self.operation, self.status)?;
        for error in &self.errors {
            write!(f, "; {}: {}", error.code, error.message)?;
            if let Some(details) = error.details.as_ref().filter(|details| **details != error.message) {
                write!(f, " ({details})")?;
            }
        }
        Ok(())
    }
}

/// Why there is no result. Never holds a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The seller took the authorisation back, or it ran out: only a new consent helps.
    #[error("the seller's authorisation is gone")]
    Revoked,
    /// The login does not accept our application, or not this code.
    #[error("amazon's login says {code}: {description}")]
    Login {
        /// `invalid_client`, `unauthorized_client`, ...
        code: String,
        /// In words.
        description: String,
    },
    /// A definite no; asking again changes nothing.
    #[error("{0}")]
    Refused(Refusal),
    /// The rate of this operation is used up for longer than we wait.
    #[error("{operation} may be asked again in {} s", after.as_secs())]
    Throttled {
        /// What was asked.
        operation: Operation,
        /// How long to wait.
        after: Duration,
    },
    /// Nothing was done, or what may be done twice: it can be asked again later.
    #[error("{operation} is not answered: {problem}")]
    Unavailable {
        /// What was asked.
        operation: Operation,
        /// What was seen last.
        problem: String,
        /// Amazon's id of the last request.
        request_id: Option<String>,
    },
    /// It may have been done or not, and must not be done twice: find out before asking again.
    #[error("nobody knows whether {operation} was done: {problem}")]
    Ambiguous {
        /// What was asked.
        operation: Operation,
        /// What was seen.
        problem: String,
        /// Amazon's id of the request.
        request_id: Option<String>,
    },
    /// An answer that is not as published.
    #[error("the answer to {operation} cannot be read: {problem}")]
    Unreadable {
        /// What was asked.
        operation: Operation,
        /// Where it stopped to make sense.
        problem: String,
        /// Amazon's id of the request.
        request_id: Option<String>,
    },
    /// A document is damaged, or changed while it was read: begin anew.
    #[error("the document cannot be read on: {0}")]
    Document(String),
}

impl Error {
    /// Whether the same may work later without anybody doing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. } | Self::Document(_))
    }

    /// Amazon's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.request_id.as_deref(),
            Self::Unavailable { request_id, .. }
            | Self::Ambiguous { request_id, .. }
            | Self::Unreadable { request_id, .. } => request_id.as_deref(),
            Self::Revoked | Self::Login { .. } | Self::Throttled { .. } | Self::Document(_) => None,
        }
    }
}
