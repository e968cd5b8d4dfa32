//! What comes of handing a message over to somebody who carries it, by mail, by telephone or by push.
//!
//! No text here repeats what the other side says in words: its words hold addresses.

/// Why a message was not handed over, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The address does not exist, or its owner wants nothing from us: it is not to be written to again.
    #[error("the address does not take messages: {code}")]
    Gone {
        /// The other side's code: `550`, `21610`, `UNREGISTERED`.
        code: String,
    },
    /// A definite no to this message; asking again changes nothing.
    #[error("the message is refused: {code}")]
    Refused {
        /// The other side's code, or our own word for what is wrong with the message.
        code: String,
    },
    /// Nothing was handed over; it can be tried again later.
    #[error("it cannot be handed over for the moment: {0}")]
    Unavailable(String),
    /// It may have been handed over or not.
    #[error("nobody knows whether it was handed over: {0}")]
    Unknown(String),
}

/// That a message was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The other side's name of the message, where it gives one.
    pub reference: Option<String>,
}
