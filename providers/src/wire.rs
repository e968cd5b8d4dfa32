//! What all clients here do with an answer.

use bytes::{Bytes, BytesMut};
use reqwest::Response;

/// No answer that is read whole comes near it.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// A response, or what went wrong and whether the request may have been received.
pub(crate) fn outcome_of(sent: reqwest::Result<Response>) -> Result<Response, (String, bool)> {
    sent.map_err(|error| {
        let sent = !error.is_connect() && !error.is_builder();
        (without_address(error), sent)
    })
}

/// What a failure says without the address, which may hold a secret.
pub(crate) fn without_address(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The whole body, if it is no larger than an answer can be.
pub(crate) async fn body_of(mut response: Response) -> Result<Bytes, String> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(without_address)? {
        if body.len() + piece.len() > LARGEST_ANSWER {
            return Err("the answer does not end".to_owned());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
