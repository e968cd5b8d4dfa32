//! Requests to S3 that the client of our choice does not know, signed by its signer.

use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use service_kit::http_client;

use super::ObjectError;
use super::config::S3Config;

/// Longest wait for an answer, the sending of a packet included.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends such requests.
pub(super) struct Signed {
    /// Address of the bucket.
    bucket: String,
    region: String,
    credential: AwsCredential,
    client: reqwest::Client,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl Signed {
    pub(super) fn new(config: &S3Config) -> Self {
        let region = config.region.clone();
        let endpoint = config.endpoint.clone().unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let credential = AwsCredential {
            key_id: config.access_key_id.clone(),
            secret_key: config.secret_access_key.expose().to_owned(),
            token: None,
        };
        let bucket = format!("{endpoint}/{}", config.bucket);
        Self { bucket, region, credential, client: http_client::client(TIMEOUT) }
    }

    /// Address of the bucket, or of something in it.
    pub(super) fn url(&self, path: &str) -> Result<Url, ObjectError> {
        format!("{}{path}", self.bucket).parse().map_err(server)
    }

    /// Sends a request; what is answered. `digest` is the SHA-256 of the content.
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        content: Bytes,
        digest: &[u8],
    ) -> Result<String, ObjectError> {
        let mut request = HttpRequest::new(HttpRequestBody::from(content.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.as_str().parse().map_err(server)?;
        // Everything that begins with x-amz- has to be signed, which is why the headers are set by now.
        *request.headers_mut() = headers;
        AwsAuthorizer::new(&self.credential, "s3", &self.region).try_authorize(&mut request, Some(digest))?;
        let headers = std::mem::take(request.headers_mut());
        let answer =
            self.client.request(method.clone(), url).headers(headers).body(content).send().await.map_err(server)?;
        let status = answer.status();
        let text = answer.text().await;
        if status.is_success() {
            return text.map_err(server);
        }
        let text: String = text.unwrap_or_default().chars().take(300).collect();
        Err(server(format!("{status} to {method}: {text}")))
    }
}

pub(super) fn server(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ObjectError {
    ObjectError::Server(error.into())
}
