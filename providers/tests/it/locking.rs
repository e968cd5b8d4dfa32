//! An S3 bucket with object lock, within the test: versions, markers and locks as the documentation of S3 has them. Signatures and the
//! forms of requests are checked by the S3 library that it is built on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use s3s::dto::{
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, ObjectLockMode, PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp, TimestampFormat,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use service_kit::clock::{Clock, SystemClock};

/// One version of an object.
#[derive(Debug, Clone)]
pub struct Version {
    pub content: Bytes,
    /// In which mode until when it is held.
    pub lock: Option<(String, DateTime<Utc>)>,
}

/// The bucket. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct LockingBucket {
    /// Whether it was made with object lock.
    pub locks: bool,
    /// Oldest first; `None` is the marker of a deletion.
    objects: Arc<Mutex<BTreeMap<String, Vec<Option<Version>>>>>,
}

impl LockingBucket {
    pub fn with_locks() -> Self {
        Self { locks: true, ..Self::default() }
    }

    /// Every version of an object, deleted or not.
    pub fn versions(&self, key: &str) -> Vec<Version> {
        self.objects.lock().unwrap().get(key).into_iter().flatten().flatten().cloned().collect()
    }

    fn newest(&self, key: &str) -> S3Result<Version> {
        let objects = self.objects.lock().unwrap();
        objects.get(key).and_then(|versions| versions.last().cloned().flatten()).ok_or_else(|| s3_error!(NoSuchKey))
    }
}

fn time(timestamp: &Timestamp) -> DateTime<Utc> {
    let mut text = Vec::new();
    timestamp.format(TimestampFormat::DateTime, &mut text).unwrap();
    String::from_utf8(text).unwrap().parse().unwrap()
}

fn sha256(content: &[u8]) -> String {
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, content))
}

#[async_trait::async_trait]
impl S3 for LockingBucket {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let lock = match (input.object_lock_mode, input.object_lock_retain_until_date) {
            (None, None) => None,
            (Some(_), Some(_)) if !self.locks => {
                return Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
            }
            (Some(mode), Some(until)) => {
                let (mode, until) = (mode.as_str().to_owned(), time(&until));
                if ![ObjectLockMode::COMPLIANCE, ObjectLockMode::GOVERNANCE].contains(&mode.as_str())
                    || until <= SystemClock.now()
                {
                    return Err(s3_error!(InvalidArgument, "no mode, or a date in the past"));
                }
                Some((mode, until))
            }
            _ => return Err(s3_error!(InvalidArgument, "mode and date go together")),
        };
        let pieces: Vec<Bytes> = input.body.unwrap().try_collect().await.map_err(|_| s3_error!(IncompleteBody))?;
        let content = Bytes::from(pieces.concat());
        match input.checksum_sha256 {
            Some(declared) if declared != sha256(&content) => return Err(s3_error!(BadDigest)),
            None if lock.is_some() => {
                return Err(s3_error!(
                    InvalidRequest,
                    "a checksum is required for Put Object requests with Object Lock"
                ));
            }
            _ => {}
        }
        self.objects.lock().unwrap().entry(input.key).or_default().push(Some(Version { content, lock }));
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(ETag::Strong("x".to_owned())), ..PutObjectOutput::default() }))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let newest = self.newest(&request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(newest.content.len()).ok(),
            e_tag: Some(ETag::Strong("x".to_owned())),
            last_modified: Some(Timestamp::from(SystemTime::now())),
            ..HeadObjectOutput::default()
        }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let newest = self.newest(&request.input.key)?;
        let all = newest.content.len() as u64;
        let range = request.input.range.map_or(Ok(0..all), |range| range.check(all))?;
        let part = newest.content.slice(range.start as usize..range.end as usize);
        Ok(S3Response::new(GetObjectOutput {
            content_length: i64::try_from(part.len()).ok(),
            content_range: Some(format!("bytes {}-{}/{all}", range.start, range.end - 1)),
            e_tag: Some(ETag::Strong("x".to_owned())),
            last_modified: Some(Timestamp::from(SystemTime::now())),
            body: Some(StreamingBlob::from(Body::from(part))),
            ..GetObjectOutput::default()
        }))
    }

    /// Only marks, as on any bucket with versions: what is held stays.
    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let mut deleted = Vec::new();
        for object in request.input.delete.objects {
            if object.version_id.is_some() {
                return Err(s3_error!(AccessDenied, "a version under object lock"));
            }
            self.objects.lock().unwrap().entry(object.key.clone()).or_default().push(None);
            deleted.push(DeletedObject {
                key: Some(object.key),
                delete_marker: Some(true),
                ..DeletedObject::default()
            });
        }
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..DeleteObjectsOutput::default() }))
    }
}
