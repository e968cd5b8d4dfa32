//! The payment gateways that are configured: a gateway exists when its keys are set.

mod paypal;
mod payu;
mod razorpay;
mod saleor;
mod stripe;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use providers::stripe::Stripe;
use service_kit::config::{Reader, Secret, Var};

use crate::domain::routing::{Terms, TermsChange};
use crate::payments::Providers;

pub use saleor::{BySaleor, terms as saleor_terms, token as saleor_token};

const STRIPE_HOOK: Var = Var::new(
    "STRIPE_WEBHOOK_SECRET",
    "secret of the webhook endpoint at Stripe, two parted by a comma while it is replaced; absent = no webhooks of Stripe",
);
const PAYPAL_ID: Var =
    Var::new("PAYPAL_CLIENT_ID", "our client id with PayPal; absent = orders are not paid by PayPal");
const PAYPAL_SECRET: Var = Var::new("PAYPAL_CLIENT_SECRET", "the secret to it");
const PAYPAL_URL: Var =
    Var::or("PAYPAL_API_URL", "https://api-m.paypal.com", "where PayPal's API is, or a stand-in for it");
const PAYPAL_HOOK: Var = Var::new("PAYPAL_WEBHOOK_ID", "id of our webhook at PayPal; absent = no webhooks of PayPal");
const PAYPAL_CERTS: Var =
    Var::or("PAYPAL_CERT_HOST", "paypal.com", "host that PayPal's certificates come from, or the end of its name");
const RAZORPAY_ID: Var =
    Var::new("RAZORPAY_KEY_ID", "our key id with Razorpay; absent = orders are not paid by Razorpay");
const RAZORPAY_SECRET: Var = Var::new("RAZORPAY_KEY_SECRET", "the secret to it");
const RAZORPAY_URL: Var =
    Var::or("RAZORPAY_API_URL", "https://api.razorpay.com", "where Razorpay's API is, or a stand-in for it");
const RAZORPAY_HOOK: Var = Var::new(
    "RAZORPAY_WEBHOOK_SECRET",
    "secret of the webhook at Razorpay, two parted by a comma while it is replaced; absent = no webhooks of Razorpay",
);
const PAYU_KEY: Var =
    Var::new("PAYU_MERCHANT_KEY", "our merchant key with PayU India; absent = orders are not paid by PayU");
const PAYU_SALT: Var = Var::new("PAYU_MERCHANT_SALT", "the salt to it");
const PAYU_URL: Var = Var::or("PAYU_API_URL", "https://info.payu.in", "where PayU's commands go, or a stand-in for it");
const ROUTING: Var = Var::new(
    "PAYMENT_ROUTING",
    "changes of what gateways take and cost, as JSON: {\"paypal\": {\"countries\": [\"DE\"], \"cost_basis_points\": 249}}",
);

/// Stripe as it is configured.
#[derive(Debug, Clone)]
pub struct StripeAccess {
    /// The client.
    pub client: Stripe,
    /// What its webhooks are signed with.
    pub webhook_secret: Option<Secret>,
}

/// PayPal as it is configured.
#[derive(Debug, Clone)]
pub struct PayPalAccess {
    /// The client.
    pub client: providers::paypal::PayPal,
    /// The id of our webhook there.
    pub webhook_id: Option<String>,
    /// Where its certificates come from.
    pub cert_host: String,
}

/// Razorpay as it is configured.
#[derive(Debug, Clone)]
pub struct RazorpayAccess {
    /// The client.
    pub client: providers::razorpay::Razorpay,
    /// What its webhooks are signed with.
    pub webhook_secret: Option<Secret>,
}

/// PayU as it is configured.
#[derive(Debug, Clone)]
pub struct PayUAccess {
    /// The client.
    pub client: providers::payu::PayU,
    /// Our key.
    pub key: String,
    /// Its salt.
    pub salt: Secret,
}

/// The gateways that are configured.
#[derive(Debug, Clone, Default)]
pub struct Gateways {
    /// Stripe.
    pub stripe: Option<StripeAccess>,
    /// PayPal.
    pub paypal: Option<PayPalAccess>,
    /// Razorpay.
    pub razorpay: Option<RazorpayAccess>,
    /// PayU India.
    pub payu: Option<PayUAccess>,
    /// Changes of what they take and cost.
    pub routing: BTreeMap<String, TermsChange>,
}

impl Gateways {
    /// What is read here.
    pub fn vars() -> Vec<Var> {
        let mut vars = Stripe::vars();
        vars.extend([
            STRIPE_HOOK,
            PAYPAL_ID,
            PAYPAL_SECRET,
            PAYPAL_URL,
            PAYPAL_HOOK,
            PAYPAL_CERTS,
            RAZORPAY_ID,
            RAZORPAY_SECRET,
            RAZORPAY_URL,
            RAZORPAY_HOOK,
            PAYU_KEY,
            PAYU_SALT,
            PAYU_URL,
            ROUTING,
        ]);
        vars
    }

