//! Master keys: they wrap the keys of objects, and several live side by side while one replaces another.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use shared_events::evidence::WrappedKey;

use super::{DataKey, PREFIX, VaultError};
use crate::config::Var;

/// The variable that holds the master keys.
pub const DOCUMENT_MASTER_KEYS: Var = Var::new(
    "DOCUMENT_MASTER_KEYS",
    "id:base64 of 32 random bytes, several parted by commas; the first encrypts the keys of documents, all decrypt them",
);

const KEY: usize = 32;

/// The master keys. The first wraps, all unwrap.
#[derive(Clone)]
pub struct MasterKeys(Vec<(String, LessSafeKey)>);

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

impl FromStr for MasterKeys {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        let mut keys: Vec<(String, LessSafeKey)> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (id, key) = entry.split_once(':').ok_or(VaultError::BadKeys)?;
            let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            let known = keys.iter().any(|(other, _)| other == id);
            let bytes = STANDARD.decode(key).ok().filter(|bytes| bytes.len() == KEY && plain && !known);
            let unbound = UnboundKey::new(&AES_256_GCM, &bytes.ok_or(VaultError::BadKeys)?);
            keys.push((id.to_owned(), LessSafeKey::new(unbound.map_err(|_| VaultError::BadKeys)?)));
        }
        if keys.is_empty() { Err(VaultError::BadKeys) } else { Ok(Self(keys)) }
    }
}

impl MasterKeys {
    /// The id of the key that wraps.
    pub fn current(&self) -> &str {
        &self.first().0
    }

    fn first(&self) -> &(String, LessSafeKey) {
        self.0.first().expect("there is at least one, which reading them sees to")
    }

    /// A new key for one object, and the same wrapped, to be kept. Both serve `purpose` only.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn data_key(&self, purpose: &str) -> Result<(DataKey, WrappedKey), VaultError> {
        let mut secret = [0; KEY + PREFIX];
        SystemRandom::new().fill(&mut secret).map_err(|_| VaultError::NoRandomness)?;
        Ok((read(&secret)?, self.wrap(&secret, purpose)?))
    }

    /// The key that was wrapped for `purpose`.
    ///
    /// # Errors
    /// When its master key is gone, or it was made for another purpose.
    pub fn unwrap(&self, wrapped: &WrappedKey, purpose: &str) -> Result<DataKey, VaultError> {
        read(&self.secret(wrapped, purpose)?)
    }

    /// The same key wrapped by the first master key; `None` when it is already. What it sealed stays as it is.
    ///
    /// # Errors
    /// When its master key is gone, or it was made for another purpose.
    pub fn rewrap(&self, wrapped: &WrappedKey, purpose: &str) -> Result<Option<WrappedKey>, VaultError> {
        if wrapped.master == self.current() {
            return Ok(None);
        }
        let secret = self.secret(wrapped, purpose)?;
        self.wrap(&secret, purpose).map(Some)
    }

    fn wrap(&self, secret: &[u8], purpose: &str) -> Result<WrappedKey, VaultError> {
        let (id, key) = self.first();
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
        let mut sealed = secret.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(unique, bound(id, purpose), &mut sealed).map_err(|_| VaultError::CannotOpen)?;
        Ok(WrappedKey { master: id.clone(), wrapped: STANDARD.encode([nonce.as_slice(), &sealed].concat()) })
    }

    fn secret(&self, wrapped: &WrappedKey, purpose: &str) -> Result<Vec<u8>, VaultError> {
        let WrappedKey { master: id, wrapped: sealed } = wrapped;
        let found = self.0.iter().find(|(known, _)| known == id);
        let (_, key) = found.ok_or_else(|| VaultError::UnknownMaster(id.clone()))?;
        let bytes = STANDARD.decode(sealed).map_err(|_| VaultError::CannotOpen)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(VaultError::CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::CannotOpen)?;
        let mut sealed = sealed.to_vec();
        let secret = key.open_in_place(nonce, bound(id, purpose), &mut sealed).map_err(|_| VaultError::CannotOpen)?;
        Ok(secret.to_vec())
    }
}

fn read(secret: &[u8]) -> Result<DataKey, VaultError> {
    let (key, prefix) = secret.split_at_checked(KEY).ok_or(VaultError::CannotOpen)?;
    DataKey::new(key, prefix.try_into().map_err(|_| VaultError::CannotOpen)?)
}

fn bound(id: &str, purpose: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("recoup data key v1\u{1f}{id}\u{1f}{purpose}").into_bytes())
}
