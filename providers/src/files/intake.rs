//! Taking in a file in pieces: counted, recognised by its content, hashed, encrypted and stored, never whole in memory. Whatever is
//! refused, or given up, leaves nothing in the store.

use bytes::Bytes;
use ring::digest::{Context, SHA256};
use service_kit::sealed::hex;
use service_kit::vault::{Sealer, VaultError};
use shared_events::TenantId;
use shared_events::evidence::{MediaType, StoredFile, WrappedKey};
use uuid::Uuid;

use super::Files;
use crate::media_type::{ENOUGH, LONGEST_PROLOG, Prolog, Unsupported, recognise};
use crate::objects::{ObjectError, ObjectKey, ObjectWriter};

/// Most bytes of a file: 25 MB, as decimal megabytes, so that 26 MB are too many however they are counted.
pub const LARGEST: u64 = 25_000_000;

/// Why a file is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// More than [`LARGEST`].
    #[error("the file has more than 25 MB")]
    TooLarge,
    /// Not a kind that is taken.
    #[error(transparent)]
    Unsupported(Unsupported),
    /// XML with a document type, or with too much before its root.
    #[error("{0}")]
    Hostile(&'static str),
    /// The store is away.
    #[error(transparent)]
    Store(#[from] ObjectError),
    /// It cannot be encrypted.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Refused {
    /// A stable word for the reason; none for what is our fault.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("empty_file"),
            Self::TooLarge => Some("too_large"),
            Self::Unsupported(_) => Some("unsupported_media_type"),
            Self::Hostile(_) => Some("document_type_declared"),
            Self::Store(_) | Self::Vault(_) => None,
        }
    }
}

/// A file on its way in.
#[derive(Debug)]
pub struct Intake {
    files: Files,
    folder: &'static str,
    tenant: TenantId,
    /// The start, until it is known what the file is. Nothing is sent to the store before that.
    start: Vec<u8>,
    storing: Option<Storing>,
    digest: Digest,
    bytes: u64,
}

#[derive(Debug)]
struct Storing {
    media_type: MediaType,
    object: ObjectKey,
    key: WrappedKey,
    sealer: Sealer,
    writer: ObjectWriter,
}

struct Digest(Context);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest")
    }
}

impl Intake {
    pub(super) fn new(files: Files, folder: &'static str, tenant: TenantId) -> Self {
        let digest = Digest(Context::new(&SHA256));
        Self { files, folder, tenant, start: Vec::new(), storing: None, digest, bytes: 0 }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// Why the file is not taken; it is given up then.
    pub async fn push(&mut self, piece: &[u8]) -> Result<(), Refused> {
        self.bytes += piece.len() as u64;
        if self.bytes > LARGEST {
            return Err(Refused::TooLarge);
        }
        self.digest.0.update(piece);
        if let Some(storing) = &mut self.storing {
            return storing.push(piece).await;
        }
        self.start.extend_from_slice(piece);
        if self.start.len() >= ENOUGH {
            self.decide(false).await?;
        }
        Ok(())
    }

    /// Ends the file and makes it appear in the store. Only now there is something to clean up after.
    ///
    /// # Errors
    /// Why the file is not taken.
    pub async fn finish(mut self, file_name: Option<String>) -> Result<StoredFile, Refused> {
        if self.storing.is_none() {
            self.decide(true).await?;
        }
        let Some(Storing { media_type, object, key, sealer, mut writer }) = self.storing else {
            return Err(Refused::Empty);
        };
        writer.write(sealer.finish()?.into()).await?;
        writer.finish().await?;
        Ok(StoredFile {
            object: object.as_str().to_owned(),
            sha256: hex(self.digest.0.finish().as_ref()),
            bytes: self.bytes,
            media_type,
            file_name,
            key,
        })
    }

    /// Looks at the start and begins to store it, when enough of it is here.
    async fn decide(&mut self, ended: bool) -> Result<(), Refused> {
        let media_type = recognise(&self.start).map_err(|unsupported| match unsupported {
            Unsupported::Empty => Refused::Empty,
            other => Refused::Unsupported(other),
        })?;
        if media_type == MediaType::Xml {
            match Prolog::of(&self.start) {
                Prolog::Doctype => return Err(Refused::Hostile("XML with a document type declaration is not taken")),
                Prolog::Unfinished if self.start.len() > LONGEST_PROLOG => {
                    return Err(Refused::Hostile("the XML has too much before its root element"));
                }
                Prolog::Unfinished if !ended => return Ok(()),
                Prolog::Unfinished | Prolog::Plain => {}
            }
        }
        // A name of its own for each attempt, so that a repeat cannot harm what an earlier one stored.
        let object = ObjectKey::try_new(format!("{}/{}", self.folder, Uuid::now_v7()))?;
        let purpose = StoredFile::purpose(&self.tenant, object.as_str());
        let (data_key, key) = self.files.masters.data_key(&purpose)?;
        let writer = self.files.objects.write(&object).await?;
        let mut storing = Storing { media_type, object, key, sealer: Sealer::new(data_key, purpose), writer };
        storing.push(&std::mem::take(&mut self.start)).await?;
        self.storing = Some(storing);
        Ok(())
    }
}

impl Storing {
    async fn push(&mut self, piece: &[u8]) -> Result<(), Refused> {
        let sealed = self.sealer.push(piece)?;
        if !sealed.is_empty() {
            self.writer.write(Bytes::from(sealed)).await?;
        }
        Ok(())
    }
}

/// A file's name without folders, control characters and marks that turn the direction of writing around (by which `fdp.exe` is
/// shown as `exe.pdf`); none when nothing is left.
pub fn plain_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let turns =
        |character| matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String =
        last.chars().filter(|&character| !character.is_control() && !turns(character)).take(200).collect();
    let plain = plain.trim();
    let is_name = !plain.is_empty() && plain.chars().any(|character| character != '.');
    is_name.then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_cut_from_names() {
        let cases = [
            ("invoice.pdf", Some("invoice.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\me\\scan 1.png", Some("scan 1.png")),
            ("a\r\nSet-Cookie: x.pdf", Some("aSet-Cookie: x.pdf")),
            ("..", None),
            ("/", None),
            ("", None),
        ];
        for (name, plain) in cases {
            assert_eq!(plain_name(name).as_deref(), plain, "{name}");
        }
    }
}
