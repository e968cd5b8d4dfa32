//! Secrets at rest: each is sealed with a key of its own, which a master key wraps, and opens for its connection alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use service_kit::config::Secret;
use service_kit::vault::{MasterKeys, Opener, Sealer, TAG, VaultError};
use shared_events::evidence::WrappedKey;
use uuid::Uuid;

/// A secret as it is kept. It is far shorter than one chunk of the vault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sealed {
    key: WrappedKey,
    sealed: String,
}

/// Seals and opens the secrets of connections.
#[derive(Debug, Clone)]
pub struct Vault(MasterKeys);

fn purpose(tenant: &str, connection: Uuid) -> String {
    format!("connection/{tenant}/{connection}")
}

impl Vault {
    /// A vault with these master keys.
    pub fn new(masters: MasterKeys) -> Self {
        Self(masters)
    }

    /// Seals a secret.
    ///
    /// # Errors
    /// Without randomness.
    pub fn seal(&self, tenant: &str, connection: Uuid, secret: &Secret) -> Result<Sealed, VaultError> {
        let purpose = purpose(tenant, connection);
        let (data, key) = self.0.data_key(&purpose)?;
        let mut sealer = Sealer::new(data, purpose);
        let mut sealed = sealer.push(secret.expose().as_bytes())?;
        sealed.extend(sealer.finish()?);
        Ok(Sealed { key, sealed: STANDARD.encode(sealed) })
    }

    /// The same secret with its key wrapped by the first master key; none when it is that already.
    ///
    /// # Errors
    /// When it was altered, is another connection's, or needs a master key that is missing.
    pub fn rewrap(&self, tenant: &str, connection: Uuid, secret: &Sealed) -> Result<Option<Sealed>, VaultError> {
        let key = self.0.rewrap(&secret.key, &purpose(tenant, connection))?;
        Ok(key.map(|key| Sealed { key, sealed: secret.sealed.clone() }))
    }

    /// Opens a secret.
    ///
    /// # Errors
    /// When it was altered, or is another connection's.
    pub fn open(&self, tenant: &str, connection: Uuid, secret: &Sealed) -> Result<Secret, VaultError> {
        let purpose = purpose(tenant, connection);
        let data = self.0.unwrap(&secret.key, &purpose)?;
        let sealed = STANDARD.decode(&secret.sealed).map_err(|_| VaultError::CannotOpen)?;
        let length = sealed.len().saturating_sub(TAG) as u64;
        let mut opener = Opener::new(data, purpose, length, 0..length);
        let plain = opener.push(&sealed)?;
        opener.finish()?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| VaultError::CannotOpen)
    }
}
