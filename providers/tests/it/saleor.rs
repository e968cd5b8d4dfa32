//! The Saleor client on exchanges after the published schema; see `saleor_exchanges/README.md`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use providers::saleor::{Error, FulfilLine, Saleor};
use serde_json::Value;
use service_kit::config::Secret;
use tokio::net::TcpListener;

const EXCHANGES: [&str; 11] = [
    include_str!("saleor_exchanges/orders_first_page.json"),
    include_str!("saleor_exchanges/orders_last_page.json"),
    include_str!("saleor_exchanges/orders_denied.json"),
    include_str!("saleor_exchanges/orders_too_many.json"),
    include_str!("saleor_exchanges/order.json"),
    include_str!("saleor_exchanges/order_unknown.json"),
    include_str!("saleor_exchanges/fulfil.json"),
    include_str!("saleor_exchanges/fulfil_unpaid.json"),
    include_str!("saleor_exchanges/cancel.json"),
    include_str!("saleor_exchanges/cancel_refused.json"),
    include_str!("saleor_exchanges/cancel_broken.json"),
];

/// Answers what was answered to the same question; a question that nobody asked before is a defect.
async fn answer(headers: HeaderMap, Json(question): Json<Value>) -> Response {
    if headers.get("authorization").is_none_or(|value| value != "Bearer app-token") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let known = EXCHANGES.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
    let same = |known: &Value| {
        ["operationName", "variables"].iter().all(|part| known["request"][*part] == question[*part])
            && question["query"]
                .as_str()
                .is_some_and(|query| query.contains(known["request"]["operationName"].as_str().unwrap()))
    };
    let Some(exchange) = known.into_iter().find(same) else {
        return (StatusCode::NOT_IMPLEMENTED, question.to_string()).into_response();
    };
    let status = StatusCode::from_u16(exchange["status"].as_u64().unwrap().try_into().unwrap()).unwrap();
    let mut response = (status, Json(exchange["answer"].clone())).into_response();
    for (name, value) in exchange["headers"].as_object().unwrap() {
        let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
        response.headers_mut().insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    response
}

async fn shop(token: &str) -> Saleor {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/graphql/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/graphql/", post(answer))).await });
    Saleor::new(&address, Secret::new(token)).with_timeout(Duration::from_secs(20))
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Refused { code, .. }) => code,
        other => panic!("it is no refusal: {other:?}"),
    }
}

#[tokio::test]
async fn orders_are_read_page_by_page() {
    let shop = shop("app-token").await;
    let since = "2026-11-20T09:55:00Z".parse().unwrap();
    let page = shop.orders(since, None).await.unwrap();
    let [first, second] = page.orders.as_slice() else { panic!("{page:?}") };
    assert_eq!((first.number.as_str(), first.is_paid(), first.is_cancelled()), ("1041", true, false));
    assert_eq!(first.total.gross.money().map(|money| money.minor), Some(5_300));
    assert_eq!(first.lines[0].total_price.net.money().map(|money| money.minor), Some(4_000));
    assert_eq!((second.is_paid(), second.is_cancelled(), &second.shipping_address), (false, true, &None));
    let last = shop.orders(since, page.next.as_deref()).await.unwrap();
    assert_eq!((last.orders.len(), last.next), (1, None), "the last page has a cursor too, and it leads nowhere");
}

#[tokio::test]
async fn what_cannot_be_read_says_whether_it_helps_to_ask_again() {
    let shop = shop("app-token").await;
    let at = |day: &str| format!("2026-11-{day}T00:00:00Z").parse().unwrap();
    assert_eq!(refusal(shop.orders(at("01"), None).await), "PermissionDenied");
    let busy = shop.orders(at("02"), None).await.unwrap_err();
    let Error::Unavailable { retry_after, .. } = &busy else { panic!("{busy:?}") };
    assert_eq!(*retry_after, Some(Duration::from_secs(30)));
    assert_eq!(refusal(self::shop("another").await.order("T3JkZXI6bm9uZQ==").await), "http_401");
    assert!(!format!("{shop:?} {busy}").contains("app-token"));
    let nobody = Saleor::new("http://127.0.0.1:1/graphql/", Secret::new("t"));
    assert!(matches!(nobody.cancel("T3JkZXI6MQ==").await, Err(Error::Unavailable { .. })), "it was never sent");
}

#[tokio::test]
async fn one_order_is_read_or_is_not_there() {
    let shop = shop("app-token").await;
    let order = shop.order("T3JkZXI6MDE5Y2EwMD01=").await.unwrap().unwrap();
    assert_eq!(order.fulfillments[0].tracking_number, "1Z999");
    assert_eq!(order.lines[0].allocations.as_ref().unwrap()[0].quantity, 3);
    assert_eq!(shop.order("T3JkZXI6bm9uZQ==").await.unwrap(), None);
}

#[tokio::test]
async fn telling_is_done_refused_or_unknown() {
    let shop = shop("app-token").await;
    let lines = [FulfilLine { line: "T3JkZXJMaW5lOjE=".into(), stocks: vec![("V2FyZWhvdXNlOjE=".into(), 3)] }];
    shop.fulfil("T3JkZXI6MDE5Y2EwMD01=", &lines, Some("1Z999")).await.unwrap();
    assert_eq!(refusal(shop.fulfil("T3JkZXI6MDE5Y2EwMD02=", &lines, None).await), "CANNOT_FULFILL_UNPAID_ORDER");
    shop.cancel("T3JkZXI6MDE5Y2EwMD01=").await.unwrap();
    assert_eq!(refusal(shop.cancel("T3JkZXI6MDE5Y2EwMD03=").await), "CANNOT_CANCEL_ORDER");
    // It broke somewhere in there: whether the order is cancelled has to be looked up.
    assert!(matches!(shop.cancel("T3JkZXI6YnJva2Vu").await, Err(Error::Unknown(_))));
}
