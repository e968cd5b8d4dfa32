//! Objects on an S3 server.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
    WriteMultipart,
};
use service_kit::clock::{Clock, SystemClock};

use super::config::S3Config;
use super::signed::Signed;
use super::{Content, Listed, ObjectError, ObjectKey, retained, unfinished};

/// The least size of a part that S3 takes (all but the last); what is smaller is sent in one request.
const PART: usize = 5 * 1024 * 1024;
/// Parts on the way at once: bounds the memory of a writer to three parts.
const PARTS_AT_ONCE: usize = 2;
/// How long uploads that were begun are left alone: others may write large things into the bucket, and take their time.
const UNFINISHED_KEPT: TimeDelta = TimeDelta::days(1);

#[derive(Debug)]
pub(super) struct Bucket {
    store: Arc<AmazonS3>,
    signed: Signed,
    has_locks: bool,
}

/// An object on its way to the server; given up when this is dropped.
#[derive(Debug)]
pub(super) struct BucketWriter {
    store: Arc<AmazonS3>,
    path: Path,
    /// What does not fill a part yet, while no part was sent.
    start: BytesMut,
    parts: Option<WriteMultipart>,
}

impl Bucket {
    pub(super) fn new(config: &S3Config) -> Result<Self, ObjectError> {
        service_kit::http_client::install_tls_provider();
        let retry = RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(15),
            backoff: BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() },
        };
        let http = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(Duration::from_secs(3))
            .with_timeout(Duration::from_secs(60));
        let mut builder = AmazonS3Builder::new()
            .with_region(&config.region)
            .with_bucket_name(&config.bucket)
            .with_access_key_id(&config.access_key_id)
            .with_secret_access_key(config.secret_access_key.expose())
            .with_retry(retry)
            .with_client_options(http);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder.build()?;
        Ok(Self { store: Arc::new(store), signed: Signed::new(config), has_locks: config.object_lock })
    }

    pub(super) fn has_locks(&self) -> bool {
        self.has_locks
    }

    pub(super) async fn put_locked(
        &self,
        key: &ObjectKey,
        content: Bytes,
        until: DateTime<Utc>,
    ) -> Result<(), ObjectError> {
        if !self.has_locks {
            return Err(ObjectError::Server("the bucket has no object lock".into()));
        }
        retained::put(&self.signed, key, content, until).await
    }

    pub(super) fn write(&self, key: &ObjectKey) -> BucketWriter {
        BucketWriter { store: Arc::clone(&self.store), path: path(key), start: BytesMut::new(), parts: None }
    }

    pub(super) async fn read(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, ObjectError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let result = self.store.get_opts(&path(key), options).await?;
        if result.range != range {
            return Err(ObjectError::NotFound);
        }
        Ok(result.into_stream().map_err(ObjectError::from).boxed())
    }

    pub(super) async fn head(&self, key: &ObjectKey) -> Result<Listed, ObjectError> {
        listed(self.store.head(&path(key)).await?)
    }

    pub(super) async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        Ok(self.store.delete(&path(key)).await?)
    }

    pub(super) async fn list(
        &self,
        folder: &ObjectKey,
        before: DateTime<Utc>,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, ObjectError> {
        let prefix = path(folder);
        let all = match after {
            Some(after) => self.store.list_with_offset(Some(&prefix), &path(after)),
            None => self.store.list(Some(&prefix)),
        };
        // S3 lists in the order of names, so the first that fit are the first of all.
        let old = all.try_filter(move |meta| futures::future::ready(meta.last_modified < before)).take(limit);
        old.map_err(ObjectError::from).and_then(|meta| async { listed(meta) }).try_collect().await
    }

    /// Gives up uploads in parts whose writers were killed; what has a name that is none of ours is left alone.
    pub(super) async fn remove_abandoned(&self, before: DateTime<Utc>) -> Result<usize, ObjectError> {
        let before = before.min(SystemClock.now() - UNFINISHED_KEPT);
        let (mut given_up, mut after) = (0, None);
        loop {
            let page = unfinished::list(&self.signed, after.as_ref()).await?;
            for upload in page.uploads.iter().filter(|upload| upload.initiated < before) {
                let Ok(key) = ObjectKey::try_new(&upload.key) else { continue };
                self.store.abort_multipart(&path(&key), &upload.upload_id).await?;
                given_up += 1;
            }
            after = page.next();
            if after.is_none() {
                return Ok(given_up);
            }
        }
    }
}

impl BucketWriter {
    pub(super) async fn write(&mut self, piece: Bytes) -> Result<(), ObjectError> {
        if let Some(parts) = &mut self.parts {
            parts.wait_for_capacity(PARTS_AT_ONCE).await?;
            parts.put(piece);
            return Ok(());
        }
        self.start.extend_from_slice(&piece);
        if self.start.len() >= PART {
            let upload = self.store.put_multipart(&self.path).await?;
            let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
            parts.put(self.start.split().freeze());
            self.parts = Some(parts);
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(), ObjectError> {
        match self.parts.take() {
            // On a failure the library gives the parts up itself.
            Some(parts) => parts.finish().await.map(drop)?,
            None => self.store.put(&self.path, self.start.split().freeze().into()).await.map(drop)?,
        }
        Ok(())
    }
}

impl Drop for BucketWriter {
    fn drop(&mut self) {
        let Some(parts) = self.parts.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = parts.abort().await {
                tracing::warn!(%error, "parts of an upload that was given up are left to the bucket's lifecycle rule");
            }
        });
    }
}

fn path(key: &ObjectKey) -> Path {
    Path::from(key.as_str())
}

fn listed(meta: ObjectMeta) -> Result<Listed, ObjectError> {
    let key = ObjectKey::try_new(meta.location.as_ref())?;
    Ok(Listed { key, bytes: meta.size, stored_at: meta.last_modified })
}
