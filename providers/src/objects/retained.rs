//! Storing under an object lock. The S3 client of our choice knows no locks, so this one request is made here, signed by its signer.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use reqwest::{Method, Url};
use service_kit::http_client;

use super::config::S3Config;
use super::{ObjectError, ObjectKey};

/// Longest wait for a packet to be stored.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Puts objects under a lock.
pub(super) struct Locker {
    /// Address of the bucket.
    bucket: String,
    region: String,
    credential: AwsCredential,
    client: reqwest::Client,
}

impl std::fmt::Debug for Locker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locker").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl Locker {
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

    /// Stores an object that nobody, not even the account's owner, may delete before `until` (compliance mode).
    pub(super) async fn put(&self, key: &ObjectKey, content: Bytes, until: DateTime<Utc>) -> Result<(), ObjectError> {
        let digest = ring::digest::digest(&ring::digest::SHA256, &content);
        let mut request = HttpRequest::new(HttpRequestBody::from(content.clone()));
        let url: Url = format!("{}/{key}", self.bucket).parse().map_err(server)?;
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = url.as_str().parse().map_err(server)?;
        let headers = [
            ("x-amz-object-lock-mode", "COMPLIANCE".to_owned()),
            ("x-amz-object-lock-retain-until-date", until.to_rfc3339_opts(SecondsFormat::Secs, true)),
            // S3 takes no locked object without a checksum of it, and without being told which.
            ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
            ("x-amz-checksum-sha256", STANDARD.encode(digest.as_ref())),
        ];
        for (name, value) in headers {
            request.headers_mut().insert(name, value.parse().map_err(server)?);
        }
        // Everything that begins with x-amz- has to be signed, which is why the headers are set by now.
        AwsAuthorizer::new(&self.credential, "s3", &self.region).try_authorize(&mut request, Some(digest.as_ref()))?;
        let headers = std::mem::take(request.headers_mut());
        let answer = self.client.put(url).headers(headers).body(content).send().await.map_err(server)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text: String = answer.text().await.unwrap_or_default().chars().take(300).collect();
        Err(server(format!("{status} when storing under a lock: {text}")))
    }
}

fn server(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ObjectError {
    ObjectError::Server(error.into())
}