    /// Reads them; complains about half a pair of keys.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let webhook_secret = reader.optional(&STRIPE_HOOK);
        let stripe = Stripe::read(reader).map(|client| StripeAccess { client, webhook_secret });
        let (paypal_url, webhook_id) = (reader.optional::<String>(&PAYPAL_URL), reader.optional(&PAYPAL_HOOK));
        let cert_host = reader.optional::<String>(&PAYPAL_CERTS).unwrap_or_default();
        let paypal = pair(reader, &PAYPAL_ID, &PAYPAL_SECRET).zip(paypal_url).map(|((id, secret), url)| PayPalAccess {
            client: providers::paypal::PayPal::new(&url, &id, secret),
            webhook_id,
            cert_host,
        });
        let (razorpay_url, razorpay_hook) = (reader.optional::<String>(&RAZORPAY_URL), reader.optional(&RAZORPAY_HOOK));
        let keys = pair(reader, &RAZORPAY_ID, &RAZORPAY_SECRET);
        let razorpay = keys.zip(razorpay_url).map(|((id, secret), url)| RazorpayAccess {
            client: providers::razorpay::Razorpay::new(&url, &id, secret),
            webhook_secret: razorpay_hook,
        });
        let payu_url = reader.optional::<String>(&PAYU_URL);
        let payu = pair(reader, &PAYU_KEY, &PAYU_SALT).zip(payu_url).map(|((key, salt), url)| PayUAccess {
            client: providers::payu::PayU::new(&url, &key, salt.clone()),
            key,
            salt,
        });
        let routing = reader.optional::<String>(&ROUTING).unwrap_or_else(|| "{}".to_owned());
        let routing = serde_json::from_str(&routing).unwrap_or_else(|error| {
            reader.complain(ROUTING.name, format!("does not read: {error}"));
            BTreeMap::new()
        });
        Self { stripe, paypal, razorpay, payu, routing }
    }

    /// The same with another time to wait for answers.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.stripe = self.stripe.map(|access| StripeAccess { client: access.client.with_timeout(timeout), ..access });
        self.paypal = self.paypal.map(|access| PayPalAccess { client: access.client.with_timeout(timeout), ..access });
        self.razorpay =
            self.razorpay.map(|access| RazorpayAccess { client: access.client.with_timeout(timeout), ..access });
        self.payu = self.payu.map(|access| PayUAccess { client: access.client.with_timeout(timeout), ..access });
        self
    }

    /// As orders use them.
    pub fn providers(&self) -> Providers {
        let terms = |terms: Terms| match self.routing.get(&terms.name) {
            Some(change) => terms.changed(change),
            None => terms,
        };
        let mut all = Providers::default();
        if let Some(access) = &self.stripe {
            all = all.with(terms(stripe::terms()), Arc::new(stripe::ByStripe(access.client.clone())));
        }
        if let Some(access) = &self.paypal {
            all = all.with(terms(paypal::terms()), Arc::new(paypal::ByPayPal(access.client.clone())));
        }
        if let Some(access) = &self.razorpay {
            all = all.with(terms(razorpay::terms()), Arc::new(razorpay::ByRazorpay(access.client.clone())));
        }
        if let Some(access) = &self.payu {
            all = all.with(terms(payu::terms()), Arc::new(payu::ByPayU(access.client.clone())));
        }
        all
    }
}

/// Two that belong together; one alone is a mistake.
fn pair(reader: &mut Reader<'_>, id: &Var, secret: &Var) -> Option<(String, Secret)> {
    match (reader.optional::<String>(id), reader.optional::<Secret>(secret)) {
        (Some(id), Some(secret)) => Some((id, secret)),
        (None, None) => None,
        (Some(_), None) => {
            reader.complain(secret.name, format!("is missing, while {} is set", id.name));
            None
        }
        (None, Some(_)) => {
            reader.complain(id.name, format!("is missing, while {} is set", secret.name));
            None
        }
    }
}

/// Texts for [`Terms`].
fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// What a failure of PayPal, Razorpay or PayU means. That nobody answered is no refusal: it is looked up and asked again, under the same key.
fn failed(error: providers::gateway::Error) -> crate::payments::Answer {
    use crate::payments::Answer;
    use providers::gateway::Error;
    match error {
        Error::Refused { code, .. } => Answer::Refused(code.into()),
        Error::UnsupportedCurrency(_) => Answer::Refused("unsupported_currency".into()),
        other @ (Error::Unavailable(_) | Error::Unknown(_)) => Answer::Unknown(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use service_kit::config::Env;

    use super::*;

    #[test]
    fn a_gateway_exists_when_its_keys_are_set_and_half_a_pair_is_a_mistake() {
        let env = Env::of([
            ("STRIPE_SECRET_KEY", "sk_test"),
            ("RAZORPAY_KEY_ID", "rzp_test"),
            ("RAZORPAY_KEY_SECRET", "secret"),
            ("PAYPAL_CLIENT_ID", "only the id"),
            ("PAYMENT_ROUTING", r#"{"stripe": {"cost_basis_points": 1}, "razorpay": {"prices": 1}}"#),
        ]);
        let mut reader = Reader::new(&env);
        let read = Gateways::read(&mut reader);
        let problems = reader.finish::<()>(None).expect_err("two are bad").problems;
        let names: Vec<&str> = problems.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["PAYPAL_CLIENT_SECRET", "PAYMENT_ROUTING"]);
        let terms = read.providers().terms();
        assert_eq!(terms.iter().map(|terms| terms.name.as_str()).collect::<Vec<_>>(), ["razorpay", "stripe"]);
        assert!(!format!("{read:?}").contains("secret\""));
    }
}
