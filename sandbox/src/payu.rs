//! PayU India as far as orders need it, on loopback: the form by which a customer pays, the commands of `postservice.php`, and webhooks with
//! the reverse hash. Amounts have two decimals.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use ring::digest::{SHA512, digest};
use serde_json::{Value, json};
use service_kit::clock::Clock;

use crate::gateway::{Books, Delivery, Desk, Outcome, Shared, control, decimal, finish, hex, minor};

/// The merchant's key there.
pub const KEY: &str = "gtKFFx";
/// The merchant's salt there.
pub const SALT: &str = "salt_of_the_payu_sandbox";

type Form = BTreeMap<String, String>;

/// A sandbox.
#[derive(Debug, Clone)]
pub struct PayU(Arc<Shared>);

fn sha512(text: &str) -> String {
    hex(digest(&SHA512, text.as_bytes()).as_ref())
}

fn field<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map(String::as_str).unwrap_or_default()
}

fn no(code: &str, message: &str) -> Outcome {
    (200, json!({"status": 0, "msg": message, "error_code": code}))
}

impl PayU {
    /// Knows nobody yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Shared::new(clock))
    }

    /// The same, with ids that go on from a number: one that begins anew names nothing as the one before it did.
    pub fn counting_from(self, number: u64) -> Self {
        self.0.desk().number = number;
        self
    }

    /// All that is served.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/_payment", post(page))
            .route("/merchant/postservice.php", post(command))
            .with_state(self.clone())
            .merge(control(Arc::clone(&self.0)))
    }

    /// Lets a command go wrong once.
    pub fn fail(&self, command: &str, kind: &str) {
        self.0.fail(command, kind);
    }

    /// How often a command was given.
    pub fn calls(&self, command: &str) -> u64 {
        self.0.calls(command)
    }

    /// The webhooks so far.
    pub fn webhooks(&self) -> Vec<Delivery> {
        self.0.desk().deliveries.clone()
    }

    /// What its own books say.
    pub fn books(&self) -> Books {
        let desk = self.0.desk();
        let mut books = Books::default();
        for object in desk.objects.values() {
            let amount = minor(object["amt"].as_str().unwrap_or_default());
            match (object["_kind"].as_str(), object["unmappedstatus"].as_str(), object["action"].as_str()) {
                (Some("payment"), Some("auth"), _) => books.held += amount,
                (_, _, Some("capture")) => books.captured += amount,
                (_, _, Some("refund")) => books.refunded += amount,
                _ => {}
            }
        }
        books
    }

    /// A customer authorises a payment; `charges` are added by PayU on top.
    pub fn pay(&self, txnid: &str, minor: i64, charges: Option<&str>) -> Form {
        let mut form = Form::from([
            ("key".to_owned(), KEY.to_owned()),
            ("txnid".to_owned(), txnid.to_owned()),
            ("amount".to_owned(), decimal(minor)),
            ("productinfo".to_owned(), "order".to_owned()),
            ("firstname".to_owned(), "Ann".to_owned()),
            ("email".to_owned(), "ann@example.com".to_owned()),
        ]);
        if let Some(charges) = charges {
            form.insert("additionalCharges".to_owned(), charges.to_owned());
        }
        self.pay_by(form)
    }

    /// What goes back to the shop, by the browser and as a webhook.
    fn pay_by(&self, mut form: Form) -> Form {
        let declined = field(&form, "firstname") == "Declined";
        let (status, unmapped) = if declined { ("failure", "failed") } else { ("success", "auth") };
        let mut desk = self.0.desk();
        let mihpayid = format!("4039937155{:08}", desk.next());
        let txnid = field(&form, "txnid").to_owned();
        let payment = json!({
            "_kind": "payment", "mihpayid": mihpayid, "txnid": txnid, "amt": decimal(minor(field(&form, "amount"))), "status": status,
            "unmappedstatus": unmapped, "mode": "CC", "error_code": if declined { "E308" } else { "E000" },
            "productinfo": field(&form, "productinfo"), "_refunded": 0,
        });
        desk.keep(&mihpayid, payment);
        form.insert("mihpayid".to_owned(), mihpayid);
        form.insert("status".to_owned(), status.to_owned());
        form.insert("unmappedstatus".to_owned(), unmapped.to_owned());
        let names =
            ["udf5", "udf4", "udf3", "udf2", "udf1", "email", "firstname", "productinfo", "amount", "txnid", "key"];
        let fields: Vec<&str> = names.iter().map(|name| field(&form, name)).collect();
        let plain = format!("{SALT}|{status}||||||{}", fields.join("|"));
        let text = form.get("additionalCharges").map_or_else(|| plain.clone(), |charges| format!("{charges}|{plain}"));
        form.insert("hash".to_owned(), sha512(&text));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        desk.deliveries.push(Delivery { kind: status.to_owned(), headers, body });
        form
    }
}

async fn form_of(request: Request) -> Option<Form> {
    let body = to_bytes(request.into_body(), 1 << 20).await.ok()?;
    Some(url::form_urlencoded::parse(&body).into_owned().collect())
}

