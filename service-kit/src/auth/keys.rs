//! Keys of machines: the service that keeps them tells whose one is, and every other service that takes them asks it.

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use futures::future::BoxFuture;
use std::sync::Arc;

use super::caller::Caller;
use crate::problem::Problem;

/// What every key begins with: it tells a key from a token, and a scanner for leaked secrets what it has found.
pub const KEY_PREFIX: &str = "rk_";
/// The header of machines that cannot send `Authorization`.
pub const KEY_HEADER: &str = "x-api-key";

/// Who knows the keys of machines.
pub trait KeyRing: Send + Sync {
    /// The caller that a key stands for, if it may use this route: `route` is the route's pattern, such as `/orders/{id}`.
    ///
    /// # Errors
    /// 401 for a key that is unknown, expired or revoked; 403 for a route that it has no scope for; 503 when nobody can tell.
    fn caller<'a>(&'a self, key: &'a str, method: &'a Method, route: &'a str)
    -> BoxFuture<'a, Result<Caller, Problem>>;
}

/// The caller of a request with a key.
pub(super) async fn caller(parts: &Parts, key: &str) -> Result<Caller, Problem> {
    let ring = parts.extensions.get::<Arc<dyn KeyRing>>().cloned().ok_or_else(Problem::invalid_token)?;
    let route = parts.extensions.get::<MatchedPath>().map_or_else(|| parts.uri.path(), MatchedPath::as_str);
    ring.caller(key, &parts.method, route).await
}

/// The key in the header for it. Services that take no keys do not look there.
pub(super) fn in_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(KEY_HEADER).and_then(|value| value.to_str().ok()).map(str::trim)
}
