//! A document for readers that block, such as those of rows.

use std::io;

use bytes::Bytes;
use tokio::runtime::Handle;

use super::Download;

/// A document for readers that block. Its errors hold the [`Error`](super::Error).
#[derive(Debug)]
pub struct DocumentRead {
    download: Download,
    runtime: Handle,
    rest: Bytes,
}

impl DocumentRead {
    pub(crate) fn new(download: Download, runtime: Handle) -> Self {
        Self { download, runtime, rest: Bytes::new() }
    }

    /// How far it is.
    pub fn download(&self) -> &Download {
        &self.download
    }
}

impl io::Read for DocumentRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.runtime.block_on(self.download.piece()).map_err(io::Error::other)? {
                Some(piece) => self.rest = piece,
                None => return Ok(0),
            }
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}
