//! Objects in a folder. One is written beside the place and renamed, so that nobody ever sees half of it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use uuid::Uuid;

use super::{Content, Listed, ObjectError, ObjectKey};

/// Where objects are while they are written: no key begins with a dot, so none is ever in the way.
const UNFINISHED: &str = ".unfinished";
/// Largest piece that is read at once.
const PIECE: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

/// A file beside the place; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct FolderWriter {
    file: Option<File>,
    beside: PathBuf,
    target: PathBuf,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    pub(super) async fn write(&self, key: &ObjectKey) -> Result<FolderWriter, ObjectError> {
        let unfinished = self.root.join(UNFINISHED);
        tokio::fs::create_dir_all(&unfinished).await?;
        let beside = unfinished.join(Uuid::now_v7().simple().to_string());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).await?;
        Ok(FolderWriter { file: Some(file), beside, target: self.path(key) })
    }

    pub(super) async fn read(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, ObjectError> {
        let mut file = File::open(self.path(key)).await.map_err(absent)?;
        if file.metadata().await?.len() < range.end {
            return Err(ObjectError::NotFound);
        }
        file.seek(std::io::SeekFrom::Start(range.start)).await?;
        let left = range.end - range.start;
        Ok(Box::pin(stream::try_unfold((file, left), |(mut file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let size = left.min(PIECE);
            let mut piece = vec![0; size as usize];
            file.read_exact(&mut piece).await?;
            Ok(Some((Bytes::from(piece), (file, left - size))))
        })))
    }

    pub(super) async fn head(&self, key: &ObjectKey) -> Result<Listed, ObjectError> {
        let metadata = tokio::fs::metadata(self.path(key)).await.map_err(absent)?;
        if !metadata.is_file() {
            return Err(ObjectError::NotFound);
        }
        Ok(Listed { key: key.clone(), bytes: metadata.len(), stored_at: metadata.modified()?.into() })
    }

    pub(super) async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        tokio::fs::remove_file(self.path(key)).await.map_err(absent)
    }

    pub(super) async fn list(
        &self,
        folder: &ObjectKey,
        before: DateTime<Utc>,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, ObjectError> {
        let (start, name, after) = (self.path(folder), folder.clone(), after.cloned());
        let listing = tokio::task::spawn_blocking(move || {
            let mut first = BTreeMap::new();
            let wanted =
                |listed: &Listed| listed.stored_at < before && after.as_ref().is_none_or(|after| listed.key > *after);
            walk(&start, name.as_str(), &mut |listed| {
                if wanted(&listed) {
                    first.insert(listed.key.clone(), listed);
                    // Bounded: of all the names only the first `limit` are kept.
                    if first.len() > limit {
                        first.pop_last();
                    }
                }
            })?;
            Ok::<_, std::io::Error>(first.into_values().collect())
        });
        Ok(listing.await.map_err(std::io::Error::other)??)
    }

    pub(super) async fn remove_abandoned(&self, before: DateTime<Utc>) -> Result<usize, ObjectError> {
        let folder = self.root.join(UNFINISHED);
        let removing = tokio::task::spawn_blocking(move || {
            let mut removed = 0;
            for entry in entries(&folder)? {
                let path = entry?.path();
                let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
                // Its writer may take it away in the meantime, which is as good.
                if modified.is_ok_and(|modified| DateTime::<Utc>::from(modified) < before) {
                    removed += usize::from(std::fs::remove_file(&path).is_ok());
                }
            }
            Ok::<_, std::io::Error>(removed)
        });
        Ok(removing.await.map_err(std::io::Error::other)??)
    }
}

impl FolderWriter {
    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), ObjectError> {
        let file = self.file.as_mut().ok_or(ObjectError::NotFound)?;
        Ok(file.write_all(piece).await?)
    }

    pub(super) async fn finish(mut self) -> Result<(), ObjectError> {
        let mut file = self.file.take().ok_or(ObjectError::NotFound)?;
        file.flush().await?;
        file.sync_all().await?;
        drop(file);
        let parent = self.target.parent().unwrap_or(&self.target).to_owned();
        tokio::fs::create_dir_all(&parent).await?;
        tokio::fs::rename(&self.beside, &self.target).await?;
        // The rename itself has to be on the disk too.
        File::open(&parent).await?.sync_all().await?;
        Ok(())
    }
}

impl Drop for FolderWriter {
    fn drop(&mut self) {
        // After a rename there is nothing left here, which is fine. A file that cannot be removed is swept later.
        let _ = std::fs::remove_file(&self.beside);
    }
}

fn absent(error: std::io::Error) -> ObjectError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => ObjectError::NotFound,
        _ => error.into(),
    }
}

/// The entries of a folder; none when there is no such folder.
fn entries(folder: &Path) -> std::io::Result<Box<dyn Iterator<Item = std::io::Result<std::fs::DirEntry>>>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Ok(Box::new(entries)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Box::new(std::iter::empty())),
        Err(error) => Err(error),
    }
}

fn walk(folder: &Path, name: &str, found: &mut impl FnMut(Listed)) -> std::io::Result<()> {
    for entry in entries(folder)? {
        let entry = entry?;
        let Ok(part) = entry.file_name().into_string() else { continue };
        let Ok(key) = ObjectKey::try_new(format!("{name}/{part}")) else { continue };
        // What is deleted while we look is not there.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), key.as_str(), found)?;
        } else {
            found(Listed { key, bytes: metadata.len(), stored_at: metadata.modified()?.into() });
        }
    }
    Ok(())
}
