//! An object store by configuration: a folder, or S3. Objects appear whole or not at all, and are never changed.

mod bucket;
mod config;
mod folder;
mod retained;
mod signed;
mod unfinished;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;

pub use config::{ObjectConfig, S3Config};

use bucket::{Bucket, BucketWriter};
use folder::{Folder, FolderWriter};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no such object, or not so much of it.
    #[error("there is no such object")]
    NotFound,
    /// A name with anything but plain segments.
    #[error("objects are named by segments of letters, digits, '-', '_' and '.', parted by '/'")]
    BadKey,
    /// The folder's file system.
    #[error("the object folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The S3 server, or the way to it.
    #[error("the object server: {0}")]
    Server(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<object_store::Error> for ObjectError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            other => Self::Server(Box::new(other)),
        }
    }
}

/// The name of an object: segments of letters, digits, `-`, `_` and `.`, parted by `/`, none beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Takes a name that no store can misunderstand.
    ///
    /// # Errors
    /// [`ObjectError::BadKey`] for any other.
    pub fn try_new(text: impl Into<String>) -> Result<Self, ObjectError> {
        let text = text.into();
        let plain = |segment: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(known)
        };
        if text.len() <= 512 && text.split('/').all(plain) { Ok(Self(text)) } else { Err(ObjectError::BadKey) }
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub key: ObjectKey,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was stored, by the store's own clock.
    pub stored_at: DateTime<Utc>,
}

/// What the store does to keep an object from being deleted or replaced before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// The server holds it under an object lock: nobody can delete this version before then.
    Locked,
    /// The store knows no locks; the object is as safe as any other there.
    Unlocked,
}

/// A stream of an object's bytes.
pub type Content = BoxStream<'static, Result<Bytes, ObjectError>>;

/// The object store. Clones share it.
#[derive(Debug, Clone)]
pub struct Objects(Backend);

#[derive(Debug, Clone)]
enum Backend {
    Folder(Arc<Folder>),
    Bucket(Arc<Bucket>),
}

impl Objects {
    /// The store that the configuration names. Nothing is contacted yet.
    ///
    /// # Errors
    /// When the settings of an S3 server contradict one another.
    pub fn open(config: &ObjectConfig) -> Result<Self, ObjectError> {
        Ok(Self(match config {
            ObjectConfig::Local { dir } => Backend::Folder(Arc::new(Folder::new(dir.clone()))),
            ObjectConfig::S3(config) => Backend::Bucket(Arc::new(Bucket::new(config)?)),
        }))
    }

    /// Begins an object of unknown length. Nobody sees it before [`ObjectWriter::finish`]; dropped without that, nothing is left.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn write(&self, key: &ObjectKey) -> Result<ObjectWriter, ObjectError> {
        Ok(ObjectWriter(match &self.0 {
            Backend::Folder(folder) => Writing::Folder(folder.write(key).await?),
            Backend::Bucket(bucket) => Writing::Bucket(bucket.write(key)),
        }))
    }

    /// Stores an object that nobody may delete or replace before `until`, as far as the store can see to that.
    ///
    /// # Errors
    /// When the store is away, or refuses the lock.
    pub async fn put_retained(
        &self,
        key: &ObjectKey,
        content: Bytes,
        until: DateTime<Utc>,
    ) -> Result<Retention, ObjectError> {
        if let Backend::Bucket(bucket) = &self.0
            && bucket.has_locks()
        {
            bucket.put_locked(key, content, until).await?;
            return Ok(Retention::Locked);
        }
        let mut writer = self.write(key).await?;
        writer.write(content).await?;
        writer.finish().await?;
        Ok(Retention::Unlocked)
    }

    /// Reads the bytes of an object from `range.start` up to `range.end`, in pieces.
    ///
    /// # Errors
    /// When there is no such object or it ends before the range does; when the store is away.
    pub async fn read(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, ObjectError> {
        if range.is_empty() {
            return Ok(Box::pin(futures::stream::empty()));
        }
        match &self.0 {
            Backend::Folder(folder) => folder.read(key, range).await,
            Backend::Bucket(bucket) => bucket.read(key, range).await,
        }
    }

    /// The size and age of an object; `None` when there is none.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn head(&self, key: &ObjectKey) -> Result<Option<Listed>, ObjectError> {
        let found = match &self.0 {
            Backend::Folder(folder) => folder.head(key).await,
            Backend::Bucket(bucket) => bucket.head(key).await,
        };
        match found {
            Ok(listed) => Ok(Some(listed)),
            Err(ObjectError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object; that there is none is fine.
    ///
    /// # Errors
    /// When the store is away, or the object is locked.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let deleted = match &self.0 {
            Backend::Folder(folder) => folder.delete(key).await,
            Backend::Bucket(bucket) => bucket.delete(key).await,
        };
        match deleted {
            Ok(()) | Err(ObjectError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The first `limit` objects under `folder` after `after`, in the order of their names, that were stored before `before`.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn list_stored_before(
        &self,
        folder: &ObjectKey,
        before: DateTime<Utc>,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, ObjectError> {
        match &self.0 {
            Backend::Folder(backend) => backend.list(folder, before, after, limit).await,
            Backend::Bucket(backend) => backend.list(folder, before, after, limit).await,
        }
    }

    /// Removes what writers left behind that were killed before `before`; on S3, at least a day ago. Returns of how many objects.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn remove_abandoned(&self, before: DateTime<Utc>) -> Result<usize, ObjectError> {
        match &self.0 {
            Backend::Folder(folder) => folder.remove_abandoned(before).await,
            Backend::Bucket(bucket) => bucket.remove_abandoned(before).await,
        }
    }
}

/// An object that is being written.
#[derive(Debug)]
pub struct ObjectWriter(Writing);

#[derive(Debug)]
enum Writing {
    Folder(FolderWriter),
    Bucket(BucketWriter),
}

impl ObjectWriter {
    /// Adds to its end.
    ///
    /// # Errors
    /// When the store is away or full; the object can then only be given up.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), ObjectError> {
        match &mut self.0 {
            Writing::Folder(writer) => writer.write(&piece).await,
            Writing::Bucket(writer) => writer.write(piece).await,
        }
    }

    /// Makes it appear, durably.
    ///
    /// # Errors
    /// When the store is away; nothing is left then.
    pub async fn finish(self) -> Result<(), ObjectError> {
        match self.0 {
            Writing::Folder(writer) => writer.finish().await,
            Writing::Bucket(writer) => writer.finish().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lead_out_of_the_store() {
        for good in ["a", "documents/0192-a_b.pdf", "a/b/c"] {
            assert!(ObjectKey::try_new(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a/.b", "a b", "a\\b", "ä", &"x".repeat(513)]
        {
            assert!(matches!(ObjectKey::try_new(bad), Err(ObjectError::BadKey)), "{bad}");
        }
    }
}
