//! How Saleor is asked: GraphQL by POST. An answer of 200 may hold errors of three kinds: of the question as a whole, of a mutation's input,
//! and none with no data.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_kit::config::Secret;
use service_kit::http_client;

use super::objects::{Order, Page};
use super::operations::{CANCEL, FULFIL, ORDER, ORDERS};
use crate::wire::{body_of, outcome_of};

const TIMEOUT: Duration = Duration::from_secs(20);
/// Orders on a page: well under what Saleor lets one question cost.
const PAGE: i64 = 20;
/// Saleor refuses a question for these reasons before anything is done.
const REFUSALS: [&str; 7] = [
    "PermissionDenied",
    "InvalidTokenError",
    "ExpiredSignatureError",
    "JSONWebTokenError",
    "QueryCostError",
    "ReadOnlyException",
    "GraphQLError",
];

/// Why there is no result. Never holds a token or an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A definite no; asking again changes nothing.
    #[error("saleor refused: {code}: {message}")]
    Refused {
        /// Saleor's word for it: `CANNOT_CANCEL_ORDER`, `PermissionDenied`, `http_401`, ...
        code: String,
        /// In words.
        message: String,
    },
    /// Nothing was done; it can be asked again later.
    #[error("saleor is not answering: {problem}")]
    Unavailable {
        /// What was seen.
        problem: String,
        /// When Saleor wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },
    /// It may have been done or not: look at the order first.
    #[error("nobody knows whether it was done: {0}")]
    Unknown(String),
}

impl Error {
    fn unavailable(problem: impl Into<String>) -> Self {
        Self::Unavailable { problem: problem.into(), retry_after: None }
    }
}

/// So many of a line have left a warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfilLine {
    /// Saleor's id of the line.
    pub line: String,
    /// How many, by Saleor's id of the warehouse.
    pub stocks: Vec<(String, i64)>,
}

/// Saleor with our app's token.
#[derive(Clone)]
pub struct Saleor {
    http: reqwest::Client,
    address: String,
    token: Secret,
    timeout: Duration,
}

impl fmt::Debug for Saleor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saleor").field("address", &self.address).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    operation_name: &'a str,
    query: &'a str,
    variables: Value,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Deserialize, Default)]
struct Extensions {
    #[serde(default)]
    exception: Exception,
    #[serde(default)]
    code: Option<String>,
}

#[derive(Deserialize, Default)]
struct Exception {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
struct OrdersData {
    orders: Option<Connection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    edges: Vec<Edge>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
struct Edge {
    node: Order,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
struct OrderData {
    order: Option<Order>,
}

/// What a mutation says of its input.
#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    errors: Vec<InputProblem>,
}

#[derive(Deserialize)]
struct InputProblem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FulfilData {
    order_fulfill: Option<Done>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelData {
    order_cancel: Option<Done>,
}

impl Saleor {
    /// `address` is the API's whole address, such as `https://shop.example/graphql/`, or a stand-in's.
    pub fn new(address: &str, token: Secret) -> Self {
        Self { http: http_client::client(TIMEOUT), address: address.to_owned(), token, timeout: TIMEOUT }
    }

    /// The same with another time to wait for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Orders that changed since a time, those that changed first before the others.
    ///
    /// # Errors
    /// When they cannot be told; nothing is unknown after reading.
    pub async fn orders(&self, since: DateTime<Utc>, after: Option<&str>) -> Result<Page, Error> {
        let since = since.to_rfc3339_opts(SecondsFormat::Micros, true);
        let variables = json!({ "since": since, "first": PAGE, "after": after });
        let data: OrdersData = self.ask("RecoupOrders", ORDERS, variables).await.map_err(read_only)?;
        let connection = data.orders.ok_or_else(|| Error::unavailable("it named no orders, and no reason"))?;
        let next = connection.page_info.end_cursor.filter(|_| connection.page_info.has_next_page);
        Ok(Page { orders: connection.edges.into_iter().map(|edge| edge.node).collect(), next })
    }

