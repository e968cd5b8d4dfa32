//! Questions to the services, over HTTP with the caller's own token: a deadline, a bounded number of repeats where
//! repeating is harmless, and a circuit breaker for each service.

mod wishes;

use std::time::{Duration, Instant};

use anyhow::Context;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use service_kit::auth::Caller;
use service_kit::breaker::Breaker;
use service_kit::http::context::{self, REQUEST_ID, TRACEPARENT};
use service_kit::http_client;
use service_kit::problem::Problem;
use shared_events::Service;

/// Longest wait for an answer, repeats included.
const DEADLINE: Duration = Duration::from_secs(5);
/// Pauses before the second and third try.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(150)];
/// Longest time that a file may take to be fetched.
const DOWNLOAD: Duration = Duration::from_secs(15 * 60);
/// Headers of an answer that are passed on.
const PASSED_ON: [HeaderName; 13] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_DISPOSITION,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::ETAG,
    header::CACHE_CONTROL,
    header::CONTENT_SECURITY_POLICY,
    header::X_CONTENT_TYPE_OPTIONS,
    header::REFERRER_POLICY,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    header::LOCATION,
];

/// One service, as the BFF reaches it.
#[derive(Debug)]
pub struct Upstream {
    service: Service,
    base: String,
    client: reqwest::Client,
    breaker: Breaker,
}

/// What is asked of a service.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Path and query.
    pub target: &'a str,
    /// Who asks; nobody for health checks.
    pub caller: Option<&'a Caller>,
    /// Media types that the caller takes.
    pub accept: Option<&'a str>,
    /// How long to wait beyond the usual deadline, for questions that the service answers late on purpose.
    pub patience: Duration,
    /// For files: which part, and of which version of it.
    pub file: Option<Part<'a>>,
}

/// Which part of a file is asked for: the headers as they came.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    range: Option<&'a HeaderValue>,
    if_range: Option<&'a HeaderValue>,
    if_none_match: Option<&'a HeaderValue>,
}

/// Which page of a list, for the OpenAPI document; the service that has the list reads it.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "described, never made: queries are passed on as they come")]
pub struct Page {
    /// Entries on the page, at most 200; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the last page ended
    cursor: Option<String>,
}

impl<'a> Question<'a> {
    /// A question in a caller's name.
    pub fn of(caller: &'a Caller, target: &'a str) -> Self {
        Self { target, caller: Some(caller), accept: None, patience: Duration::ZERO, file: None }
    }
}

impl Upstream {
    /// `service` at the address `base`.
    pub fn new(service: Service, base: &str) -> Self {
        // Each request has a deadline of its own; this one only bounds what might forget it.
        let client = http_client::client(Duration::from_secs(60));
        Self { service, base: base.to_owned(), client, breaker: Breaker::default() }
    }

    /// The service.
    pub fn service(&self) -> Service {
        self.service
    }

