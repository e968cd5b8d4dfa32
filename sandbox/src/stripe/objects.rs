//! What can be asked of the stand-in.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::State;

/// A status and a body.
pub(super) type Outcome = (u16, Value);
pub(super) type Form = BTreeMap<String, String>;

pub(super) fn refused(status: u16, kind: &str, code: &str, message: &str) -> Outcome {
    (status, json!({"error": {"type": kind, "code": code, "message": message}}))
}

fn invalid(code: &str, message: &str) -> Outcome {
    refused(400, "invalid_request_error", code, message)
}

fn missing(what: &str) -> Outcome {
    refused(404, "invalid_request_error", "resource_missing", &format!("No such {what}"))
}

fn metadata(form: &Form) -> Value {
    let named = form.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
        Some((name.to_owned(), Value::from(value.as_str())))
    });
    Value::Object(named.collect::<Map<_, _>>())
}

/// A new thing; it is kept and answered.
pub(super) fn create(state: &mut State, path: &str, form: &Form, host: &str, now: i64) -> Outcome {
    match path {
        "/v1/customers" => {
            let id = state.id("cus");
            keep(state, json!({"id": id, "object": "customer", "created": now, "metadata": metadata(form)}))
        }
        "/v1/payment_intents" => pay(state, form, now),
        "/v1/refunds" => refund(state, form, now),
        "/v1/checkout/sessions" => page(state, form, host, now),
        _ if path.starts_with("/v1/payment_intents/") => match path["/v1/payment_intents/".len()..].split_once('/') {
            Some((id, "capture")) => capture(state, id, form),
            Some((id, "cancel")) => cancel(state, id),
            _ => missing("path"),
        },
        _ => missing("path"),
    }
}

fn keep(state: &mut State, object: Value) -> Outcome {
    let id = object["id"].as_str().unwrap_or_default().to_owned();
    state.objects.insert(id, object.clone());
    (200, object)
}

fn field<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map(String::as_str).unwrap_or_default()
}

fn pay(state: &mut State, form: &Form, now: i64) -> Outcome {
    let (customer, method) = (field(form, "customer"), field(form, "payment_method"));
    let amount = field(form, "amount").parse::<i64>().unwrap_or(0);
    let is_held = field(form, "capture_method") == "manual";
    // What is held may be of a guest.
    if !(state.objects.contains_key(customer) || is_held && customer.is_empty()) {
        return missing("customer");
    }
    if amount < 50 {
        return invalid("amount_too_small", "Amount must be at least 50 cents");
    }
    if field(form, "currency").len() != 3 {
        return invalid("parameter_missing", "Missing required param: currency.");
    }
    if method.is_empty() || field(form, "confirm") != "true" {
        return invalid("parameter_missing", "Only confirmed payments by a saved card are served here.");
    }
    let id = state.id("pi");
    let refusal = match method {
        "pm_card_chargeDeclined" => Some(("card_declined", "generic_decline")),
        "pm_card_visa_chargeDeclinedInsufficientFunds" => Some(("card_declined", "insufficient_funds")),
        "pm_card_authenticationRequired" => Some(("authentication_required", "authentication_required")),
        _ => None,
    };
    let paid = refusal.is_none();
    let charge = paid.then(|| state.id("ch"));
    let intent = json!({
        "id": id,
        "object": "payment_intent",
        "amount": amount,
        "amount_received": if paid && !is_held { amount } else { 0 },
        "currency": field(form, "currency"),
        "customer": customer,
        "payment_method": method,
        "latest_charge": charge,
        "description": field(form, "description"),
        "metadata": metadata(form),
        "created": now,
        "status": match (paid, is_held) {
            (true, true) => "requires_capture",
            (true, false) => "succeeded",
            (false, _) => "requires_payment_method",
        },
    });
    let (_, intent) = keep(state, intent);
    match refusal {
        None => (200, intent),
        Some((code, decline_code)) => (
            402,
            json!({"error": {
                "type": "card_error", "code": code, "decline_code": decline_code,
                "message": "Your card was declined.", "payment_intent": intent,
            }}),
        ),
    }
}

fn unexpected(intent: &Value) -> Outcome {
    let status = intent["status"].as_str().unwrap_or_default();
    invalid("payment_intent_unexpected_state", &format!("This PaymentIntent has a status of {status}."))
}

/// Takes held money, or a part of it.
fn capture(state: &mut State, id: &str, form: &Form) -> Outcome {
    let Some(intent) = state.objects.get_mut(id) else { return missing("payment_intent") };
    if intent["status"] != "requires_capture" {
        return unexpected(intent);
    }
    let received = intent["amount_received"].as_i64().unwrap_or(0);
    let left = intent["amount"].as_i64().unwrap_or(0) - received;
    let amount = form.get("amount_to_capture").map_or(Some(left), |text| text.parse().ok()).unwrap_or(0);
    if amount <= 0 || amount > left {
        return invalid("amount_too_large", "You cannot capture more than the authorized amount.");
    }
    intent["amount_received"] = (received + amount).into();
    if field(form, "final_capture") != "false" {
        intent["status"] = "succeeded".into();
    }
    (200, intent.clone())
}

