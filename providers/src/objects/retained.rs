//! Storing under an object lock.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use reqwest::header::HeaderMap;

use super::signed::{Signed, server};
use super::{ObjectError, ObjectKey};

/// Stores an object that nobody, not even the account's owner, may delete before `until` (compliance mode).
pub(super) async fn put(
    signed: &Signed,
    key: &ObjectKey,
    content: Bytes,
    until: DateTime<Utc>,
) -> Result<(), ObjectError> {
    let digest = ring::digest::digest(&ring::digest::SHA256, &content);
    let wanted = [
        ("x-amz-object-lock-mode", "COMPLIANCE".to_owned()),
        ("x-amz-object-lock-retain-until-date", until.to_rfc3339_opts(SecondsFormat::Secs, true)),
        // S3 takes no locked object without a checksum of it, and without being told which.
        ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
        ("x-amz-checksum-sha256", STANDARD.encode(digest.as_ref())),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in wanted {
        headers.insert(name, value.parse().map_err(server)?);
    }
    let url = signed.url(&format!("/{key}"))?;
    signed.send(Method::PUT, url, headers, content, digest.as_ref()).await.map(drop)
}
