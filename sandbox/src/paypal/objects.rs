//! What can be asked of the stand-in for PayPal.

use serde_json::{Value, json};

use crate::gateway::{Desk, Outcome, decimal, minor};

/// A webhook that follows: its kind and its resource.
type Said = Option<(&'static str, Value)>;

/// Seconds in which held money is sure to be there; only after that it can be held anew.
const HONOURED: i64 = 3 * 86_400;
/// Seconds after which held money can be neither taken nor held anew.
const VALID: i64 = 29 * 86_400;

pub(super) fn refused(status: u16, issue: &str, message: &str) -> Outcome {
    let name = if status == 422 { "UNPROCESSABLE_ENTITY" } else { issue };
    (
        status,
        json!({"name": name, "message": message, "debug_id": "90957fca61718", "details": [{"issue": issue, "description": message}]}),
    )
}

pub(super) fn missing() -> Outcome {
    (
        404,
        json!({"name": "RESOURCE_NOT_FOUND", "message": "The specified resource does not exist.", "debug_id": "1", "details": [
        {"issue": "INVALID_RESOURCE_ID", "description": "Specified resource ID does not exist."}]}),
    )
}

/// Seventeen capitals and digits.
fn id(desk: &mut Desk) -> String {
    let mut number = desk.next() * 7_919 + 1_000_003;
    let mut text = String::new();
    for _ in 0..17 {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        text.insert(0, char::from_digit(digit, 36).unwrap_or('0').to_ascii_uppercase());
        number /= 36;
    }
    text
}

fn value(object: &Value) -> i64 {
    minor(object["amount"]["value"].as_str().unwrap_or_default())
}

fn link(kind: &str, id: &str, rel: &str) -> Value {
    json!([{"href": format!("https://api.sandbox.paypal.com/v2/payments/{kind}/{id}"), "rel": rel, "method": "GET"}])
}

pub(super) fn create(desk: &mut Desk, body: &Value) -> Outcome {
    let amount = &body["purchase_units"][0]["amount"];
    let intent = body["intent"].as_str().unwrap_or_default();
    if !matches!(intent, "AUTHORIZE" | "CAPTURE") || minor(amount["value"].as_str().unwrap_or_default()) <= 0 {
        return (
            400,
            json!({"name": "INVALID_REQUEST", "message": "Request is not well-formed.", "details": [
            {"issue": "MISSING_REQUIRED_PARAMETER", "field": "/purchase_units/0/amount"}]}),
        );
    }
    let id = id(desk);
    let unit =
        json!({"reference_id": "default", "amount": amount, "custom_id": body["purchase_units"][0]["custom_id"]});
    let order = json!({
        "_kind": "order", "id": id, "intent": intent, "status": "CREATED", "purchase_units": [unit],
        "links": [{"href": format!("https://www.sandbox.paypal.com/checkoutnow?token={id}"), "rel": "approve", "method": "GET"}],
    });
    (201, desk.keep(&id, order))
}

/// An order with everything that was done with it.
pub(super) fn order_of(desk: &Desk, id: &str) -> Outcome {
    let Some(mut order) = desk.objects.get(id).filter(|object| object["_kind"] == "order").cloned() else {
        return missing();
    };
    let of = |kind: &str| desk.all(|object| object["_kind"] == kind && object["_order"] == id);
    let payments = json!({"authorizations": of("authorization"), "captures": of("capture"), "refunds": of("refund")});
    order["purchase_units"][0]["payments"] = payments;
    (200, order)
}

pub(super) fn authorize(desk: &mut Desk, order_id: &str, body: &Value, now: i64) -> (Outcome, Said) {
    let Some(order) = desk.objects.get(order_id).cloned() else { return (missing(), None) };
    let saved = body["payment_source"]["token"]["id"].as_str();
    match order["status"].as_str() {
        Some("COMPLETED") => return (refused(422, "ORDER_ALREADY_AUTHORIZED", "Order already authorized."), None),
        Some("APPROVED") => {}
        _ if saved.is_some() => {}
        _ => return (refused(422, "ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment."), None),
    }
    if saved.is_some_and(|token| token.contains("declined")) {
        return (refused(422, "INSTRUMENT_DECLINED", "The instrument presented was declined."), None);
    }
    let auth = id(desk);
    let object = json!({
        "_kind": "authorization", "_order": order_id, "id": auth, "status": "CREATED", "amount": order["purchase_units"][0]["amount"],
        "custom_id": order["purchase_units"][0]["custom_id"], "_captured": 0, "_first": now, "_since": now,
        "supplementary_data": {"related_ids": {"order_id": order_id}}, "links": link("authorizations", &auth, "self"),
    });
    let object = desk.keep(&auth, object);
    desk.objects.entry(order_id.to_owned()).and_modify(|order| order["status"] = "COMPLETED".into());
    let (_, order) = order_of(desk, order_id);
    ((201, order), Some(("PAYMENT.AUTHORIZATION.CREATED", object)))
}

/// Whether held money has become too old for anything.
fn is_expired(auth: &Value, now: i64) -> bool {
    now - auth["_first"].as_i64().unwrap_or(now) >= VALID
}

/// Holds the money anew: another authorisation takes the place of this one.
pub(super) fn reauthorize(desk: &mut Desk, auth_id: &str, body: &Value, now: i64) -> (Outcome, Said) {
    let Some(auth) = desk.objects.get(auth_id).filter(|object| object["_kind"] == "authorization").cloned() else {
        return (missing(), None);
    };
    if auth["status"] != "CREATED" {
        let issue = if auth["status"] == "VOIDED" { "PREVIOUSLY_VOIDED" } else { "AUTHORIZATION_ALREADY_CAPTURED" };
        return (refused(422, issue, "The authorization cannot be reauthorized."), None);
    }
    if is_expired(&auth, now) {
        return (refused(422, "AUTHORIZATION_EXPIRED", "The authorization has expired."), None);
    }
    if now - auth["_since"].as_i64().unwrap_or(now) < HONOURED {
        return (refused(422, "REAUTHORIZATION_TOO_SOON", "The honor period has not expired yet."), None);
    }
    let amount = body["amount"]["value"].as_str().map_or_else(|| value(&auth), minor);
    if amount != value(&auth) {
        return (refused(422, "AUTH_AMOUNT_EXCEEDED", "The sandbox reauthorizes the same amount only."), None);
    }
    desk.objects.entry(auth_id.to_owned()).and_modify(|auth| auth["status"] = "VOIDED".into());
    let id = id(desk);
    let mut anew = auth;
    (anew["id"], anew["_since"], anew["links"]) = (id.clone().into(), now.into(), link("authorizations", &id, "self"));
    let anew = desk.keep(&id, anew);
    ((201, anew.clone()), Some(("PAYMENT.AUTHORIZATION.CREATED", anew)))
}

pub(super) fn capture(desk: &mut Desk, auth_id: &str, body: &Value, now: i64) -> (Outcome, Said) {
    let Some(auth) = desk.objects.get(auth_id).filter(|object| object["_kind"] == "authorization").cloned() else {
        return (missing(), None);
    };
    if auth["status"] == "VOIDED" {
        return (refused(422, "AUTHORIZATION_VOIDED", "A voided authorization cannot be captured."), None);
    }
    if auth["status"] == "CAPTURED" {
        return (refused(422, "AUTHORIZATION_ALREADY_CAPTURED", "Authorization has already been captured."), None);
    }
    if is_expired(&auth, now) {
        return (refused(422, "AUTHORIZATION_EXPIRED", "The authorization has expired."), None);
    }
    let invoice = body["invoice_id"].as_str().unwrap_or_default();
    if !invoice.is_empty()
        && !desk.all(|object| object["_kind"] == "capture" && object["invoice_id"] == invoice).is_empty()
    {
        return (refused(422, "DUPLICATE_INVOICE_ID", "Requested invoice number has been previously captured."), None);
    }
    let before = auth["_captured"].as_i64().unwrap_or(0);
    let left = value(&auth) - before;
    let wanted = body["amount"]["value"].as_str().map_or(left, minor);
    if wanted <= 0 || wanted > left {
        return (refused(422, "MAX_CAPTURE_AMOUNT_EXCEEDED", "Capture amount exceeds allowable limit."), None);
    }
    let is_final = body["final_capture"].as_bool().unwrap_or(false) || wanted == left;
    desk.objects.entry(auth_id.to_owned()).and_modify(|auth| {
        auth["_captured"] = (before + wanted).into();
        auth["status"] = if is_final { "CAPTURED" } else { "PARTIALLY_CAPTURED" }.into();
    });
    let id = id(desk);
    let object = json!({
        "_kind": "capture", "_order": auth["_order"], "_refunded": 0, "id": id, "status": "COMPLETED", "final_capture": is_final,
        "amount": {"currency_code": auth["amount"]["currency_code"], "value": decimal(wanted)}, "invoice_id": body["invoice_id"],
        "custom_id": auth["custom_id"],
        "supplementary_data": {"related_ids": {"order_id": auth["_order"], "authorization_id": auth_id}},
        "links": link("authorizations", auth_id, "up"),
    });
    let object = desk.keep(&id, object);
    ((201, object.clone()), Some(("PAYMENT.CAPTURE.COMPLETED", object)))
}

pub(super) fn void(desk: &mut Desk, auth_id: &str) -> (Outcome, Said) {
    let Some(auth) = desk.objects.get_mut(auth_id) else { return (missing(), None) };
    match auth["status"].as_str() {
        Some("VOIDED") => {
            return (refused(422, "PREVIOUSLY_VOIDED", "Authorization has been previously voided."), None);
        }
        Some("CAPTURED") => {
            return (refused(422, "PREVIOUSLY_CAPTURED", "Authorization has been previously captured."), None);
        }
        _ => auth["status"] = "VOIDED".into(),
    }
    ((200, auth.clone()), Some(("PAYMENT.AUTHORIZATION.VOIDED", auth.clone())))
}

pub(super) fn refund(desk: &mut Desk, capture_id: &str, body: &Value) -> (Outcome, Said) {
    let Some(capture) = desk.objects.get(capture_id).filter(|object| object["_kind"] == "capture").cloned() else {
        return (missing(), None);
    };
    let before = capture["_refunded"].as_i64().unwrap_or(0);
    let left = value(&capture) - before;
    let wanted = body["amount"]["value"].as_str().map_or(left, minor);
    if left == 0 {
        return (refused(422, "CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded"), None);
    }
    if wanted <= 0 || wanted > left {
        return (
            refused(
                422,
                "REFUND_AMOUNT_EXCEEDED",
                "The refund amount must be less than or equal to the capture amount",
            ),
            None,
        );
    }
    desk.objects.entry(capture_id.to_owned()).and_modify(|capture| {
        capture["_refunded"] = (before + wanted).into();
        capture["status"] = if wanted == left { "REFUNDED" } else { "PARTIALLY_REFUNDED" }.into();
    });
    let id = id(desk);
    let object = json!({
        "_kind": "refund", "_order": capture["_order"], "id": id, "status": "COMPLETED", "custom_id": body["custom_id"],
        "amount": {"currency_code": capture["amount"]["currency_code"], "value": decimal(wanted)},
        "links": link("captures", capture_id, "up"),
    });
    let object = desk.keep(&id, object);
    ((201, object.clone()), Some(("PAYMENT.CAPTURE.REFUNDED", object)))
}
