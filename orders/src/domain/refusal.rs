//! What a gateway's definite no means: whether another gateway may be asked for the same order.

/// What kind of no it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// This means of payment does not pay here; elsewhere another one may.
    Means,
    /// The gateway could not, for reasons of its own: our account with it, its rules, a currency. Another may; this one fares badly.
    Gateway,
    /// Somebody says that it must not be paid: a stolen card, a payment that belongs to another order. Nobody else is asked.
    Final,
}

impl Class {
    /// The name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Means => "means",
            Self::Gateway => "gateway",
            Self::Final => "final",
        }
    }
}

/// A definite no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The gateway's word, or ours.
    pub code: String,
    /// What it means.
    pub class: Class,
}

/// After these nobody else is asked. Banks' and networks' words by Stripe's list of decline codes; PayPal's issues; Razorpay's reasons; ours.
const FINAL: [&str; 16] = [
    "fraudulent",
    "lost_card",
    "merchant_blacklist",
    "pickup_card",
    "restricted_card",
    "security_violation",
    "stolen_card",
    "highest_risk_level",
    "compliance_violation",
    "payer_account_locked_or_closed",
    "payer_cannot_pay",
    "transaction_blocked_by_payee",
    "transaction_refused",
    "payment_risk_check_failed",
    "token_used",
    "amount_mismatch",
];

/// These are about our account with the gateway, or about what it takes.
const GATEWAY: [&str; 17] = [
    "unsupported_currency",
    "currency_not_supported",
    "invalid_client",
    "invalid_token",
    "invalid_request_error",
    "authentication_failed",
    "not_authorized",
    "permission_denied",
    "payee_account_restricted",
    "payee_not_enabled_for_card_processing",
    "account_invalid",
    "api_key_expired",
    "not_connected",
    "http_401",
    "http_403",
    "http_404",
    "processing_error",
];

impl Refusal {
    /// Reads a code, in capitals or not.
    pub fn of(code: impl Into<String>) -> Self {
        let code = code.into();
        let small = code.to_ascii_lowercase();
        let class = match small.as_str() {
            small if FINAL.contains(&small) => Class::Final,
            small if GATEWAY.contains(&small) => Class::Gateway,
            _ => Class::Means,
        };
        Self { code, class }
    }

    /// Whether another gateway may be tried.
    pub const fn may_go_elsewhere(&self) -> bool {
        !matches!(self.class, Class::Final)
    }
}

impl From<String> for Refusal {
    fn from(code: String) -> Self {
        Self::of(code)
    }
}

impl From<&str> for Refusal {
    fn from(code: &str) -> Self {
        Self::of(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stolen_card_is_not_tried_elsewhere_and_an_empty_one_is() {
        for code in ["stolen_card", "TRANSACTION_REFUSED", "token_used", "payment_risk_check_failed"] {
            assert!(!Refusal::of(code).may_go_elsewhere(), "{code}");
        }
        for code in ["insufficient_funds", "INSTRUMENT_DECLINED", "card_declined", "payu_E308", "something new"] {
            assert_eq!(Refusal::of(code).class, Class::Means, "{code}");
        }
        for code in ["unsupported_currency", "NOT_AUTHORIZED", "http_401"] {
            let refusal = Refusal::of(code);
            assert!(refusal.class == Class::Gateway && refusal.may_go_elsewhere(), "{code}");
        }
    }
}
