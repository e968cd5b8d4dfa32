//! What commission is asked and what it tells: commissions, their reversal, payouts.

mod commands;
mod events;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use commands::*;
pub use events::*;

/// How a partner wants to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// To a PayPal account, by its e-mail address.
    Paypal,
    /// To a bank account.
    Bank,
    /// To a Stripe Connect account.
    StripeConnect,
}

/// Account details, encrypted at the edge (AES-256-GCM): plain ones never enter a message, a log or a table.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedAccount {
    /// Nonce and ciphertext, base64.
    pub sealed: String,
    /// What may be shown: `u***@example.com`.
    pub masked: String,
}

impl std::fmt::Debug for SealedAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedAccount").field("masked", &self.masked).finish_non_exhaustive()
    }
}
