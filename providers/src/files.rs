//! Files in the object store, encrypted: taking them in and reading them.

mod intake;

use std::io;
use std::ops::Range;

use futures::{Stream, TryStreamExt};
use service_kit::config::{FromEnv, Reader, Var};
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys, Opener, VaultError, opened};
use shared_events::TenantId;
use shared_events::evidence::{StoredFile, WrappedKey};

use crate::objects::{ObjectConfig, ObjectError, ObjectKey, Objects};

pub use intake::{Intake, LARGEST, Refused, plain_name};

/// The folder of the store that documents are in.
pub const FOLDER: &str = "documents";

/// The object store with the keys to what is in it. Clones share both.
#[derive(Debug, Clone)]
pub struct Files {
    /// Where the encrypted bytes are.
    pub objects: Objects,
    /// What their keys are wrapped with.
    pub masters: MasterKeys,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The store is away, or the object is not there.
    #[error(transparent)]
    Store(#[from] ObjectError),
    /// It does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It was cut or altered, or the store went away on the way.
    #[error("reading a stored file: {0}")]
    Broken(#[from] io::Error),
}

impl Unreadable {
    /// Whether the bytes are there and are not the ones that were stored: waiting does not help.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(_) => false,
            Self::Vault(_) => true,
            Self::Broken(error) => error.get_ref().is_some_and(|inner| inner.is::<VaultError>()),
        }
    }
}

/// Where a file is and what opens it.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its name in the store.
    pub object: String,
    /// How many plain bytes it has.
    pub bytes: u64,
    /// Its key.
    pub key: WrappedKey,
}

impl FromEnv for Files {
    fn vars() -> Vec<Var> {
        let mut vars = ObjectConfig::vars();
        vars.push(DOCUMENT_MASTER_KEYS);
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (config, masters) = (ObjectConfig::read(reader), reader.required(&DOCUMENT_MASTER_KEYS));
        // Nothing is contacted by this: it only fails when the settings contradict one another.
        let objects = Objects::open(&config?).map_err(|error| reader.complain("OBJECT_STORE", error.to_string())).ok();
        Some(Self { objects: objects?, masters: masters? })
    }
}

impl Files {
    /// Takes in a file of a tenant, piece by piece.
    pub fn intake(&self, tenant: &TenantId) -> Intake {
        self.intake_into(FOLDER, tenant)
    }

    /// The same into another folder, which whoever sweeps documents leaves alone.
    pub fn intake_into(&self, folder: &'static str, tenant: &TenantId) -> Intake {
        Intake::new(self.clone(), folder, tenant.clone())
    }

    /// Reads plain bytes of a tenant's file as they come from the store.
    ///
    /// # Errors
    /// When the store is away or the key does not fit. What was altered ends the stream with an error.
    pub async fn read(
        &self,
        tenant: &TenantId,
        place: &Place,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = io::Result<Vec<u8>>> + Send + use<>, Unreadable> {
        let purpose = StoredFile::purpose(tenant, &place.object);
        let key = self.masters.unwrap(&place.key, &purpose)?;
        let opener = Opener::new(key, purpose, place.bytes, range);
        let sealed = self.objects.read(&ObjectKey::try_new(&place.object)?, opener.sealed()).await?;
        Ok(opened(opener, sealed))
    }

    /// Reads a tenant's file whole. Files are bounded by [`LARGEST`] when they are taken in.
    ///
    /// # Errors
    /// As [`Files::read`], and when it was altered.
    pub async fn read_whole(&self, tenant: &TenantId, place: &Place) -> Result<Vec<u8>, Unreadable> {
        let mut plain = Box::pin(self.read(tenant, place, 0..place.bytes).await?);
        let mut whole = Vec::with_capacity(usize::try_from(place.bytes).unwrap_or_default());
        while let Some(piece) = plain.try_next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}
