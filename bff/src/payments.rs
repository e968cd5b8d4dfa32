//! A partner asks to be paid. Account details are sealed here: plain ones go no further.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use service_kit::problem::Problem;
use service_kit::sealed::{mask_account, mask_email};
use shared_events::commission::{PaymentMethod, RequestPayment, SealedAccount};
use shared_events::{Currency, PartnerId, PayoutId, TenantId, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::amount::Amount;
use crate::app::{App, Shared};
use crate::ask::{Ask, Body, acting_partner};
use crate::checks;
use crate::send::{Answers, Ids};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(request))
}

/// What a partner asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": 150.00, "currency": "USD", "payment_method": "paypal", "account_details": {"email": "user@example.com"}}))]
struct PaymentRequest {
    /// How much.
    amount: Amount,
    /// In which currency.
    currency: Currency,
    /// How.
    payment_method: PaymentMethod,
    /// Where to.
    account_details: AccountDetails,
    /// The partner, where staff acts for it.
    #[serde(default)]
    partner: Option<PartnerId>,
}

impl Body for PaymentRequest {}

/// Where money goes: `email` for PayPal; `iban`, or `account_number` and `routing_number`, for a bank; `account_id` for Stripe Connect.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountDetails {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iban: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routing_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
}

impl AccountDetails {
    /// Checks that what the method needs is there, and says how it may be shown.
    fn masked(&self, method: PaymentMethod) -> Result<String, Problem> {
        let given = [
            ("holder", &self.holder),
            ("iban", &self.iban),
            ("account_number", &self.account_number),
            ("routing_number", &self.routing_number),
            ("account_id", &self.account_id),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                checks::text(&format!("account_details.{name}"), value, 128)?;
            }
        }
        let missing = |name: &str| {
            Problem::invalid_field(&format!("account_details.{name}"), "is needed for this payment method")
        };
        match method {
            PaymentMethod::Paypal => {
                let email = self.email.as_ref().ok_or_else(|| missing("email"))?;
                checks::email("account_details.email", email)?;
                Ok(mask_email(email))
            }
            PaymentMethod::Bank => match (&self.iban, &self.account_number, &self.routing_number) {
                (Some(iban), ..) => Ok(mask_account(iban)),
                (None, Some(account), Some(_)) => Ok(mask_account(account)),
                (None, Some(_), None) => Err(missing("routing_number")),
                (None, None, _) => Err(missing("iban")),
            },
            PaymentMethod::StripeConnect => {
                Ok(mask_account(self.account_id.as_ref().ok_or_else(|| missing("account_id"))?))
            }
        }
    }
}

impl App {
    fn seal(
        &self,
        tenant: &TenantId,
        partner: &PartnerId,
        details: &AccountDetails,
        masked: String,
    ) -> anyhow::Result<SealedAccount> {
        let plain = serde_json::to_string(details)?;
        // The words must be those that commission opens with: a sealed account works for this tenant and partner only.
        let sealed = self.account_key.seal(&format!("{tenant}/{partner}"), &plain)?;
        Ok(SealedAccount { sealed, masked })
    }
}

/// Asks for a payout of what is payable.
#[utoipa::path(post, path = "/api/v1/payments/request", operation_id = "request_payment", tag = "payouts", request_body = PaymentRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command"),
        ("Prefer" = Option<String>, Header, description = "wait=N answers with the outcome, after at most N (10) seconds", example = "wait=5")),
    security(("bearer" = [])), responses(Answers))]
async fn request(State(app): State<Shared>, ask: Ask<PaymentRequest>) -> Result<Response, Problem> {
    let body = ask.body;
    let amount = body.amount.positive("amount", body.currency)?;
    let masked = body.account_details.masked(body.payment_method)?;
    let partner = acting_partner(&ask.caller, body.partner)?;
    let account = app.seal(&ask.caller.tenant, &partner, &body.account_details, masked)?;
    let payout_id = PayoutId(ids::derive(&["payout", &ask.ticket.id.to_string()]));
    let answer_ids = Ids::from([("payout_id", payout_id.to_string()), ("partner", partner.to_string())]);
    let requested_by = ask.caller.subject.clone();
    let command = RequestPayment { payout_id, partner, amount, method: body.payment_method, account, requested_by };
    app.send(&ask.caller, ask.ticket, &command, answer_ids).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(json: &str) -> AccountDetails {
        serde_json::from_str(json).expect("fits")
    }

    #[test]
    fn each_method_needs_its_own_details() {
        let good = [
            (PaymentMethod::Paypal, r#"{"email":"user@example.com"}"#, "u***@example.com"),
            (PaymentMethod::Bank, r#"{"iban":"DE89370400440532013000"}"#, "***3000"),
            (PaymentMethod::Bank, r#"{"account_number":"123456789","routing_number":"021000021"}"#, "***6789"),
            (PaymentMethod::StripeConnect, r#"{"account_id":"acct_1234567890"}"#, "***7890"),
        ];
        for (method, json, masked) in good {
            assert_eq!(details(json).masked(method).expect(json), masked);
        }
        let bad = [
            (PaymentMethod::Paypal, "{}", "account_details.email"),
            (PaymentMethod::Paypal, r#"{"email":"x"}"#, "account_details.email"),
            (PaymentMethod::Bank, r#"{"account_number":"1"}"#, "account_details.routing_number"),
            (PaymentMethod::StripeConnect, r#"{"account_id":""}"#, "account_details.account_id"),
        ];
        for (method, json, field) in bad {
            assert_eq!(details(json).masked(method).expect_err(json).errors()[0].field, field);
        }
    }
}
