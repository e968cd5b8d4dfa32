//! Sending something to an address that somebody else chose, under the same guard as fetching from one.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap};
use tokio::time::{Instant, timeout_at};
use url::Host;

use super::{FetchError, Fetcher, REDIRECTS, refused};
use crate::wire::without_address;

/// From the first look-up to the end of the answer.
const WHOLE: Duration = Duration::from_secs(20);
/// How much of an answer is kept, in bytes.
const EXCERPT: usize = 512;

/// What an address answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status of the last answer.
    pub status: u16,
    /// When it wants to be asked again.
    pub retry_after: Option<Duration>,
    /// The beginning of what it said, for people who look for the reason of a failure.
    pub excerpt: String,
}

impl Fetcher {
    /// Checks an address as far as that is possible without looking its name up.
    ///
    /// # Errors
    /// When it is not taken, or is itself an IP address that is not public.
    pub fn check_target(&self, address: &str) -> Result<(), FetchError> {
        let url = self.check(address)?;
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        match literal {
            Some(literal) if !self.names.may_talk_to(literal) => {
                Err(refused("private_address", "the address does not lead to the public internet"))
            }
            _ => Ok(()),
        }
    }

    /// Sends a body, following redirects that keep method and body (307, 308), each of them checked. Any other answer is the answer.
    ///
    /// # Errors
    /// When an address on the way is not taken, or there is no answer.
    pub async fn post(&self, address: &str, headers: &HeaderMap, body: &Bytes) -> Result<Posted, FetchError> {
        let until = Instant::now() + WHOLE;
        let late = |_| FetchError::Failed("no answer in time".into());
        let mut url = self.check(address)?;
        for _ in 0..=REDIRECTS {
            let asking = async {
                let client = self.client_for(&url).await?;
                let request = client.post(url.clone()).headers(headers.clone()).body(body.clone());
                request.send().await.map_err(|error| FetchError::Failed(without_address(error)))
            };
            let response = timeout_at(until, asking).await.map_err(late)??;
            let keeps_method =
                matches!(response.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
            if keeps_method {
                url = self.next(&url, &response)?;
                continue;
            }
            return Ok(read(response, until).await);
        }
        Err(refused("too_many_redirects", format!("the address leads on more than {REDIRECTS} times")))
    }
}

/// The status counts as soon as it is there: an answer that does not end takes nothing back.
async fn read(mut response: reqwest::Response, until: Instant) -> Posted {
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let mut content = BytesMut::new();
    while content.len() < EXCERPT {
        match timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(piece))) => content.extend_from_slice(&piece),
            _ => break,
        }
    }
    content.truncate(EXCERPT);
    let text = String::from_utf8_lossy(&content);
    let excerpt = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    Posted { status: response.status().as_u16(), retry_after, excerpt }
}