/// Lets held money go.
fn cancel(state: &mut State, id: &str) -> Outcome {
    let Some(intent) = state.objects.get_mut(id) else { return missing("payment_intent") };
    if intent["status"] != "requires_capture" || intent["amount_received"] != 0 {
        return unexpected(intent);
    }
    intent["status"] = "canceled".into();
    (200, intent.clone())
}

fn refund(state: &mut State, form: &Form, now: i64) -> Outcome {
    let intent_id = field(form, "payment_intent");
    let Some(intent) = state.objects.get(intent_id).cloned() else { return missing("payment_intent") };
    let given: i64 = state
        .objects
        .values()
        .filter(|object| {
            object["object"] == "refund" && object["payment_intent"] == intent_id && object["status"] == "succeeded"
        })
        .filter_map(|refund| refund["amount"].as_i64())
        .sum();
    let left = intent["amount_received"].as_i64().unwrap_or(0) - given;
    let amount = field(form, "amount").parse::<i64>().unwrap_or(left);
    if left == 0 {
        return invalid("charge_already_refunded", "The charge has already been refunded.");
    }
    if amount <= 0 || amount > left {
        return invalid("amount_too_large", "Refund amount is greater than what is left of the charge.");
    }
    let id = state.id("re");
    let refund = json!({
        "id": id, "object": "refund", "amount": amount, "currency": intent["currency"], "payment_intent": intent_id,
        "metadata": metadata(form), "created": now,
        // Stripe's own test card of this name fails so, a little later.
        "status": if intent["payment_method"] == "pm_card_refundFail" { "failed" } else { "succeeded" },
    });
    keep(state, refund)
}

fn page(state: &mut State, form: &Form, host: &str, now: i64) -> Outcome {
    let customer = field(form, "customer");
    if field(form, "mode") != "setup" || !state.objects.contains_key(customer) {
        return invalid("parameter_missing", "Only pages that save a customer's card are served here.");
    }
    let id = state.id("cs");
    let session = json!({
        "id": id, "object": "checkout.session", "mode": "setup", "status": "open", "customer": customer,
        "client_reference_id": form.get("client_reference_id"),
        "url": format!("http://{host}/_page/{id}"), "success_url": field(form, "success_url"), "created": now,
        "setup_intent": Value::Null,
    });
    keep(state, session)
}

/// The customer saves a card; where to go on.
pub(super) fn complete(state: &mut State, session: &str, card: Option<&String>) -> Option<String> {
    let (intent, method) = (state.id("seti"), card.cloned().unwrap_or_else(|| state.id("pm")));
    let session_id = session.to_owned();
    let session = state.objects.get_mut(session)?;
    if session["status"] == "open" {
        session["status"] = "complete".into();
        session["url"] = Value::Null;
        session["setup_intent"] = json!({"id": intent, "object": "setup_intent", "payment_method": method});
    }
    Some(session["success_url"].as_str()?.replace("{CHECKOUT_SESSION_ID}", &session_id))
}

/// One thing, or a list of things, the newest first.
pub(super) fn read(state: &State, path: &str, query: &Form) -> Outcome {
    let kind = match path.strip_prefix("/v1/") {
        Some("payment_intents") => "payment_intent",
        Some("refunds") => "refund",
        Some(one) => {
            let id = one.rsplit('/').next().unwrap_or_default();
            let Some(mut object) = state.objects.get(id).cloned() else { return missing("object") };
            if object["object"] == "checkout.session" && field(query, "expand[0]") != "setup_intent" {
                object["setup_intent"] = object["setup_intent"]["id"].clone();
            }
            return (200, object);
        }
        None => return missing("path"),
    };
    let since = field(query, "created[gte]").parse::<i64>().unwrap_or(0);
    let fits = |object: &&Value| {
        let same = |name: &str| query.get(name).is_none_or(|wanted| object[name] == **wanted);
        object["object"] == kind
            && same("customer")
            && same("payment_intent")
            && object["created"].as_i64().is_some_and(|at| since <= at)
    };
    let mut found: Vec<Value> = state.objects.values().filter(fits).cloned().collect();
    found.reverse();
    if let Some(after) = query.get("starting_after") {
        let at = found.iter().position(|object| object["id"] == **after).map_or(found.len(), |at| at + 1);
        found.drain(..at);
    }
    let limit = field(query, "limit").parse::<usize>().unwrap_or(10).clamp(1, 100);
    let has_more = found.len() > limit;
    found.truncate(limit);
    (200, json!({"object": "list", "data": found, "has_more": has_more, "url": path}))
}