    /// Passes a question on as it came, and the answer back.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn answer(&self, caller: &Caller, uri: &Uri) -> Result<Response, Problem> {
        self.pass_on(Question::of(caller, target(uri))).await
    }

    /// Passes a question for a file or a part of it on, and the file back. It may take longer than other answers.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn answer_part(&self, caller: &Caller, uri: &Uri, headers: &HeaderMap) -> Result<Response, Problem> {
        self.pass_file(Some(caller), uri, headers).await
    }

    /// The same for a caller who may have no token: a signed address is proof enough, which the service checks.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn pass_file(
        &self,
        caller: Option<&Caller>,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let part = Part {
            range: headers.get(header::RANGE),
            if_range: headers.get(header::IF_RANGE),
            if_none_match: headers.get(header::IF_NONE_MATCH),
        };
        let target = target(uri);
        // Whoever takes JSON may want a link instead of the bytes.
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        self.pass_on(Question { target, caller, accept, patience: Duration::ZERO, file: Some(part) }).await
    }

    /// Asks, repeats when the service could not be reached, and passes the answer on.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn pass_on(&self, question: Question<'_>) -> Result<Response, Problem> {
        Ok(to_response(self.get(question).await?))
    }

    /// Asks and repeats when the service could not be reached.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn get(&self, question: Question<'_>) -> Result<reqwest::Response, Problem> {
        let deadline = tokio::time::Instant::now() + DEADLINE + question.patience;
        let mut pauses = PAUSES.iter();
        loop {
            let tried = tokio::time::timeout_at(deadline, self.try_get(question)).await;
            let late = tried.is_err();
            let outcome = tried.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in time")));
            match (outcome, pauses.next()) {
                (Ok(response), _) if !is_away(response.status()) => return Ok(response),
                (Ok(response), None) => return Ok(response),
                (Err(error), None) => return Err(self.away(error)),
                (Err(error), Some(_)) if late => return Err(self.away(error)),
                (_, Some(pause)) => tokio::time::sleep(*pause).await,
            }
        }
    }

    async fn try_get(&self, question: Question<'_>) -> anyhow::Result<reqwest::Response> {
        let request = self.request(Method::GET, question.target, question.caller.map(|caller| caller.token.as_str()));
        let request = match question.accept {
            Some(accept) => request.header(header::ACCEPT, accept),
            None => request,
        };
        let request = match question.file {
            Some(Part { range, if_range, if_none_match }) => {
                let part =
                    [(header::RANGE, range), (header::IF_RANGE, if_range), (header::IF_NONE_MATCH, if_none_match)];
                let known = part.into_iter().filter_map(|(name, value)| Some((name, value?.clone())));
                request.headers(known.collect()).timeout(DOWNLOAD)
            }
            None => request,
        };
        self.guarded(request).await
    }

    /// Passes a stream of events on, from after `last-event-id` where the caller names one.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn follow(&self, caller: &Caller, uri: &Uri, headers: &HeaderMap) -> Result<Response, Problem> {
        let mut request = self.request(Method::GET, target(uri), Some(&caller.token)).timeout(DOWNLOAD);
        let name = HeaderName::from_static("last-event-id");
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
        let opened = tokio::time::timeout(DEADLINE, self.guarded(request)).await;
        let response =
            opened.map_err(anyhow::Error::from).and_then(|outcome| outcome).map_err(|error| self.away(error))?;
        Ok(to_response(response))
    }

    /// Asks in the name of a token or key whose owner is not known yet.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn ask_with(&self, target: &str, token: &str) -> Result<reqwest::Response, Problem> {
        let sent = tokio::time::timeout(DEADLINE, self.guarded(self.request(Method::GET, target, Some(token)))).await;
        sent.map_err(anyhow::Error::from).and_then(|outcome| outcome).map_err(|error| self.away(error))
    }

    fn request(&self, method: Method, target: &str, token: Option<&str>) -> reqwest::RequestBuilder {
        let mut request = self.client.request(method, format!("{}{target}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(names) = context::current() {
            request = request.header(TRACEPARENT, names.traceparent()).header(REQUEST_ID, names.request_id);
        }
        request
    }

    async fn guarded(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        anyhow::ensure!(self.breaker.allows(Instant::now()), "left alone after several failures");
        let outcome = request.send().await.context("calling");
        let succeeded = outcome.as_ref().is_ok_and(|response| !is_away(response.status()));
        self.breaker.note(succeeded, Instant::now());
        outcome
    }

    fn away(&self, error: anyhow::Error) -> Problem {
        Problem::unavailable(format!("{} is away for the moment", self.service.name())).caused_by(error)
    }
}

/// The path and query of a question that goes on as it came.
pub fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or_else(|| uri.path(), |whole| whole.as_str())
}

fn is_away(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

fn to_response(answer: reqwest::Response) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    for name in PASSED_ON {
        if let Some(value) = answer.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    response
}
