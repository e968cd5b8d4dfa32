//! Opening a range of what was sealed.

use std::io;
use std::ops::Range;

use futures::{Stream, TryStreamExt, stream};
use ring::aead::Aad;

use super::{CHUNK, DataKey, TAG, VaultError, chunks, sealed_len};

/// Opens one range of an object, chunk by chunk.
#[derive(Debug)]
pub struct Opener {
    key: DataKey,
    purpose: String,
    /// The chunk that comes next, of so many.
    next: u64,
    chunks: u64,
    sealed: Range<u64>,
    /// Bytes of plain text to leave out before the range.
    skip: usize,
    /// Bytes of the range that are still to come.
    left: u64,
    pending: Vec<u8>,
}

impl Opener {
    /// Opens the bytes `range` of an object that had `length` bytes when it was sealed for `purpose`. A range that reaches further
    /// ends with the object.
    pub fn new(key: DataKey, purpose: impl Into<String>, length: u64, range: Range<u64>) -> Self {
        let (start, end) = (range.start.min(length), range.end.min(length));
        let chunk = CHUNK as u64;
        let first = (start / chunk).min(chunks(length) - 1);
        // An empty range still opens a chunk: that proves the key, and that the object is there.
        let after = end.max(start + 1).div_ceil(chunk).clamp(first + 1, chunks(length));
        let width = chunk + TAG as u64;
        let sealed = first * width..(after * width).min(sealed_len(length));
        let skip = usize::try_from(start - first * chunk).unwrap_or(CHUNK);
        let left = end.saturating_sub(start);
        Self {
            key,
            purpose: purpose.into(),
            next: first,
            chunks: chunks(length),
            sealed,
            skip,
            left,
            pending: Vec::new(),
        }
    }

    /// Which of the sealed bytes it needs, all of them and in order.
    pub fn sealed(&self) -> Range<u64> {
        self.sealed.clone()
    }

    /// Takes the next sealed bytes and returns the plain text of the chunks that are complete.
    ///
    /// # Errors
    /// [`VaultError::CannotOpen`] for anything but the bytes that were sealed.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.pending.extend_from_slice(piece);
        let mut plain = Vec::new();
        loop {
            let width = u64::try_from(CHUNK + TAG).unwrap_or(u64::MAX).min(self.sealed.end - self.sealed.start);
            let width = usize::try_from(width).map_err(|_| VaultError::TooLong)?;
            if width == 0 {
                // Nothing may follow what was asked for.
                return if self.pending.is_empty() { Ok(plain) } else { Err(VaultError::CannotOpen) };
            }
            if self.pending.len() < width {
                return Ok(plain);
            }
            let rest = self.pending.split_off(width);
            let mut chunk = std::mem::replace(&mut self.pending, rest);
            plain.extend_from_slice(self.open(&mut chunk)?);
            self.sealed.start += width as u64;
        }
    }

    fn open<'c>(&mut self, chunk: &'c mut [u8]) -> Result<&'c [u8], VaultError> {
        let number = u32::try_from(self.next).map_err(|_| VaultError::TooLong)?;
        let nonce = self.key.nonce(number, self.next + 1 == self.chunks);
        let bound = Aad::from(self.purpose.as_bytes());
        let plain = self.key.aead.open_in_place(nonce, bound, chunk).map_err(|_| VaultError::CannotOpen)?;
        self.next += 1;
        let from = self.skip.min(plain.len());
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(plain.len() - from);
        self.skip = 0;
        self.left -= wanted as u64;
        Ok(&plain[from..from + wanted])
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`VaultError::CannotOpen`] when bytes are missing.
    pub fn finish(self) -> Result<(), VaultError> {
        if self.sealed.is_empty() && self.pending.is_empty() { Ok(()) } else { Err(VaultError::CannotOpen) }
    }
}

/// Opens `sealed` (the bytes that [`Opener::sealed`] names) as they come in.
pub fn opened<B, E>(
    opener: Opener,
    sealed: impl Stream<Item = Result<B, E>> + Send,
) -> impl Stream<Item = io::Result<Vec<u8>>> + Send
where
    B: AsRef<[u8]> + Send,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let sealed = Box::pin(sealed.map_err(|error| io::Error::other(error)));
    stream::try_unfold(Some((opener, sealed)), |state| async move {
        let Some((mut opener, mut sealed)) = state else { return Ok(None) };
        match sealed.try_next().await? {
            Some(piece) => {
                let plain = opener.push(piece.as_ref()).map_err(io::Error::other)?;
                Ok(Some((plain, Some((opener, sealed)))))
            }
            None => opener.finish().map(|()| None).map_err(io::Error::other),
        }
    })
}