    /// One order; nothing when there is none of this id.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn order(&self, id: &str) -> Result<Option<Order>, Error> {
        let data: OrderData = self.ask("RecoupOrder", ORDER, json!({ "id": id })).await.map_err(read_only)?;
        Ok(data.order)
    }

    /// Tells that some of an order has left.
    ///
    /// # Errors
    /// [`Error::Unknown`] when it may have been taken in: look at the order.
    pub async fn fulfil(&self, order: &str, lines: &[FulfilLine], tracking: Option<&str>) -> Result<(), Error> {
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| {
                let stock =
                    |(warehouse, quantity): &(String, i64)| json!({ "warehouse": warehouse, "quantity": quantity });
                json!({ "orderLineId": line.line, "stocks": line.stocks.iter().map(stock).collect::<Vec<_>>() })
            })
            .collect();
        let variables = json!({ "order": order, "lines": lines, "tracking": tracking });
        let data: FulfilData = self.ask("RecoupFulfil", FULFIL, variables).await?;
        done(data.order_fulfill)
    }

    /// Tells that an order was given up.
    ///
    /// # Errors
    /// [`Error::Unknown`] when it may have been taken in: look at the order.
    pub async fn cancel(&self, order: &str) -> Result<(), Error> {
        let data: CancelData = self.ask("RecoupCancel", CANCEL, json!({ "order": order })).await?;
        done(data.order_cancel)
    }

    async fn ask<T: DeserializeOwned>(&self, name: &str, query: &str, variables: Value) -> Result<T, Error> {
        let question = Question { operation_name: name, query, variables };
        let body = serde_json::to_vec(&question).map_err(|error| Error::unavailable(error.to_string()))?;
        let request = self.http.post(&self.address).bearer_auth(self.token.expose()).timeout(self.timeout);
        let sent = request.header("content-type", "application/json").body(body).send().await;
        let answer = outcome_of(sent).map_err(|(problem, sent)| match sent {
            true => Error::Unknown(problem),
            false => Error::unavailable(problem),
        })?;
        let status = answer.status();
        let named = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = body_of(answer).await.map_err(Error::Unknown)?;
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(Error::Unavailable {
                problem: format!("it answered {}", status.as_u16()),
                retry_after: named.map(Duration::from_secs),
            }),
            _ if status.is_success() || status == StatusCode::BAD_REQUEST => read(&body),
            _ if status.is_client_error() => Err(Error::Refused {
                code: format!("http_{}", status.as_u16()),
                message: "the shop turned the question away".to_owned(),
            }),
            _ => Err(Error::Unknown(format!("it answered {}", status.as_u16()))),
        }
    }
}

/// Reads an answer. Errors are looked at before the data: without a right to something, there is an error and `null`.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let odd = |error: serde_json::Error| Error::Unknown(format!("the answer is odd: {error}"));
    let told: Answer<IgnoredAny> = serde_json::from_slice(body).map_err(odd)?;
    if let Some(problem) = told.errors.into_iter().next() {
        let code = problem.extensions.code.unwrap_or(problem.extensions.exception.code);
        let message = problem.message;
        return Err(match REFUSALS.contains(&code.as_str()) {
            true => Error::Refused { code, message },
            false => Error::Unknown(format!("{code}: {message}")),
        });
    }
    let answer: Answer<T> = serde_json::from_slice(body).map_err(odd)?;
    answer.data.ok_or_else(|| Error::Unknown("there is neither data nor an error in the answer".to_owned()))
}

/// Reading changes nothing, so that nothing is unknown after it.
fn read_only(error: Error) -> Error {
    match error {
        Error::Unknown(problem) => Error::unavailable(problem),
        other => other,
    }
}

fn done(outcome: Option<Done>) -> Result<(), Error> {
    let outcome = outcome.ok_or_else(|| Error::Unknown("the answer does not tell what came of it".to_owned()))?;
    match outcome.errors.into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(Error::Refused { code: problem.code, message: problem.message.unwrap_or_default() }),
    }
}
