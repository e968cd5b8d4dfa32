//! Sealing what comes in pieces of any size.

use ring::aead::Aad;

use super::{CHUNK, DataKey, TAG, VaultError};

/// Seals one object, never holding more than a chunk.
#[derive(Debug)]
pub struct Sealer {
    key: DataKey,
    purpose: String,
    /// Not sealed yet, because it may be the last chunk.
    pending: Vec<u8>,
    next: u32,
}

impl Sealer {
    /// Seals for `purpose`; the key seals nothing else.
    pub fn new(key: DataKey, purpose: impl Into<String>) -> Self {
        Self { key, purpose: purpose.into(), pending: Vec::with_capacity(CHUNK + TAG), next: 0 }
    }

    /// Takes the next piece and returns the chunks that are complete.
    ///
    /// # Errors
    /// [`VaultError::TooLong`].
    pub fn push(&mut self, mut piece: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut sealed = Vec::new();
        while !piece.is_empty() {
            // Only now it is certain that the full chunk is not the last.
            if self.pending.len() == CHUNK {
                self.seal(false, &mut sealed)?;
            }
            let taken = piece.len().min(CHUNK - self.pending.len());
            self.pending.extend_from_slice(&piece[..taken]);
            piece = &piece[taken..];
        }
        Ok(sealed)
    }

    /// Seals the last chunk.
    ///
    /// # Errors
    /// [`VaultError::TooLong`].
    pub fn finish(mut self) -> Result<Vec<u8>, VaultError> {
        let mut sealed = Vec::with_capacity(self.pending.len() + TAG);
        self.seal(true, &mut sealed)?;
        Ok(sealed)
    }

    fn seal(&mut self, last: bool, out: &mut Vec<u8>) -> Result<(), VaultError> {
        let (nonce, bound) = (self.key.nonce(self.next, last), Aad::from(self.purpose.as_bytes()));
        let sealed = self.key.aead.seal_in_place_append_tag(nonce, bound, &mut self.pending);
        sealed.map_err(|_| VaultError::CannotOpen)?;
        out.append(&mut self.pending);
        self.next = self.next.checked_add(1).ok_or(VaultError::TooLong)?;
        Ok(())
    }
}
