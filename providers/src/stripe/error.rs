//! What goes wrong with Stripe, by what can be done about it.

/// Why there is no result. Never holds a key or a card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bank does not pay: another card, or the customer's consent, is needed.
    #[error("the card was declined: {code}{}", decline_code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Declined {
        /// `card_declined`, `authentication_required`, ...
        code: String,
        /// The bank's reason: `insufficient_funds`, ...
        decline_code: Option<String>,
        /// The payment that was tried.
        payment_intent: Option<String>,
    },
    /// A definite no; asking again changes nothing.
    #[error("stripe refused with {status}: {code}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stripe's word for it, or the kind of the error.
        code: String,
        /// In words.
        message: String,
        /// Stripe's id of the request.
        request_id: Option<String>,
    },
    /// The key was used before for something else: a mistake of ours, and nothing was done.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Nothing was done; it can be asked again later.
    #[error("stripe is not answering: {0}")]
    Unavailable(String),
    /// It may have been done or not: look it up first.
    #[error("nobody knows whether it was done: {problem}")]
    Unknown {
        /// What was seen.
        problem: String,
        /// Stripe's id of the request.
        request_id: Option<String>,
    },
    /// Stripe counts this currency in another way than ISO 4217 does, and we do not guess.
    #[error("{0} cannot be charged")]
    UnsupportedCurrency(String),
}

impl Error {
    /// Whether the same may work later without anybody doing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
