//! What is sent on to a service and never repeated: wishes, and bodies as they come in.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::response::Response;
use service_kit::auth::Caller;
use service_kit::http::context::{REQUEST_ID, TRACEPARENT};
use service_kit::problem::Problem;

use super::{DEADLINE, Upstream, target, to_response};

/// Headers that are about one connection, or about somebody's login, and so are not handed on with what is signed.
static NOT_HANDED_ON: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::ACCEPT_ENCODING,
    header::EXPECT,
    header::UPGRADE,
    header::AUTHORIZATION,
    header::COOKIE,
];

impl Upstream {
    /// Sends a body on as it comes in. Never repeated: what is sent may be half there.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn post_stream(
        &self,
        uri: &Uri,
        caller: Option<&Caller>,
        headers: &HeaderMap,
        body: reqwest::Body,
    ) -> Result<Response, Problem> {
        let token = caller.map(|caller| caller.token.as_str());
        let mut request = self.request(Method::POST, target(uri), token).body(body);
        let publishable_key = HeaderName::from_static("x-publishable-key");
        for name in
            [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LENGTH, header::ORIGIN, publishable_key]
        {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let sent = tokio::time::timeout(DEADLINE * 4, self.guarded(request)).await;
        let response =
            sent.map_err(anyhow::Error::from).and_then(|outcome| outcome).map_err(|error| self.away(error))?;
        Ok(to_response(response))
    }

    /// Hands a wish on as it came, and the answer back. Never repeated: the caller repeats it, under the same `Idempotency-Key`.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn hand_on(
        &self,
        caller: &Caller,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response, Problem> {
        let mut request = self.request(method, target(uri), Some(&caller.token)).body(body);
        for name in
            [header::CONTENT_TYPE, HeaderName::from_static("idempotency-key"), HeaderName::from_static("prefer")]
        {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        self.wish(request).await
    }

    /// Hands on what somebody without a token sends, with every header that it may be signed by. Never repeated.
    ///
    /// # Errors
    /// 503 when the service is away.
    pub async fn hand_on_as_it_is(
        &self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response, Problem> {
        let signed: HeaderMap = headers
            .iter()
            .filter(|(name, _)| !NOT_HANDED_ON.contains(name) && *name != TRACEPARENT && *name != REQUEST_ID)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.wish(self.request(method, target(uri), None).headers(signed).body(body)).await
    }

    async fn wish(&self, request: reqwest::RequestBuilder) -> Result<Response, Problem> {
        let sent = tokio::time::timeout(DEADLINE * 4, self.guarded(request)).await;
        let response =
            sent.map_err(anyhow::Error::from).and_then(|outcome| outcome).map_err(|error| self.away(error))?;
        Ok(to_response(response))
    }
}
