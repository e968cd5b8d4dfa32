//! Large things at rest: each is encrypted in pieces with a key of its own, which is wrapped by a master key.
//!
//! The text is cut into chunks of 64 KiB, each sealed with AES-256-GCM under a nonce of a random start, the chunk's number, and whether
//! it is the last (the STREAM construction). A chunk that was altered, moved, left out or cut off does not open, and a range is read
//! without what comes before it. All chunks are bound to a purpose, such as a tenant and the name of the object.

mod masters;
mod opener;
mod rotation;
mod sealer;

use std::fmt;

use ring::aead::{AES_256_GCM, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

pub use masters::{DOCUMENT_MASTER_KEYS, MasterKeys};
pub use opener::{Opener, opened};
pub use rotation::{Keyed, rotate};
pub use sealer::Sealer;

/// Bytes of plain text in a chunk; the last one may have fewer.
pub const CHUNK: usize = 64 * 1024;
/// What sealing adds to each chunk.
pub const TAG: usize = 16;
/// The random part of every nonce of an object.
const PREFIX: usize = NONCE_LEN - 5;

/// Why something cannot be sealed, opened or used as a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Not `id:base64` of 32 bytes, with commas between several.
    #[error("expected id:base64 of 32 bytes, several parted by commas, each id once")]
    BadKeys,
    /// Wrapped by a master key that is not there any more.
    #[error("the master key {0} is not configured")]
    UnknownMaster(String),
    /// Altered, cut, moved, or sealed with another key or for another purpose.
    #[error("the sealed bytes cannot be opened")]
    CannotOpen,
    /// More chunks than can be counted.
    #[error("too long to be sealed")]
    TooLong,
    /// The system gives no random bytes.
    #[error("no randomness")]
    NoRandomness,
}

/// The key of one object.
pub struct DataKey {
    aead: LessSafeKey,
    prefix: [u8; PREFIX],
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(***)")
    }
}

impl DataKey {
    fn new(key: &[u8], prefix: [u8; PREFIX]) -> Result<Self, VaultError> {
        let unbound = UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::CannotOpen)?;
        Ok(Self { aead: LessSafeKey::new(unbound), prefix })
    }

    /// A key seals one object only, and each of its chunks has a number of its own, so no nonce comes twice.
    fn nonce(&self, chunk: u32, last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[..PREFIX].copy_from_slice(&self.prefix);
        nonce[PREFIX..NONCE_LEN - 1].copy_from_slice(&chunk.to_be_bytes());
        nonce[NONCE_LEN - 1] = u8::from(last);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// How many bytes `plain` bytes are once they are sealed.
pub fn sealed_len(plain: u64) -> u64 {
    plain + chunks(plain) * TAG as u64
}

/// How many chunks `plain` bytes are cut into. Nothing is one empty chunk, so that it cannot be confused with a lost object.
fn chunks(plain: u64) -> u64 {
    plain.div_ceil(CHUNK as u64).max(1)
}

#[cfg(test)]
mod tests;