/// The customer comes with the shop's form, pays, and is sent back with another.
async fn page(State(payu): State<PayU>, request: Request) -> Response {
    let Some(form) = form_of(request).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let names = ["key", "txnid", "amount", "productinfo", "firstname", "email", "udf1", "udf2", "udf3", "udf4", "udf5"];
    let fields: Vec<&str> = names.iter().map(|name| field(&form, name)).collect();
    if field(&form, "key") != KEY || sha512(&format!("{}||||||{SALT}", fields.join("|"))) != field(&form, "hash") {
        return (StatusCode::FORBIDDEN, Html("Invalid hash")).into_response();
    }
    let back = field(&form, "surl").to_owned();
    let answer = payu.pay_by(form);
    let inputs: String = answer
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"))
        .collect();
    Html(format!("<form method=\"post\" action=\"{back}\">{inputs}</form>")).into_response()
}

async fn command(State(payu): State<PayU>, request: Request) -> Response {
    let Some(form) = form_of(request).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let (name, var1) = (field(&form, "command"), field(&form, "var1"));
    if sha512(&format!("{KEY}|{name}|{var1}|{SALT}")) != field(&form, "hash") || field(&form, "key") != KEY {
        return finish((200, json!({"status": 0, "msg": "Invalid Hash."})));
    }
    let fault = match payu.0.enter(name, (429, json!({"status": 0, "msg": "Requests limit reached"}))).await {
        Ok(fault) => fault,
        Err(outcome) => return finish(outcome),
    };
    let outcome = {
        let mut desk = payu.0.desk();
        let (token, amount) = (field(&form, "var2"), minor(field(&form, "var3")));
        match name {
            "verify_payment" => verify(&desk, var1),
            "check_action_status" => actions(&desk, var1),
            "capture_transaction" => act(&mut desk, "capture", var1, token, amount),
            "cancel_transaction" => act(&mut desk, "cancel", var1, token, amount),
            "cancel_refund_transaction" => act(&mut desk, "refund", var1, token, amount),
            _ => no("E1000", "Command not found"),
        }
    };
    payu.0.leave(fault).await;
    finish(outcome)
}

fn verify(desk: &Desk, txnid: &str) -> Outcome {
    let found = desk.all(|object| object["_kind"] == "payment" && object["txnid"] == txnid).pop();
    let details = found.clone().unwrap_or_else(|| json!({"mihpayid": "Not Found", "status": "Not Found"}));
    let status = u8::from(found.is_some());
    (
        200,
        json!({"status": status, "msg": format!("{status} out of 1 Transactions Fetched Successfully"), "transaction_details": {txnid: details}}),
    )
}

fn actions(desk: &Desk, mihpayid: &str) -> Outcome {
    let done = desk.all(|object| object["_kind"] == "action" && object["mihpayid"] == mihpayid);
    if done.is_empty() {
        return (
            200,
            json!({"status": 0, "msg": "0 out of 1 Transactions Fetched Successfully",
            "transaction_details": {mihpayid: "No action status found"}}),
        );
    }
    let named = done.into_iter().map(|action| (action["request_id"].as_str().unwrap_or_default().to_owned(), action));
    (
        200,
        json!({"status": 1, "msg": "1 out of 1 Transactions Fetched Successfully",
        "transaction_details": {mihpayid: Value::Object(named.collect())}}),
    )
}

fn act(desk: &mut Desk, action: &str, mihpayid: &str, token: &str, amount: i64) -> Outcome {
    if !desk.all(|object| object["_kind"] == "action" && object["token"] == token).is_empty() || token.len() > 23 {
        return no("106", "Token already exists.");
    }
    let number = desk.next();
    let Some(payment) = desk.objects.get_mut(mihpayid).filter(|object| object["_kind"] == "payment") else {
        return no("116", "Transaction Not Found");
    };
    let (whole, state) = (minor(payment["amt"].as_str().unwrap_or_default()), payment["unmappedstatus"].clone());
    match (action, state.as_str()) {
        ("capture", Some("captured")) => return no("301", "Capture already successful for this transaction"),
        ("capture", Some("auth")) if amount <= 0 || amount > whole => {
            return no("303", "Amount greater than maximum capturable amount");
        }
        ("capture", Some("auth")) => {
            payment["unmappedstatus"] = "captured".into();
            payment["_captured"] = amount.into();
        }
        ("cancel", Some("auth")) => payment["unmappedstatus"] = "cancelled".into(),
        ("refund", Some("captured")) => {
            let before = payment["_refunded"].as_i64().unwrap_or(0);
            if amount <= 0 || before + amount > payment["_captured"].as_i64().unwrap_or(0) {
                return no("105", "Refund FAILURE - Invalid amount");
            }
            payment["_refunded"] = (before + amount).into();
        }
        _ => return no("111", "Invalid transaction status"),
    }
    let id = format!("{number:09}");
    let done = json!({
        "_kind": "action", "mihpayid": mihpayid, "request_id": id, "amt": decimal(amount), "mode": "CC", "action": action, "token": token,
        "status": "SUCCESS", "bank_ref_num": "527013524405",
    });
    desk.keep(&id, done);
    let message = match action {
        "capture" => "Capture Request Queued",
        "cancel" => "Cancel Request Queued",
        _ => "Refund Request Queued",
    };
    (
        200,
        json!({"status": 1, "msg": message, "request_id": id, "bank_ref_num": "527013524405", "mihpayid": mihpayid, "error_code": 102}),
    )
}
