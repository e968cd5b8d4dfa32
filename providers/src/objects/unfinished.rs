//! Uploads in parts that were begun in a bucket and neither finished nor given up: their parts cost money and are in no list of objects.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::ObjectError;
use super::signed::{Signed, server};

/// An upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Upload {
    /// The object that it was to become.
    pub(super) key: String,
    /// Which upload of it.
    pub(super) upload_id: String,
    /// When it was begun, by the server's clock.
    pub(super) initiated: DateTime<Utc>,
}

/// A page of them, in the order of their keys.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    /// Those of this page.
    #[serde(default, rename = "Upload")]
    pub(super) uploads: Vec<Upload>,
}

impl Page {
    /// Behind which key and upload the next page begins; none when this is the last.
    pub(super) fn next(&self) -> Option<(String, String)> {
        let is_there = self.is_truncated && !self.next_key_marker.is_empty();
        is_there.then(|| (self.next_key_marker.clone(), self.next_upload_id_marker.clone()))
    }
}

/// Asks for a page of them.
pub(super) async fn list(signed: &Signed, after: Option<&(String, String)>) -> Result<Page, ObjectError> {
    let mut url = signed.url("")?;
    url.query_pairs_mut().append_pair("uploads", "").append_pair("max-uploads", "1000");
    if let Some((key, upload)) = after {
        url.query_pairs_mut().append_pair("key-marker", key).append_pair("upload-id-marker", upload);
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, b"");
    let answer = signed.send(Method::GET, url, HeaderMap::new(), Bytes::new(), digest.as_ref()).await?;
    read(&answer)
}

fn read(answer: &str) -> Result<Page, ObjectError> {
    quick_xml::de::from_str(answer).map_err(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_s3_writes_it() {
        let page = read(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Bucket>recoup</Bucket><KeyMarker></KeyMarker><UploadIdMarker/><NextKeyMarker>documents/b</NextKeyMarker>\
             <NextUploadIdMarker>YW==</NextUploadIdMarker><MaxUploads>1000</MaxUploads><IsTruncated>true</IsTruncated>\
             <Upload><Key>documents/a</Key><UploadId>VXBs+b/Y=</UploadId><Initiator><ID>x</ID><DisplayName>x</DisplayName></Initiator>\
             <StorageClass>STANDARD</StorageClass><Initiated>2026-11-20T20:48:33.000Z</Initiated></Upload></ListMultipartUploadsResult>",
        );
        let page = page.expect("it is one");
        assert_eq!(page.next(), Some(("documents/b".to_owned(), "YW==".to_owned())));
        let initiated = "2026-11-20T20:48:33Z".parse().expect("a time");
        assert_eq!(page.uploads, [Upload { key: "documents/a".into(), upload_id: "VXBs+b/Y=".into(), initiated }]);
        let last = read("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>");
        let last = last.expect("it is one");
        assert!(last.next().is_none() && last.uploads.is_empty());
        assert!(read("<html>").is_err());
    }
}
