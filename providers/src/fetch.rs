//! Fetching a file from an address that somebody else chose, without becoming their way into our network.
//!
//! An address is taken only when its scheme is allowed and every IP address behind its name is a public one. The connection goes to the
//! very address that was checked, not to what the name may mean a moment later, and every redirect is checked anew.

mod post;
mod public;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::{StatusCode, Url, header};
use service_kit::http_client;
use tokio::time::{Instant, timeout_at};
use url::Host;

use crate::files::{LARGEST, plain_name};
use crate::wire::without_address;

pub use post::Posted;
pub use public::is_public;

/// From the first look-up to the last byte. Less than a job may be silent, so that nobody takes it over.
const WHOLE: Duration = Duration::from_secs(40);
/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// Why a file is not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It will never be: by our rules, or because the other side says so.
    #[error("{reason}")]
    Refused {
        /// A stable word for the reason.
        code: &'static str,
        /// The reason for a person.
        reason: String,
    },
    /// It may be later.
    #[error("the address does not answer as it should: {0}")]
    Failed(String),
}

fn refused(code: &'static str, reason: impl Into<String>) -> FetchError {
    FetchError::Refused { code, reason: reason.into() }
}

/// Which IP addresses names mean, and which of them may be talked to.
pub trait Names: Send + Sync + 'static {
    /// The IP addresses of a host.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>>;

    /// Whether it may be talked to; tests know servers that nobody else may.
    fn may_talk_to(&self, address: IpAddr) -> bool {
        is_public(address)
    }
}

/// What the system's resolver says.
#[derive(Debug, Clone, Copy)]
pub struct SystemNames;

impl Names for SystemNames {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// What the system's resolver says; this machine may be talked to as well. For development.
#[derive(Debug, Clone, Copy)]
pub struct LoopbackToo;

impl Names for LoopbackToo {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        SystemNames.resolve(host)
    }

    fn may_talk_to(&self, address: IpAddr) -> bool {
        address.is_loopback() || is_public(address)
    }
}

/// Fetches files.
#[derive(Clone)]
pub struct Fetcher {
    names: Arc<dyn Names>,
    allow_http: bool,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("allow_http", &self.allow_http).finish_non_exhaustive()
    }
}

/// A file that is coming in.
#[derive(Debug)]
pub struct Fetched {
    response: reqwest::Response,
    until: Instant,
    /// What it is called, by its address.
    pub file_name: Option<String>,
}

impl Fetcher {
    /// Fetches by https alone, or, for development, by http too.
    pub fn new(names: impl Names, allow_http: bool) -> Self {
        Self { names: Arc::new(names), allow_http }
    }

    /// Asks for a file, following redirects.
    ///
    /// # Errors
    /// When an address on the way is not taken, or the answer is no file.
    pub async fn fetch(&self, address: &str) -> Result<Fetched, FetchError> {
        let until = Instant::now() + WHOLE;
        let mut url = self.check(address)?;
        for _ in 0..=REDIRECTS {
            let response = match timeout_at(until, self.ask(&url)).await {
                Ok(answer) => answer?,
                Err(_) => return Err(FetchError::Failed("no answer in time".into())),
            };
            if response.status().is_redirection() {
                url = self.next(&url, &response)?;
                continue;
            }
            accept(&response)?;
            let file_name = url.path_segments().and_then(|mut parts| parts.next_back()).and_then(plain_name);
            return Ok(Fetched { response, until, file_name });
        }
        Err(refused("too_many_redirects", format!("the address leads on more than {REDIRECTS} times")))
    }

