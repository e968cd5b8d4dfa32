//! Makes packets: a manifest over the entries, a signature over the manifest, a ZIP around all of it.

use super::archive::{self, ArchiveError, Entries};
use super::keys::SigningKey;
use super::manifest::{Entry, Header, MANIFEST, Manifest, Role, SIGNATURE};
use super::sha256::Sha256;

/// A manifest with its signature. Both follow from header, entries and key alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Exact bytes of `manifest.json`.
    pub manifest: Vec<u8>,
    /// `manifest.sig`: 64 bytes.
    pub signature: Vec<u8>,
    /// Hash of the manifest, by which later packets name this one.
    pub sha256: Sha256,
    /// Root over the entries.
    pub root: Sha256,
}

/// How a file will be listed.
#[must_use]
pub fn entry(path: &str, role: Role, bytes: &[u8]) -> Entry {
    Entry { path: path.to_owned(), role, bytes: bytes.len() as u64, sha256: Sha256::of(&[bytes]) }
}

/// Seals entries, of which only lengths and hashes are needed.
#[must_use]
pub fn seal(header: Header, entries: Vec<Entry>, key: &SigningKey) -> Sealed {
    let manifest = Manifest::new(header, entries, &key.public());
    let bytes = manifest.to_bytes();
    Sealed { signature: key.sign(&bytes), sha256: Sha256::of(&[&bytes]), root: manifest.merkle.root, manifest: bytes }
}

/// The packet: the sealed manifest and the files that it lists.
///
/// # Errors
/// A name will not do, or it is too much.
pub fn assemble(sealed: &Sealed, mut files: Entries) -> Result<Vec<u8>, ArchiveError> {
    files.insert(MANIFEST.to_owned(), sealed.manifest.clone());
    files.insert(SIGNATURE.to_owned(), sealed.signature.clone());
    archive::write(&files)
}
