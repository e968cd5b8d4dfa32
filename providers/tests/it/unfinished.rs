//! An S3 bucket that keeps uploads in parts which nobody finished, and lists them in pages of two.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::TimeDelta;
use providers::objects::ObjectKey;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    ETag, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload, Timestamp, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use service_kit::clock::{Clock, SystemClock};

use crate::servers::{client, eventually, serve};

const HOUR: Duration = Duration::from_secs(3_600);
const PAGE: usize = 2;

/// When an upload was begun, and how many parts it has.
type Begun = (SystemTime, usize);

/// Uploads by key and id. Clones share them.
#[derive(Debug, Clone, Default)]
struct Uploads(Arc<Mutex<BTreeMap<(String, String), Begun>>>);

impl Uploads {
    fn begun(&self, key: &str, id: &str, ago: Duration) {
        let begun = (SystemTime::now() - ago, 0);
        self.0.lock().unwrap().insert((key.to_owned(), id.to_owned()), begun);
    }

    fn left(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().map(|(key, _)| key.clone()).collect()
    }
}

#[async_trait::async_trait]
impl S3 for Uploads {
    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.begun(&request.input.key, "by the client", Duration::ZERO);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            upload_id: Some("by the client".to_owned()),
            key: Some(request.input.key),
            bucket: Some(request.input.bucket),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let mut uploads = self.0.lock().unwrap();
        let upload = uploads.get_mut(&(request.input.key, request.input.upload_id));
        upload.ok_or_else(|| s3_error!(NoSuchUpload))?.1 += 1;
        let e_tag = Some(ETag::Strong("x".to_owned()));
        Ok(S3Response::new(UploadPartOutput { e_tag, ..UploadPartOutput::default() }))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let after = request.input.key_marker.map(|key| (key, request.input.upload_id_marker.unwrap_or_default()));
        let uploads = self.0.lock().unwrap();
        let behind: Vec<_> = uploads.iter().filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after)).collect();
        let page = &behind[..behind.len().min(PAGE)];
        let last = page.last().map(|(id, _)| (*id).clone());
        let shown = page.iter().map(|((key, id), (begun, _))| MultipartUpload {
            key: Some(key.clone()),
            upload_id: Some(id.clone()),
            initiated: Some(Timestamp::from(*begun)),
            ..MultipartUpload::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            is_truncated: Some(behind.len() > PAGE),
            next_key_marker: last.clone().map(|(key, _)| key),
            next_upload_id_marker: last.map(|(_, id)| id),
            uploads: Some(shown.collect()),
            ..ListMultipartUploadsOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let gone = self.0.lock().unwrap().remove(&(request.input.key, request.input.upload_id));
        gone.map(|_| S3Response::new(AbortMultipartUploadOutput::default())).ok_or_else(|| s3_error!(NoSuchUpload))
    }
}

#[tokio::test]
async fn uploads_of_killed_writers_are_given_up_after_a_day() {
    let uploads = Uploads::default();
    let objects = client(&serve(uploads.clone()).await, "secret-key", false);
    let mut writer = objects.write(&ObjectKey::try_new("documents/killed").unwrap()).await.unwrap();
    writer.write(Bytes::from(vec![1; 6_000_000])).await.unwrap();
    let has_part = || uploads.0.lock().unwrap().values().any(|(_, parts)| *parts > 0);
    eventually("a part was sent", has_part).await;
    // As if the process were killed: nothing is dropped.
    std::mem::forget(writer);
    for (key, id, ago) in [
        ("a name of others'", "1", 40 * HOUR),
        ("documents/a", "1", 25 * HOUR),
        ("documents/a", "2", 2 * HOUR),
        ("documents/b", "id+with/signs=", 700 * HOUR),
        ("labels/c", "1", 25 * HOUR),
        ("labels/d", "1", 23 * HOUR),
    ] {
        uploads.begun(key, id, ago);
    }
    let an_hour_ago = SystemClock.now() - TimeDelta::hours(1);
    assert_eq!(objects.remove_abandoned(an_hour_ago).await.unwrap(), 3);
    let young = ["a name of others'", "documents/a", "documents/killed", "labels/d"];
    assert_eq!(uploads.left(), young);
    // A day later the killed one is old.
    uploads.begun("documents/killed", "by the client", 25 * HOUR);
    assert_eq!(objects.remove_abandoned(an_hour_ago).await.unwrap(), 1);
    assert_eq!(objects.remove_abandoned(an_hour_ago).await.unwrap(), 0);
    assert_eq!(uploads.left(), ["a name of others'", "documents/a", "labels/d"]);
}
