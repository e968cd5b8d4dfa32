//! PayU India: payments that a customer has authorised on PayU's page are looked at, taken, let go, and given back, by the commands of
//! `postservice.php`.
//!
//! What it cannot do: take money in several parts (a promise is captured once), and promise money without the customer's browser. A command
//! carries a token of ours; the same token is refused as used, and `check_action_status` tells what was done under it.

mod hash;
mod webhook;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use service_kit::config::Secret;
use service_kit::http_client;
use shared_events::money::Money;

use crate::gateway::{ask, read};

pub use crate::gateway::Error;
pub use hash::{command_hash, request_hash, response_hash};
pub use webhook::read_webhook;

const TIMEOUT: Duration = Duration::from_secs(30);

/// PayU with our key and salt.
#[derive(Clone)]
pub struct PayU {
    http: reqwest::Client,
    base: String,
    key: String,
    salt: Secret,
    timeout: Duration,
}

impl fmt::Debug for PayU {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayU").field("base", &self.base).finish_non_exhaustive()
    }
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Transaction {
    /// PayU's id of it.
    #[serde(default)]
    pub mihpayid: Option<String>,
    /// How much, as a decimal text.
    #[serde(default, alias = "amount")]
    pub amt: Option<String>,
    /// `success`, `failure`, `pending` or `Not Found`.
    #[serde(default)]
    pub status: String,
    /// More exactly: `auth`, `captured`, `failed`, `bounced`, `autoRefund`, `cancelled`, ...
    #[serde(default)]
    pub unmappedstatus: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error_code: Option<String>,
}

/// What was done with a payment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Action {
    /// PayU's id of it.
    #[serde(default)]
    pub request_id: Option<String>,
    /// `capture`, `cancel` or `refund`.
    #[serde(default)]
    pub action: String,
    /// Ours.
    #[serde(default)]
    pub token: Option<String>,
    /// How much, as a decimal text.
    #[serde(default)]
    pub amt: Option<String>,
    /// `SUCCESS`, `FAILURE`, `QUEUED`, `REQUESTED`, `IN PROGRESS`, in any case of letters.
    #[serde(default)]
    pub status: String,
}

impl Action {
    /// Whether it failed.
    pub fn failed(&self) -> bool {
        self.status.eq_ignore_ascii_case("failure") || self.status.eq_ignore_ascii_case("failed")
    }

    /// Whether it is through.
    pub fn succeeded(&self) -> bool {
        self.status.eq_ignore_ascii_case("success")
    }
}

#[derive(Deserialize)]
struct Answer {
    status: Value,
    #[serde(default, alias = "message")]
    msg: String,
    #[serde(default)]
    error_code: Option<Value>,
    #[serde(default)]
    request_id: Option<Value>,
    #[serde(default)]
    transaction_details: Option<BTreeMap<String, Value>>,
}

fn written(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn amount(money: Money) -> Result<String, Error> {
    if money.currency.code() != "INR" {
        return Err(Error::UnsupportedCurrency(money.currency.code().to_owned()));
    }
    if money.minor <= 0 {
        return Err(Error::ours("amount", "an amount has to be positive"));
    }
    Ok(money.decimal())
}

impl PayU {
    /// `base` is `https://info.payu.in`, PayU's test server, or a stand-in's address.
    pub fn new(base: &str, key: &str, salt: Secret) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { http: http_client::client(TIMEOUT), base, key: key.to_owned(), salt, timeout: TIMEOUT }
    }

    /// The same with another time to wait for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn form(&self, command: &str, variables: &[&str]) -> String {
        let hash = command_hash(&self.key, command, variables.first().unwrap_or(&""), self.salt.expose());
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("key", &self.key).append_pair("command", command).append_pair("hash", &hash);
        for (at, value) in variables.iter().enumerate() {
            form.append_pair(&format!("var{}", at + 1), value);
        }
        form.finish()
    }

    async fn command(&self, command: &str, variables: &[&str]) -> Result<Answer, Error> {
        let request = self.http.post(format!("{}/merchant/postservice.php?form=2", self.base));
        let form = self.form(command, variables);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        read(&ask(request.timeout(self.timeout), |_| None).await?)
    }

    /// A command that moves money. PayU says `status: 0` with HTTP 200 when it refuses.
    async fn act(&self, command: &str, variables: &[&str]) -> Result<String, Error> {
        let answer = self.command(command, variables).await?;
        if written(Some(answer.status)).as_deref() == Some("1") {
            return Ok(written(answer.request_id).unwrap_or_default());
        }
        let code = written(answer.error_code).unwrap_or_else(|| "refused".to_owned());
        // Used before, or being done: what came of it has to be looked up.
        if matches!(code.as_str(), "106" | "120") || answer.msg.to_ascii_lowercase().contains("token already") {
            return Err(Error::Unknown(answer.msg));
        }
        Err(Error::Refused { status: 200, code: format!("payu_{code}"), message: answer.msg })
    }

    /// The payment under a number of ours (`txnid`); none when the customer never came to PayU with it.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn verify(&self, txnid: &str) -> Result<Option<Transaction>, Error> {
        let answer = self.command("verify_payment", &[txnid]).await.map_err(Error::of_reading)?;
        let Some(details) = answer.transaction_details.unwrap_or_default().remove(txnid) else { return Ok(None) };
        let odd = |error: serde_json::Error| Error::Unavailable(format!("the answer is odd: {error}"));
        let transaction: Transaction = serde_json::from_value(details).map_err(odd)?;
        Ok(Some(transaction).filter(|found| found.mihpayid.is_some() && found.status != "Not Found"))
    }

    /// Takes a promised payment, once.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be taken.
    pub async fn capture(&self, mihpayid: &str, token: &str, money: Money) -> Result<String, Error> {
        self.act("capture_transaction", &[mihpayid, token, &amount(money)?]).await
    }

    /// Lets a promise go.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be let go.
    pub async fn cancel(&self, mihpayid: &str, token: &str, money: Money) -> Result<String, Error> {
        self.act("cancel_transaction", &[mihpayid, token, &amount(money)?]).await
    }

    /// Gives taken money back, or a part of it.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unknown`] when it may be given back.
    pub async fn refund(&self, mihpayid: &str, token: &str, money: Money) -> Result<String, Error> {
        self.act("cancel_refund_transaction", &[mihpayid, token, &amount(money)?]).await
    }

    /// Everything that was done with a payment.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn actions(&self, mihpayid: &str) -> Result<Vec<Action>, Error> {
        let answer = self.command("check_action_status", &[mihpayid, "payuid"]).await.map_err(Error::of_reading)?;
        let Some(Value::Object(actions)) = answer.transaction_details.unwrap_or_default().remove(mihpayid) else {
            return Ok(vec![]);
        };
        let read = |value| serde_json::from_value(value).map_err(|error| Error::Unavailable(format!("odd: {error}")));
        actions.into_iter().map(|(_, value)| read(value)).collect()
    }
}
