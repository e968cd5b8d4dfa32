use super::*;
use crate::domain::samples::{at, tenant};

fn read_one(json: &str) -> Result<NewEvent, Refused> {
    read(json, &tenant(), at(0), || Uuid::from_u128(7))
}

fn field_at_fault(json: &str) -> Option<String> {
    read_one(json).err().and_then(|refused| refused.field)
}

#[test]
fn the_first_document_of_the_readme_is_a_purchase() {
    let event = read_one(
        r#"{"user_id": "user123", "event_type": "purchase", "metadata": {"amount": 100.0, "product_id": "prod456"}}"#,
    )
    .expect("fine");
    assert_eq!(event.facts.kind, EventKind::Purchase);
    assert_eq!(event.facts.amount, Some(Money::new(10_000, Currency::USD)));
    assert_eq!(event.facts.visitor, Some(VisitorId::of(&tenant(), "user123")));
    assert_eq!(event.facts.id, TrackingEventId(Uuid::from_u128(7)));
    assert_eq!((event.facts.occurred_at, event.source.as_str()), (at(0), "api"));
}

#[test]
fn the_whole_shape_is_read() {
    let event = read_one(
        r#"{"event_id":"e1","source":"shop","event_type":"purchase","user_id":"u","campaign":"camp123","partner":"p1","click_id":"c1","coupon":"save10",
            "order_id":"o1","amount":"19.99","currency":"EUR","occurred_at":"2023-11-14T23:13:20.1234567+01:00","metadata":{"x":[1,{"y":null}]}}"#,
    )
    .expect("fine");
    assert_eq!(event.facts.id.0, id_of(&tenant(), "shop", "e1"));
    assert_eq!(event.facts.amount.map(|money| money.to_string()).as_deref(), Some("19.99 EUR"));
    assert_eq!(event.facts.coupon.as_deref(), Some("SAVE10"));
    assert_eq!(event.facts.occurred_at.timestamp_subsec_nanos(), 123_456_000);
    assert_eq!(event.facts.campaign, Some(CampaignId::from_code(&tenant(), "camp123")));
    assert_eq!(event.metadata.map(|metadata| metadata.get().to_owned()).as_deref(), Some(r#"{"x":[1,{"y":null}]}"#));
}

#[test]
fn amounts_never_pass_through_a_float() {
    for (sent, minor) in
        [("0.1", 10), ("\"0.30\"", 30), ("90071992547409.93", 9_007_199_254_740_993), ("1e2", 10_000), ("0", 0)]
    {
        let event = read_one(&format!(r#"{{"event_type":"purchase","amount":{sent}}}"#)).expect("fine");
        assert_eq!(event.facts.amount.map(|money| money.minor), Some(minor), "{sent}");
    }
}

#[test]
fn the_field_at_fault_is_named() {
    let deep = format!(
        r#"{{"event_type":"lead","metadata":{{"a":{}{}}}}}"#,
        "[".repeat(100_000 / 20),
        "]".repeat(100_000 / 20)
    );
    let large = format!(r#"{{"event_type":"lead","metadata":{{"a":"{}"}}}}"#, "x".repeat(20_000));
    let long = format!(r#"{{"event_type":"lead","user_id":"{}"}}"#, "x".repeat(257));
    let cases = [
        (r#"{"event_type":"purchase","amount":1.001}"#, "amount"),
        (r#"{"event_type":"purchase","amount":1.5,"currency":"JPY"}"#, "amount"),
        (r#"{"event_type":"purchase","amount":-1}"#, "amount"),
        (r#"{"event_type":"purchase","amount":true}"#, "amount"),
        (r#"{"event_type":"purchase","amount":"ten"}"#, "amount"),
        (r#"{"event_type":"purchase","amount":1e400}"#, "amount"),
        (r#"{"event_type":"purchase"}"#, "amount"),
        (r#"{"event_type":"purchase","metadata":{"amount":-1}}"#, "metadata.amount"),
        (r#"{"event_type":"purchase","metadata":{"amount":{"a":1}}}"#, "metadata.amount"),
        (r#"{"event_type":"purchase","metadata":{"amount":1,"currency":5}}"#, "metadata.currency"),
        (r#"{"event_type":"click","amount":1}"#, "amount"),
        (r#"{"event_type":"refund","order_id":"o","amount":0}"#, "amount"),
        (r#"{"event_type":"refund"}"#, "order_id"),
        (r#"{"event_type":"click","refers_to":"x"}"#, "refers_to"),
        (r#"{"event_type":"purchase","amount":1,"currency":"XXQ"}"#, "currency"),
        (r#"{"event_type":"click","currency":"usd"}"#, "currency"),
        (r#"{"event_type":"sale"}"#, "event_type"),
        (r#"{"event_type":5}"#, "event_type"),
        (r"{}", "event_type"),
        (r#"{"event_type":"click","userid":"u"}"#, "userid"),
        (r#"{"event_type":"click","user_id":5}"#, "user_id"),
        (r#"{"event_type":"click","user_id":"a","user_id":"b"}"#, "user_id"),
        (r#"{"event_type":"click","user_id":""}"#, "user_id"),
        (r#"{"event_type":"click","user_id":"a\u0000b"}"#, "user_id"),
        (r#"{"event_type":"click","occurred_at":"yesterday"}"#, "occurred_at"),
        (r#"{"event_type":"click","occurred_at":"2023-11-15T22:13:21Z"}"#, "occurred_at"),
        (r#"{"event_type":"click","metadata":[1]}"#, "metadata"),
        (long.as_str(), "user_id"),
        (deep.as_str(), "metadata"),
        (large.as_str(), "metadata"),
    ];
    for (json, field) in cases {
        assert_eq!(field_at_fault(json).as_deref(), Some(field), "{}", &json[..json.len().min(100)]);
    }
    assert!(
        read_one(r#"{"event_type":"click","occurred_at":"2023-11-15T22:13:20Z"}"#).is_ok(),
        "a day ahead is still taken"
    );
}

#[test]
fn what_is_no_event_at_all_is_refused() {
    for json in ["5", "null", "\"x\"", "{\"event_type\":\"click\"} x", "{\"event_type\"", "[]", ""] {
        assert!(read_one(json).is_err(), "{json}");
    }
}

#[test]
fn free_metadata_stays_free() {
    for metadata in
        ["null", "{}", r#"{"amount":"many","currency":{}}"#, r#"{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}"#]
    {
        assert!(read_one(&format!(r#"{{"event_type":"click","metadata":{metadata}}}"#)).is_ok(), "{metadata}");
    }
}
