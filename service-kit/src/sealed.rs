//! Account details at rest: sealed with AES-256-GCM where they come in, opened only where they go out, shown masked.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::config::Var;

/// The variable that holds the key.
pub const ACCOUNT_DETAILS_KEY: Var =
    Var::new("ACCOUNT_DETAILS_KEY", "base64 of 32 random bytes; encrypts account details");

/// A key that seals and opens texts, and makes digests that cannot be guessed without it.
#[derive(Clone)]
pub struct SealingKey {
    aead: LessSafeKey,
    digest: hmac::Key,
}

/// Why a text cannot be sealed, opened or used as a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not base64 of 32 bytes.
    #[error("expected base64 of 32 bytes")]
    BadKey,
    /// Altered, cut, sealed with another key or for another purpose.
    #[error("the sealed text cannot be opened")]
    CannotOpen,
    /// The system gives no random bytes.
    #[error("no randomness")]
    NoRandomness,
}

impl FromStr for SealingKey {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32).ok_or(SealError::BadKey)?;
        let unbound = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| SealError::BadKey)?;
        // A key of its own for digests, derived so that the two uses cannot meet.
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), b"recoup digest key v1");
        Ok(Self { aead: LessSafeKey::new(unbound), digest: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(***)")
    }
}

impl SealingKey {
    /// Seals `plain` for `purpose` (tenant and owner, say): it opens only for the same purpose. Base64 of nonce and ciphertext.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, purpose: &str, plain: &str) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let mut text = plain.as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.aead.seal_in_place_append_tag(unique, Aad::from(purpose), &mut text).map_err(|_| SealError::CannotOpen)?;
        Ok(STANDARD.encode([nonce.as_slice(), &text].concat()))
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    /// [`SealError::CannotOpen`].
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<String, SealError> {
        let bytes = STANDARD.decode(sealed).map_err(|_| SealError::CannotOpen)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::CannotOpen)?;
        let mut text = ciphertext.to_vec();
        let plain = self.aead.open_in_place(nonce, Aad::from(purpose), &mut text).map_err(|_| SealError::CannotOpen)?;
        String::from_utf8(plain.to_vec()).map_err(|_| SealError::CannotOpen)
    }

    /// HMAC-SHA-256 of `data`, in hexadecimal: tells equal data without giving small ones away to guessing.
    pub fn digest(&self, data: &[u8]) -> String {
        hex(hmac::sign(&self.digest, data).as_ref())
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

/// SHA-256 of `data`, in hexadecimal.
pub fn sha256(data: &[u8]) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, data).as_ref())
}

/// `bytes` random bytes, in hexadecimal.
///
/// # Errors
/// [`SealError::NoRandomness`].
pub fn random_hex(bytes: usize) -> Result<String, SealError> {
    let mut random = vec![0; bytes];
    SystemRandom::new().fill(&mut random).map_err(|_| SealError::NoRandomness)?;
    Ok(hex(&random))
}

/// An e-mail address as it may be shown: `u***@example.com`.
pub fn mask_email(email: &str) -> String {
    let (name, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    let first: String = name.chars().take(1).collect();
    if domain.is_empty() { format!("{first}***") } else { format!("{first}***@{domain}") }
}

/// An account number as it may be shown: its last four characters, if it has more than eight.
pub fn mask_account(account: &str) -> String {
    let characters: Vec<char> = account.chars().filter(|c| !c.is_whitespace()).collect();
    let shown = if characters.len() > 8 { &characters[characters.len() - 4..] } else { &[] };
    format!("***{}", shown.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealingKey {
        STANDARD.encode([byte; 32]).parse().expect("32 bytes")
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_purpose_only() {
        let sealed = key(1).seal("demo/p1", "user@example.com").expect("sealed");
        assert!(!sealed.contains("user"));
        assert_ne!(sealed, key(1).seal("demo/p1", "user@example.com").expect("sealed"));
        assert_eq!(key(1).open("demo/p1", &sealed).as_deref(), Ok("user@example.com"));
        assert_eq!(key(2).open("demo/p1", &sealed), Err(SealError::CannotOpen));
        assert_eq!(key(1).open("demo/p2", &sealed), Err(SealError::CannotOpen));
        for broken in ["", "AAAA", &sealed[..sealed.len() - 4], "not base64!"] {
            assert_eq!(key(1).open("demo/p1", broken), Err(SealError::CannotOpen), "{broken}");
        }
    }

    #[test]
    fn digests_need_the_key() {
        assert_eq!(key(1).digest(b"x"), key(1).digest(b"x"));
        assert_ne!(key(1).digest(b"x"), key(2).digest(b"x"));
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn masks_show_little() {
        assert_eq!(mask_email("user@example.com"), "u***@example.com");
        assert_eq!(mask_email("é@x"), "é***@x");
        assert_eq!(mask_account("DE89 3704 0044 0532 0130 00"), "***3000");
        assert_eq!(mask_account("1234"), "***");
    }
}