    /// Checks what can be checked of an address without looking its name up.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn check(&self, address: &str) -> Result<Url, FetchError> {
        let url = Url::parse(address).map_err(|error| refused("bad_address", format!("not an address: {error}")))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            _ => return Err(refused("scheme_not_allowed", "only https:// is fetched from")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("bad_address", "the address must not hold a user name or password"));
        }
        if url.host().is_none() {
            return Err(refused("bad_address", "the address names no host"));
        }
        Ok(url)
    }

    fn next(&self, url: &Url, response: &reqwest::Response) -> Result<Url, FetchError> {
        let to = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let to = to.and_then(|to| url.join(to).ok());
        self.check(to.ok_or_else(|| refused("bad_redirect", "the address leads on to nowhere"))?.as_str())
    }

    async fn ask(&self, url: &Url) -> Result<reqwest::Response, FetchError> {
        let client = self.client_for(url).await?;
        client.get(url.clone()).send().await.map_err(|error| FetchError::Failed(without_address(error)))
    }

    /// A client that connects to the address that was checked, and to no other.
    async fn client_for(&self, url: &Url) -> Result<reqwest::Client, FetchError> {
        let address = self.checked_address(url).await?;
        let mut builder = http_client::builder(WHOLE).no_proxy().https_only(!self.allow_http);
        if let Some(Host::Domain(host)) = url.host() {
            // Pinned: the name is not looked up again.
            builder = builder.resolve(host, SocketAddr::new(address, 0));
        }
        builder.build().map_err(|error| FetchError::Failed(error.to_string()))
    }

    async fn checked_address(&self, url: &Url) -> Result<IpAddr, FetchError> {
        let addresses = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
            Some(Host::Domain(host)) => self
                .names
                .resolve(host)
                .await
                .map_err(|error| FetchError::Failed(format!("the name cannot be looked up: {error}")))?,
            None => vec![],
        };
        // One that is not public among others is no accident: the name is not taken at all.
        if let Some(inside) = addresses.iter().find(|address| !self.names.may_talk_to(**address)) {
            tracing::warn!(address = %inside, "a request was to go to an address that is not public");
            return Err(refused("private_address", "the address does not lead to the public internet"));
        }
        addresses.first().copied().ok_or_else(|| FetchError::Failed("the name has no address".into()))
    }
}

fn accept(response: &reqwest::Response) -> Result<(), FetchError> {
    let status = response.status();
    let later = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY);
    if later {
        return Err(FetchError::Failed(format!("it answered {}", status.as_u16())));
    }
    if status != StatusCode::OK {
        return Err(refused("not_served", format!("the address answered {}", status.as_u16())));
    }
    if response.content_length().is_some_and(|length| length > LARGEST) {
        return Err(refused("too_large", "the file has more than 25 MB"));
    }
    Ok(())
}

impl Fetched {
    /// The next piece of it; `None` at its end.
    ///
    /// # Errors
    /// When it breaks off or takes too long.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, FetchError> {
        match timeout_at(self.until, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(FetchError::Failed(without_address(error))),
            Err(_) => Err(FetchError::Failed("the file did not come in time".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_addresses_are_taken() {
        let strict = Fetcher::new(SystemNames, false);
        assert!(strict.check("https://files.example.com/a.pdf").is_ok());
        for bad in [
            "http://files.example.com/a",
            "ftp://files.example.com/a",
            "file:///etc/passwd",
            "gopher://x/",
            "https://user:secret@files.example.com/a",
            "files.example.com/a",
            "https://",
            "data:text/plain,x",
        ] {
            assert!(strict.check(bad).is_err(), "{bad}");
        }
        assert!(Fetcher::new(SystemNames, true).check("http://files.example.com/a").is_ok());
    }

    #[tokio::test]
    async fn addresses_inside_are_refused_however_they_are_written() {
        let fetcher = Fetcher::new(SystemNames, true);
        for inside in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fe80::1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://100.64.0.1/",
            "http://localhost/",
            "http://0/",
        ] {
            let refusal = fetcher.fetch(inside).await.expect_err(inside);
            assert!(matches!(refusal, FetchError::Refused { code: "private_address", .. }), "{inside}: {refusal}");
        }
    }
}
